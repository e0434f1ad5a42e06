/** From an HRESULT to the WebErrorStatus that an application sees (spec 7.2). */

import {isWebErrorStatus, WebErrorStatus} from './web-error-status.ts'

const STATUS_OF: ReadonlyMap<number, WebErrorStatus> = new Map<number, WebErrorStatus>([
  [0x80072f06, WebErrorStatus.certificateCommonNameIsIncorrect],
  [0x80072f05, WebErrorStatus.certificateExpired],
  [0x80072f17, WebErrorStatus.certificateContainsErrors],
  [0x80072f8a, WebErrorStatus.certificateRevoked],
  [0x80072f89, WebErrorStatus.certificateIsInvalid],
  [0x80072f0d, WebErrorStatus.certificateIsInvalid],
  [0x80072f84, WebErrorStatus.serverUnreachable],
  [0x80072ee2, WebErrorStatus.timeout],
  [0x80072f78, WebErrorStatus.errorHttpInvalidServerResponse],
  [0x80072efe, WebErrorStatus.connectionAborted],
  [0x80072eff, WebErrorStatus.connectionReset],
  [0x80072f83, WebErrorStatus.disconnected],
  [0x80072f07, WebErrorStatus.httpToHttpsOnRedirection],
  [0x80072f08, WebErrorStatus.httpsToHttpOnRedirection],
  [0x80072efd, WebErrorStatus.cannotConnect],
  [0x80072ee7, WebErrorStatus.hostNameNotResolved],
  [0x80072ef1, WebErrorStatus.operationCanceled],
  [0x80072f7c, WebErrorStatus.redirectFailed],
  [0x80190001, WebErrorStatus.unexpectedStatusCode],
  [0x80190003, WebErrorStatus.unexpectedRedirection],
  [0x80190004, WebErrorStatus.unexpectedClientError],
  [0x80190005, WebErrorStatus.unexpectedServerError],
  [0x80200013, WebErrorStatus.insufficientRangeSupport],
  [0x80200011, WebErrorStatus.missingContentLengthSupport],
])

/** HRESULTs whose lower half is an HTTP status. */
const HTTP_FACILITY = 0x8019

/** Accepts the signed and the unsigned form; `unknown` (0) for everything that is no web error. */
export function getStatus(hresult: number): WebErrorStatus {
  if (!Number.isInteger(hresult) || hresult < -0x80000000 || hresult > 0xffffffff) return WebErrorStatus.unknown
  const unsigned = hresult >>> 0
  const listed = STATUS_OF.get(unsigned)
  if (listed !== undefined) return listed
  return unsigned >>> 16 === HTTP_FACILITY ? statusOfHttp(unsigned & 0xffff) : WebErrorStatus.unknown
}

function statusOfHttp(status: number): WebErrorStatus {
  // Below 300 the enumeration's numbers are not HTTP statuses.
  if (status >= 300 && isWebErrorStatus(status)) return status
  if (status < 100 || status > 999) return WebErrorStatus.unknown
  if (status >= 300 && status < 400) return WebErrorStatus.unexpectedRedirection
  if (status >= 400 && status < 500) return WebErrorStatus.unexpectedClientError
  if (status >= 500 && status < 600) return WebErrorStatus.unexpectedServerError
  return WebErrorStatus.unexpectedStatusCode
}
