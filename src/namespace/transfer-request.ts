/** How a request is put together: its address without user information, its headers in clear, its secrets sealed. */

import {invalidArgument} from '../domain/errors.ts'
import {isSecretHeader, withoutHeader} from '../domain/header-fields.ts'
import type {HeaderField, TransferRequest} from '../domain/record.ts'
import type {Engine} from '../engine/engine.ts'

const AUTHORIZATION = 'Authorization'

/**
 * The request with another address. User information never stays in it: it becomes a sealed header. Throws INVALID_ARGUMENT,
 * in the name of `argument`, for anything but http and https.
 */
export function withAddress(
  engine: Engine,
  request: Omit<TransferRequest, 'url'>,
  uri: URL | string,
  argument: string,
): TransferRequest {
  if (!(uri instanceof URL) && typeof uri !== 'string') throw invalidArgument(argument, 'must be a URL')
  if (!URL.canParse(String(uri))) throw invalidArgument(argument, 'is not a URL')
  const url = new URL(uri)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalidArgument(argument, `must be http or https, not ${url.protocol.slice(0, -1)}`)
  }
  const {username, password} = url
  url.username = ''
  url.password = ''
  url.hash = ''
  const addressed = {...request, url: url.href}
  if (username === '' && password === '') return addressed
  const userInfo = Buffer.from(`${percentDecoded(username)}:${percentDecoded(password)}`)
  return changeRequestHeaders(engine, addressed, AUTHORIZATION, (fields) => [
    ...withoutHeader(fields, AUTHORIZATION),
    [AUTHORIZATION, `Basic ${userInfo.toString('base64')}`],
  ])
}

/** Secret headers live sealed, the others in clear. */
export function changeRequestHeaders(
  engine: Engine,
  request: TransferRequest,
  name: string,
  change: (fields: readonly HeaderField[]) => readonly HeaderField[],
): TransferRequest {
  if (!isSecretHeader(name)) return {...request, headers: change(request.headers)}
  const {sealed, ...rest} = request
  const fields = change(sealed === undefined ? [] : JSON.parse(engine.unseal(sealed)))
  return fields.length === 0 ? rest : {...rest, sealed: engine.seal(JSON.stringify(fields))}
}

/** A percent sign that introduces nothing stands for itself. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
