/**
 * UploadProtocol: how a server is spoken to so that an upload goes on where it was cut. A protocol says what to ask and what an
 * answer means; requests, their times, retries, pauses and records are the engine's. A plug-in keeps no state of its own: what it
 * needs later it puts into the facts that it returns, and those are durable before its next step.
 */

import type {HeaderField} from '../domain/header-fields.ts'
import type {StepAnswer, StepOutcome, UploadStep, UploadView} from '../domain/upload-steps.ts'

/** One request. */
export interface StepRequest {
  readonly url: string
  readonly method: string
  /** Take the place of the application's of the same names. */
  readonly headers: readonly HeaderField[]
  /**
   * Which of the application's headers go with it. all: also those that describe the content. bare: all but those. none: for
   * addresses that say by themselves who we are. Secret ones never go to another origin than the application's address.
   */
  readonly carries: 'all' | 'bare' | 'none'
  /** The bytes `[from, to)` of the content. */
  readonly content?: readonly [from: number, to: number]
  /** A body of the protocol's own. */
  readonly text?: string
  /** A good answer may end the upload: it is kept for the application. */
  readonly isLast?: boolean
}

export interface StepTools {
  /** SHA-1 of the bytes `[from, to)` of the content, in base64. */
  sha1(from: number, to: number): Promise<string>
  /** Rejects what takes too long. */
  readonly signal: AbortSignal
}

export interface UploadProtocol {
  /** By this name records find it: it never changes its meaning. */
  readonly name: string
  /** The first step of a try, from the record alone. */
  begin(view: UploadView): UploadStep
  /** What to ask, or what is known without asking. Rejections end the try like any failure. */
  request(step: UploadStep, view: UploadView, tools: StepTools): Promise<StepRequest | StepOutcome>
  /** Called for every final answer that is no redirect, whatever its status. */
  answered(step: UploadStep, view: UploadView, answer: StepAnswer): StepOutcome
}

/** The protocols of an engine by their names. */
export type UploadProtocols = ReadonlyMap<string, UploadProtocol>
