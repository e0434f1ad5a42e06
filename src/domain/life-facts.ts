/**
 * What the steps of an undisturbed download make of its facts. Its own chart takes these steps, and so does the batch that
 * carries small files: the same functions, so that nobody can tell afterwards who took them.
 */

import {sizeOf} from './range-set.ts'
import type {Evidence, OperationFacts, PublishedFile, ResponseFacts} from './record.ts'
import {countAttempt, countFailure, countProgress} from './retry.ts'

/** It goes on the wire. */
export function withTry(facts: OperationFacts): OperationFacts {
  return {...facts, attempts: countAttempt(facts.attempts)}
}

/** The head of a good answer is here. */
export function withResponse(facts: OperationFacts, response: ResponseFacts, evidence: Evidence): OperationFacts {
  return without({...facts, response, evidence}, 'error')
}

/** These bytes are durable. */
export function withEvidence(facts: OperationFacts, evidence: Evidence): OperationFacts {
  return {...facts, evidence, attempts: countProgress(facts.attempts, sizeOf(evidence.ranges))}
}

/** The try has failed. `response`: the head of an answer that said so. */
export function withFailure(facts: OperationFacts, response?: ResponseFacts): OperationFacts {
  return {...facts, ...(response === undefined ? {} : {response}), attempts: countFailure(facts.attempts)}
}

/** The part is whole and durable, and may take its name. */
export function withVerified(facts: OperationFacts, file: PublishedFile): OperationFacts {
  return {
    ...facts,
    publishing: file,
    evidence: {...facts.evidence, total: file.size, ranges: file.size === 0 ? [] : [[0, file.size]]},
  }
}

/** The file has its name: `path`. */
export function withPublished(facts: OperationFacts, path: string): OperationFacts {
  return {...without(facts, 'publishing', 'error'), resultFile: path}
}

/** A copy without the members that end with the state that set them. */
export function without<K extends 'retryAt' | 'error' | 'publishing'>(
  facts: OperationFacts,
  ...keys: K[]
): OperationFacts {
  const copy: {-readonly [P in keyof OperationFacts]: OperationFacts[P]} = {...facts}
  for (const key of keys) delete copy[key]
  return copy
}
