/** The rules of applications over any history: bytes of a day, a gate that lets no more through than it may, paths. */

import {posix} from 'node:path'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {createActor} from 'xstate'
import {applicationMachine} from '../../machines/application.machine.ts'
import {type DayUse, dayOf, isWithin, rulesOf, untilNextDay, used} from '../../src/domain/applications.ts'
import {ApplicationUsage} from '../../src/engine/applications/application-usage.ts'
import {ApplicationBuckets} from '../../src/engine/bytes/application-buckets.ts'
import {RateLimits} from '../../src/engine/bytes/rate-limits.ts'
import type {Usage} from '../../src/ports/usage-ledger.ts'
import {operationId} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const HOUR_MS = 3_600_000
const silent = {debug: () => {}, info: () => {}, warn: () => {}, error: () => {}}

describe('the bytes of a day', () => {
  it('are those that passed in it, however time goes on', () => {
    const steps = fc.array(fc.tuple(fc.nat({max: 30 * HOUR_MS}), fc.nat({max: 1e9})), {maxLength: 50})
    fc.assert(
      fc.property(steps, fc.nat({max: 1e12}), (all, start) => {
        let now = start
        let use: DayUse | undefined
        const passed: [day: number, bytes: number][] = []
        for (const [ms, bytes] of all) {
          now += ms
          use = used(use, bytes, now)
          passed.push([dayOf(now), bytes])
          const sum = passed.filter(([day]) => day === dayOf(now)).reduce((total, [, each]) => total + each, 0)
          expect(use).toEqual({day: dayOf(now), bytes: sum})
          expect(dayOf(now + untilNextDay(now))).toBe(dayOf(now) + 1)
          expect(dayOf(now + untilNextDay(now) - 1)).toBe(dayOf(now))
        }
      }),
    )
  })

  it('are told to be spent at the first byte that is one too many, and not before, over sessions as within one', async () => {
    const steps = fc.array(fc.tuple(fc.nat({max: 5 * HOUR_MS}), fc.nat({max: 400}), fc.boolean()), {maxLength: 30})
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const clock = new SimulatedClock(0)
        let kept: Usage = {}
        const ledger = {
          read: async () => kept,
          write: async (usage: Usage) => {
            kept = usage
          },
        }
        let spentOn = -1
        const open = async () => {
          const onSpent = () => {
            spentOn = dayOf(clock.now())
          }
          const applications = {apps: {films: {maxBytesPerDay: 1_000}}}
          const usage = new ApplicationUsage({applications, clock, log: silent, ledger, onSpent})
          await usage.begin()
          return usage
        }
        let usage = await open()
        let model: DayUse | undefined
        for (const [ms, bytes, isReopened] of all) {
          clock.advanceBy(ms)
          model = used(model, bytes, clock.now())
          usage.spend({app: 'films'}, bytes)
          usage.spend({app: 'books'}, bytes)
          if (isReopened) {
            await usage.close()
            usage = await open()
          }
          const isSpent = model.bytes >= 1_000
          expect(usage.usedBy({app: 'films'})).toBe(model.bytes)
          expect(spentOn === dayOf(clock.now())).toBe(isSpent)
          const demand = () => usage.demand({app: 'films'})
          if (isSpent) expect(demand).toThrow('has used its 1000 bytes')
          else demand()
          usage.demand({app: 'books'})
        }
      }),
      {numRuns: 50},
    )
  })
})

