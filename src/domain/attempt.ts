/** What the byte path and the chart of an operation say to each other, and the numbers that an operation runs by. */

import type {SerializedError} from './errors.ts'
import type {PartId} from './part.ts'
import type {AnswerFacts, DroppedSource, Evidence, OperationFacts} from './record.ts'
import type {Redirect} from './redirect.ts'
import type {ResponseFacts} from './response-facts.ts'
import type {RetrySettings} from './retry.ts'
import type {UploadStep} from './upload-steps.ts'
import type {ResumableFacts} from './upload-way.ts'

/** What a try reports. Evidence names durable bytes only. */
export type AttemptEvent =
  | {readonly type: 'attempt.connected'}
  | {readonly type: 'attempt.redirected'; readonly redirect: Redirect}
  /** The server asks who we are, and the request goes out again with the answer. */
  | {readonly type: 'attempt.challenged'}
  /** The connection took the whole request body. */
  | {readonly type: 'attempt.sent'}
  | {readonly type: 'attempt.responded'; readonly response: ResponseFacts; readonly evidence: Evidence}
  /** A redirect that leaves the whole body behind takes it for received: what is left to ask is `answerUrl`, by GET. */
  | {readonly type: 'attempt.taken'; readonly answerUrl: string; readonly evidence: Evidence}
  /** To `answer.due`: there is no head that could decide. */
  | {readonly type: 'attempt.unanswered'}
  /** The answer begins at zero although bytes were there: the body waits for `restart.recorded`. */
  | {readonly type: 'attempt.restarted'; readonly response: ResponseFacts; readonly evidence: Evidence}
  /** The stretch is here, or another one is wanted first: the next one is asked for. */
  | {readonly type: 'attempt.continuing'}
  /** Nothing is left for its own connection: parts bring the rest. */
  | {readonly type: 'attempt.attending'}
  /** Another address of the file sends something else, or cannot be shown to send the same. */
  | {readonly type: 'source.dropped'; readonly dropped: DroppedSource}
  /** One more connection would be of use. */
  | {readonly type: 'part.wanted'; readonly part: PartId}
  | {readonly type: 'attempt.progressed'}
  | {readonly type: 'attempt.checkpointed'; readonly evidence: Evidence}
  /** `answer`: of an upload. */
  | {readonly type: 'attempt.finished'; readonly evidence: Evidence; readonly answer?: AnswerFacts}
  | {readonly type: 'attempt.yielded'; readonly evidence: Evidence}
  /** A step of a resumable upload is done: `next` follows it once what it brought is durable. */
  | {
      readonly type: 'attempt.stepped'
      readonly next: UploadStep
      readonly resumable: ResumableFacts
      readonly evidence: Evidence
    }
  /** The server has nothing of a resumable upload any more. */
  | {readonly type: 'attempt.lost'; readonly error: SerializedError}
  | {
      readonly type: 'attempt.failed'
      readonly error: SerializedError
      readonly evidence: Evidence
      readonly response?: ResponseFacts
      /** Of an upload. */
      readonly answer?: AnswerFacts
    }

/** What the chart tells a try. */
export type AttemptCommand =
  | {readonly type: 'checkpoint.due'}
  /** The body has been coming for a moment: would more connections be of use? */
  | {readonly type: 'width.due'}
  | {readonly type: 'restart.recorded'}
  /** These bytes are wanted before all others (random access). */
  | {readonly type: 'range.wanted'; readonly position: number}
  /**
   * No more of the answer is waited for, and its head decides: a redirect is followed, and a refusal is one without the rest of its
   * body. Of an upload, what came of a final answer is kept.
   */
  | {readonly type: 'answer.due'}
  /** Make the bytes so far durable, close the connection, answer `attempt.yielded`. */
  | {readonly type: 'attempt.yield'}

export interface AttemptInput {
  readonly facts: OperationFacts
  /** Position from which bytes are wanted before all others. */
  readonly wanted?: number | undefined
}

export interface WeighFailureInput {
  readonly facts: OperationFacts
  readonly error: SerializedError
  readonly retry: RetrySettings
}
