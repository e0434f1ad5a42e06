/** What a try says of its failure: one that was cut in mid-body says whether it may be continued at once, and whether that pays. */

import {asTransferError, TransferError} from '../domain/errors.ts'
import {isMeagre} from '../domain/meagre-try.ts'
import type {Evidence, OperationFacts} from '../domain/record.ts'
import {couldGoOn} from '../domain/resume-ladder.ts'

export interface FailedTry {
  /** As the try began. */
  readonly facts: OperationFacts
  /** As it ended. */
  readonly evidence: Evidence
  readonly isMidBody: boolean
  readonly lastedMs: number
}

export function failureOfTry(thrown: unknown, {facts, evidence, isMidBody, lastedMs}: FailedTry): TransferError {
  const error = asTransferError(thrown)
  const isCut = error.code === 'CONNECTION_RESET' || error.code === 'TRUNCATED'
  if (!isCut || !isMidBody) return error
  const resumable = facts.request.body === undefined && couldGoOn(evidence, facts.policy)
  const meagre = isMeagre(facts.evidence, evidence, lastedMs) ? {meagre: true} : {}
  return new TransferError(error.code, error.message, {
    ...(error.where === undefined ? {} : {where: error.where}),
    details: {...error.details, midBody: true, resumable, ...meagre},
    cause: error.cause,
  })
}
