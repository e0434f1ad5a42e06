/** A user name and a password, as an operation may carry them for its server or its proxy. */

import {invalidArgument} from './errors.ts'

export interface Credential {
  readonly userName: string
  readonly password: string
}

/** Secrets of a request beside its headers, as they are sealed; removed when the operation ends. Only added to. */
export interface RequestCredentials {
  readonly server?: Credential
  readonly proxy?: Credential
}

/** The user information of an address, decoded; undefined where it names nobody. */
export function credentialIn({username, password}: URL): Credential | undefined {
  if (username === '' && password === '') return undefined
  return {userName: percentDecoded(username), password: percentDecoded(password)}
}

/** A percent sign that introduces nothing stands for itself. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** RFC 7617 2 and RFC 7616 3.4 forbid control characters. The value is not quoted. Throws INVALID_ARGUMENT. */
export function assertPlain(name: string, value: string): void {
  if (/\p{Cc}/u.test(value)) throw invalidArgument(name, 'must hold no control characters')
}
