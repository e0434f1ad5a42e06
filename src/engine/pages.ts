/** Whole numbers, refused at the edge: a store that counts up to half an operation reads to its end. */

import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'

/** Throws INVALID_ARGUMENT for what is no whole number from 0. */
export function assertWhole(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return
  throw invalidArgument(name, `must be a whole number from 0, not ${shown(value)}`)
}