describe('the gate of an application', () => {
  it('is shut exactly while as many have traffic as may, or its day is spent', () => {
    const event = fc.oneof(
      fc.record({type: fc.constant('slot.taken' as const), id: fc.integer({min: 1, max: 6}).map(operationId)}),
      fc.record({type: fc.constant('slot.given' as const), id: fc.integer({min: 1, max: 6}).map(operationId)}),
      fc.record({type: fc.constant('budget.spent' as const), restMs: fc.integer({min: 1, max: 1_000})}),
      fc.record({type: fc.constant('time' as const), ms: fc.nat({max: 700})}),
    )
    fc.assert(
      fc.property(fc.integer({min: 1, max: 4}), fc.array(event, {maxLength: 40}), (limit, events) => {
        const clock = new SimulatedClock(0)
        const displaced: string[] = []
        const provided = applicationMachine().provide({actions: {displace: (_, {ids}) => displaced.push(...ids)}})
        const actor = createActor(provided, {input: {gate: 'app:films', limit}, clock}).start()
        const users = new Set<string>()
        let spentUntil = 0
        for (const each of events) {
          if (each.type === 'time') clock.advanceBy(each.ms)
          else actor.send(each)
          if (each.type === 'slot.taken') users.add(each.id)
          if (each.type === 'slot.given') users.delete(each.id)
          if (each.type === 'budget.spent') {
            spentUntil = clock.now() + each.restMs
            expect(displaced.splice(0).toSorted()).toEqual([...users].toSorted())
          }
          const isShut = users.size >= limit || clock.now() < spentUntil
          expect(actor.getSnapshot().hasTag('closed')).toBe(isShut)
          expect(actor.getSnapshot().hasTag('admitting')).toBe(!isShut)
        }
        actor.stop()
      }),
    )
  })
})

describe('the rate of an application', () => {
  it('is that of all its operations together, and of no other’s', () => {
    const clock = new SimulatedClock(0)
    const rateOf = ({app}: {readonly app?: string}) => (app === 'films' ? 1_000 : undefined)
    const limits = new RateLimits(clock, {rateOf, counts: () => false, spend: () => {}})
    const allowance = (n: number, app: string) =>
      limits.allowanceOf({id: operationId(n), app, policy: {priority: 0, costPolicy: 0, group: `g${n}`}})
    const [one, two, other] = [allowance(1, 'films'), allowance(2, 'films'), allowance(3, 'books')]
    expect([one.isUnlimited, two.isUnlimited, other.isUnlimited]).toEqual([false, false, true])
    let bytes = 0
    for (let ms = 0; ms < 60_000; ms += 100) {
      for (const each of [one, two]) {
        if (!each.isOpen()) continue
        each.spend(150)
        bytes += 150
      }
      clock.advanceBy(100)
    }
    expect(bytes).toBeGreaterThan(58_000)
    // A second's worth may stand in the bucket, and the last buffer may overdraw it.
    expect(bytes).toBeLessThan(62_000)
    expect(other.isOpen()).toBe(true)
  })

  it('is remembered of none that used less, however many names come, and holds for each that is back', () => {
    const clock = new SimulatedClock(0)
    const buckets = new ApplicationBuckets()
    const limits = new RateLimits(clock, {rateOf: () => 1_000, counts: () => false, spend: () => {}}, buckets)
    const allowances = Array.from({length: 100}, (_, n) =>
      limits.allowanceOf({id: operationId(n), app: `app-${n}`, policy: {priority: 0, costPolicy: 0, group: ''}}),
    )
    for (let round = 0; round < 3; round++) {
      for (const each of allowances) each.spend(500)
      expect([buckets.size, allowances.every((each) => each.isUnlimited || each.isOpen())]).toEqual([100, false])
      clock.advanceBy(499)
      limits.wake()
      expect(buckets.size).toBe(100)
      clock.advanceBy(1)
      limits.wake()
      expect([buckets.size, allowances.every((each) => !each.isUnlimited && each.isOpen())]).toEqual([0, true])
    }
  })
})

describe('paths', () => {
  const segment = fc.stringMatching(/^[a-z.]{1,4}$/).filter((each) => each !== '.' && each !== '..')
  const path = fc.array(segment, {maxLength: 5}).map((segments) => `/${segments.join('/')}`)

  it('lie within a directory exactly where no step leads up out of it', () => {
    fc.assert(
      fc.property(path, path, (a, b) => {
        const relative = posix.relative(b, a)
        expect(isWithin(a, b)).toBe(relative !== '..' && !relative.startsWith('../'))
        expect(isWithin(posix.join(b, a), b)).toBe(true)
      }),
    )
  })

  it('rules of a name are its own, those for others, or none: never those of an object’s prototype', () => {
    expect(rulesOf({apps: {films: {maxOperations: 1}}}, 'constructor')).toBeUndefined()
    expect(rulesOf({apps: {films: {maxOperations: 1}}}, undefined)).toEqual({})
    expect(rulesOf(undefined, 'films')).toEqual({})
  })
})
