/** Challenges and answers of HTTP authentication (RFC 9110 11.6, RFC 7616, RFC 7617), against a server's side of its own. */

import {createHash} from 'node:crypto'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {parseChallenges} from '../../src/domain/auth-challenge.ts'
import {AuthenticationMemory, basicAuthorization} from '../../src/domain/authentication.ts'
import {type DigestAlgorithm, digestAuthorization, digestChallengeOf} from '../../src/domain/digest-authorization.ts'
import {DigestServer, PASSWORD, USER} from '../support/asking.ts'

const ALGORITHMS = ['MD5', 'SHA-256', 'SHA-512-256'] as const
const CREDENTIAL = {userName: USER, password: PASSWORD}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm.replace('SHA-', 'SHA')).update(text).digest('hex')
}

function createMemory(): AuthenticationMemory {
  let nonces = 0
  return new AuthenticationMemory({
    hash,
    nonce: () => {
      nonces += 1
      return `c-${nonces}`
    },
  })
}

function challenge(text: string) {
  const [first] = parseChallenges([text])
  const known = first === undefined ? undefined : digestChallengeOf(first)
  if (known === undefined) throw new Error('no Digest challenge')
  return known
}

describe('challenges', () => {
  it.each<[string, readonly (readonly [string, object])[]]>([
    ['Basic realm="a"', [['basic', {realm: 'a'}]]],
    ['BASIC Realm = a', [['basic', {realm: 'a'}]]],
    ['Basic realm="a, b=\\"c\\"", charset="UTF-8"', [['basic', {realm: 'a, b="c"', charset: 'UTF-8'}]]],
    [
      'Newauth realm="apps", type=1,, title="Login", Basic realm="simple"',
      [
        ['newauth', {realm: 'apps', type: '1', title: 'Login'}],
        ['basic', {realm: 'simple'}],
      ],
    ],
    [
      'Negotiate, NTLM TlRM+/abc==, Basic realm="x"',
      [
        ['negotiate', {}],
        ['ntlm', {}],
        ['basic', {realm: 'x'}],
      ],
    ],
    [' , ,Basic realm=x , ', [['basic', {realm: 'x'}]]],
    ['Basic realm="x", realm="y"', [['basic', {realm: 'x'}]]],
    ['Basic realm="open', [['basic', {}]]],
    ['', []],
    ['"', []],
  ])('%j', (text, expected) => {
    const found = parseChallenges([text]).map(({scheme, parameters}) => [scheme, Object.fromEntries(parameters)])
    expect(found).toEqual(expected)
  })

  it('come back from what a server may write, whatever stands in the quotes', () => {
    const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,8}$/)
    const text = fc.stringMatching(/^[\x20-\x7e]{0,12}$/)
    const one = fc.tuple(
      token,
      fc.uniqueArray(fc.tuple(token, text), {selector: ([name]) => name.toLowerCase(), minLength: 1, maxLength: 4}),
    )
    fc.assert(
      fc.property(
        fc.array(one, {minLength: 1, maxLength: 4}),
        fc.constantFrom(', ', ',', ' , '),
        (challenges, comma) => {
          const written = challenges
            .map(([scheme, fields]) => {
              const list = fields.map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`)
              return `${scheme} ${list.join(comma)}`
            })
            .join(comma)
          const read = parseChallenges([written]).map(({scheme, parameters}) => [scheme, [...parameters]])
          expect(read).toEqual(
            challenges.map(([scheme, fields]) => [
              scheme.toLowerCase(),
              fields.map(([name, value]) => [name.toLowerCase(), value]),
            ]),
          )
        },
      ),
    )
  })

  it('never throw, and take no longer than their length allows', () => {
    fc.assert(fc.property(fc.string({maxLength: 200}), (text) => void parseChallenges([text])))
    for (const hostile of [
      'a='.repeat(8000),
      `Basic ${'a'.repeat(16_000)}`,
      `Basic a="${'\\"'.repeat(8000)}`,
      ', '.repeat(8000),
    ]) {
      expect(parseChallenges([hostile]).length).toBeLessThan(2)
    }
  })
})

describe('Digest', () => {
  it.each<[DigestAlgorithm, string]>([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ])('answers the example of RFC 7616 3.9.1 with %s', (algorithm, response) => {
    const asked = challenge(
      `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
    )
    const request = {
      method: 'GET',
      uri: '/dir/index.html',
      count: 1,
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    }
    const answer = digestAuthorization(asked, CREDENTIAL, request, hash)
    expect(answer).toContain(`response="${response}"`)
    expect(answer).toContain('nc=00000001')
    expect(answer).toContain('opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"')
  })

  it('answers the example of RFC 7616 3.9.2, as its erratum 4897 has it: SHA-512-256 and a hashed name', () => {
    const asked = challenge(
      'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true',
    )
    const request = {method: 'GET', uri: '/doe.json', count: 1, cnonce: 'NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v'}
    const answer = digestAuthorization(
      asked,
      {userName: 'J\u00e4s\u00f8n Doe', password: 'Secret, or not?'},
      request,
      hash,
    )
    expect(answer).toContain('username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"')
    expect(answer).toContain('response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"')
    expect(answer).toContain('userhash=true')
  })

  it.each(['auth-int', 'AUTH-INT'])('leaves a challenge for qop %s alone', (qop) => {
    const [asked] = parseChallenges([`Digest realm="x", nonce="y", qop="${qop}"`])
    expect(asked === undefined ? 'none' : digestChallengeOf(asked)).toBeUndefined()
  })

  it('satisfies a server of any algorithm, session, name and number of requests', () => {
    const text = fc.stringMatching(/^[ -9;-~\u00a1-\u024f\u3041-\u3090]{1,12}$/)
    const gate = fc.record({
      algorithm: fc.constantFrom(...ALGORITHMS),
      session: fc.boolean(),
      userhash: fc.boolean(),
      legacy: fc.boolean(),
      user: text,
      password: text,
      nonceUses: fc.integer({min: 1, max: 3}),
    })
    fc.assert(
      fc.property(
        gate,
        fc.array(fc.stringMatching(/^[a-z/?="]{0,8}$/), {minLength: 1, maxLength: 8}),
        (asks, paths) => {
          const server = new DigestServer(asks)
          const memory = createMemory()
          for (const path of paths) {
            const request = {party: 'http://a', method: 'GET', uri: `/${path}`}
            const conversation = memory.converse({userName: asks.user, password: asks.password})
            let said = conversation.unasked(request)
            let rounds = 0
            for (;;) {
              const refusal = server.refuse(request.method, request.uri, said)
              if (refusal === undefined) break
              rounds += 1
              expect(rounds, server.refusals.join()).toBeLessThanOrEqual(2)
              said = conversation.answer(request, refusal)
            }
          }
          // The first request is asked; later ones only when a nonce is used up.
          expect(server.refusals.length).toBeLessThanOrEqual(1 + Math.floor((paths.length - 1) / asks.nonceUses))
        },
      ),
    )
  })
})

describe('a conversation', () => {
  const REQUEST = {party: 'https://a', method: 'GET', uri: '/dir/file?x=1'}

  it('says nothing before it is asked', () => {
    expect(createMemory().converse(CREDENTIAL).unasked(REQUEST)).toBeUndefined()
  })

  it('takes the strongest challenge that it knows', () => {
    const fields = [
      'Basic realm="b", Digest realm="d", nonce="1"',
      'Digest realm="d", nonce="2", algorithm=SHA-256',
      'Digest realm="d", nonce="3", algorithm=SHA-3',
    ]
    expect(createMemory().converse(CREDENTIAL).answer(REQUEST, fields)).toContain('algorithm=SHA-256')
    expect(createMemory().converse(CREDENTIAL).answer(REQUEST, ['Bearer, Basic realm="b"'])).toBe(
      basicAuthorization(CREDENTIAL),
    )
    expect(createMemory().converse(CREDENTIAL).answer(REQUEST, ['Bearer realm="b", NTLM'])).toBeUndefined()
  })

  it('leaves Basic to names without a colon', () => {
    const odd = {userName: 'a:b', password: 'c'}
    expect(createMemory().converse(odd).answer(REQUEST, ['Basic realm="b"'])).toBeUndefined()
    expect(createMemory().converse(odd).answer(REQUEST, ['Digest realm="b", nonce="n"'])).toContain('username="a:b"')
  })

  it('does not say again what was refused, and forgets it', () => {
    for (const asks of [['Basic realm="b"'], ['Digest realm="b", nonce="same"']]) {
      const memory = createMemory()
      const conversation = memory.converse(CREDENTIAL)
      expect(conversation.answer(REQUEST, asks)).toBeDefined()
      expect(memory.converse(CREDENTIAL).unasked(REQUEST)).toBeDefined()
      expect(conversation.answer(REQUEST, asks)).toBeUndefined()
      expect(memory.converse(CREDENTIAL).unasked(REQUEST)).toBeUndefined()
    }
  })

  it('ends, whatever a server asks', () => {
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.record({stale: fc.boolean(), nonce: fc.nat(5), basic: fc.boolean()})),
        (asks) => {
          const conversation = createMemory().converse(CREDENTIAL)
          let rounds = 0
          for (const {stale, nonce, basic} of asks) {
            const field = basic ? 'Basic realm="b"' : `Digest realm="b", nonce="${nonce}", stale=${stale}`
            if (conversation.answer(REQUEST, [field]) === undefined) break
            rounds += 1
          }
          expect(rounds).toBeLessThanOrEqual(3)
        },
      ),
    )
  })

  it('speaks unasked in the same protection space, and in no other', () => {
    const memory = createMemory()
    expect(memory.converse(CREDENTIAL).answer(REQUEST, ['Basic realm="b"'])).toBeDefined()
    const unasked = (change: object, credential = CREDENTIAL) =>
      memory.converse(credential).unasked({...REQUEST, ...change})
    expect(unasked({uri: '/dir/other'})).toBeDefined()
    expect(unasked({uri: '/dir/below/other'})).toBeDefined()
    expect(unasked({uri: '/dir'})).toBeUndefined()
    expect(unasked({uri: '/other/file'})).toBeUndefined()
    expect(unasked({party: 'http://a'})).toBeUndefined()
    expect(unasked({party: 'https://a:444'})).toBeUndefined()
    expect(unasked({}, {...CREDENTIAL, password: 'another'})).toBeUndefined()
  })

  it('keeps to the domain that Digest names', () => {
    const memory = createMemory()
    memory
      .converse(CREDENTIAL)
      .answer(REQUEST, ['Digest realm="b", nonce="n", qop="auth", domain="/x https://a/y https://b/z"'])
    const unasked = (uri: string) => memory.converse(CREDENTIAL).unasked({...REQUEST, uri})
    expect(unasked('/x/1')).toContain('nc=00000002')
    expect(unasked('/y')).toContain('nc=00000003')
    expect(unasked('/z')).toBeUndefined()
  })
})
