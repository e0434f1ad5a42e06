/**
 * One transfer group: which of its members may run. Level-triggered: after every change it compares what should run with
 * what runs, by the pure policy in src/domain/admission.ts, and rests in the state that says what it needs.
 *
 * idle        nobody waits and nobody runs; the engine may put the group away.
 * satisfied   everybody who may run does; the others wait for a member to end.
 * wanting     somebody may run: wants a slot. The engine offers free slots (`slots.offered`) to wanting groups in turn.
 * displacing  a serialized member gives way to the one that was made current; no slot is taken meanwhile.
 * suspended   pauseAll: nobody is admitted until `group.resume`.
 *
 * A group knows its live members and the heads of its line, never the whole line: memory does not grow with the queue. Nor does
 * it with the groups: of those whose turn is far away the engine keeps no actor (src/engine/admission/groups.ts).
 */

import {type ActorRefFrom, assign, setup} from 'xstate'
import {
  type Candidate,
  type Member,
  nextAdmission,
  nextAdmissions,
  toDisplace,
  withSlots,
} from '../src/domain/admission.ts'
import type {BackgroundTransferBehavior} from '../src/domain/behavior.ts'
import {TransferError} from '../src/domain/errors.ts'
import {lazily} from '../src/domain/lazily.ts'
import type {OperationId} from '../src/domain/operation-id.ts'

export interface GroupInput {
  readonly name: string
  readonly behavior: BackgroundTransferBehavior
  /** Those that kept their places while the group was put away. */
  readonly members?: readonly Member[]
}

interface GroupContext {
  readonly name: string
  readonly behavior: BackgroundTransferBehavior
  /** Members that run, hold their place, or want to return. */
  readonly members: readonly Member[]
  /** The heads of the waiting line, in dispatch order. */
  readonly line: readonly Candidate[]
  /** The target of the last makeCurrent, until it runs. */
  readonly current?: OperationId | undefined
  /** Origins that take nobody now. */
  readonly closedOrigins: readonly string[]
}

export type GroupEvent =
  | {readonly type: 'line.changed'; readonly line: readonly Candidate[]}
  | {readonly type: 'member.changed'; readonly member: Member}
  /** Also of those who leave the line without having been members. */
  | {readonly type: 'members.left'; readonly ids: readonly OperationId[]}
  | {readonly type: 'member.madeCurrent'; readonly id: OperationId}
  | {readonly type: 'behavior.changed'; readonly behavior: BackgroundTransferBehavior}
  | {readonly type: 'origins.changed'; readonly closed: readonly string[]; readonly line: readonly Candidate[]}
  /** `heads`: enough of the line to fill so many slots. `line`: what counts of it without those who take them. */
  | {
      readonly type: 'slots.offered'
      readonly count: number
      readonly heads: readonly Candidate[]
      readonly line: readonly Candidate[]
    }
  | {readonly type: 'group.suspend'}
  | {readonly type: 'group.resume'}

function notProvided(name: string): never {
  throw new TransferError('INTERNAL', `the action ${name} was not provided`)
}

function withMember(members: readonly Member[], member: Member): readonly Member[] {
  const index = members.findIndex((other) => other.id === member.id)
  return index === -1 ? [...members, member] : members.with(index, member)
}

/** Free slots, and of the line what it takes to fill them. */
interface Slots {
  readonly count: number
  readonly heads: readonly Candidate[]
}

function takersOf(context: GroupContext, {count, heads}: Slots): readonly OperationId[] {
  return nextAdmissions({...context, line: heads}, count)
}

