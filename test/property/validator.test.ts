/** Which answers carry a validator that a resume may trust, and when two are the same version. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import {sameVersion, type Validator, validatorOf} from '../../src/domain/validator.ts'

function answer(...headers: readonly HeaderField[]): ResponseFacts {
  return {status: 200, url: 'https://example.com/file', headers}
}

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT'

describe('validatorOf', () => {
  it('takes every strong ETag as it was sent', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!#-~]{1,20}$/), fc.constantFrom('ETag', 'etag', 'Etag'), (opaque, name) => {
        expect(validatorOf(answer([name, `"${opaque}"`]))).toEqual({kind: 'etag', value: `"${opaque}"`})
      }),
    )
  })

  it.each(['W/"abc"', 'w/"abc"', '""', 'abc', '"abc', 'abc"', '', '"a", "b"', '"a b"', '"a"b"', "'a'"])(
    'refuses the ETag %s',
    (etag) => expect(validatorOf(answer(['ETag', etag]))).toBeUndefined(),
  )

  it('takes Last-Modified only when it is a minute or more older than Date', () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({min: 58, max: 62}), fc.integer({min: -3600, max: 3600})), (seconds) => {
        const date = new Date(Date.UTC(1994, 10, 6, 8, 49, 37) + seconds * 1000).toUTCString()
        const expected = seconds >= 60 ? {kind: 'lastModified', value: MODIFIED} : undefined
        expect(validatorOf(answer(['Last-Modified', MODIFIED], ['Date', date]))).toEqual(expected)
      }),
    )
  })

  it('takes no Last-Modified without a Date, and none that is no date', () => {
    expect(validatorOf(answer(['Last-Modified', MODIFIED]))).toBeUndefined()
    expect(
      validatorOf(answer(['Last-Modified', 'yesterday'], ['Date', 'Mon, 07 Nov 1994 08:49:37 GMT'])),
    ).toBeUndefined()
  })

  it('prefers the ETag, and falls back to Last-Modified behind a weak one', () => {
    const dates: readonly HeaderField[] = [
      ['Last-Modified', MODIFIED],
      ['Date', 'Mon, 07 Nov 1994 08:49:37 GMT'],
    ]
    expect(validatorOf(answer(...dates, ['ETag', '"v1"']))).toEqual({kind: 'etag', value: '"v1"'})
    expect(validatorOf(answer(...dates, ['ETag', 'W/"v1"']))).toEqual({kind: 'lastModified', value: MODIFIED})
  })
})

describe('sameVersion', () => {
  const etag: Validator = {kind: 'etag', value: '"v1"'}
  const date: Validator = {kind: 'lastModified', value: MODIFIED}

  it('compares an ETag strongly, byte for byte', () => {
    expect(sameVersion(etag, answer(['etag', '"v1"']))).toBe(true)
    for (const other of ['"v2"', 'W/"v1"', 'v1', '"V1"', '"v1", "v1"']) {
      expect(sameVersion(etag, answer(['ETag', other]))).toBe(false)
    }
  })

  it('compares Last-Modified', () => {
    expect(sameVersion(date, answer(['Last-Modified', MODIFIED]))).toBe(true)
    expect(sameVersion(date, answer(['Last-Modified', 'Mon, 07 Nov 1994 08:49:37 GMT']))).toBe(false)
  })

  it('does not know when the answer has only the other kind', () => {
    expect(sameVersion(etag, answer(['Last-Modified', MODIFIED]))).toBeUndefined()
    expect(sameVersion(date, answer(['ETag', '"v1"']))).toBeUndefined()
  })
})
