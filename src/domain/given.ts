/** What an application gave, looked at before anything is done with it. */

import {invalidArgument} from './errors.ts'

/** For a message: of everything, also of what no text can be made of. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? 'a list' : 'an object'
}

/** Throws INVALID_ARGUMENT, in the name of `argument`, for what has no options in it, null included. */
export function assertOptions(argument: string, options: object): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidArgument(argument, `must be an object, not ${shown(options)}`)
  }
}

/** Throws INVALID_ARGUMENT for what is no AbortSignal; undefined is none. */
export function assertSignal(argument: string, signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument(argument, `must be an AbortSignal, not ${shown(signal)}`)
  }
}
