/** WebErrorStatus and GetStatus against the tables of the specification (spec 5.5, 7.2). */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ERROR_CODES, type ErrorCode} from '../../src/domain/error-codes.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {getStatus} from '../../src/domain/get-status.ts'
import {webErrorStatusOf} from '../../src/domain/hresult.ts'
import {isWebErrorStatus, WebErrorStatus, webErrorStatusName} from '../../src/domain/web-error-status.ts'

/** HRESULT → status, as the specification prints them. */
const TABLE: readonly (readonly [number, number])[] = [
  [0x80072f06, 1],
  [0x80072f05, 2],
  [0x80072f17, 3],
  [0x80072f8a, 4],
  [0x80072f89, 5],
  [0x80072f0d, 5],
  [0x80072f84, 6],
  [0x80072ee2, 7],
  [0x80072f78, 8],
  [0x80072efe, 9],
  [0x80072eff, 10],
  [0x80072f83, 11],
  [0x80072f07, 12],
  [0x80072f08, 13],
  [0x80072efd, 14],
  [0x80072ee7, 15],
  [0x80072ef1, 16],
  [0x80072f7c, 17],
  [0x80190001, 18],
  [0x80190003, 19],
  [0x80190004, 20],
  [0x80190005, 21],
  [0x80200013, 22],
  [0x80200011, 23],
]

describe('WebErrorStatus', () => {
  it('has 55 members with distinct numbers: 0 to 23, and the HTTP statuses it knows', () => {
    const values = Object.values(WebErrorStatus)
    expect(values).toHaveLength(55)
    expect(new Set(values).size).toBe(55)
    expect(values.filter((value) => value < 300)).toEqual(Array.from({length: 24}, (_, value) => value))
    const http = values.filter((value) => value >= 300)
    expect(http.filter((value) => value < 400)).toEqual([300, 301, 302, 303, 304, 305, 307])
    expect(http.filter((value) => value >= 400 && value < 500)).toEqual(Array.from({length: 18}, (_, n) => 400 + n))
    expect(http.filter((value) => value >= 500)).toEqual([500, 501, 502, 503, 504, 505])
  })

  it('names every value by its member', () => {
    for (const [name, value] of Object.entries(WebErrorStatus)) expect(webErrorStatusName(value)).toBe(name)
    expect(webErrorStatusName(418)).toBe('unknown')
  })
})

describe('getStatus', () => {
  it.each(TABLE)('maps %i to %i, signed and unsigned', (hresult, status) => {
    expect(getStatus(hresult)).toBe(status)
    expect(getStatus(hresult | 0)).toBe(status)
  })

  it('maps an HTTP status to itself where there is a member, and to its class where there is none', () => {
    fc.assert(
      fc.property(fc.integer({min: 300, max: 599}), (status) => {
        const unexpected = status < 400 ? 19 : status < 500 ? 20 : 21
        const expected = isWebErrorStatus(status) ? status : unexpected
        expect(getStatus(0x80190000 + status)).toBe(expected)
        expect(getStatus((0x80190000 + status) | 0)).toBe(expected)
      }),
    )
    expect(getStatus(-2145844844)).toBe(404)
    expect(getStatus(0x80190000 + 600)).toBe(WebErrorStatus.unexpectedStatusCode)
    expect(getStatus(0x80190000 + 204)).toBe(WebErrorStatus.unexpectedStatusCode)
  })

  it('does not take the small numbers of the enumeration for HTTP statuses', () => {
    for (const low of [0, 2, 6, 7, 22, 23, 99]) expect(getStatus(0x80190000 + low)).toBe(0)
  })

  it('gives unknown for every other number, whatever it is', () => {
    const known = new Set(TABLE.map(([hresult]) => hresult))
    fc.assert(
      fc.property(fc.oneof(fc.integer({min: -0x80000000, max: 0xffffffff}), fc.double()), (number) => {
        const web = known.has(number >>> 0) || number >>> 16 === 0x8019
        fc.pre(!web)
        expect(getStatus(number)).toBe(WebErrorStatus.unknown)
      }),
    )
    expect(getStatus(0x80070057)).toBe(0)
    expect(getStatus(0x1_80072ee2)).toBe(0)
    expect(getStatus(Number.NaN)).toBe(0)
  })
})

describe('webErrorStatusOf', () => {
  it('gives the same for an error and its serialized form, for every code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const error = new TransferError(code, 'x', {details: {status: 503}})
      expect(webErrorStatusOf(error.toSerialized())).toBe(webErrorStatusOf(error))
      expect(webErrorStatusOf(error)).toBe(getStatus(error.number))
    }
    expect(webErrorStatusOf(new TransferError('HTTP_STATUS', 'x', {details: {status: 404}}))).toBe(404)
    expect(webErrorStatusOf(new TransferError('CANCELED', 'x'))).toBe(WebErrorStatus.operationCanceled)
    expect(webErrorStatusOf(new TransferError('DISK_FULL', 'x'))).toBe(WebErrorStatus.unknown)
  })
})
