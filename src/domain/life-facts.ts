/**
 * What the steps of an undisturbed download make of its facts, and those that a batch may have to take instead. Its own chart takes
 * these steps, and so does the batch that carries small files: the same functions, so that nobody can tell afterwards who took them.
 */

import type {SerializedError} from './errors.ts'
import {extended} from './extended.ts'
import {type RangeSet, sizeOf} from './range-set.ts'
import {type Evidence, type OperationFacts, type PublishedFile, withoutBytes} from './record.ts'
import type {ResponseFacts} from './response-facts.ts'
import {countAttempt, countFailure, countProgress} from './retry.ts'

/** It goes on the wire. */
export function withTry(facts: OperationFacts): OperationFacts {
  return {...facts, attempts: countAttempt(facts.attempts)}
}

/** The head of a good answer is here. */
export function withResponse(facts: OperationFacts, response: ResponseFacts, evidence: Evidence): OperationFacts {
  return without(extended(facts, {response, evidence}), 'error')
}

/** These bytes are durable. */
export function withEvidence(facts: OperationFacts, evidence: Evidence): OperationFacts {
  return {...facts, evidence, attempts: countProgress(facts.attempts, sizeOf(evidence.ranges))}
}

/** All its bytes are here: where nobody said before how many they are, that tells. */
export function withLength(facts: OperationFacts, length: number): OperationFacts {
  const {evidence} = facts
  return evidence.total === length ? facts : withEvidence(facts, extended(evidence, {total: length}))
}

/** The try has failed. `response`: the head of an answer that said so. `error`: what there is to say of it. */
export function withFailure(facts: OperationFacts, response?: ResponseFacts, error?: SerializedError): OperationFacts {
  const attempts = countFailure(facts.attempts, error)
  return response === undefined ? {...facts, attempts} : extended(facts, {response, attempts})
}

/** The bytes are of no use: others stand beside them. */
export function withNextGeneration(facts: OperationFacts): OperationFacts {
  return {...facts, evidence: withoutBytes(facts.evidence, facts.evidence.generation + 1)}
}

/** It is fetched afresh in one go, as is done once. */
export function withCleanRestart(facts: OperationFacts): OperationFacts {
  return {...facts, cleanRestart: true}
}

/** The part is whole and durable, and may take its name. */
export function withVerified(facts: OperationFacts, file: PublishedFile): OperationFacts {
  const {size} = file
  const ranges: RangeSet = size === 0 ? [] : [[0, size]]
  return extended(facts, {publishing: file, evidence: extended(facts.evidence, {total: size, ranges})})
}

/** The file has its name: `path`. */
export function withPublished(facts: OperationFacts, path: string): OperationFacts {
  return extended(without(facts, 'publishing', 'error'), {resultFile: path})
}

/** The same without the members that end with the state that set them. */
export function without<K extends 'retryAt' | 'error' | 'publishing'>(
  facts: OperationFacts,
  ...keys: K[]
): OperationFacts {
  if (!keys.some((key) => key in facts)) return facts
  const ended: readonly string[] = keys
  // Not deleted from a copy: that takes V8 as long as all else that a step takes.
  const left: Record<string, unknown> = {}
  for (const key in facts) if (!ended.includes(key)) left[key] = facts[key as keyof OperationFacts]
  return left as unknown as OperationFacts
}
