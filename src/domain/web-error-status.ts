/** WebErrorStatus: what an application may know of a failure. Names and numbers are the namespace's (spec 5.5). */

export const WebErrorStatus = {
  unknown: 0,
  certificateCommonNameIsIncorrect: 1,
  certificateExpired: 2,
  certificateContainsErrors: 3,
  certificateRevoked: 4,
  certificateIsInvalid: 5,
  serverUnreachable: 6,
  timeout: 7,
  errorHttpInvalidServerResponse: 8,
  connectionAborted: 9,
  connectionReset: 10,
  disconnected: 11,
  httpToHttpsOnRedirection: 12,
  httpsToHttpOnRedirection: 13,
  cannotConnect: 14,
  hostNameNotResolved: 15,
  operationCanceled: 16,
  redirectFailed: 17,
  unexpectedStatusCode: 18,
  unexpectedRedirection: 19,
  unexpectedClientError: 20,
  unexpectedServerError: 21,
  insufficientRangeSupport: 22,
  missingContentLengthSupport: 23,
  multipleChoices: 300,
  movedPermanently: 301,
  found: 302,
  seeOther: 303,
  notModified: 304,
  useProxy: 305,
  temporaryRedirect: 307,
  badRequest: 400,
  unauthorized: 401,
  paymentRequired: 402,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
  notAcceptable: 406,
  proxyAuthenticationRequired: 407,
  requestTimeout: 408,
  conflict: 409,
  gone: 410,
  lengthRequired: 411,
  preconditionFailed: 412,
  requestEntityTooLarge: 413,
  requestUriTooLong: 414,
  unsupportedMediaType: 415,
  requestedRangeNotSatisfiable: 416,
  expectationFailed: 417,
  internalServerError: 500,
  notImplemented: 501,
  badGateway: 502,
  serviceUnavailable: 503,
  gatewayTimeout: 504,
  httpVersionNotSupported: 505,
} as const

export type WebErrorStatus = (typeof WebErrorStatus)[keyof typeof WebErrorStatus]

type WebErrorStatusName = keyof typeof WebErrorStatus

const NAMES: ReadonlyMap<number, WebErrorStatusName> = new Map(
  (Object.keys(WebErrorStatus) as WebErrorStatusName[]).map((name) => [WebErrorStatus[name], name]),
)

/** The member name of a value, as the JavaScript projection spells it; `unknown` for a number without a member. */
export function webErrorStatusName(value: number): WebErrorStatusName {
  return NAMES.get(value) ?? 'unknown'
}

export function isWebErrorStatus(value: number): value is WebErrorStatus {
  return NAMES.has(value)
}
