/**
 * The head of a GET without a body, or of a request whose body has a known length, as undici would write it. Whatever it would refuse,
 * or treat in a way of its own, is not plain: undici gets it, and says so.
 */

import type {LaneRequest} from './lane.ts'

const UNUSUAL_IN_PATH = /[^\x21-\xff]/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const UNUSUAL_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/
/** What undici does no more about than about a GET, but for the body. */
const CARRIES_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])
/** undici refuses most of these; Host also decides the name for TLS, and Connection what becomes of the connection. */
const ITS_BUSINESS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
])

/** To be written as latin1; undefined where the request is not plain. `host` is the value of that field. */
export function plainRequest({method, path, headers, body}: LaneRequest, host: string): string | undefined {
  const isPlain = body === undefined ? method === 'GET' : CARRIES_BODY.has(method)
  if (!isPlain || UNUSUAL_IN_PATH.test(path)) return undefined
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`
  for (const [name, value] of headers) {
    if (!TOKEN.test(name) || ITS_BUSINESS.has(name.toLowerCase()) || UNUSUAL_IN_VALUE.test(value)) return undefined
    text += `${name}: ${value}\r\n`
  }
  if (body !== undefined) text += `content-length: ${body.length}\r\n`
  return `${text}\r\n`
}
