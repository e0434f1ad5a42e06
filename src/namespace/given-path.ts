/** A path as a caller gave it. */

import {invalidArgument} from '../domain/errors.ts'

/** Throws INVALID_ARGUMENT for what names no file on any system; `argument`: what the caller calls it. */
export function assertPath(argument: string, path: string): void {
  if (typeof path !== 'string' || path === '') throw invalidArgument(argument, 'must be a path')
  if (path.includes('\0')) throw invalidArgument(argument, 'must be a path, without null characters')
}
