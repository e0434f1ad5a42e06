/**
 * The plain life of a download: the steps that its chart takes when nothing happens to it but redirects, as a table. A batch of
 * small files takes them by this table; that it says what the chart says is for test/machines/plain-life.test.ts to show.
 */

import type {LifeState} from './status.ts'

export interface PlainStep {
  /** Type of the event that the chart takes. */
  readonly event: string
  /** Path of the state that it goes to. */
  readonly to: string
  readonly state: LifeState
  /** It is on the wire, or on its way to its name: with a chart of its own it has a slot. */
  readonly isMoving: boolean
}

export const PLAIN_LIFE = {
  admitted: {
    event: 'operation.admit',
    to: 'running.exchanging.active.connecting',
    state: 'running',
    isMoving: true,
  },
  connected: {
    event: 'attempt.connected',
    to: 'running.exchanging.active.awaitingResponse',
    state: 'running',
    isMoving: true,
  },
  /** Back to where another connection is needed: as often as the server redirects. */
  redirected: {
    event: 'attempt.redirected',
    to: 'running.exchanging.active.connecting',
    state: 'running',
    isMoving: true,
  },
  responded: {
    event: 'attempt.responded',
    to: 'running.exchanging.active.transferring',
    state: 'running',
    isMoving: true,
  },
  finished: {event: 'attempt.finished', to: 'running.finishing.verifying', state: 'running', isMoving: true},
  verified: {
    event: 'xstate.done.actor.verification',
    to: 'running.finishing.committing',
    state: 'publishing',
    isMoving: true,
  },
  committed: {
    event: 'xstate.done.actor.publishCommit',
    to: 'running.finishing.publishing',
    state: 'publishing',
    isMoving: true,
  },
  published: {event: 'xstate.done.actor.publication', to: 'completed', state: 'completed', isMoving: false},
} as const satisfies Readonly<Record<string, PlainStep>>
