/** Header fields: the namespace's SetRequestHeader, RemoveRequestHeader, and which names are secret. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {fieldsOf} from '../../src/adapters/http/response-head.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {
  decodeFieldText,
  type HeaderField,
  headerValue,
  headerValues,
  isSecretHeader,
  withHeader,
  withoutHeader,
  withoutSpaceAround,
} from '../../src/domain/header-fields.ts'

const names = fc.constantFrom('X-One', 'x-one', 'X-ONE', 'Accept', 'accept', 'Cookie', 'COOKIE')
const values = fc.stringMatching(/^[!-~]{1,12}$/)

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (thrown) {
    return thrown instanceof TransferError ? thrown.code : String(thrown)
  }
  return 'nothing thrown'
}

describe('withHeader', () => {
  it('holds one field a name, in the first spelling, with all values joined in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values)), (calls) => {
        let fields: readonly HeaderField[] = []
        for (const [name, value] of calls) fields = withHeader(fields, name, value)
        const distinct = [...new Set(calls.map(([name]) => name.toLowerCase()))]
        expect(fields.map(([name]) => name.toLowerCase())).toEqual(distinct)
        for (const [name, value] of fields) {
          const same = calls.filter(([each]) => each.toLowerCase() === name.toLowerCase())
          expect(name).toBe(same[0]?.[0])
          const separator = name.toLowerCase() === 'cookie' ? '; ' : ', '
          expect(value).toBe(same.map(([, each]) => each).join(separator))
        }
      }),
    )
  })

  it.each([
    'Range',
    'if-range',
    'HOST',
    'Content-Length',
    'Transfer-Encoding',
    'connection',
    'Expect',
    'keep-alive',
    'UPGRADE',
    '',
    'a b',
    'a:',
    'a\nb',
    'é',
  ])('refuses the name %j', (name) => expect(codeOf(() => withHeader([], name, 'x'))).toBe('INVALID_ARGUMENT'))

  it.each(['a\r\nB: c', 'a\n', '\r', 'a\0b', '\x07', '日本'])(
    'refuses the value %j and does not repeat it',
    (value) => {
      expect(codeOf(() => withHeader([], 'X-One', value))).toBe('INVALID_ARGUMENT')
      expect(() => withHeader([], 'X-One', `hunter2${value}`)).not.toThrow(/hunter2/)
    },
  )

  it('leaves the given fields as they are', () => {
    const before: readonly HeaderField[] = [['A', '1']]
    withHeader(before, 'a', '2')
    expect(before).toEqual([['A', '1']])
  })
})

describe('withoutHeader', () => {
  it('removes every spelling of a name and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values)), names, (fields, name) => {
        const left = withoutHeader(fields, name)
        expect(headerValue(left, name)).toBeUndefined()
        expect(left).toEqual(fields.filter(([each]) => each.toLowerCase() !== name.toLowerCase()))
      }),
    )
  })
})

describe('headerValue', () => {
  it('joins repeated fields and tells an absent one from an empty one', () => {
    const fields: readonly HeaderField[] = [
      ['Accept', 'a'],
      ['X', ''],
      ['ACCEPT', 'b'],
    ]
    expect(headerValue(fields, 'accept')).toBe('a, b')
    expect(headerValues(fields, 'accept')).toEqual(['a', 'b'])
    expect(headerValue(fields, 'x')).toBe('')
    expect(headerValue(fields, 'y')).toBeUndefined()
  })
})

describe('isSecretHeader', () => {
  it.each([
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
    'Set-Cookie',
    'X-Api-Key',
    'apikey',
    'X_API_KEY',
    'X-Auth-Token',
    'Private-Token',
    'X-Amz-Security-Token',
    'Client-Secret',
    'X-Password',
    'X-Session-Id',
    'X-Credential',
    'Signature',
    'X-Functions-Key',
    'X-Access-Key',
  ])('counts %s as secret, in any spelling', (name) => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), {minLength: name.length, maxLength: name.length}), (upper) => {
        const spelled = [...name].map((char, at) => (upper[at] ? char.toUpperCase() : char.toLowerCase())).join('')
        expect(isSecretHeader(spelled)).toBe(true)
      }),
      {numRuns: 10},
    )
  })

  it.each(['Accept', 'User-Agent', 'Accept-Language', 'Referer', 'Range', 'ETag', 'Content-Type', 'X-Request-Id'])(
    'leaves %s in clear',
    (name) => expect(isSecretHeader(name)).toBe(false),
  )
})

describe('decodeFieldText', () => {
  it('reads UTF-8 that came as Latin-1, and leaves everything else', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme'}), (text) => {
        const onTheWire = Buffer.from(text, 'utf8').toString('latin1')
        expect(decodeFieldText(onTheWire)).toBe(text.replace(/^\ufeff/, ''))
      }),
    )
    expect(decodeFieldText('caf\xe9')).toBe('café')
    expect(decodeFieldText('日本')).toBe('日本')
  })
})

describe('withoutSpaceAround', () => {
  it('takes spaces and tabs away at both ends, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[ \t]{0,3}$/),
        fc.stringMatching(/^(?:[a\n\xa0][a \t\n\xa0]{0,5}[a\n\xa0])?$/),
        (space, value) => {
          expect(withoutSpaceAround(`${space}${value}${space}`)).toBe(value)
        },
      ),
    )
  })

  it('reads a value once, however much space is in its middle', () => {
    const value = `a${' '.repeat(200_000)}b`
    expect(withoutSpaceAround(value)).toBe(value)
    expect(fieldsOf(['X-A', value])).toEqual([['X-A', value]])
  })
})
