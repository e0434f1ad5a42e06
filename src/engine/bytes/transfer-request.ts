/** How a request is put together: its address without user information, its headers in clear, its secrets sealed. */

import {assertPlain, type Credential, credentialIn, type RequestCredentials} from '../../domain/credential.ts'
import {invalidArgument} from '../../domain/errors.ts'
import {extended} from '../../domain/extended.ts'
import {type HeaderField, isSecretHeader} from '../../domain/header-fields.ts'
import {plainPathOf} from '../../domain/origin.ts'
import type {TransferRequest} from '../../domain/record.ts'
import type {EngineApi} from '../engine-api.ts'

/**
 * The request with another address. User information never stays in it: it becomes the credential for the server. Throws
 * INVALID_ARGUMENT, in the name of `argument`, for anything but http, https and ftp.
 */
export function withAddress(
  engine: EngineApi,
  request: Omit<TransferRequest, 'url'>,
  uri: URL | string,
  argument: string,
): TransferRequest {
  if (typeof uri === 'string' && plainPathOf(uri) !== undefined) return extended(request, {url: uri})
  if (!(uri instanceof URL) && typeof uri !== 'string') throw invalidArgument(argument, 'must be a URL')
  const url = parsed(uri)
  if (url === undefined) throw invalidArgument(argument, 'is not a URL')
  const isFtp = url.protocol === 'ftp:'
  if (!isFtp && url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalidArgument(argument, `must be http, https or ftp, not ${url.protocol.slice(0, -1)}`)
  }
  const server = credentialIn(url)
  // Each of these composes the address anew, and most have nothing to take away.
  if (url.username !== '') url.username = ''
  if (url.password !== '') url.password = ''
  if (url.href.includes('#')) url.hash = ''
  const addressed: TransferRequest = extended(request, {url: url.href})
  // Over FTP the address says it all (spec 9.6): a credential that answers challenges of HTTP is told to nobody else.
  if (server === undefined) return isFtp ? changeCredentials(engine, addressed, {server: undefined}) : addressed
  assertPlain(argument, server.userName + server.password)
  return changeCredentials(engine, addressed, {server})
}

/** The same in place of one that it has: http and https are interchangeable, ftp is not (O39). Throws INVALID_ARGUMENT. */
export function withOtherAddress(
  engine: Parameters<typeof withAddress>[0],
  request: TransferRequest,
  uri: URL | string,
  argument: string,
): TransferRequest {
  const changed = withAddress(engine, request, uri, argument)
  if (isFtp(changed.url) === isFtp(request.url)) return changed
  throw invalidArgument(argument, 'must be http or https where it was, and ftp where it was that')
}

/** Downloads only (spec 9.7). */
export function isFtp(url: string): boolean {
  return url.startsWith('ftp:')
}

/** Secret headers live sealed, the others in clear. Throws INVALID_ARGUMENT. */
export function changeRequestHeaders(
  engine: EngineApi,
  request: TransferRequest,
  name: string,
  change: (fields: readonly HeaderField[]) => readonly HeaderField[],
): TransferRequest {
  if (typeof name !== 'string') throw invalidArgument('headerName', 'must be text')
  if (!isSecretHeader(name)) return {...request, headers: change(request.headers)}
  const {sealed, ...rest} = request
  const fields = change(sealed === undefined ? [] : JSON.parse(engine.unseal(sealed)))
  return fields.length === 0 ? rest : {...rest, sealed: engine.seal(JSON.stringify(fields))}
}

/** Members that are not named stay as they are; undefined takes one away. */
export function changeCredentials<Request extends Pick<TransferRequest, 'credentials'>>(
  engine: EngineApi,
  request: Request,
  change: {readonly [Party in keyof RequestCredentials]?: Credential | undefined},
): Request {
  const {credentials, ...rest} = request
  const before: RequestCredentials = credentials === undefined ? {} : JSON.parse(engine.unseal(credentials))
  const after = {...before, ...change}
  const isEmpty = Object.values(after).every((each) => each === undefined)
  return {...rest, ...(isEmpty ? {} : {credentials: engine.seal(JSON.stringify(after))})} as Request
}

function parsed(uri: URL | string): URL | undefined {
  try {
    return new URL(uri)
  } catch {
    return undefined
  }
}
