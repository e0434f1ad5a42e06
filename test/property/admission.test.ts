/** Admission: one default or low member at a time in a serialized group, High first, nobody starves. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {
  type Candidate,
  chooseOffer,
  countTurn,
  type GroupOffer,
  type GroupView,
  type Member,
  nextAdmission,
  nextAdmissions,
  PATIENCE,
  type PassedOver,
  toDisplace,
  withSlots,
} from '../../src/domain/admission.ts'
import {BackgroundTransferBehavior} from '../../src/domain/behavior.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {BackgroundTransferPriority, type PriorityClass, priorityClass} from '../../src/domain/priority.ts'

const {serialized, parallel} = BackgroundTransferBehavior
const PRIORITY_OF: Readonly<Record<PriorityClass, BackgroundTransferPriority>> = {
  0: BackgroundTransferPriority.high,
  1: BackgroundTransferPriority.default,
  2: BackgroundTransferPriority.low,
}

function id(name: string): OperationId {
  return name as OperationId
}

function waiting(name: string, priorityClass: PriorityClass = 1): Candidate {
  return {id: id(name), priorityClass}
}

function member(name: string, phase: Member['phase'], priorityClass: PriorityClass = 1): Member {
  return {id: id(name), priority: PRIORITY_OF[priorityClass], phase}
}

function admitted(view: GroupView): string {
  const admission = nextAdmission(view)
  return admission.kind === 'admit' ? admission.id : 'none'
}

describe('nextAdmission', () => {
  it('takes the head of the line of a parallel group, whatever runs', () => {
    const members = [member('a', 'running'), member('b', 'holding')]
    expect(admitted({behavior: parallel, members, line: [waiting('c'), waiting('d')]})).toBe('c')
    expect(admitted({behavior: parallel, members, line: []})).toBe('none')
  })

  it.each(['running', 'holding', 'returning'] as const)(
    'lets only High pass a serialized group’s %s member',
    (phase) => {
      const members = [member('a', phase), ...(phase === 'returning' ? [member('b', 'running')] : [])]
      expect(admitted({behavior: serialized, members, line: [waiting('c'), waiting('d', 2)]})).toBe('none')
      expect(admitted({behavior: serialized, members, line: [waiting('c'), waiting('h', 0)]})).toBe('h')
    },
  )

  it('lets a default member in beside High ones', () => {
    const members = [member('h', 'running', 0)]
    expect(admitted({behavior: serialized, members, line: [waiting('c')]})).toBe('c')
  })

  it('takes returning members before the line, High first, then in the order of admission', () => {
    const members = [member('l', 'returning', 2), member('d', 'returning'), member('e', 'returning')]
    expect(admitted({behavior: parallel, members, line: [waiting('h', 0)]})).toBe('d')
    expect(admitted({behavior: parallel, members: [...members, member('g', 'returning', 0)], line: []})).toBe('g')
  })
})

describe('nextAdmissions', () => {
  it('are those whom one slot after another would get, and of a serialized group no more than one', () => {
    const origin = fc.constantFrom('a', 'b', 'c')
    const phase = fc.constantFrom<Member['phase']>('running', 'holding', 'returning')
    fc.assert(
      fc.property(
        fc.constantFrom(parallel, serialized),
        fc.array(fc.record({phase, priorityClass: classes, origin}), {maxLength: 6}),
        fc.array(fc.record({priorityClass: classes, origin}), {maxLength: 8}),
        fc.subarray(['a', 'b', 'c']),
        fc.integer({min: 1, max: 9}),
        (behavior, given, candidates, closedOrigins, count) => {
          const members = given.map((each, n) => ({...member(`m${n}`, each.phase, each.priorityClass), ...each}))
          const line = candidates.map((each, n) => ({...waiting(`w${n}`), ...each}))
          const view: GroupView = {behavior, members, line, closedOrigins}
          const ids: OperationId[] = []
          let rest = view
          for (let left = behavior === parallel ? count : 1; left > 0; left -= 1) {
            const next = nextAdmission(rest)
            if (next.kind === 'none') break
            ids.push(next.id)
            rest = withSlots(rest, [next.id])
          }
          expect(nextAdmissions(view, count)).toEqual(ids)
          const filled = withSlots(view, ids)
          expect(filled.line).toEqual(rest.line)
          const byId = (a: Member, b: Member) => (a.id < b.id ? -1 : 1)
          expect([...filled.members].sort(byId)).toEqual([...rest.members].sort(byId))
        },
      ),
    )
  })
})

describe('nextAdmission with closed origins', () => {
  const [A, B] = ['http://a.example', 'http://b.example']
  const at = (origin: string, name: string, priorityClass: PriorityClass = 1) => ({
    ...waiting(name, priorityClass),
    origin,
  })
  const line = [at(A, 'a1'), at(A, 'a2'), at(B, 'b1')]

  it('goes round them in a parallel group', () => {
    expect(admitted({behavior: parallel, members: [], line, closedOrigins: [A]})).toBe('b1')
    expect(admitted({behavior: parallel, members: [], line, closedOrigins: [A, B]})).toBe('none')
    expect(admitted({behavior: parallel, members: [], line, closedOrigins: [B]})).toBe('a1')
  })

  it('keeps the order of a serialized group, but for High ones', () => {
    expect(admitted({behavior: serialized, members: [], line, closedOrigins: [A]})).toBe('none')
    const withHigh = [at(A, 'h1', 0), at(B, 'h2', 0), ...line]
    expect(admitted({behavior: serialized, members: [], line: withHigh, closedOrigins: [A]})).toBe('h2')
    expect(admitted({behavior: serialized, members: [], line: [at(A, 'h1', 0), at(B, 'b1')], closedOrigins: [A]})).toBe(
      'b1',
    )
  })

  it('leaves a returning member of one aside, and what follows is admitted', () => {
    const returning = {...member('a0', 'returning'), origin: A}
    const other = {...member('b0', 'returning', 2), origin: B}
    expect(admitted({behavior: parallel, members: [returning, other], line, closedOrigins: [A]})).toBe('b0')
    expect(admitted({behavior: parallel, members: [returning], line, closedOrigins: [A]})).toBe('b1')
    expect(admitted({behavior: serialized, members: [returning], line, closedOrigins: [A]})).toBe('none')
  })

  it('never admits to a closed origin, and always somebody of a parallel group whose origin is open', () => {
    const candidates = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), classes), {maxLength: 8})
    fc.assert(
      fc.property(
        candidates,
        candidates,
        fc.subarray(['a', 'b', 'c']),
        fc.boolean(),
        (waits, returns, closed, isSerial) => {
          const inLine = waits.map(([origin, each], n) => ({...waiting(`w${n}`, each), origin}))
          const members = returns.map(([origin, each], n) => ({...member(`m${n}`, 'returning', each), origin}))
          const behavior = isSerial ? serialized : parallel
          const next = nextAdmission({behavior, members, line: inLine, closedOrigins: closed})
          const all = [...members, ...inLine]
          if (next.kind === 'admit') expect(closed).not.toContain(all.find((each) => each.id === next.id)?.origin)
          else if (!isSerial) expect(all.filter(({origin}) => !closed.includes(origin))).toEqual([])
        },
      ),
    )
  })
})

describe('toDisplace', () => {
  const members = [member('a', 'running'), member('h', 'running', 0)]

  it('sends the occupant of a serialized group back when another was made current', () => {
    expect(toDisplace({behavior: serialized, members, line: [waiting('d')], current: id('d')})).toEqual(['a'])
    for (const phase of ['holding', 'returning'] as const) {
      const view = {behavior: serialized, members: [member('a', phase)], line: [waiting('d')], current: id('d')}
      expect(toDisplace(view)).toEqual(['a'])
      expect(admitted(view)).toBe('none')
    }
  })

  it('displaces nobody otherwise', () => {
    const line = [waiting('d'), waiting('e')]
    expect(toDisplace({behavior: serialized, members, line})).toEqual([])
    expect(toDisplace({behavior: serialized, members, line: [], current: id('d')})).toEqual([])
    expect(toDisplace({behavior: serialized, members, line, current: id('e')})).toEqual([])
    expect(toDisplace({behavior: parallel, members, line, current: id('d')})).toEqual([])
    expect(toDisplace({behavior: serialized, members, line: [waiting('d', 0)], current: id('d')})).toEqual([])
    expect(toDisplace({behavior: serialized, members: [], line, current: id('d')})).toEqual([])
  })
})

type Event =
  | {readonly kind: 'arrive'; readonly priorityClass: PriorityClass}
  | {readonly kind: 'slot' | 'displace'}
  | {readonly kind: 'hold' | 'return' | 'end' | 'makeCurrent'; readonly pick: number}

const classes = fc.constantFrom<PriorityClass>(0, 1, 2)
const events: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.oneof(
    fc.record({kind: fc.constant('arrive' as const), priorityClass: classes}),
    {weight: 2, arbitrary: fc.record({kind: fc.constantFrom('slot' as const, 'displace' as const)})},
    fc.record({
      kind: fc.constantFrom('hold' as const, 'return' as const, 'end' as const, 'makeCurrent' as const),
      pick: fc.nat(),
    }),
  ),
  {maxLength: 60},
)

/** A group as the engine would keep it, with a plain list for the line. */
function apply(view: GroupView, event: Event, name: string): GroupView {
  const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(1, list.length)]
  switch (event.kind) {
    case 'arrive': {
      const line = [...view.line, waiting(name, event.priorityClass)]
      return {
        ...view,
        line: view.current === undefined ? line.toSorted((a, b) => a.priorityClass - b.priorityClass) : line,
      }
    }
    case 'slot': {
      const admission = nextAdmission(view)
      if (admission.kind === 'none') return view
      const returning = view.members.find((each) => each.id === admission.id)
      const {current, ...rest} = view
      const members =
        returning === undefined
          ? [...view.members, member(admission.id, 'running', admission.priorityClass)]
          : view.members.map((each) => (each === returning ? {...each, phase: 'running' as const} : each))
      return {
        ...rest,
        members,
        line: view.line.filter((each) => each.id !== admission.id),
        ...(current === undefined || current === admission.id ? {} : {current}),
      }
    }
    case 'displace': {
      const displaced = new Set(toDisplace(view))
      const back = view.members.filter((each) => displaced.has(each.id))
      return {
        ...view,
        members: view.members.filter((each) => !displaced.has(each.id)),
        line: [...view.line, ...back.map((each) => waiting(each.id, priorityClass(each.priority)))],
      }
    }
    case 'makeCurrent': {
      const target = pick(view.line, event.pick)
      if (target === undefined) return view
      const at = view.line.indexOf(target)
      return {...view, current: target.id, line: [...view.line.slice(at), ...view.line.slice(0, at)]}
    }
    default: {
      const chosen = pick(view.members, event.pick)
      if (chosen === undefined) return view
      if (event.kind === 'end') return {...view, members: view.members.filter((each) => each !== chosen)}
      const legal = event.kind === 'hold' ? chosen.phase === 'running' : chosen.phase === 'holding'
      if (!legal) return view
      const phase = event.kind === 'hold' ? ('holding' as const) : ('returning' as const)
      return {...view, members: view.members.map((each) => (each === chosen ? {...each, phase} : each))}
    }
  }
}

