/**
 * Batches with notifications over seeded crashes, restarts and failing stores: nobody is ever told of a batch that goes on, every
 * batch is told of at most once, and exactly once but where a process died between counting a notice out and showing it.
 */

import fc from 'fast-check'
import {expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {NotificationBatch} from '../../src/domain/notice.ts'
import type {OperationId, TallyId} from '../../src/domain/operation-id.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {isTerminal} from '../../src/domain/status.ts'
import type {OperationDraft} from '../../src/engine/engine-api.ts'
import type {MemoryStore} from '../support/memory-store.ts'
import {operationId} from '../support/records.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const RUNS = Number(process.env.NOTIFICATION_RUNS ?? 100)
const SEED = process.env.NOTIFICATION_SEED
const BATCHES = 3

type Command =
  | {readonly kind: 'create'; readonly batch: number; readonly fails: boolean}
  | {readonly kind: 'start' | 'withdraw'; readonly nth: number}
  | {readonly kind: 'advance'; readonly ms: number}
  | {readonly kind: 'failStore'; readonly batches: number}
  | {readonly kind: 'crash'; readonly how: 'kill' | 'power'}
  | {readonly kind: 'reopen'}

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      batch: fc.nat({max: BATCHES - 1}),
      fails: fc.constantFrom(false, false, false, true),
    }),
  },
  {weight: 6, arbitrary: fc.record({kind: fc.constant('start' as const), nth: fc.nat({max: 20})})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('withdraw' as const), nth: fc.nat({max: 20})})},
  {
    weight: 6,
    arbitrary: fc.record({kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 3, 5, 20, 300, 6_000)}),
  },
  {weight: 1, arbitrary: fc.record({kind: fc.constant('failStore' as const), batches: fc.integer({min: 1, max: 2})})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('crash' as const), how: fc.constantFrom('kill', 'power')})},
  {weight: 1, arbitrary: fc.constant({kind: 'reopen' as const})},
)

const notices = {
  successToast: {content: '<toast><text>success</text></toast>'},
  failureToast: {content: '<toast><text>failure</text></toast>'},
}

const refused = () => new TransferError('DISK_FAILED', 'the disk failed')

class Model {
  readonly world: SimulatedWorld
  readonly #tally: Map<string, number>
  readonly #batches: readonly NotificationBatch[]
  /** Created and not started, and their process lives. */
  #drafts: OperationDraft[] = []
  /** Started, whether that is durable or not. */
  readonly #started = new Map<OperationId, TallyId>()
  /** Notices that are being counted out in this process. */
  #beginning = new Set<TallyId>()
  /** Ends that were counted out and never shown, because the process died in between. */
  readonly #lost = new Map<TallyId, number>()
  readonly #failures: string[] = []
  #created = 0

  constructor(seed: number, tally: Map<string, number>) {
    this.#tally = tally
    this.world = new SimulatedWorld({seed, mostDelayMs: 7, engine: {retries: 0}})
    this.world.onStore = (store) => this.#watch(store)
    this.#batches = Array.from({length: BATCHES}, (_, n) => ({id: operationId(900 + n), notices}))
  }

  async apply(each: Command): Promise<void> {
    const {world} = this
    switch (each.kind) {
      case 'create':
        this.#create(each.batch, each.fails)
        break
      case 'start':
        this.#take(each.nth, (draft) => {
          this.#started.set(draft.id, batchOf(draft))
          world.engine.startMany([draft]).catch(() => this.#started.delete(draft.id))
        })
        break
      case 'withdraw':
        this.#take(each.nth, (draft) => world.engine.notifications.withdraw([draft]))
        break
      case 'advance':
        await world.advance(each.ms)
        break
      case 'failStore':
        world.process.store.failNextCommits(refused(), each.batches)
        break
      case 'crash':
        world.crash(each.how)
        this.#count('crashes')
        this.#forgetProcess()
        await world.open()
        break
      case 'reopen':
        await this.reopen()
        break
    }
    await world.settle()
    expect(this.#failures).toEqual([])
  }

  async reopen(): Promise<void> {
    this.world.process.store.failNextCommits(refused(), 0)
    await this.world.close()
    this.#forgetProcess()
    await this.world.open()
  }

