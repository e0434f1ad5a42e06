/**
 * Who may ask. A page anywhere can make a browser send requests to this port, and can make its own host name mean this
 * machine; so the Host must be ours to the port, and Origin and Sec-Fetch-Site must not speak of another site. Origin is
 * never compared with Host: whoever rebinds a name controls both.
 */

import type {IncomingHttpHeaders} from 'node:http'

export interface Refused {
  readonly status: number
  readonly code: string
  readonly message: string
}

export interface Asked {
  readonly method: string
  readonly headers: IncomingHttpHeaders
}

const LOOPBACK = ['127.0.0.1', 'localhost']
/** Browsers leave it away. */
export const PORT_OF_HTTP = 80

export function refusalOf({method, headers}: Asked, port: number): Refused | undefined {
  const hosts = LOOPBACK.flatMap((name) => (port === PORT_OF_HTTP ? [name, `${name}:${port}`] : [`${name}:${port}`]))
  const {host, origin} = headers
  if (host === undefined || !hosts.includes(host.toLowerCase())) {
    return refused(421, 'WRONG_HOST', 'this server answers only on its loopback address')
  }
  if (origin !== undefined && !hosts.some((each) => origin.toLowerCase() === `http://${each}`)) {
    return refused(403, 'FOREIGN_ORIGIN', 'requests of other sites are refused')
  }
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return refused(403, 'FOREIGN_ORIGIN', 'requests of other sites are refused')
  }
  // A browser names the origin of every POST; a script has a bearer token instead.
  if (
    method === 'POST' &&
    headers.cookie !== undefined &&
    origin === undefined &&
    headers.authorization === undefined
  ) {
    return refused(403, 'FOREIGN_ORIGIN', 'a request with a cookie must name its origin')
  }
  return undefined
}

export function refused(status: number, code: string, message: string): Refused {
  return {status, code, message}
}

/** On every answer. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}
