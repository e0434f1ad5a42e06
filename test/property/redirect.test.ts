/** Redirects: where they lead, what is left behind on the way, and where they end. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import {type Hop, MAX_REDIRECTS, nextHop} from '../../src/domain/redirect.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'

const SECRETS: readonly HeaderField[] = [
  ['Authorization', 'Bearer x'],
  ['cookie', 'a=b'],
  ['Proxy-Authorization', 'Basic x'],
  ['X-Api-Key', 'k'],
  ['X-Mine', 'declared'],
]
const OPEN: readonly HeaderField[] = [
  ['Accept', '*/*'],
  ['Range', 'bytes=5-'],
  ['If-Range', '"v1"'],
]

function redirect(location: string | undefined, status = 302): ResponseFacts {
  return {status, url: 'https://a.example/', headers: location === undefined ? [] : [['Location', location]]}
}

interface Options {
  readonly url?: string
  readonly method?: string
  readonly status?: number
  readonly hops?: number
  readonly headers?: readonly HeaderField[]
}

function hop(location: string | undefined, options: Options = {}): Hop {
  return nextHop({
    url: options.url ?? 'https://a.example/dir/file?q=1',
    method: options.method ?? 'GET',
    headers: options.headers ?? [...OPEN, ...SECRETS],
    head: redirect(location, options.status),
    hops: options.hops ?? 0,
    secretNames: ['x-mine'],
  })
}

describe('nextHop', () => {
  it('follows exactly 301, 302, 303, 307 and 308', () => {
    for (let status = 200; status < 600; status += 1) {
      const expected = [301, 302, 303, 307, 308].includes(status) ? 'follow' : 'final'
      expect(hop('/x', {status}).kind).toBe(expected)
    }
  })

  it.each([
    ['/x', 'https://a.example/x'],
    ['x', 'https://a.example/dir/x'],
    ['?z=2', 'https://a.example/dir/file?z=2'],
    ['//b.example/x', 'https://b.example/x'],
    ['https://b.example/x#frag', 'https://b.example/x'],
    ['https://me:pw@b.example/x', 'https://b.example/x'],
    ['https://b.example/a b', 'https://b.example/a%20b'],
    [Buffer.from('/é').toString('latin1'), 'https://a.example/%C3%A9'],
  ])('resolves %j', (location, url) => expect(hop(location)).toMatchObject({kind: 'follow', url}))

  it.each([
    undefined,
    '',
    '  ',
    'https://',
    'http://[bad',
    'ftp://b.example/x',
    'file:///etc/passwd',
    'data:,x',
    'javascript:x',
  ])('fails on the Location %j', (location) =>
    expect(hop(location)).toMatchObject({kind: 'fail', error: {code: 'REDIRECT_FAILED'}}),
  )

  it('fails on two different Locations', () => {
    const head: ResponseFacts = {
      ...redirect('/x'),
      headers: [
        ['Location', '/x'],
        ['location', '/y'],
      ],
    }
    expect(nextHop({url: 'https://a.example/', method: 'GET', headers: [], head, hops: 0}).kind).toBe('fail')
  })

  it('goes from http to https but never back', () => {
    expect(hop('https://a.example/', {url: 'http://a.example/'}).kind).toBe('follow')
    const down = hop('http://a.example/?sig=s3cret')
    expect(down).toMatchObject({kind: 'fail', error: {code: 'REDIRECT_INSECURE'}})
    expect(down.kind === 'fail' && down.error.toLine()).not.toContain('s3cret')
  })

  it('ends after twenty', () => {
    expect(hop('/x', {hops: MAX_REDIRECTS - 1}).kind).toBe('follow')
    expect(hop('/x', {hops: MAX_REDIRECTS})).toMatchObject({kind: 'fail', error: {code: 'REDIRECT_FAILED'}})
  })

  it.each([
    ['POST', 301, 'GET'],
    ['POST', 302, 'GET'],
    ['POST', 303, 'GET'],
    ['POST', 307, 'POST'],
    ['POST', 308, 'POST'],
    ['PUT', 302, 'PUT'],
    ['PUT', 303, 'GET'],
    ['GET', 303, 'GET'],
    ['HEAD', 303, 'HEAD'],
  ])('turns %s at %i into %s', (method, status, expected) => {
    const headers: readonly HeaderField[] = [['Content-Type', 'a/b'], ...OPEN]
    expect(hop('/x', {method, status, headers})).toMatchObject({
      method: expected,
      headers: expected === method ? headers : OPEN,
    })
  })

  it('keeps every header on the same origin, and leaves every secret behind on another', () => {
    expect(hop('https://a.example:443/other')).toMatchObject({headers: [...OPEN, ...SECRETS]})
    for (const other of ['https://b.example/', 'https://a.example:444/', 'https://sub.a.example/']) {
      expect(hop(other)).toMatchObject({headers: OPEN})
    }
    expect(hop('https://a.example/', {url: 'http://a.example/'})).toMatchObject({headers: OPEN})
  })

  it('sends no secret to, or after, another origin, on any chain; and every chain ends', () => {
    const places = fc.constantFrom('https://a.example/1', 'https://b.example/2', 'https://a.example:444/3', '/relative')
    fc.assert(
      fc.property(fc.infiniteStream(places), (locations) => {
        let url = 'https://a.example/0'
        let headers: readonly HeaderField[] = [...OPEN, ...SECRETS]
        let left = false
        for (let hops = 0; ; hops += 1) {
          const next = hop(locations.next().value, {url, headers, hops})
          if (next.kind !== 'follow') {
            expect(hops).toBe(MAX_REDIRECTS)
            return
          }
          url = next.url
          headers = next.headers
          left ||= new URL(url).origin !== 'https://a.example'
          expect(headers).toEqual(left ? OPEN : [...OPEN, ...SECRETS])
        }
      }),
    )
  })

  it('takes any Location without throwing, and follows only to http and https without user information', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({unit: 'binary'}), fc.webUrl({withFragments: true})), (location) => {
        const next = hop(location)
        if (next.kind !== 'follow') return
        const url = new URL(next.url)
        expect(url.protocol).toBe('https:')
        expect(url.username + url.password + url.hash).toBe('')
      }),
      {numRuns: 300},
    )
  })
})
