/** The remembered origin and host of an address are those that the URL parser finds, whatever stands around them. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {addressOf} from '../../src/adapters/http/address.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {hostOf, originOf, plainPathOf} from '../../src/domain/origin.ts'

const scheme = fc.constantFrom('http', 'https', 'ftp', 'HTTP')
const user = fc.constantFrom('', 'me@', 'me:pw@', 'a%40b:c%2Fd@')
const host = fc.constantFrom('example.com', 'Example.COM', '127.1', '[::1]', 'bücher.example', 'a-b.c')
const port = fc.constantFrom('', ':', ':80', ':443', ':21', ':8080', ':0080')
const rest = fc.oneof(
  fc.constantFrom('', '/', '/a/b.bin', '?q=/x', '#/f', '\\a/b', '/a://b/c', '/../..//x'),
  fc.webPath(),
  fc.string().map((text) => `/${text}`),
)

describe('originOf and hostOf', () => {
  it('say what URL says, asked the first time and again', () => {
    fc.assert(
      fc.property(fc.tuple(scheme, user, host, port, rest), (parts) => {
        const [name, who, where, at, path] = parts
        const url = `${name}://${who}${where}${at}${path}`
        const {origin, hostname} = new URL(url)
        for (let turn = 0; turn < 2; turn++) {
          expect(originOf(url)).toBe(origin)
          expect(hostOf(url)).toBe(hostname)
        }
      }),
    )
  })

  it('say it of more servers than are remembered', () => {
    for (const turn of [0, 1]) {
      for (let n = 0; n < 600; n++) expect(originOf(`http://h${n}.example:81/${turn}`)).toBe(`http://h${n}.example:81`)
    }
  })

  it('throw for what is no absolute URL', () => {
    for (const text of ['', '/a', 'http://', 'http:// /a']) expect(() => originOf(text)).toThrow(TypeError)
  })
})

describe('addressOf', () => {
  const segment = fc.oneof(
    fc.constantFrom(
      '',
      '.',
      '..',
      '...',
      '.a',
      'a.',
      '%2e',
      '%2E%2e',
      'a b',
      'ä',
      '~x',
      "a'b",
      'a^b',
      'a|b',
      'a\\..',
      'a\tb',
    ),
    fc.constantFrom('file.bin', 'a;v=1', "!$&'()*+,;=:@-_.~", '{a}', '`', '"', '<>', '[x]', '\ud800', '%zz'),
    fc.webSegment(),
    fc.string(),
  )
  const path = fc.array(segment).map((segments) => segments.map((each) => `/${each}`).join(''))
  const more = fc.constantFrom('', '?', '?a=/b', '#', '#/c')

  it('says what URL says of any http address', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('http', 'https', 'HTTP'),
        user,
        host,
        port,
        path,
        more,
        (name, who, where, at, to, rest) => {
          const url = `${name}://${who}${where}${at}${to}${rest}`
          const {origin, pathname, search, href} = new URL(url)
          const found = addressOf(url)
          if (plainPathOf(url) !== undefined) expect(href).toBe(url)
          expect({origin: found.origin, pathname: found.pathname, search: found.search}).toEqual({
            origin,
            pathname,
            search,
          })
        },
      ),
      {numRuns: 2000},
    )
  })

  it('knows what most addresses look like without the parser', () => {
    expect(plainPathOf('https://example.com/a/b.bin')).toBe('/a/b.bin')
    for (const rest of ['', '/../a', '/%61', '/a?b', '/a#b', '/a b']) {
      expect(plainPathOf(`https://example.com${rest}`)).toBeUndefined()
    }
  })

  it('takes http and https only, and nothing relative', () => {
    for (const text of ['', '/a', 'http://', 'http:// /a', 'ftp://a/b', 'httpx://a/b', 'file:///a']) {
      expect(() => addressOf(text)).toThrow(TransferError)
    }
  })
})
