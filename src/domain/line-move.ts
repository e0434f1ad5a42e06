/** Where a waiting member may be moved to in its group's line. */

import {invalidArgument} from './errors.ts'
import {isOperationId, type OperationId} from './operation-id.ts'

export const LINE_MOVES = ['up', 'down', 'first', 'last'] as const

/** One place on or back, `first` or `last` of those that wait, or directly before another that waits. */
export type LineMove = (typeof LINE_MOVES)[number] | {readonly before: OperationId}

/** Throws INVALID_ARGUMENT. */
export function parseLineMove(parameter: string, value: unknown): LineMove {
  const word = LINE_MOVES.find((each) => each === value)
  if (word !== undefined) return word
  const {before} = (typeof value === 'object' && value !== null ? value : {}) as {readonly before?: unknown}
  if (typeof before === 'string' && isOperationId(before)) return {before}
  throw invalidArgument(parameter, `must be ${LINE_MOVES.join(', ')} or {before: a guid}`)
}