const setUp = setup({
  types: {
    context: {} as GroupContext,
    input: {} as GroupInput,
    events: {} as GroupEvent,
    tags: {} as 'idle' | 'satisfied' | 'wanting' | 'displacing' | 'suspended',
  },
  guards: {
    mustDisplace: ({context}) => toDisplace(context).length > 0,
    hasNext: ({context}) => nextAdmission(context).kind === 'admit',
    isEmpty: ({context}) => context.members.length === 0 && context.line.length === 0,
  },
  actions: {
    noteLine: assign({line: (_, params: {line: readonly Candidate[]}) => params.line}),
    noteMember: assign({
      members: ({context}, params: {member: Member}) => withMember(context.members, params.member),
    }),
    dropMembers: assign(({context: {members, current}}, {ids}: {ids: readonly OperationId[]}) => {
      const left = new Set(ids)
      return {
        members: members.filter(({id}) => !left.has(id)),
        current: current !== undefined && left.has(current) ? undefined : current,
      }
    }),
    noteOrigins: assign({
      closedOrigins: (_, params: {closed: readonly string[]; line: readonly Candidate[]}) => params.closed,
      line: (_, params: {closed: readonly string[]; line: readonly Candidate[]}) => params.line,
    }),
    /** Whoever has a place already is current: to remember it would displace another when it comes to the head again. */
    noteCurrent: assign({
      current: ({context}, params: {id: OperationId}) =>
        context.members.some(({id}) => id === params.id) ? undefined : params.id,
    }),
    noteBehavior: assign({behavior: (_, params: {behavior: BackgroundTransferBehavior}) => params.behavior}),
    /** Moves the next ones from the line, or from their wait, among the running. */
    takeSlots: assign(({context}, {line, ...slots}: Slots & {line: readonly Candidate[]}) => {
      const {members, current} = withSlots({...context, line: slots.heads}, takersOf(context, slots))
      return {members, current, line}
    }),
    /** The engine starts or continues these operations. */
    admit: (_, params: {ids: readonly OperationId[]}) => notProvided(`admit ${params.ids.join()}`),
    /** The engine sends these back to the line. */
    displace: (_, params: {ids: readonly OperationId[]}) => notProvided(`displace ${params.ids.join()}`),
  },
})

/** After every change: the first state that fits. */
const reconcile = [
  {guard: 'mustDisplace', target: 'displacing'},
  {guard: 'hasNext', target: 'wanting'},
  {guard: 'isEmpty', target: 'idle'},
  {target: 'satisfied'},
] as const

export const groupMachine = lazily(() =>
  setUp.createMachine({
    id: 'group',
    description: 'One transfer group: admits its members by priority and behaviour',
    context: ({input: {name, behavior, members = []}}) => ({name, behavior, members, line: [], closedOrigins: []}),
    initial: 'reconciling',
    on: {
      'line.changed': {
        target: '.reconciling',
        actions: {type: 'noteLine', params: ({event}) => ({line: event.line})},
      },
      'member.changed': {
        target: '.reconciling',
        actions: {type: 'noteMember', params: ({event}) => ({member: event.member})},
      },
      'members.left': {
        target: '.reconciling',
        actions: {type: 'dropMembers', params: ({event}) => ({ids: event.ids})},
      },
      'member.madeCurrent': {
        target: '.reconciling',
        actions: {type: 'noteCurrent', params: ({event}) => ({id: event.id})},
      },
      'behavior.changed': {
        target: '.reconciling',
        actions: {type: 'noteBehavior', params: ({event}) => ({behavior: event.behavior})},
      },
      'origins.changed': {
        target: '.reconciling',
        actions: {type: 'noteOrigins', params: ({event}) => ({closed: event.closed, line: event.line})},
      },
      'group.suspend': '.suspended',
    },
    states: {
      reconciling: {
        description: 'Compares what should run with what runs; never rests here',
        tags: ['satisfied'],
        always: reconcile,
      },
      idle: {description: 'Nobody waits and nobody runs', tags: ['idle']},
      satisfied: {description: 'Everybody who may run does', tags: ['satisfied']},
      wanting: {
        description: 'Somebody may run: wants a slot',
        tags: ['wanting'],
        on: {
          'slots.offered': {
            target: 'reconciling',
            actions: [
              {type: 'admit', params: ({context, event}) => ({ids: takersOf(context, event)})},
              {
                type: 'takeSlots',
                params: ({event: {count, heads, line}}) => ({count, heads, line}),
              },
            ],
          },
        },
      },
      displacing: {
        description: 'A serialized member gives way to the one made current',
        tags: ['displacing'],
        entry: {type: 'displace', params: ({context}) => ({ids: toDisplace(context)})},
      },
      suspended: {
        description: 'Nobody is admitted until the group is resumed',
        tags: ['suspended'],
        on: {
          'line.changed': {actions: {type: 'noteLine', params: ({event}) => ({line: event.line})}},
          'member.changed': {actions: {type: 'noteMember', params: ({event}) => ({member: event.member})}},
          'members.left': {actions: {type: 'dropMembers', params: ({event}) => ({ids: event.ids})}},
          'member.madeCurrent': {actions: {type: 'noteCurrent', params: ({event}) => ({id: event.id})}},
          'behavior.changed': {
            actions: {type: 'noteBehavior', params: ({event}) => ({behavior: event.behavior})},
          },
          'origins.changed': {
            actions: {type: 'noteOrigins', params: ({event}) => ({closed: event.closed, line: event.line})},
          },
          'group.suspend': {description: 'Already suspended'},
          'group.resume': 'reconciling',
        },
      },
    },
  }),
)

export type GroupActor = ActorRefFrom<ReturnType<typeof groupMachine>>
