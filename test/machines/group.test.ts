/** The group chart: who is admitted, who gives way, and in which state it rests (spec 11.2 to 11.4). */

import {describe, expect, it} from 'vitest'
import {createActor} from 'xstate'
import {groupMachine} from '../../machines/group.machine.ts'
import {type Candidate, type Member, nextAdmissions} from '../../src/domain/admission.ts'
import type {BackgroundTransferBehavior} from '../../src/domain/behavior.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {operationId} from '../support/records.ts'

const PARALLEL = 0
const SERIALIZED = 1
const [A, B, C, HIGH] = [1, 2, 3, 4].map(operationId) as [OperationId, OperationId, OperationId, OperationId]

/** A group whose admissions and displacements the test sees. */
function groupOf(behavior: BackgroundTransferBehavior) {
  const admitted: OperationId[] = []
  const displaced: OperationId[] = []
  const actor = createActor(
    groupMachine().provide({
      actions: {
        admit: (_, {ids}) => {
          admitted.push(...ids)
        },
        displace: (_, {ids}) => {
          displaced.push(...ids)
        },
      },
    }),
    {input: {name: 'episodes', behavior}},
  )
  actor.start()
  return {
    admitted,
    displaced,
    actor,
    line(...ids: readonly OperationId[]) {
      actor.send({type: 'line.changed', line: ids.map(candidate)})
    },
    member(id: OperationId, phase: Member['phase']) {
      actor.send({type: 'member.changed', member: {id, priority: id === HIGH ? 1 : 0, phase}})
    },
    left(id: OperationId) {
      actor.send({type: 'members.left', ids: [id]})
    },
    offer() {
      const {context} = actor.getSnapshot()
      const [next] = nextAdmissions(context, 1)
      const line = context.line.filter(({id}) => id !== next)
      actor.send({type: 'slots.offered', count: 1, heads: context.line, line})
    },
    current(id: OperationId) {
      actor.send({type: 'member.madeCurrent', id})
    },
    get state(): unknown {
      return actor.getSnapshot().value
    },
  }
}

function candidate(id: OperationId): Candidate {
  return {id, priorityClass: id === HIGH ? 0 : 1}
}

describe('a parallel group', () => {
  it('knows its line as it is once the next one has its slot', () => {
    const group = groupOf(PARALLEL)
    const origin = 'https://here.test'
    group.actor.send({type: 'line.changed', line: [{...candidate(A), origin, gate: 'app'}]})
    const heads = [{...candidate(A), origin, gate: 'app'}]
    group.actor.send({type: 'slots.offered', count: 1, heads, line: [candidate(B)]})
    expect(group.admitted).toEqual([A])
    expect(group.state).toBe('wanting')
    const {members, line} = group.actor.getSnapshot().context
    expect(members).toEqual([{id: A, priority: 0, phase: 'running', origin, gate: 'app'}])
    expect(line).toEqual([candidate(B)])
    group.actor.send({type: 'slots.offered', count: 1, heads: [candidate(B)], line: []})
    expect(group.admitted).toEqual([A, B])
    expect(group.state).toBe('satisfied')
  })

  it('fills several slots in one step, first with those who return, and never more than there are', () => {
    const group = groupOf(PARALLEL)
    group.line(B)
    group.member(A, 'returning')
    group.actor.send({type: 'slots.offered', count: 3, heads: [B, C, HIGH].map(candidate), line: []})
    expect(group.admitted).toEqual([A, B, C])
    const {members} = group.actor.getSnapshot().context
    expect(members.map(({id, phase}) => [id, phase])).toEqual([A, B, C].map((id) => [id, 'running']))
    group.actor.send({type: 'members.left', ids: [A, C]})
    expect(group.actor.getSnapshot().context.members.map(({id}) => id)).toEqual([B])
    group.line(HIGH)
    group.actor.send({type: 'slots.offered', count: 3, heads: [candidate(HIGH)], line: []})
    expect(group.admitted).toEqual([A, B, C, HIGH])
  })

  it('is idle while nobody waits and nobody runs', () => {
    const group = groupOf(PARALLEL)
    expect(group.state).toBe('idle')
    group.offer()
    expect(group.admitted).toEqual([])
  })

  it('wants a slot for each that waits, and admits in order', () => {
    const group = groupOf(PARALLEL)
    group.line(A, B)
    expect(group.state).toBe('wanting')
    group.offer()
    group.line(B, C)
    group.offer()
    expect(group.admitted).toEqual([A, B])
    group.line()
    expect(group.state).toBe('satisfied')
    group.left(A)
    group.left(B)
    expect(group.state).toBe('idle')
  })

  it('admits who returns before the line', () => {
    const group = groupOf(PARALLEL)
    group.member(C, 'returning')
    group.line(A)
    group.offer()
    group.offer()
    expect(group.admitted).toEqual([C, A])
  })

  it('displaces nobody', () => {
    const group = groupOf(PARALLEL)
    group.member(A, 'running')
    group.line(B)
    group.current(B)
    expect(group.displaced).toEqual([])
    expect(group.state).toBe('wanting')
  })
})

