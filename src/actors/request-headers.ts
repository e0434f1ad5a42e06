/** The headers of a request as they go out: the caller's, with the secret ones unsealed. */

import {type HeaderField, headerValue} from '../domain/header-fields.ts'
import type {TransferRequest} from '../domain/record.ts'
import type {Secrets} from '../ports/secrets.ts'

const USER_AGENT: HeaderField = ['User-Agent', 'background-transfer']

/** Of a download that says nothing itself. */
export const DEFAULT_HEADERS: readonly HeaderField[] = [USER_AGENT, ['Accept-Encoding', 'identity']]

export function requestHeaders({headers, sealed}: TransferRequest, secrets: Secrets): readonly HeaderField[] {
  const secret: readonly HeaderField[] = sealed === undefined ? [] : JSON.parse(secrets.unseal(sealed))
  const named = headerValue(headers, 'user-agent') !== undefined
  return [...(named ? [] : [USER_AGENT]), ...headers, ...secret]
}
