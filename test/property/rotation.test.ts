/** The rotation of groups against the policy it stands for: whatever is offered, withdrawn, closed and taken, the same choice. */

import fc from 'fast-check'
import {expect, it} from 'vitest'
import {chooseOffer, countTurn, type PassedOver} from '../../src/domain/admission.ts'
import type {PriorityClass} from '../../src/domain/priority.ts'
import {type Offer, Rotation} from '../../src/engine/admission/rotation.ts'

const GROUPS = ['a', 'b', 'c', 'd', 'e', 'f']
const ORIGINS = ['http://x', 'http://y']

type Step =
  | {readonly kind: 'offer'; readonly group: string; readonly priorityClass: PriorityClass; readonly origin?: string}
  | {readonly kind: 'withdraw'; readonly group: string}
  | {readonly kind: 'close' | 'open'; readonly origin: string}
  | {readonly kind: 'peek'; readonly count: number}
  | {readonly kind: 'take'; readonly times: number}

const group = fc.constantFrom(...GROUPS)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      {
        kind: fc.constant('offer' as const),
        group,
        priorityClass: fc.constantFrom<PriorityClass>(0, 1, 2),
        origin: fc.constantFrom(...ORIGINS),
      },
      {requiredKeys: ['kind', 'group', 'priorityClass']},
    ),
  },
  fc.record({kind: fc.constant('withdraw' as const), group}),
  fc.record({kind: fc.constantFrom('close' as const, 'open' as const), origin: fc.constantFrom(...ORIGINS)}),
  fc.record({kind: fc.constant('peek' as const), count: fc.integer({min: 1, max: 4})}),
  {weight: 3, arbitrary: fc.record({kind: fc.constant('take' as const), times: fc.integer({min: 1, max: 40})})},
)

it('chooses as the policy does, in any history', () => {
  fc.assert(
    fc.property(fc.array(step, {maxLength: 60}), (steps) => {
      const rotation = new Rotation()
      const offers = new Map<string, Offer>()
      const served = new Map<string, number>()
      const closed = new Set<string>()
      let passedOver: PassedOver = [0, 0, 0]
      let turn = 0
      const open = () => [...offers.values()].filter(({origin}) => origin === undefined || !closed.has(origin))
      const put = (offer: Offer) => {
        offers.set(offer.group, offer)
        rotation.offer(offer)
      }
      for (const each of steps) {
        switch (each.kind) {
          case 'offer': {
            const {kind: _, ...offer} = each
            put({...offer, lastServed: served.get(each.group) ?? 0})
            break
          }
          case 'withdraw':
            offers.delete(each.group)
            rotation.withdraw(each.group)
            break
          case 'close':
            closed.add(each.origin)
            break
          case 'open':
            closed.delete(each.origin)
            break
          case 'peek': {
            const next = rotation.next(each.count, closed)
            expect(next).toHaveLength(Math.min(each.count, open().length))
            expect(next[0]).toEqual(chooseOffer(open(), passedOver))
            break
          }
          case 'take':
            // Long enough for the patience of the lower classes.
            for (let time = 0; time < each.times; time++) {
              const offer = chooseOffer(open(), passedOver)
              expect(rotation.choose(closed)).toEqual(offer)
              if (offer === undefined) break
              passedOver = countTurn(
                passedOver,
                open().map(({priorityClass}) => priorityClass),
                offer.priorityClass,
              )
              turn += 1
              expect(rotation.take(offer, closed)).toBe(turn)
              served.set(offer.group, turn)
              put({...offer, lastServed: turn})
            }
        }
      }
    }),
    {numRuns: 500},
  )
})

it('holds no more than it is offered, however often that changes', () => {
  const rotation = new Rotation()
  const none = new Set<string>()
  for (let turn = 1; turn <= 20_000; turn++) {
    rotation.offer({
      group: GROUPS[turn % GROUPS.length] ?? '',
      priorityClass: ((turn >> 3) % 3) as PriorityClass,
      lastServed: turn,
    })
  }
  for (const each of GROUPS) rotation.withdraw(each)
  expect(rotation.choose(none)).toBeUndefined()
  expect(rotation.held).toBeLessThan(200)
})