function occupants(view: GroupView): readonly Member[] {
  return view.members.filter((each) => each.priority !== BackgroundTransferPriority.high)
}

describe('a serialized group', () => {
  it('has at most one default or low member, in any sequence of events', () => {
    fc.assert(
      fc.property(events, (sequence) => {
        let view: GroupView = {behavior: serialized, members: [], line: []}
        for (const [index, event] of sequence.entries()) {
          view = apply(view, event, `op${index}`)
          expect(occupants(view).length).toBeLessThanOrEqual(1)
        }
      }),
      {numRuns: 1000},
    )
  })

  it('never runs two that were admitted while it was parallel, once they have stopped', () => {
    fc.assert(
      fc.property(events, events, (before, after) => {
        let view: GroupView = {behavior: parallel, members: [], line: []}
        for (const [index, event] of before.entries()) view = apply(view, event, `a${index}`)
        view = {...view, behavior: serialized}
        let running = occupants(view).filter((each) => each.phase === 'running').length
        for (const [index, event] of after.entries()) {
          view = apply(view, event, `b${index}`)
          const now = occupants(view).filter((each) => each.phase === 'running').length
          expect(now).toBeLessThanOrEqual(Math.max(1, running))
          running = now
        }
      }),
    )
  })

  it('runs everybody in the end, in order within each class', () => {
    fc.assert(
      fc.property(fc.array(classes, {maxLength: 20}), (arrivals) => {
        let view: GroupView = {behavior: serialized, members: [], line: []}
        for (const [index, each] of arrivals.entries()) {
          view = apply(view, {kind: 'arrive', priorityClass: each}, String(index))
        }
        const order: Candidate[] = []
        for (let turn = 0; turn < arrivals.length; turn += 1) {
          const admission = nextAdmission(view)
          if (admission.kind === 'none') throw new Error('stuck')
          order.push(admission)
          view = apply(apply(view, {kind: 'slot'}, ''), {kind: 'end', pick: 0}, '')
        }
        const expected = arrivals
          .map((each, index) => waiting(String(index), each))
          .toSorted((a, b) => a.priorityClass - b.priorityClass)
        expect(order).toMatchObject(expected)
        expect(nextAdmission(view)).toEqual({kind: 'none'})
      }),
    )
  })

  it('lets the current one in after it displaced the occupant, who keeps its place in line', () => {
    let view: GroupView = {
      behavior: serialized,
      members: [member('a', 'running')],
      line: ['b', 'c', 'd', 'e'].map((name) => waiting(name)),
    }
    view = apply(view, {kind: 'makeCurrent', pick: 2}, '')
    expect(admitted(view)).toBe('none')
    view = apply(apply(view, {kind: 'displace'}, ''), {kind: 'slot'}, '')
    expect(view.members.map((each) => each.id)).toEqual(['d'])
    expect(view.line.map((each) => each.id)).toContain('a')
    expect(toDisplace(view)).toEqual([])
  })
})

