/**
 * A client's link to the host of a store: made once, and made again for as long as the host may come back. What was asked for
 * meanwhile waits; nothing of it is lost with a link.
 *
 * linking   the stream is being opened, or is open. A host that takes the question and says nothing is as good as gone; one that was
 *           connected is asked now and then whether it hears: that it is silent is told, and it is waited for, since its answer may
 *           only be late.
 * waiting   the host is gone; after a while it is looked for again.
 * staying   the client goes on.
 * leaving   the client is about to close, when its last calls are answered: from now on it waits for another host for some seconds
 *           only, and asks the one that is there again and again whether it hears at all. One that is stopped never says no.
 * parting   the client has let go, and says goodbye.
 * refused   there was no host in the first place, or it speaks another version.
 * closed    the client has let go, or the host stayed away for too long, or says nothing any more; `output.error` says so then.
 */

import {type ActorRefFrom, type AnyEventObject, assign, fromCallback, fromPromise, raise, setup} from 'xstate'
import {TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import {MOST_SILENCE_MS, silentHost} from '../src/domain/silent-host.ts'

interface HostLinkContext {
  /** The link stood once. */
  readonly wasLinked: boolean
  /** Links that failed since the last one that stood, and ms that were waited for them and between them. */
  readonly failures: number
  readonly waitedMs: number
  /** ms to wait for the host to come back, and to come in the first place. */
  readonly patienceMs: number
  readonly firstPatienceMs: number
  /** Where the host is asked. */
  readonly address: string
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

/** Between two questions whether the host hears, to one that a client is about to leave. */
const ASSURANCE_MS = 1_000

/** Between two such questions otherwise: a host with a hundred clients hears ten a second. */
const ATTENTION_MS = 10_000

/** Without chance in it: a store has few clients, and all of them are on its machine. */
function waitAfter(failures: number): number {
  return Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** Math.min(failures - 1, 10))
}

const setUp = setup({
  types: {
    context: {} as HostLinkContext,
    input: {} as Pick<HostLinkContext, 'patienceMs' | 'firstPatienceMs' | 'address'>,
    events: {} as HostLinkEvent,
    output: {} as {readonly error?: unknown},
    tags: {} as 'linked' | 'unlinked' | 'silent' | 'over' | 'staying' | 'leaving',
    children: {} as {stream: 'followStream'; attention: 'askHost'; assurance: 'askHost'; goodbye: 'sayGoodbye'},
  },
  actors: {
    followStream: fromCallback<AnyEventObject>(() => {
      throw new TransferError('INTERNAL', 'followStream was not provided')
    }),
    /** Resolves, or rejects, as soon as anybody says anything. */
    askHost: fromPromise<void>(() => {
      throw new TransferError('INTERNAL', 'askHost was not provided')
    }),
    sayGoodbye: fromPromise<void>(() => {
      throw new TransferError('INTERNAL', 'sayGoodbye was not provided')
    }),
  },
  delays: {
    backoff: ({context}) => waitAfter(context.failures),
    silence: MOST_SILENCE_MS,
    assurance: ASSURANCE_MS,
    attention: ATTENTION_MS,
    farewell: FAREWELL_MS,
  },
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
    noteSilence: assign({error: ({context}) => silentHost(context.address)}),
    /** What it waited for a welcome in vain. */
    countSilence: assign({waitedMs: ({context}) => context.waitedMs + MOST_SILENCE_MS}),
    /** A stream that says nothing is no link. */
    giveUpStream: raise(({context}) => ({type: 'link.lost', error: silentHost(context.address)}) as const),
    /** Nothing more is asked of anybody. */
    letGo: () => {},
    /** Whoever follows the host is told that it says nothing any more, and that this is over. */
    tellSilence: () => {},
    tellSilenceEnded: () => {},
    /** Whoever wants to take the place of a host that is gone does it now. */
    offerSuccession: () => {},
  },
})

