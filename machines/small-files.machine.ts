/**
 * The batch that carries small files: what would be a chart of its own for each of a long list is one chart for all that are on
 * the wire, and a table of steps (src/domain/plain-life.ts) that says where each of them stands.
 *
 * filing      what has all its bytes becomes files, as many together as have come, and one turn after the other:
 *   open        nothing waits. Who arrives begins a turn, or waits for more.
 *   gathering   a turn costs much the same for many as for a few: it waits until it is full, until nobody is on the wire or about to be
 *               who could join it, or for a moment.
 *   storing     the parts are written, where they were not written while they came, and made durable.
 *   committing  the intents to publish are made durable, in one commit of the store.
 *   publishing  the parts take their names. What came meanwhile is the next turn.
 * slots       who has all bytes needs no slot any more.
 *   kept        nobody has one for nothing.
 *   leaving     when all have come, or a moment later, those who have come give theirs back, at once, so that others are fetched while
 *               these become files.
 * watch       nobody waits long here: whoever waits for one address for patience goes on by itself.
 *   resting     nobody is on the wire.
 *   watching    looks again and again for those who wait too long.
 *
 * A batch carries what goes its plain way. Whatever else happens to one of its operations (a failure, an answer that is not plain,
 * a command, a slow server) makes it let go of that one: it gets its own chart (operation.machine.ts, leavingBatch), as if the
 * process had died and it had been admitted again; of a larger file what came is made durable first, unless a command waits. Whoever has
 * no slot any more waits in the line until it is.
 */

import {type ActorRefFrom, fromPromise, setup} from 'xstate'
import {lazily} from '../src/domain/lazily.ts'
import {notProvided} from './not-provided.ts'

/** Short for whoever waits for one file, and long enough for dozens from a server that is near. */
const GATHER_MS = 20

/** What comes in one turn of the event loop has come by then: to admit others costs much the same for many as for one. */
const LEAVING_MS = 1

export interface SmallFilesInput {
  /** ms that an operation may be on the wire, once more for each redirect that it follows. */
  readonly patienceMs: number
}

export type SmallFilesEvent =
  /** Of one all bytes are here, and others are on the wire; told where that changes anything. */
  | {readonly type: 'files.arrived'}
  /** The first one goes on the wire. */
  | {readonly type: 'wire.taken'}
  /** The last one has left it, with all its bytes or let go of. */
  | {readonly type: 'wire.free'}

const setUp = setup({
  types: {
    context: {} as SmallFilesInput,
    input: {} as SmallFilesInput,
    events: {} as SmallFilesEvent,
    tags: {} as 'open' | 'gathering' | 'filing' | 'kept' | 'leaving' | 'resting' | 'watching',
    children: {} as {storing: 'storeParts'; committing: 'commitIntents'; publishing: 'publishFiles'},
  },
  actors: {
    /** None of them rejects: whoever fails is let go of. */
    storeParts: fromPromise<void>(notProvided('storeParts')),
    commitIntents: fromPromise<void>(notProvided('commitIntents')),
    publishFiles: fromPromise<void>(notProvided('publishFiles')),
  },
  guards: {
    /** Whoever carries files knows; nobody else has any. */
    hasArrivals: () => false,
    /** Those that arrived need not wait for others: they are many, or nobody is coming. */
    isTurnReady: () => false,
  },
  actions: {
    letGoOfSlow: notProvided('letGoOfSlow'),
    giveSlotsBack: notProvided('giveSlotsBack'),
  },
  delays: {
    gather: GATHER_MS,
    leave: LEAVING_MS,
    patience: ({context}) => context.patienceMs,
  },
})

const nextTurn = [
  {guard: 'isTurnReady', target: 'storing'},
  {guard: 'hasArrivals', target: 'gathering'},
  {target: 'open'},
] as const

export const smallFilesMachine = lazily(() =>
  setUp.createMachine({
    id: 'smallFiles',
    description: 'One batch of small files, on the wire and on their way to their names',
    context: ({input}) => ({patienceMs: input.patienceMs}),
    type: 'parallel',
    states: {
      filing: {
        description: 'From bytes to names, in turns',
        initial: 'open',
        states: {
          open: {
            description: 'Nothing waits to become a file',
            tags: ['open'],
            on: {
              'files.arrived': [{guard: 'isTurnReady', target: 'storing'}, {target: 'gathering'}],
              'wire.free': [
                {guard: 'isTurnReady', target: 'storing'},
                {guard: 'hasArrivals', target: 'gathering'},
              ],
            },
          },
          gathering: {
            description: 'Some wait, and others may join them',
            tags: ['gathering'],
            on: {
              'files.arrived': {guard: 'isTurnReady', target: 'storing'},
              'wire.free': {guard: 'isTurnReady', target: 'storing'},
            },
            after: {gather: 'storing'},
          },
          storing: {
            description: 'The parts are written, and made durable',
            tags: ['filing'],
            invoke: {id: 'storing', src: 'storeParts', onDone: 'committing', onError: 'committing'},
          },
          committing: {
            description: 'The intents to publish, with the identities of the parts, are being made durable',
            tags: ['filing'],
            invoke: {id: 'committing', src: 'commitIntents', onDone: 'publishing', onError: 'publishing'},
          },
          publishing: {
            description: 'The parts take their names; too late for any command',
            tags: ['filing'],
            invoke: {
              id: 'publishing',
              src: 'publishFiles',
              onDone: nextTurn,
              onError: nextTurn,
            },
          },
        },
      },
      slots: {
        description: 'Who has all bytes needs no slot any more',
        initial: 'kept',
        states: {
          kept: {
            description: 'Nobody has one for nothing',
            tags: ['kept'],
            on: {'files.arrived': 'leaving', 'wire.free': {guard: 'hasArrivals', actions: 'giveSlotsBack'}},
          },
          leaving: {
            description: 'All who come in this moment give theirs back together',
            tags: ['leaving'],
            on: {'wire.free': {target: 'kept', actions: 'giveSlotsBack'}},
            after: {leave: {target: 'kept', actions: 'giveSlotsBack'}},
          },
        },
      },
      watch: {
        description: 'Nobody waits long here',
        initial: 'resting',
        states: {
          resting: {
            description: 'Nobody is on the wire',
            tags: ['resting'],
            on: {'wire.taken': 'watching'},
          },
          watching: {
            description: 'Looks for those who are on the wire too long',
            tags: ['watching'],
            on: {'wire.free': 'resting'},
            after: {patience: {target: 'watching', reenter: true, actions: 'letGoOfSlow'}},
          },
        },
      },
    },
  }),
)

export type SmallFilesActor = ActorRefFrom<ReturnType<typeof smallFilesMachine>>
