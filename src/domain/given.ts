/** What an application gave, looked at before anything is done with it. */

import {invalidArgument, type TransferError} from './errors.ts'
import {nearest} from './nearest.ts'

/** Every member that an options object may have: the compiler asks for each. */
export type Known<Options> = Readonly<Record<keyof Options, true>>

/** More of a text is not for a line that a person reads. */
const MOST_SHOWN = 100

/** For a message: of everything, also of what no text can be made of. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return shortened(String(value))
  return Array.isArray(value) ? 'a list' : 'an object'
}

/** A text that is quoted, as much of it as tells which it is. */
export function shortened(text: string): string {
  if (text.length <= MOST_SHOWN) return text
  // Not half a character.
  const start = text.slice(0, MOST_SHOWN).replace(/[\uD800-\uDBFF]$/, '')
  return `${start}… (${text.length} characters)`
}

/** Throws INVALID_ARGUMENT, in the name of `argument`, for what has no members in it, null included. */
export function assertObject(argument: string, value: object): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(argument, `must be an object, not ${shown(value)}`)
  }
}

/**
 * The same, and for a member that nobody looks at: what was misspelt would hold nothing, and nobody would know. `path` is where the
 * options stand in what was given.
 */
export function assertOptions<Options extends object>(
  argument: string,
  options: Options,
  known: Known<NoInfer<Options>>,
  path = argument,
): void {
  assertObject(argument, options)
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name))
  if (unknown !== undefined) throw unknownMember(path, unknown, Object.keys(known))
}

/** The options alone, with what they inherit, or have by their class, as members of their own. */
export function ownOf<Options extends object>(options: Options, known: Known<NoInfer<Options>>): Options {
  const names = (Object.keys(known) as (keyof Options)[]).filter((name) => name in options)
  return Object.fromEntries(names.map((name) => [name, options[name]])) as Options
}

/** For people: which member it is, and which one may have been meant. */
export function unknownMember(path: string, unknown: string, known: readonly string[]): TransferError {
  const near = nearest(unknown, known)
  return invalidArgument(
    `${path}.${shortened(unknown)}`,
    'is not known',
    near === undefined ? `leave it out: there are only ${known.join(', ')}` : `did you mean ${near}?`,
  )
}

/** Throws INVALID_ARGUMENT for what is no AbortSignal; undefined is none. */
export function assertSignal(argument: string, signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument(argument, `must be an AbortSignal, not ${shown(signal)}`)
  }
}
