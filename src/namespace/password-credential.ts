/** PasswordCredential (Windows.Security.Credentials): who a downloader is, for its server or its proxy. */

import {assertPlain, type Credential} from '../domain/credential.ts'
import {invalidArgument} from '../domain/errors.ts'
import {refuseOtherCopy} from './other-copies.ts'

/** Shows neither its name nor its password where it is printed or made JSON of. */
export class PasswordCredential {
  readonly #resource: string
  #credential: Credential

  /**
   * `resource` is a label of the application’s; the credential goes to the origin of the download, whatever it says. Throws
   * INVALID_ARGUMENT when one of the three is empty or no text, or holds control characters.
   */
  constructor(resource: string, userName: string, password: string) {
    this.#resource = given('resource', resource)
    this.#credential = {userName: given('userName', userName), password: given('password', password)}
  }

  /** The label that it was given. */
  get resource(): string {
    return this.#resource
  }

  /** Throws INVALID_ARGUMENT. Whoever was given this object before keeps what it held then. */
  get userName(): string {
    return this.#credential.userName
  }

  set userName(userName: string) {
    this.#credential = {...this.#credential, userName: given('userName', userName)}
  }

  /** Throws INVALID_ARGUMENT. Whoever was given this object before keeps what it held then. */
  get password(): string {
    return this.#credential.password
  }

  set password(password: string) {
    this.#credential = {...this.#credential, password: given('password', password)}
  }

  /** The namespace fills the password from its vault here; ours is always filled. */
  retrievePassword(): void {}
}

/** Throws INVALID_ARGUMENT, in the name of `argument`, for anything but one of these, or null. */
export function credentialOf(given: PasswordCredential | null, argument: string): Credential | undefined {
  if (given === null) return undefined
  if (!(given instanceof PasswordCredential)) {
    refuseOtherCopy(argument, given, 'PasswordCredential')
    throw invalidArgument(argument, 'must be a PasswordCredential, or null')
  }
  return {userName: given.userName, password: given.password}
}

function given(name: string, value: string): string {
  if (typeof value !== 'string' || value === '') throw invalidArgument(name, 'must be a text, and not empty')
  assertPlain(name, value)
  return value
}
