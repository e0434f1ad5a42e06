/**
 * What the ways of an upload have in common: one request of a plain upload and each step of a resumable one are interrupted
 * alike, move bytes alike, and take the same from the events of their actors.
 */

import type {SerializedError} from '../src/domain/errors.ts'
import type {AnswerFacts, Evidence} from '../src/domain/record.ts'
import type {ResponseFacts} from '../src/domain/response-facts.ts'

/** What voids a try, or ends the wait between two. */
export const interruptions = {
  'operation.displace': '#upload.queued',
  'operation.suspend': '#upload.queued',
  'operation.cancel': '#upload.canceling',
} as const

/** The state before anything can be sent. */
export const connectingTo = <Next extends 'sending' | 'awaitingResponse'>(next: Next) =>
  ({
    description: 'A connection is being made, or an idle one taken',
    on: {'attempt.connected': {target: next, actions: 'noteConnected'}},
    after: {connectTimeout: {target: '#upload.running.weighing', actions: 'noteConnectTimeout'}},
  }) as const

export const noteUnanswered = {target: '#upload.running.weighing', actions: 'noteResponseTimeout'} as const

export const noteStalled = {target: '#upload.running.weighing', actions: 'noteStall'} as const

/**
 * The state in which no more is waited for. Who refused or accepted was heard before; a head that leads elsewhere decides, too, although
 * its body, which nobody wants, has not ended. `otherwise`: what it is where there is none.
 */
export const concludingBy = <Ask extends 'askForAnswer' | 'askStepForAnswer', const Otherwise extends object>(
  ask: Ask,
  otherwise: Otherwise,
) =>
  ({
    description: 'No more is waited for: a head that leads elsewhere decides, although its body has not ended',
    entry: ask,
    on: {'attempt.unanswered': otherwise},
    after: {yieldTimeout: otherwise},
  }) as const

/**
 * The two regions of a state in which bytes move: a count that each byte begins anew, and a question whether any came. `stalled`: what
 * follows when none did for too long.
 */
export const movingBy = <Ask extends 'askForProgress' | 'askStepForProgress', const Stalled = typeof noteStalled>(
  ask: Ask,
  stalled?: Stalled,
) =>
  ({
    flow: {
      description: 'Each byte begins the count anew',
      initial: 'counting',
      // The target is a child: re-entering a region itself would start the other region's delay anew too.
      on: {'attempt.progressed': '.counting'},
      states: {
        counting: {
          description: 'Counts as stalled when no byte moved for stallTimeout',
          after: {stallTimeout: (stalled ?? noteStalled) as Stalled},
        },
      },
    },
    pulse: {
      description: 'Asks again and again whether bytes moved',
      initial: 'resting',
      states: {
        resting: {
          description: 'Until the next checkpointInterval is over',
          after: {checkpointInterval: {target: 'resting', reenter: true, actions: ask}},
        },
      },
    },
  }) as const

export const noteResponse = {
  type: 'noteResponse',
  params: ({event}: {event: {response: ResponseFacts; evidence: Evidence}}) => ({
    response: event.response,
    evidence: event.evidence,
  }),
} as const

export const noteSent = {
  type: 'noteSent',
  params: ({event}: {event: {evidence: Evidence; answer?: AnswerFacts}}) => ({
    evidence: event.evidence,
    answer: event.answer,
  }),
} as const

export const noteFailure = {
  type: 'noteFailure',
  params: ({event}: {event: {error: SerializedError; response?: ResponseFacts; answer?: AnswerFacts}}) => ({
    error: event.error,
    answer: event.answer,
    ...(event.response === undefined ? {} : {response: event.response}),
  }),
} as const
