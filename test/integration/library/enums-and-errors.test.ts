/** The namespace's checklist, 17.N: its enumerations and errors. Numbers are the items'. */

import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferBehavior,
  BackgroundTransferCostPolicy,
  BackgroundTransferError,
  BackgroundTransferPriority,
  BackgroundTransferStatus,
  TransferError,
  WebErrorStatus,
} from '../../../src/index.ts'

const {getStatus} = BackgroundTransferError
const HTTP_FACILITY = 0x80190000

describe('17.N enums and errors', () => {
  it('264. BackgroundTransferStatus has 0 to 8 and 32, and nothing else', () => {
    expect(BackgroundTransferStatus).toEqual({
      idle: 0,
      running: 1,
      pausedByApplication: 2,
      pausedCostedNetwork: 3,
      pausedNoNetwork: 4,
      completed: 5,
      canceled: 6,
      error: 7,
      pausedRecoverableWebErrorStatus: 8,
      pausedSystemPolicy: 32,
    })
  })

  it('265, 266, 267. priority, cost policy and behavior have their numbers', () => {
    expect(BackgroundTransferPriority).toEqual({default: 0, high: 1, low: 2})
    expect(BackgroundTransferCostPolicy).toEqual({default: 0, unrestrictedOnly: 1, always: 2})
    expect(BackgroundTransferBehavior).toEqual({parallel: 0, serialized: 1})
  })

  it('268. WebErrorStatus has 55 values, the range and length errors among them', () => {
    expect(Object.keys(WebErrorStatus)).toHaveLength(55)
    expect(new Set(Object.values(WebErrorStatus)).size).toBe(55)
    expect(WebErrorStatus.insufficientRangeSupport).toBe(22)
    expect(WebErrorStatus.missingContentLengthSupport).toBe(23)
  })

  it('269. an unrelated HRESULT, or no error of ours at all, is Unknown', () => {
    for (const hresult of [0, 1, 0x80070057, 0x8000000e, 0x80070005, 0xffffffff, -1]) expect(getStatus(hresult)).toBe(0)
    for (const other of [undefined, null, 'x', new Error('x'), {number: '404'}]) expect(getStatus(other)).toBe(0)
  })

  it('270. an HRESULT may be signed or unsigned, or come with an error', () => {
    expect(getStatus(-2145844844)).toBe(WebErrorStatus.notFound)
    expect(getStatus(0x80190194)).toBe(WebErrorStatus.notFound)
    const error = new TransferError('HTTP_STATUS', 'not there', {details: {status: 404}})
    expect(error.number).toBe(-2145844844)
    expect(getStatus(error)).toBe(WebErrorStatus.notFound)
    expect(error.status).toBe(WebErrorStatus.notFound)
  })

  it('271. the HRESULT of an HTTP status is that status, wherever WebErrorStatus defines it', () => {
    const statuses = Object.values(WebErrorStatus).filter((value) => value >= 300)
    expect(statuses).toHaveLength(31)
    for (const status of statuses) expect(getStatus(HTTP_FACILITY + status)).toBe(status)
  })

  it('272. an undefined 4xx is UnexpectedClientError, an undefined 5xx UnexpectedServerError', () => {
    const defined = new Set<number>(Object.values(WebErrorStatus))
    for (let status = 400; status < 600; status++) {
      if (defined.has(status)) continue
      expect(getStatus(HTTP_FACILITY + status), String(status)).toBe(status < 500 ? 20 : 21)
    }
  })

  it('a cancellation has the name that the namespace gives it', () => {
    const error = new TransferError('CANCELED', 'x')
    expect(error).toMatchObject({name: 'Canceled', number: -2147012879, status: WebErrorStatus.operationCanceled})
  })
})
