/** What an upload cannot have, which may be sent again, and by which name it is found again. */

import {invalidArgument} from './errors.ts'
import type {OperationFacts, TransferRequest, TransferTarget} from './record.ts'
import {soleFileOf} from './request-content.ts'

/** Throws INVALID_ARGUMENT for an upload with what only the chart of a download understands. */
export function assertOfItsDirection({
  direction,
  request,
  policy,
}: Pick<OperationFacts, 'direction' | 'request' | 'policy'>): void {
  if (direction === 'download') return
  if (policy.recoverable !== undefined) throw invalidArgument('policy.recoverable', 'is for downloads only')
  if (request.mirrors !== undefined) throw invalidArgument('request.mirrors', 'are for downloads only')
}

/**
 * Within its session an upload is sent again after an interruption (spec U10, U11). What another session had on the wire is
 * sent again only as PUT, which does the same once or twice (10.7), or by a protocol that can ask first.
 */
export function mayBeSentAgain(
  {request, sending}: Pick<OperationFacts, 'request' | 'sending'>,
  session: string,
): boolean {
  const sentBy = sending?.session
  // Its protocol asks the server how it stands.
  if (request.way !== undefined) return true
  return sentBy === undefined || sentBy === session || request.method.toUpperCase() === 'PUT'
}

/** Under this name the store finds the upload of a file to an address. Never a path. */
export function uploadName(url: string, sourceFile: string): string {
  return `upload:${sourceFile}>${url}`
}

/** `id` stands for what has no file. */
export function uploadTarget({url, body}: TransferRequest, id: string): TransferTarget {
  return {file: uploadName(url, soleFileOf(body) ?? id), collision: 'replaceExisting'}
}
