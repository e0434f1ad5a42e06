/** Lists, as callers gave them. */

import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'

/** What is given as a list. Throws INVALID_ARGUMENT, in the name of `argument`, for what is none. */
export function givenList<T>(argument: string, given: Iterable<T>): readonly T[] {
  assertIterable(argument, given)
  return [...given]
}

/** The same of one that is not to be in memory all at once. A text has letters, and is no list. */
export function assertIterable(argument: string, given: Iterable<unknown>): void {
  if (typeof given === 'string' || typeof given?.[Symbol.iterator] !== 'function') {
    throw invalidArgument(argument, `must be a list, not ${shown(given)}`)
  }
}

/** What is given as a list; none for what is no list, which whoever asks for one at least refuses in its own words. */
export function listOf<T>(given: Iterable<T>): readonly T[] {
  return typeof given?.[Symbol.iterator] === 'function' ? [...given] : []
}
