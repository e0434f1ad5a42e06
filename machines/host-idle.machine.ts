/**
 * When a host that was asked to end by itself does so: nothing is left to do, nobody is there, and that for a while.
 *
 * busy   something moves or will, or a client is there.
 * idle   neither; the host waits for somebody to come.
 * left   nobody came.
 */

import {type ActorRefFrom, setup} from 'xstate'
import {lazily} from '../src/domain/lazily.ts'

type HostIdleEvent = {readonly type: 'host.busy'} | {readonly type: 'host.idle'}

const setUp = setup({
  types: {
    context: {} as {readonly idleMs: number},
    input: {} as {readonly idleMs: number},
    events: {} as HostIdleEvent,
    tags: {} as 'busy' | 'idle' | 'over',
  },
  delays: {patience: ({context}) => context.idleMs},
})

export const hostIdleMachine = lazily(() =>
  setUp.createMachine({
    id: 'hostIdle',
    description: 'When a host that was asked to end by itself does so',
    context: ({input}) => ({idleMs: input.idleMs}),
    initial: 'busy',
    states: {
      busy: {description: 'Something moves or will, or a client is there', tags: ['busy'], on: {'host.idle': 'idle'}},
      idle: {
        description: 'Nothing is left to do, and nobody is there',
        tags: ['idle'],
        on: {'host.busy': 'busy'},
        after: {patience: 'left'},
      },
      left: {description: 'Nobody came', tags: ['over'], type: 'final'},
    },
  }),
)

export type HostIdleActor = ActorRefFrom<ReturnType<typeof hostIdleMachine>>