const link = () =>
  setUp.createStateConfig({
    description: 'To whoever has the store',
    initial: 'linking',
    states: {
      linking: {
        description: 'The stream from the host is being opened, or is open',
        initial: 'connecting',
        invoke: {
          id: 'stream',
          src: 'followStream',
          onError: {
            target: '#hostLink.over.refused',
            actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
          },
        },
        on: {
          'link.lost': [
            {
              guard: 'isNotToCome',
              target: '#hostLink.over.refused',
              actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
            },
            {
              guard: 'isNotToComeBack',
              target: '#hostLink.over.closed',
              actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
            },
            {target: 'waiting', actions: 'noteLoss'},
          ],
          'link.refused': {
            target: '#hostLink.over.refused',
            actions: {type: 'noteError', params: ({event}) => ({error: event.error})},
          },
        },
        states: {
          connecting: {
            description: 'Asking; calls wait',
            tags: ['unlinked'],
            on: {'link.welcomed': {target: 'connected', actions: 'noteLink'}},
            after: {silence: {actions: ['countSilence', 'giveUpStream']}},
          },
          connected: {
            description: 'Calls go out; answers and notices come in',
            tags: ['linked'],
            on: {'client.close': '#hostLink.over.parting'},
            initial: 'heard',
            states: {
              heard: {
                description: 'It has said something; or nobody is there, which the stream will tell',
                tags: ['linked'],
                after: {attention: 'listening'},
              },
              listening: {
                description: 'It is asked whether it hears at all',
                tags: ['linked'],
                invoke: {id: 'attention', src: 'askHost', onDone: 'heard', onError: 'heard'},
                initial: 'patient',
                states: {
                  patient: {
                    description: 'Its answer may be on the way',
                    tags: ['linked'],
                    after: {silence: 'silent'},
                  },
                  silent: {
                    description:
                      'It says nothing: it is stopped or stuck, and is waited for, for as long as it has the store',
                    tags: ['linked', 'silent'],
                    entry: 'tellSilence',
                    exit: 'tellSilenceEnded',
                  },
                },
              },
            },
          },
        },
      },
      waiting: {
        description: 'The host is gone; calls wait until it is looked for again',
        tags: ['unlinked'],
        entry: 'offerSuccession',
        after: {backoff: 'linking'},
      },
    },
  })

const client = () =>
  setUp.createStateConfig({
    description: 'What the client is about',
    initial: 'staying',
    states: {
      staying: {
        description: 'It goes on',
        tags: ['staying'],
        on: {'client.leave': {target: 'leaving', actions: 'shortenPatience'}},
      },
      leaving: {
        description: 'It closes when its last calls are answered',
        tags: ['leaving'],
        initial: 'asking',
        states: {
          asking: {
            description: 'The host is asked whether it hears at all',
            tags: ['leaving'],
            invoke: {id: 'assurance', src: 'askHost', onDone: 'assured', onError: 'assured'},
            after: {silence: {target: '#hostLink.over.closed', actions: 'noteSilence'}},
          },
          assured: {
            description: 'Somebody said something; or nobody is there, which is the link’s business',
            tags: ['leaving'],
            after: {assurance: 'asking'},
          },
        },
      },
    },
  })

export const hostLinkMachine = lazily(() =>
  setUp.createMachine({
    id: 'hostLink',
    description: 'A client’s link to the host of a store, made again for as long as the host may come back',
    context: ({input}) => ({
      wasLinked: false,
      failures: 0,
      waitedMs: 0,
      ...input,
    }),
    initial: 'going',
    output: ({context}) => (context.error === undefined ? {} : {error: context.error}),
    on: {'client.close': '.over'},
    states: {
      going: {
        description: 'The host is there, or may come back',
        type: 'parallel',
        states: {
          link: link(),
          client: client(),
        },
      },
      over: {
        description: 'Nothing is asked any more',
        tags: ['over'],
        entry: 'letGo',
        initial: 'closed',
        onDone: 'ended',
        states: {
          parting: {
            description: 'The client has let go, and says goodbye',
            tags: ['over'],
            invoke: {id: 'goodbye', src: 'sayGoodbye', onDone: 'closed', onError: 'closed'},
            after: {farewell: 'closed'},
          },
          refused: {
            description: 'There is no host, or it speaks another version',
            tags: ['over'],
            type: 'final',
          },
          closed: {
            description: 'The client has let go, or the host stayed away for too long, or says nothing',
            tags: ['over'],
            type: 'final',
          },
        },
      },
      ended: {description: 'Nothing is left of it', tags: ['over'], type: 'final'},
    },
  }),
)

export type HostLinkActor = ActorRefFrom<ReturnType<typeof hostLinkMachine>>
