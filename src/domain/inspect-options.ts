/** What the inspector is asked for, looked at before anything of it is loaded, and before a host is asked. */

import {invalidArgument} from './errors.ts'
import {assertOptions, type Known} from './given.ts'

export interface InspectOptions {
  /** TCP port on 127.0.0.1; any free one by default. */
  readonly port?: number
  /** Whether operations can be paused, canceled and the like from the page; false by default. */
  readonly control?: boolean
  /** The token of an inspector that is gone, so that pages that were open go on; a fresh one by default. */
  readonly token?: string
}

export const INSPECT_OPTIONS: Known<InspectOptions> = {port: true, control: true, token: true}

/** Of a token, in base64url. */
const LEAST_CHARACTERS = 32

/** Throws INVALID_ARGUMENT. */
export function assertInspectOptions(options: InspectOptions): void {
  assertOptions('options', options, INSPECT_OPTIONS)
  const {port = 0, control = false, token} = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw invalidArgument('port', 'must be 0 to 65535')
  if (typeof control !== 'boolean') throw invalidArgument('control', 'must be true or false')
  if (token === undefined) return
  if (typeof token !== 'string' || !/^[\w-]+$/.test(token) || token.length < LEAST_CHARACTERS) {
    throw invalidArgument('token', `must be ${LEAST_CHARACTERS} characters of base64url, or more`)
  }
}
