/** Fairness of a whole engine on simulated time: no group that has something to offer starves, and a shared rate is shared. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {PATIENCE} from '../../src/domain/admission.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {BackgroundTransferPriority} from '../../src/domain/priority.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const {default: normal, high, low} = BackgroundTransferPriority

interface Planned {
  readonly group: string
  readonly priority: BackgroundTransferPriority
}

/** Group names in the order in which their members got onto the wire, and whom that left waiting. */
class Turns {
  readonly order: string[] = []
  /** For each group, the most turns in a row that others had while it had something to offer. */
  readonly longestWaits = new Map<string, number>()
  readonly #groupOf = new Map<OperationId, string>()
  /** Members that wait, by group. */
  readonly #waiting = new Map<string, number>()
  /** Members of serialized groups that hold their group's place. */
  readonly #occupied = new Map<string, number>()
  readonly #waits = new Map<string, number>()
  readonly #isSerialized: (group: string) => boolean

  constructor(isSerialized: (group: string) => boolean) {
    this.#isSerialized = isSerialized
  }

  add(id: OperationId, group: string): void {
    this.#groupOf.set(id, group)
    this.#waiting.set(group, (this.#waiting.get(group) ?? 0) + 1)
  }

  hear(event: EngineEvent): void {
    if (event.type !== 'operation.moved') return
    const group = this.#groupOf.get(event.id) ?? ''
    if (event.from === 'queued') this.#served(group)
    if (event.to === 'completed') this.#occupied.set(group, (this.#occupied.get(group) ?? 0) - 1)
  }

  #served(served: string): void {
    this.order.push(served)
    for (const [group, waiting] of this.#waiting) {
      const isBound = this.#isSerialized(group) && (this.#occupied.get(group) ?? 0) > 0
      const waits = group === served || waiting === 0 || isBound ? 0 : (this.#waits.get(group) ?? 0) + 1
      this.#waits.set(group, waits)
      this.longestWaits.set(group, Math.max(waits, this.longestWaits.get(group) ?? 0))
    }
    this.#waiting.set(served, (this.#waiting.get(served) ?? 0) - 1)
    this.#occupied.set(served, (this.#occupied.get(served) ?? 0) + 1)
  }
}

/** Runs all of them to their end; the first batch is there when the engine opens, each later one comes a little later. */
async function run(
  batches: readonly (readonly Planned[])[],
  {capacity, awake, serialized = []}: {capacity: number; awake: number; serialized?: readonly string[]},
): Promise<Turns> {
  const world = new SimulatedWorld({engine: {maxConcurrentTransfers: capacity}, mostAwakeGroups: awake})
  const turns = new Turns((group) => serialized.includes(group))
  world.onEvent = (event) => turns.hear(event)
  await world.open()
  for (const group of serialized) await world.until(world.engine.setBehavior(group, 1))
  const entries: OperationEntry[] = []
  let n = 0
  for (const batch of batches) {
    const drafts = batch.map((policy) => {
      n += 1
      world.network.serve(urlOf(n), {seed: n, size: 5_000})
      const draft = world.draft(n, {policy})
      turns.add(draft.id, policy.group)
      return draft
    })
    entries.push(...(await world.until(world.engine.start(drafts))))
    await world.advance(150)
  }
  await world.until(() => entries.every(({isOver}) => isOver))
  expect(new Set(entries.map(({state}) => state))).toEqual(new Set(['completed']))
  await world.close()
  return turns
}

const name = (n: number) => `group ${n}`

describe('no group starves', () => {
  it('17.J. of one class: whoever has something to offer is passed over once by each other group, and no more', async () => {
    const groups = fc.array(fc.tuple(fc.integer({min: 1, max: 7}), fc.boolean()), {minLength: 2, maxLength: 8})
    await fc.assert(
      fc.asyncProperty(
        groups,
        fc.integer({min: 1, max: 3}),
        fc.integer({min: 2, max: 9}),
        async (sizes, capacity, awake) => {
          const serialized = sizes.flatMap(([, isSerialized], at) => (isSerialized ? [name(at)] : []))
          const planned = sizes.flatMap(([size], at) =>
            Array.from({length: size}, () => ({group: name(at), priority: normal})),
          )
          const turns = await run([planned], {capacity, awake, serialized})
          expect(turns.order).toHaveLength(planned.length)
          for (const [group, waits] of turns.longestWaits) expect(waits, group).toBeLessThan(sizes.length)
        },
      ),
      {numRuns: 60},
    )
  })

  it('17.J. of a lower class: High groups without end, old and new, let it have its turn', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({min: 1, max: 3}),
        fc.integer({min: 1, max: 4}),
        fc.constantFrom(normal, low),
        async (capacity, floods, priority) => {
          const patient = [
            {group: 'patient', priority},
            {group: 'patient', priority},
          ]
          const batches = Array.from({length: 6}, (_, batch) =>
            Array.from({length: 16}, (_, at) => ({group: `flood ${batch}.${at % floods}`, priority: high})),
          )
          const [first = [], ...rest] = batches
          const turns = await run([[...first, ...patient], ...rest], {capacity, awake: 3})
          expect(turns.longestWaits.get('patient')).toBeLessThanOrEqual(PATIENCE)
          // It was really passed over: High comes first as long as patience lasts.
          expect(turns.order.slice(0, 16)).not.toContain('patient')
        },
      ),
      {numRuns: 6},
    )
  })
})

describe('a shared rate', () => {
  /** Bytes a second of one connection, when nothing limits it. */
  const WIRE = 400_000
  /** How much goes through while it is looked at, whatever the limit: enough that the size of one piece does not show. */
  const SHARED_BYTES = 2_400_000

  it('is shared by all that move, evenly, whenever they came and whatever their group', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({max: 2}), fc.nat({max: 3_000})), {minLength: 2, maxLength: 6}),
        fc.integer({min: 40_000, max: 200_000}),
        async (arrivals, limit) => {
          const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 9, maxBytesPerSecond: limit}})
          world.network.pieceBytes = WIRE / 10
          await world.open()
          const entries: OperationEntry[] = []
          for (const [group, after] of arrivals) {
            const n = entries.length + 1
            world.network.serve(urlOf(n), {seed: n, size: 50_000_000})
            entries.push(...(await world.until(world.engine.start([world.draft(n, {policy: {group: name(group)}})]))))
            await world.advance(after)
          }
          await world.advance(5_000)
          const before = entries.map((entry) => world.engine.progressOf(entry).received)
          const seconds = SHARED_BYTES / limit
          await world.advance(seconds * 1000)
          const fair = limit / entries.length
          entries.forEach((entry, at) => {
            const rate = (world.engine.progressOf(entry).received - (before[at] ?? 0)) / seconds
            expect(rate, `operation ${at}`).toBeGreaterThan(fair * 0.75)
            expect(rate, `operation ${at}`).toBeLessThan(fair * 1.25)
          })
          await world.close()
        },
      ),
      {numRuns: 25},
    )
  })
})
