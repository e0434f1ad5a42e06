/**
 * The parts of records as they were written before. An operation is saved several times with most of its parts as they were, and
 * making their text costs more than all else of a save. What a record holds never changes, so a text holds for its very object.
 */

import {keptEvidence, keptResponse} from '../../domain/kept-answer.ts'
import type {
  AttemptCounts,
  Evidence,
  OperationRecord,
  TransferPolicy,
  TransferRequest,
  TransferTarget,
} from '../../domain/record.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'

/** What one operation’s parts were when they were written last, and their texts. */
export class PartTexts {
  readonly #request: TransferRequest
  #target: TransferTarget | undefined
  #policy: TransferPolicy | undefined
  #wish = ''
  #attempts: AttemptCounts | undefined
  #attemptsText = ''
  #evidence: Evidence | undefined
  #evidenceText = ''
  #response: ResponseFacts | undefined
  #responseText = ''

  constructor(request: TransferRequest) {
    this.#request = request
  }

  /** Request, target and policy. */
  wish(
    {target, policy}: OperationRecord,
    write: (request: TransferRequest, target: TransferTarget, policy: TransferPolicy) => string,
  ): string {
    if (target !== this.#target || policy !== this.#policy) {
      this.#wish = write(this.#request, target, policy)
      this.#target = target
      this.#policy = policy
    }
    return this.#wish
  }

  attempts(attempts: AttemptCounts): string {
    if (attempts !== this.#attempts) {
      this.#attemptsText = JSON.stringify(attempts)
      this.#attempts = attempts
    }
    return this.#attemptsText
  }

  evidence(evidence: Evidence): string {
    if (evidence !== this.#evidence) {
      this.#evidenceText = JSON.stringify(keptEvidence(evidence, this.#request.url))
      this.#evidence = evidence
    }
    return this.#evidenceText
  }

  response(response: ResponseFacts): string {
    if (response !== this.#response) {
      this.#responseText = JSON.stringify(keptResponse(response, this.#request.url))
      this.#response = response
    }
    return this.#responseText
  }
}

/** By the request, which lives as long as its operation is known, and stays the same but for what the caller changes. */
const known = new WeakMap<TransferRequest, PartTexts>()

/**
 * To write this record with. What only waits in line keeps none: there may be very many, and most are written once until they
 * begin. Nor does what was told, as it is hardly ever written again.
 */
export function partTextsOf({request, state, delivered}: OperationRecord): PartTexts {
  const texts = known.get(request)
  if (state === 'queued' || delivered === true) {
    if (texts !== undefined) known.delete(request)
    return texts ?? new PartTexts(request)
  }
  if (texts !== undefined) return texts
  const fresh = new PartTexts(request)
  known.set(request, fresh)
  return fresh
}
