/**
 * Objects of another copy of this package, as two installations or a bundle bring one into the process: to an application they look
 * like ours, and nothing of its code is wrong.
 */

import {invalidArgument} from '../domain/errors.ts'

/** Of what is none of ours: throws INVALID_ARGUMENT, which says so, where another copy of `kind` made it. */
export function refuseOtherCopy(argument: string, given: unknown, kind: string): void {
  if (typeof given !== 'object' || given === null || given.constructor?.name !== kind) return
  throw invalidArgument(
    argument,
    `is a ${kind} of another copy of background-transfer`,
    'load the package once: npm ls background-transfer shows each installation, and a bundle may have one more',
  )
}
