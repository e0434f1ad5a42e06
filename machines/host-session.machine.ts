/**
 * A host's session of one client: it lasts as long as the client's stream, and a while longer, so that a client whose stream broke
 * finds its answers again. Transfers do not depend on it.
 *
 * attached   the stream is there.
 * detached   the stream broke; the client may come back under the same id.
 * away       it did not. What the session held is let go of, but for the bodies that it sent: only the client can start what they
 *            are for, and only the host has them.
 * ended      it stayed away, or said goodbye: nothing is left.
 */

import {type ActorRefFrom, setup} from 'xstate'
import {lazily} from '../src/domain/lazily.ts'

type HostSessionEvent =
  | {readonly type: 'stream.attached'}
  | {readonly type: 'stream.broken'}
  | {readonly type: 'session.end'}

const setUp = setup({
  types: {
    context: {} as {readonly graceMs: number; readonly absenceMs: number},
    input: {} as {readonly graceMs: number; readonly absenceMs: number},
    events: {} as HostSessionEvent,
    tags: {} as 'attached' | 'detached' | 'away' | 'over',
  },
  delays: {grace: ({context}) => context.graceMs, absence: ({context}) => context.absenceMs},
  actions: {
    /** Of everything that is not a body. */
    letGo: () => {},
  },
})

export const hostSessionMachine = lazily(() =>
  setUp.createMachine({
    id: 'hostSession',
    description: 'A host’s session of one client: as long as its stream, and a while longer',
    context: ({input: {graceMs, absenceMs}}) => ({graceMs, absenceMs}),
    initial: 'attached',
    on: {'session.end': '.ended'},
    states: {
      attached: {
        description: 'The client’s stream is there',
        tags: ['attached'],
        on: {
          'stream.broken': 'detached',
          'stream.attached': {description: 'It came back before the break was noticed'},
        },
      },
      detached: {
        description: 'The stream broke; the client may come back',
        tags: ['detached'],
        on: {'stream.attached': 'attached'},
        after: {grace: 'away'},
      },
      away: {
        description:
          'It holds nothing but the bodies that it sent; the client may come back and start what they are for',
        tags: ['away'],
        entry: 'letGo',
        after: {absence: 'ended'},
      },
      ended: {description: 'Nothing is left of it', tags: ['over'], type: 'final'},
    },
  }),
)

export type HostSessionActor = ActorRefFrom<ReturnType<typeof hostSessionMachine>>