const offers: fc.Arbitrary<readonly GroupOffer[]> = fc.uniqueArray(
  fc.record({group: fc.string({maxLength: 3}), priorityClass: classes, lastServed: fc.nat(20)}),
  {selector: (offer) => offer.group, maxLength: 12},
)

function watched(max: number): fc.Arbitrary<PassedOver> {
  return fc.tuple(fc.constant(0), fc.nat(max), fc.nat(max))
}

describe('chooseOffer', () => {
  it('gives nothing for no offers', () => expect(chooseOffer([], [0, 0, 0])).toBeUndefined())

  it('does not depend on the order of the offers', () => {
    const shuffled = offers.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], {minLength: list.length})),
    )
    fc.assert(
      fc.property(shuffled, watched(2 * PATIENCE), ([list, other], passedOver) => {
        expect(chooseOffer(other, passedOver)).toBe(chooseOffer(list, passedOver))
      }),
    )
  })

  it('takes the highest class, and in it the group served longest ago, while everybody is patient', () => {
    fc.assert(
      fc.property(offers, watched(PATIENCE - 1), (list, passedOver) => {
        const chosen = chooseOffer(list, passedOver)
        for (const other of list) {
          expect(chosen?.priorityClass).toBeLessThanOrEqual(other.priorityClass)
          if (other.priorityClass === chosen?.priorityClass) {
            expect(chosen.lastServed).toBeLessThanOrEqual(other.lastServed)
          }
        }
      }),
    )
  })

  it('takes an impatient class first', () => {
    fc.assert(
      fc.property(offers, watched(2 * PATIENCE), (list, passedOver) => {
        fc.pre(list.some(({priorityClass}) => passedOver[priorityClass] >= PATIENCE))
        expect(passedOver[chooseOffer(list, passedOver)?.priorityClass ?? 0]).toBeGreaterThanOrEqual(PATIENCE)
      }),
    )
  })

  it('starves no group, and leaves High nearly all turns, when every group always has something to offer', () => {
    fc.assert(
      fc.property(fc.array(classes, {minLength: 1, maxLength: 6}), (list) => {
        let passedOver: PassedOver = [0, 0, 0]
        const state = list.map((each, index) => ({group: String(index), priorityClass: each, lastServed: 0}))
        const turns = new Map<string, number[]>()
        const rounds = (PATIENCE + 1) * list.length * 3
        for (let round = 0; round < rounds; round += 1) {
          const served = chooseOffer(state, passedOver)
          if (served === undefined) throw new Error('nobody was served')
          turns.set(served.group, [...(turns.get(served.group) ?? []), round])
          passedOver = countTurn(passedOver, list, served.priorityClass)
          served.lastServed = round + 1
        }
        const highest = Math.min(...list)
        let ofHighest = 0
        for (const offer of state) {
          const at = turns.get(offer.group) ?? []
          const gaps = [...at, rounds].map((round, index) => round - (at[index - 1] ?? 0))
          expect(Math.max(...gaps)).toBeLessThanOrEqual((PATIENCE + 1) * list.length + 1)
          if (offer.priorityClass === highest) ofHighest += at.length
        }
        expect(ofHighest).toBeGreaterThanOrEqual(Math.floor((rounds * PATIENCE) / (PATIENCE + 1)) - 1)
      }),
      {numRuns: 50},
    )
  })
})

describe('countTurn', () => {
  it('counts only turns of higher classes, and only for classes that offer something', () => {
    expect(countTurn([0, 3, 5], [0, 1], 0)).toEqual([0, 4, 5])
    expect(countTurn([0, 3, 5], [1, 2], 1)).toEqual([0, 0, 6])
  })

  it('has all wait anew after a turn that was owed to patience', () => {
    expect(countTurn([0, PATIENCE, PATIENCE + 2], [0, 1, 2], 1)).toEqual([0, 0, 0])
  })
})
