/**
 * A host's session of one client: it lasts as long as the client's stream, and a while longer, so that a client whose stream broke
 * finds its answers again. Transfers do not depend on it.
 *
 * attached   the stream is there.
 * detached   the stream broke; the client may come back under the same id.
 * ended      it did not, or it said goodbye: what the session held is let go of.
 */

import {type ActorRefFrom, setup} from 'xstate'

type HostSessionEvent =
  | {readonly type: 'stream.attached'}
  | {readonly type: 'stream.broken'}
  | {readonly type: 'session.end'}

const setUp = setup({
  types: {
    context: {} as {readonly graceMs: number},
    input: {} as {readonly graceMs: number},
    events: {} as HostSessionEvent,
    tags: {} as 'attached' | 'detached' | 'over',
  },
  delays: {grace: ({context}) => context.graceMs},
})

export const hostSessionMachine = setUp.createMachine({
  id: 'hostSession',
  description: 'A host’s session of one client: as long as its stream, and a while longer',
  context: ({input}) => ({graceMs: input.graceMs}),
  initial: 'attached',
  on: {'session.end': '.ended'},
  states: {
    attached: {
      description: 'The client’s stream is there',
      tags: ['attached'],
      on: {'stream.broken': 'detached', 'stream.attached': {description: 'It came back before the break was noticed'}},
    },
    detached: {
      description: 'The stream broke; the client may come back',
      tags: ['detached'],
      on: {'stream.attached': 'attached'},
      after: {grace: 'ended'},
    },
    ended: {description: 'What the session held is let go of', tags: ['over'], type: 'final'},
  },
})

export type HostSessionActor = ActorRefFrom<typeof hostSessionMachine>
