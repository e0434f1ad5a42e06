/**
 * A resumable upload as a protocol sees it: the steps that it is made of, what is known of it, and what the answer to a step
 * means. Persisted with the record: fields are only added, and every added field is optional.
 */

import type {SerializedError} from './errors.ts'
import type {OperationFacts} from './record.ts'
import type {ContentFacts} from './request-content.ts'
import type {ResponseFacts} from './response-facts.ts'
import type {ResumableFacts, UploadWay} from './upload-way.ts'

/**
 * discover: what the server offers. create: a place for the upload. ask: how much of it is there. append: the next bytes.
 * complete: it is whole. terminate: it is not wanted any more.
 */
export type UploadStep = 'discover' | 'create' | 'ask' | 'append' | 'complete' | 'terminate'

/** What a protocol decides by. */
export interface UploadView {
  readonly id: string
  /** Where the application sends it. */
  readonly url: string
  readonly method: string
  /** Bytes of the whole. */
  readonly total: number
  /** Bytes from the first one on that the server confirmed. */
  readonly confirmed: number
  readonly way: UploadWay
  readonly known: ResumableFacts
}

/** What the answer to a step means. */
export type StepOutcome =
  /** The server is closer to having it. */
  | {readonly kind: 'next'; readonly step: UploadStep; readonly known: ResumableFacts; readonly confirmed: number}
  /** The server has all of it, and said so. */
  | {readonly kind: 'finished'}
  /** The server has nothing of it any more: it begins anew. */
  | {readonly kind: 'lost'; readonly error: SerializedError}
  | {readonly kind: 'failed'; readonly error: SerializedError}

export interface StepAnswer {
  readonly head: ResponseFacts
  /** The beginning of the body, up to 64 KiB, as UTF-8. */
  readonly text: string
  /** Epoch ms. */
  readonly now: number
}

/** The content as it was found, and what a resumable upload begins with. */
export interface Preparation {
  readonly content: ContentFacts
  readonly step?: UploadStep
}

export interface StepInput {
  readonly facts: OperationFacts
  readonly step: UploadStep
}

/** `total`: of the content as it was just found. */
export function uploadViewOf(
  {id, request, sending, evidence}: OperationFacts,
  way: UploadWay,
  total: number,
): UploadView {
  const [first] = evidence.ranges
  return {
    id,
    url: request.url,
    method: request.method,
    total,
    confirmed: first !== undefined && first[0] === 0 ? first[1] : 0,
    way,
    known: sending?.resumable ?? {},
  }
}
