/**
 * A client's link to the host of a store: made once, and made again for as long as the host may come back. What was asked for
 * meanwhile waits; nothing of it is lost with a link.
 *
 * linking   the stream is being opened, or is open.
 * waiting   the host is gone; after a while it is looked for again.
 * refused   there was no host in the first place, or it speaks another version.
 * closed    the client has let go, or the host stayed away for too long; `output.error` says so then.
 *
 * A client that is about to close says so before (`client.leave`): from then on it waits for another host for some seconds only.
 */

import {type ActorRefFrom, type AnyEventObject, assign, fromCallback, setup} from 'xstate'
import {TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'

interface HostLinkContext {
  /** The link stood once. */
  readonly wasLinked: boolean
  /** Links that failed since the last one that stood, and ms that were waited between them. */
  readonly failures: number
  readonly waitedMs: number
  /** ms to wait for the host to come back, and to come in the first place. */
  readonly patienceMs: number
  readonly firstPatienceMs: number
  readonly error?: unknown
}

type HostLinkEvent =
  | {readonly type: 'link.welcomed'}
  | {readonly type: 'link.lost'; readonly error: unknown}
  /** Trying again would change nothing. */
  | {readonly type: 'link.refused'; readonly error: unknown}
  /** The client closes when its last calls are answered. */
  | {readonly type: 'client.leave'}
  | {readonly type: 'client.close'}

const SHORTEST_WAIT_MS = 25
const LONGEST_WAIT_MS = 2_000

/** What is left of a client's patience once it is about to close. */
const FAREWELL_MS = 5_000

/** Without chance in it: a store has few clients, and all of them are on its machine. */
function waitAfter(failures: number): number {
  return Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** Math.min(failures - 1, 10))
}

const setUp = setup({
  types: {
    context: {} as HostLinkContext,
    input: {} as {readonly patienceMs: number; readonly firstPatienceMs: number},
    events: {} as HostLinkEvent,
    output: {} as {readonly error?: unknown},
    tags: {} as 'linked' | 'unlinked' | 'over',
    children: {} as {stream: 'followStream'},
  },
  actors: {
    followStream: fromCallback<AnyEventObject>(() => {
      throw new TransferError('INTERNAL', 'followStream was not provided')
    }),
  },
  delays: {backoff: ({context}) => waitAfter(context.failures)},
  guards: {
    isNotToCome: ({context}) => !context.wasLinked && context.waitedMs >= context.firstPatienceMs,
    isNotToComeBack: ({context}) => context.wasLinked && context.waitedMs >= context.patienceMs,
  },
  actions: {
    noteLink: assign({failures: 0, waitedMs: 0, wasLinked: true}),
    noteLoss: assign({
      failures: ({context}) => context.failures + 1,
      waitedMs: ({context}) => context.waitedMs + waitAfter(context.failures + 1),
    }),
    /** What it waited until now is behind it. */
    shortenPatience: assign(({context: {waitedMs, patienceMs, firstPatienceMs}}) => ({
      waitedMs: 0,
      patienceMs: Math.min(FAREWELL_MS, patienceMs - waitedMs),
      firstPatienceMs: Math.min(FAREWELL_MS, firstPatienceMs - waitedMs),
    })),
    noteError: assign({error: (_, params: {readonly error: unknown}) => params.error}),
    /** Whoever wants to take the place of a host that is gone does it now. */
    offerSuccession: () => {},
  },
})

export const hostLinkMachine = lazily(() =>
  setUp.createMachine({
    id: 'hostLink',
    description: 'A client’s link to the host of a store, made again for as long as the host may come back',
    context: ({input: {patienceMs, firstPatienceMs}}) => ({
      wasLinked: false,
      failures: 0,
      waitedMs: 0,
      patienceMs,
      firstPatienceMs,
    }),
    initial: 'linking',
    output: ({context}) => (context.error === undefined ? {} : {error: context.error}),
    on: {
      'client.leave': {actions: 'shortenPatience'},
      'client.close': '.closed',
    },
    states: {
      linking: {
        description: 'The stream from the host is being opened, or is open',
        initial: 'connecting',
        invoke: {
          id: 'stream',
          src: 'followStream',
          onError: {target: 'refused', actions: {type: 'noteError', params: ({event}) => ({error: event.error})}},
        },
        on: {
          'link.lost': [
            {
              guard: 'isNotToCome',
              target: 'refused',
              actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
            },
            {
              guard: 'isNotToComeBack',
              target: 'closed',
              actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
            },
            {target: 'waiting', actions: 'noteLoss'},
          ],
          'link.refused': {
            target: 'refused',
            actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
          },
        },
        states: {
          connecting: {
            description: 'Asking; calls wait',
            tags: ['unlinked'],
            on: {'link.welcomed': {target: 'connected', actions: 'noteLink'}},
          },
          connected: {description: 'Calls go out; answers and notices come in', tags: ['linked']},
        },
      },
      waiting: {
        description: 'The host is gone; calls wait until it is looked for again',
        tags: ['unlinked'],
        entry: 'offerSuccession',
        after: {backoff: 'linking'},
      },
      refused: {description: 'There is no host, or it speaks another version', tags: ['over'], type: 'final'},
      closed: {
        description: 'The client has let go, or the host stayed away for too long',
        tags: ['over'],
        type: 'final',
      },
    },
  }),
)

export type HostLinkActor = ActorRefFrom<ReturnType<typeof hostLinkMachine>>
