/** What follows where a finished file is not what it has to be: other bytes may do, or it is the end. */

import {isServedFromCache} from './cache-status.ts'
import type {SerializedError, TransferError} from './errors.ts'
import type {OperationFacts} from './record.ts'
import type {ResponseFacts} from './response-facts.ts'

/** What is found wrong with the file itself, and not with the disk that has it. */
export function isOfTheFile({code}: TransferError): boolean {
  return code === 'CHECKSUM_MISMATCH' || code === 'LENGTH_MISMATCH' || code === 'CONTENT_UNEXPECTED'
}

/**
 * Bytes of more than one try make up the file, or some of another operation, or of our cache, or they are not what the server itself
 * says of them; and it was not yet fetched afresh in one go.
 */
export function deservesCleanRestart(error: TransferError, facts: OperationFacts): boolean {
  return isOfTheBytes(error, facts) && facts.cleanRestart !== true
}

/** An answer that is not what was expected was one that our cache had, of which the server may have another by now; once. */
export function deservesFreshAnswer(
  {code}: Pick<SerializedError, 'code'>,
  response: ResponseFacts | undefined,
  {cleanRestart}: OperationFacts,
): boolean {
  return code === 'CONTENT_UNEXPECTED' && response !== undefined && isServedFromCache(response) && cleanRestart !== true
}

/** Other bytes may do where these did not: they were pieced together, or the server itself does not stand by them. */
function isOfTheBytes({code, details}: TransferError, facts: OperationFacts): boolean {
  const {attempts, evidence, request, response} = facts
  // Of what was stored the server may have another version by now.
  const isFound = evidence.partOwner !== undefined || (response !== undefined && isServedFromCache(response))
  if (code === 'CONTENT_UNEXPECTED') return isFound
  if (code !== 'CHECKSUM_MISMATCH' && code !== 'LENGTH_MISMATCH') return false
  return isFound || attempts.total > 1 || request.mirrors !== undefined || details.from === 'server'
}
