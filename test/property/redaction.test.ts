/** Nothing secret passes the redaction, and nothing makes it throw. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {keptResponse} from '../../src/domain/kept-answer.ts'
import {redactAddresses, redactHeaders, redactText, redactUrl, textMask} from '../../src/domain/redaction.ts'

const secret = fc.stringMatching(/^S3cret[A-Za-z0-9]{6,12}$/)

describe('redactUrl', () => {
  it('keeps host, port, path and the names in the query', () => {
    expect(redactUrl('https://me:pw@example.com:8443/a/b.bin?sig=abc&x=1&flag#frag')).toBe(
      'https://example.com:8443/a/b.bin?sig=***&x=***&***',
    )
    expect(redactUrl('http://example.com/a')).toBe('http://example.com/a')
    expect(redactUrl('data:text/plain,S3cret')).toBe('data:***')
  })

  it('leaves an address as it is that can hold no secret', () => {
    const host = fc.constantFrom('example.com', '127.0.0.1:8080', 'a-b.example:81', 'localhost')
    const path = fc.stringMatching(/^(\/[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,8}){1,4}\/?$/)
    fc.assert(
      fc.property(fc.constantFrom('http', 'https'), host, path, (scheme, name, rest) => {
        const {href} = new URL(`${scheme}://${name}${rest}`)
        expect(redactUrl(href)).toBe(href)
      }),
    )
  })

  it('lets no password, query value or fragment through', () => {
    fc.assert(
      fc.property(
        secret,
        fc.stringMatching(/^(\/[a-z%0-9.]{0,5}){0,3}$/),
        fc.constantFrom('user', 'query', 'bare', 'fragment'),
        (value, path, where) => {
          const user = where === 'user' ? `me:${value}@` : ''
          const query = where === 'query' ? `?a=${value}&b=c=${value}` : where === 'bare' ? `?${value}` : ''
          const fragment = where === 'fragment' ? `#${value}` : ''
          expect(redactUrl(`https://${user}example.com${path}${query}${fragment}`)).not.toContain(value)
        },
      ),
    )
  })

  it('takes garbage without throwing, and still hides user information and query', () => {
    fc.assert(fc.property(fc.string({unit: 'binary'}), (text) => typeof redactUrl(text) === 'string'))
    fc.assert(
      fc.property(secret, (value) => {
        for (const url of [`//me:${value}@host/x`, `http://me:${value}@[bad/x`, `/path?k=${value}`, `x#${value}`]) {
          expect(redactUrl(url)).not.toContain(value)
        }
      }),
    )
  })
})

describe('redactAddresses', () => {
  it('masks each address of a text, whatever stands before it', () => {
    const before = fc.stringMatching(/^[a-z0-9 _"(:/.-]{0,12}$/)
    fc.assert(
      fc.property(
        secret,
        fc.array(fc.tuple(before, fc.constantFrom('http', 'ftp', 'x+y')), {minLength: 1}),
        (value, all) => {
          const text = all
            .map(([words, scheme]) => `${words}${scheme}://me:${value}@host.example/a?b=${value}`)
            .join(' ')
          const masked = redactAddresses(text)
          expect(masked).not.toContain(value)
          expect(masked.split('host.example')).toHaveLength(all.length + 1)
        },
      ),
    )
  })

  it('leaves a text without addresses alone', () => {
    for (const text of ['', '://', 'a ://b', '1://2', 'http:// ', 'a:b//c']) expect(redactAddresses(text)).toBe(text)
  })

  it('reads a text once, however much of it may be a scheme', () => {
    const text = `${'a.'.repeat(100_000)} ://`
    expect(redactAddresses(text)).toBe(text)
  })
})

describe('redactHeaders', () => {
  it('masks values of secret headers and keeps the rest, in order', () => {
    expect(
      redactHeaders([
        ['Accept', 'a'],
        ['authorization', 'Bearer x'],
        ['X-Api-Key', 'k'],
      ]),
    ).toEqual([
      ['Accept', 'a'],
      ['authorization', '***'],
      ['X-Api-Key', '***'],
    ])
  })
})

describe('redactText', () => {
  it('lets no secret through, in clear or percent-encoded, also where they overlap', () => {
    const secrets = fc.array(fc.stringMatching(/^[ab/ ]{2,6}$/), {minLength: 1, maxLength: 4})
    fc.assert(
      fc.property(secrets, fc.stringMatching(/^[abc/ ]{0,40}$/), (hidden, text) => {
        const whole = `${text}${hidden[0] ?? ''}${encodeURIComponent(hidden[0] ?? '')}`
        const redacted = redactText(whole, hidden)
        expect(redacted).toContain('***')
        for (const each of hidden) {
          expect(redacted).not.toContain(each)
          expect(redacted).not.toContain(encodeURIComponent(each))
        }
      }),
    )
  })

  it('of secrets that are found everywhere takes no more memory than the text', () => {
    const same = Array.from({length: 5_000}, () => 'aaaa')
    const longer = Array.from({length: 150}, (_, more) => 'a'.repeat(4 + more))
    expect(redactText(`b${'a'.repeat(15_000)}c`, [...same, ...longer])).toBe('b***c')
  })

  it('reads a text once for thousands of secrets, and these once for thousands of texts', () => {
    const secrets = Array.from({length: 3_000}, (_, index) => `aa${(index + 46_656).toString(36)}`)
    const fields = Array.from({length: 3_000}, (_, index): [string, string] => [`x-${index}`, 'aaaa'])
    const url = `https://example.com/?${secrets.join('&')}`
    const [last = ''] = secrets.slice(-1)
    const {headers} = keptResponse(
      {url, status: 200, headers: [...fields, ['x-long', 'aa'.repeat(8_000)], ['x-secret', last]]},
      'https://example.com/',
    )
    expect(headers).toEqual([...fields, ['x-long', 'aa'.repeat(8_000)], ['x-secret', '***']])
    const mask = textMask(secrets)
    for (let text = 0; text < 200; text++) expect(mask('aa'.repeat(8_000))).toBe('aa'.repeat(8_000))
  })

  it('leaves text without secrets alone, and ignores empty ones', () => {
    fc.assert(fc.property(fc.string(), (text) => redactText(text, ['', 'S3cretS3cret']) === text))
    expect(redactText('x abcd y', ['abc', 'bcd'])).toBe('x *** y')
  })
})
