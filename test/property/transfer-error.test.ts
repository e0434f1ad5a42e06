/** A TransferError in a record comes back as what it was. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ERROR_CODES, type ErrorCode} from '../../src/domain/error-codes.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {httpStatusError} from '../../src/domain/retry.ts'

const anyError = fc
  .record({
    code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])),
    message: fc.string(),
    options: fc.record(
      {
        where: fc.string(),
        details: fc.dictionary(fc.constantFrom('status', 'errno'), fc.oneof(fc.integer(), fc.boolean())),
        retry: fc.constantFrom('never' as const, 'backoff' as const, 'storage' as const),
        advice: fc.string(),
      },
      {requiredKeys: []},
    ),
  })
  .map(({code, message, options}) => new TransferError(code, message, options))

describe('TransferError', () => {
  it('loses nothing on its way through a record', () => {
    fc.assert(
      fc.property(anyError, (error) => {
        const {code, kind, message, retry, where, details, advice, hresult} = error
        const read = TransferError.fromSerialized(JSON.parse(JSON.stringify(error.toSerialized())))
        expect(read).toMatchObject({code, kind, message, retry, details, advice, hresult})
        expect(read.where).toBe(where)
      }),
    )
  })

  it('keeps the usual advice out of the record, so that a newer version may say it better', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect(new TransferError(code, 'x').toSerialized()).toEqual({code, message: 'x'})
    }
    expect(refusal(404).toSerialized()).not.toHaveProperty('advice')
  })

  it.each([
    [404, /spelling of the URL/],
    [410, /another address/],
    [401, /who you are/],
    [403, /credentials/],
    [400, /URL and the headers/],
    [501, /owner of the server/],
    [429, /again later/],
    [503, /again later/],
  ])('says after status %i what can be done about it', (status, advice) => {
    expect(refusal(status).advice).toMatch(advice)
    expect(TransferError.fromSerialized(refusal(status).toSerialized()).advice).toMatch(advice)
  })
})

function refusal(status: number): TransferError {
  return httpStatusError({status, url: 'https://example.com/f', headers: []}, 0)
}