  /** Everything that is owed is told, and nothing twice: the books balance, by outcome. */
  async finish(): Promise<void> {
    const {world} = this
    await this.reopen()
    await world.advance(60_000)
    expect(this.#failures).toEqual([])
    const records = this.#records()
    for (const {id} of this.#batches) {
      const members = records.filter((each) => each.notificationBatch?.id === id)
      expect(members.filter(({state}) => !isTerminal(state))).toEqual([])
      const told = world.notices.filter(({batch}) => batch === id)
      for (const {outcome, failed, completed} of told) {
        this.#count(outcome)
        expect(outcome).toBe(failed > 0 ? 'failure' : 'success')
        expect(failed + completed).toBeGreaterThan(0)
      }
      expect(this.#toldOf(id) + (this.#lost.get(id) ?? 0), 'each end is told of once').toBe(members.length)
    }
    expect(
      world.storeDisk
        .read()
        .tallies()
        .filter(({state}) => state !== 'done'),
    ).toEqual([])
    await world.close()
  }

  #create(batch: number, fails: boolean): void {
    const {world} = this
    this.#created += 1
    const n = this.#created
    if (!fails) world.network.serve(urlOf(n), {seed: n, size: 1_000})
    const draft = world.draft(n, {policy: {group: `g${batch}`}})
    const notificationBatch = this.#batches[batch] as NotificationBatch
    world.engine.notifications.expect(notificationBatch.id)
    this.#drafts.push({...draft, notificationBatch})
  }

  #take(nth: number, use: (draft: OperationDraft) => void): void {
    const draft = this.#drafts[nth % Math.max(1, this.#drafts.length)]
    if (draft === undefined) return
    this.#drafts = this.#drafts.filter((other) => other !== draft)
    use(draft)
  }

  /** The moment at which a notice is decided on is that in which its ends are counted out. */
  #watch(store: MemoryStore): void {
    const change = store.changeTally.bind(store)
    store.changeTally = async (ref, what) => {
      // A store that refuses is asked again, when others may have joined.
      if (what.kind === 'show' && !this.#beginning.has(ref.id)) {
        this.#beginning.add(ref.id)
        const held = this.#drafts.filter((draft) => batchOf(draft) === ref.id)
        const ended = this.#records().filter(({state}) => isTerminal(state))
        const over = new Set(ended.map(({id}) => id))
        const live = [...this.#started].filter(([id, batch]) => batch === ref.id && !over.has(id))
        // An end may be counted while it is being written: it is durable with the notice that counts it, or neither is.
        const {completed, failed, canceled} = what.ends
        const known = ended.filter((each) => each.notificationBatch?.id === ref.id).length
        const owed = known - this.#toldOf(ref.id) - (this.#lost.get(ref.id) ?? 0)
        const uncounted = live.length + owed - (completed + failed + canceled)
        // Thrown here it would be a store's refusal.
        if (held.length + uncounted > 0)
          this.#failures.push(`${ref.id} is told of while ${held.length} wait and ${uncounted} go on`)
      }
      await change(ref, what)
      if (what.kind === 'show') this.#beginning.delete(ref.id)
    }
  }

  #forgetProcess(): void {
    this.#drafts = []
    this.#beginning = new Set()
    const records = this.#records()
    const known = new Set(records.map(({id}) => id))
    for (const id of this.#started.keys()) if (!known.has(id)) this.#started.delete(id)
    for (const tally of this.world.storeDisk.read().tallies()) {
      const ended = records.filter((each) => each.notificationBatch?.id === tally.id && isTerminal(each.state)).length
      const counted = tally.completed + tally.failed + this.#toldOf(tally.id) + (this.#lost.get(tally.id) ?? 0)
      if (counted === ended) continue
      expect(tally.runs, 'only what was being shown can be lost').toBe(1)
      this.#count('lost')
      this.#lost.set(tally.id, (this.#lost.get(tally.id) ?? 0) + ended - counted)
    }
  }

  #toldOf(id: TallyId): number {
    const told = this.world.notices.filter(({batch}) => batch === id)
    return told.reduce((sum, {completed, failed}) => sum + completed + failed, 0)
  }

  #records(): readonly OperationRecord[] {
    return this.world.storeDisk.read().query({limit: 1_000})
  }

  #count(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1)
  }
}

function batchOf({notificationBatch}: OperationDraft): TallyId {
  return (notificationBatch as NotificationBatch).id
}

it('242, 243, 244, 245. tells of each batch once, whatever becomes of the process', async () => {
  const tally = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(command, {maxLength: 40, size: 'max'}), async (seed, commands) => {
      const model = new Model(seed, tally)
      await model.world.open()
      for (const each of commands) await model.apply(each)
      await model.finish()
    }),
    {numRuns: RUNS, ...(SEED === undefined ? {} : {seed: Number(SEED)})},
  )
  // A simulation in which these never happen proves nothing about them.
  for (const what of ['crashes', 'success', 'failure']) expect(tally.get(what) ?? 0, what).toBeGreaterThan(0)
  if (process.env.NOTIFICATION_TALLY !== undefined) console.log(tally)
}, 300_000)
