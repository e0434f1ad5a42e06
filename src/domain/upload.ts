/** What an upload cannot have, which may be sent again, and by which name it is found again. */

import {invalidArgument, type SerializedError} from './errors.ts'
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
export function mayBeSentAgain(facts: Pick<OperationFacts, 'request' | 'sending'>, session: string): boolean {
  const {request, sending} = facts
  const sentBy = sending?.session
  // Its protocol asks the server how it stands.
  if (request.way !== undefined) return true
  // Nothing of it is sent: its answer is asked for.
  if (isTaken(facts)) return true
  return sentBy === undefined || sentBy === session || request.method.toUpperCase() === 'PUT'
}

/** The server has it, and only its answer is missing. */
export function isTaken({sending}: Pick<OperationFacts, 'sending'>): boolean {
  return sending?.answerUrl !== undefined
}

/** What an upload ends with whose answer could not be had: nobody may take it for one that the server does not have. */
export function takenButUnanswered(error: SerializedError): SerializedError {
  return {
    ...error,
    message: `the server took the upload, and its answer could not be had: ${error.message}`,
    retry: 'never',
    advice: 'ask the server what became of it; do not send it again unasked',
  }
}

/** Under this name the store finds the upload of a file to an address. Never a path. */
export function uploadName(url: string, sourceFile: string): string {
  return `upload:${sourceFile}>${url}`
}

/** `id` stands for what has no file. */
export function uploadTarget({url, body}: TransferRequest, id: string): TransferTarget {
  return {file: uploadName(url, soleFileOf(body) ?? id), collision: 'replaceExisting'}
}