describe('a serialized group', () => {
  it.each(['running', 'holding', 'returning'] as const)('admits nobody beside a member that is %s', (phase) => {
    const group = groupOf(SERIALIZED)
    group.member(A, phase)
    group.line(B)
    expect(group.state).toBe(phase === 'returning' ? 'wanting' : 'satisfied')
    group.offer()
    expect(group.admitted).toEqual(phase === 'returning' ? [A] : [])
  })

  it('admits the next when its member ends', () => {
    const group = groupOf(SERIALIZED)
    group.line(A, B)
    group.offer()
    group.line(B)
    group.left(A)
    expect(group.state).toBe('wanting')
    group.offer()
    expect(group.admitted).toEqual([A, B])
  })

  it('admits a high one beside its member', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.line(B, HIGH)
    expect(group.state).toBe('wanting')
    group.offer()
    expect(group.admitted).toEqual([HIGH])
    group.line(B)
    expect(group.state).toBe('satisfied')
  })

  it('displaces its member for the one made current, and takes no slot meanwhile', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.current(B)
    expect(group.displaced, 'not before it stands at the head').toEqual([])
    group.line(B)
    expect(group.state).toBe('displacing')
    expect(group.displaced).toEqual([A])
    group.offer()
    expect(group.admitted).toEqual([])
    group.left(A)
    group.offer()
    expect(group.admitted).toEqual([B])
  })

  it('asks again when a member that has to give way changes its phase', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.line(B)
    group.current(B)
    group.member(A, 'holding')
    expect(group.displaced).toEqual([A, A])
  })

  it('displaces for each call once', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.line(B)
    group.current(B)
    group.left(A)
    group.offer()
    group.line(A)
    expect(group.state).toBe('satisfied')
    group.left(B)
    group.offer()
    group.member(A, 'running')
    group.line(B)
    expect(group.displaced).toEqual([A])
  })

  it('is not moved by making current who has a place already', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.current(A)
    group.left(A)
    group.line(B, A)
    group.offer()
    group.line(A)
    expect(group.displaced, 'A comes back to the head some day').toEqual([])
    expect(group.state).toBe('satisfied')
  })

  it('forgets whom it made current when that one leaves the line', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.current(B)
    group.left(B)
    group.line(B)
    expect(group.displaced).toEqual([])
  })

  it('lets the last call win when two members overtake each other', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.line(B)
    group.current(B)
    expect(group.displaced).toEqual([A])
    // While A makes its bytes durable it is made current itself, and stands first when it is back in line.
    group.current(A)
    group.left(A)
    group.line(A, B)
    group.offer()
    expect(group.admitted).toEqual([A])
    group.line(B)
    expect(group.state).toBe('satisfied')
    expect(group.displaced).toEqual([A])
  })
})

describe('a group whose behaviour changes', () => {
  it('wants more slots when it becomes parallel', () => {
    const group = groupOf(SERIALIZED)
    group.member(A, 'running')
    group.line(B)
    group.actor.send({type: 'behavior.changed', behavior: PARALLEL})
    expect(group.state).toBe('wanting')
  })

  it('lets those run out that were admitted while it was parallel', () => {
    const group = groupOf(PARALLEL)
    group.member(A, 'running')
    group.member(B, 'running')
    group.line(C)
    group.actor.send({type: 'behavior.changed', behavior: SERIALIZED})
    expect(group.state).toBe('satisfied')
    group.member(B, 'returning')
    expect(group.state, 'B waits for A').toBe('satisfied')
    group.left(A)
    group.offer()
    expect(group.admitted).toEqual([B])
  })
})

describe('a suspended group', () => {
  it('admits nobody, notes every change, and goes on where it stands', () => {
    const group = groupOf(PARALLEL)
    group.member(A, 'running')
    group.line(B)
    group.actor.send({type: 'group.suspend'})
    group.offer()
    group.left(A)
    group.line(B, C)
    group.member(A, 'returning')
    group.current(C)
    group.actor.send({type: 'behavior.changed', behavior: SERIALIZED})
    group.actor.send({type: 'group.suspend'})
    expect(group.state).toBe('suspended')
    expect(group.admitted).toEqual([])
    group.actor.send({type: 'group.resume'})
    expect(group.state).toBe('wanting')
    group.offer()
    expect(group.admitted).toEqual([A])
  })
})
