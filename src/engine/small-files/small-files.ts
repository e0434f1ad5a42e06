/**
 * Carries small files: downloads that go their plain way from servers that proved to send such, many in one batch
 * (machines/small-files.machine.ts), for a fraction of what an actor for each would cost. Each keeps its record, its journal, its
 * events and its slot; whatever is not plain makes the batch let go of it, and it goes on with a chart of its own.
 */

import {createActor, fromPromise, type SnapshotFrom, waitFor} from 'xstate'
import {type SmallFilesActor, smallFilesMachine} from '../../../machines/small-files.machine.ts'
import type {BufferPool} from '../../actors/buffer-pool.ts'
import {nameOf} from '../../actors/finish-file.ts'
import {
  SmallExchange,
  type SmallExchangeListener,
  type SmallExchangePorts,
  type SmallOutcome,
} from '../../actors/small-exchange.ts'
import {blockageOf, type Conditions} from '../../domain/conditions.ts'
import {asTransferError, TransferError} from '../../domain/errors.ts'
import {withPublished, withTry, withVerified} from '../../domain/life-facts.ts'
import type {OperationSettings} from '../../domain/operation-settings.ts'
import {originOf} from '../../domain/origin.ts'
import {isPlain} from '../../domain/plain-download.ts'
import {PLAIN_LIFE} from '../../domain/plain-life.ts'
import type {OperationFacts, OperationRecord} from '../../domain/record.ts'
import {partNameOf} from '../../ports/file-sink.ts'
import type {ProgressMeter} from '../../ports/progress-meter.ts'
import type {RateLimiter} from '../../ports/rate-limiter.ts'
import type {OperationEntry} from '../operations/operation-entry.ts'
import type {ChartStep} from '../operations/record-of.ts'
import type {ResolvedEngineOptions} from '../options.ts'
import type {EnginePorts} from '../ports.ts'
import {type Batch, CarriedFile} from './carried-file.ts'
import {SmallOrigins} from './small-origins.ts'

/** ms. A server that takes longer is no server of small files. */
const PATIENCE_MS = 2000

/** Whoever comes just after the slow ones were looked for is found slow when they are looked for the second time. */
const LOOKS = 2

/** Files of one turn: on a quick disk all of them are written without the event loop turning once. */
const MOST_FILED = 64

export interface SmallFilesOptions {
  readonly ports: Pick<EnginePorts, 'transport' | 'sink' | 'secrets' | 'clock'>
  readonly meter: ProgressMeter
  readonly limiter: RateLimiter
  readonly pool: BufferPool
  readonly conditions: () => Conditions
  readonly inspect: ResolvedEngineOptions['inspect']
  readonly settings: OperationSettings
  /** Plain small files in a row after which a server is trusted with a batch; Infinity for never. */
  readonly trustedAfter: number
  /** Bytes. A larger file is written while it comes, and not at once when it is whole. */
  readonly mostHeldBytes: number
  /** Of this group one runs after the other. */
  readonly isSerialized: (group: string) => boolean
  /** Somebody waits for a slot for this origin, as they are given back here. */
  readonly isAwaited: (origin: string) => boolean
  /** Takes a step of an operation; resolves when its record is durable. */
  readonly take: (entry: OperationEntry, step: ChartStep) => Promise<void> | undefined
  /** It is to go on by itself: makes the batch let go of it. */
  readonly promote: (entry: OperationEntry) => void
}

export class SmallFiles implements Batch {
  readonly #options: SmallFilesOptions
  readonly #exchangePorts: SmallExchangePorts
  readonly #origins: SmallOrigins
  readonly #onWire = new Set<CarriedFile>()
  /** All bytes of these are here. */
  readonly #arrived: CarriedFile[] = []
  /** Those that become files now. */
  #turn: readonly CarriedFile[] = []
  #actor: SmallFilesActor | undefined

  constructor(options: SmallFilesOptions) {
    this.#options = options
    const {ports, meter, pool, mostHeldBytes} = options
    this.#exchangePorts = {...ports, meter, pool, mostHeldBytes, now: () => this.now()}
    this.#origins = new SmallOrigins(options.trustedAfter)
  }

  /** Takes an admitted operation into the batch, if it may go there. */
  tryCarry(entry: OperationEntry): boolean {
    const {record} = entry
    if (entry.isLive || !this.#origins.isTrusted(record.request.url)) return false
    if (!isPlain(record, this.#longestWaitMs)) return false
    const {limiter, conditions} = this.#options
    if (blockageOf(record, conditions()) !== undefined || !limiter.isUnlimited(record)) return false
    const carried = new CarriedFile(entry, this)
    entry.carrier = carried
    this.#onWire.add(carried)
    if (this.#onWire.size === 1) this.#running().send({type: 'wire.taken'})
    carried.step(PLAIN_LIFE.admitted, withTry(carried.facts))
    void this.#move(carried)
    return true
  }

  /** An operation has ended, carried or not. */
  learn(record: OperationRecord): void {
    this.#origins.learn(record)
  }

  /** What may not move under these conditions goes on by itself, and pauses. */
  conditionsChanged(conditions: Conditions): void {
    for (const carried of [...this.#onWire]) {
      if (blockageOf(carried.facts, conditions) !== undefined) void this.#yield(carried)
    }
  }

  /** A batch keeps no limit: whoever has one now goes on by itself. */
  limitsChanged(): void {
    const {limiter} = this.#options
    for (const carried of [...this.#onWire]) {
      if (!limiter.isUnlimited(carried.facts)) void this.#yield(carried)
    }
  }

  /** Lets go of all who are on the wire, with what they have. */
  async leaveWire(): Promise<void> {
    await Promise.all([...this.#onWire].map((carried) => this.#yield(carried)))
  }

  /** Lets go of all for whom it is not too late; resolves when the others have their names. */
  async drain(): Promise<void> {
    for (const carried of [...this.#onWire, ...this.#arrived, ...this.#turn]) {
      if (!carried.isTooLate) this.#giveUp(carried)
    }
    const actor = this.#actor
    // It settles, too, when the engine closes before the turn is over.
    await (actor && waitFor(actor, isOpen, {timeout: Number.POSITIVE_INFINITY}).catch(() => undefined))
  }

  /** Without ceremony: the records say the rest. */
  stop(): void {
    for (const carried of [...this.#onWire, ...this.#arrived]) carried.letGo()
    this.#actor?.stop()
  }

  now(): number {
    return this.#options.ports.clock.now()
  }

  exchange(facts: OperationFacts, listener: SmallExchangeListener): SmallExchange {
    return new SmallExchange(this.#exchangePorts, facts, listener)
  }

  take(entry: OperationEntry, step: ChartStep): Promise<void> | undefined {
    return this.#options.take(entry, step)
  }

  left(carried: CarriedFile): void {
    if (this.#onWire.delete(carried) && this.#onWire.size === 0) this.#running().send({type: 'wire.free'})
  }

  /** Nobody waits longer than until a chart of its own would give it up. */
  get #patienceMs(): number {
    const {connectTimeoutMs, responseTimeoutMs, stallTimeoutMs} = this.#options.settings
    const shortestMs = Math.min(connectTimeoutMs, responseTimeoutMs, stallTimeoutMs)
    return Math.max(1, Math.min(PATIENCE_MS, Math.floor(shortestMs / LOOKS)))
  }

  get #longestWaitMs(): number {
    return LOOKS * this.#patienceMs
  }

  async #move(carried: CarriedFile): Promise<void> {
    const outcome = await this.#fetch(carried)
    if (carried.hasLeft) return
    if (outcome === 'whole') {
      this.#arrive(carried)
    } else if (outcome === 'notPlain') {
      this.#origins.distrust(carried.facts.request.url)
      void this.#yield(carried)
    } else if (outcome === 'notTaken') {
      this.#giveUp(carried)
    } else if (outcome !== 'stopped') {
      carried.fail(outcome)
      this.#giveUp(carried)
    }
  }

  async #fetch(carried: CarriedFile): Promise<SmallOutcome> {
    try {
      await this.#options.ports.sink.checkTarget(carried.facts.target)
    } catch (thrown) {
      return {error: asTransferError(thrown)}
    }
    return carried.hasLeft ? 'stopped' : carried.fetch()
  }

  #arrive(carried: CarriedFile): void {
    this.#arrived.push(carried)
    // Of the last one `wire.free` tells.
    if (this.#onWire.size > 1) this.#tellArrival(carried)
    this.left(carried)
  }

  #tellArrival(carried: CarriedFile): void {
    const actor = this.#running()
    const snapshot = actor.getSnapshot()
    // Whoever came before it was looked at when it came; if its group was changed since, it waits for no longer than a turn gathers.
    const isFull = this.#arrived.length >= MOST_FILED || this.#isSerialized(carried)
    if ((isFull && snapshot.hasTag('gathering')) || snapshot.hasTag('open') || snapshot.hasTag('kept'))
      actor.send({type: 'files.arrived'})
  }

  /** Of as many as go into the next turn: the bytes of all others are in memory as well. */
  #giveSlotsBack(): void {
    for (const carried of this.#arrived.slice(0, MOST_FILED)) this.#beginFiling(carried)
  }

  #beginFiling(carried: CarriedFile): void {
    carried.beginFiling(this.#isSerialized(carried))
  }

  #isSerialized({facts}: CarriedFile): boolean {
    return this.#options.isSerialized(facts.policy.group)
  }

  /** Somebody gets one of the slots that are given back, and may join those who give them back. */
  get #isAwaited(): boolean {
    const origins = new Set(this.#arrived.map(({facts}) => originOf(facts.request.url)))
    return [...origins].some((origin) => this.#options.isAwaited(origin))
  }

  get #isTurnReady(): boolean {
    const {length} = this.#arrived
    if (length >= MOST_FILED) return true
    if (length > 0 && this.#onWire.size === 0 && !this.#isAwaited) return true
    // The next of its group waits for it.
    return this.#arrived.some((carried) => this.#isSerialized(carried))
  }

  /** It goes on by itself, if it is still here and the engine has not closed meanwhile. */
  #giveUp(carried: CarriedFile): void {
    const isStopped = this.#actor?.getSnapshot().status === 'stopped'
    if (!carried.hasLeft && !isStopped) this.#options.promote(carried.entry)
  }

  async #storeParts(): Promise<void> {
    this.#turn = this.#arrived.splice(0, MOST_FILED)
    await this.#each(async (carried) => {
      this.#beginFiling(carried)
      // Whoever heard of it may have taken it away.
      if (carried.hasLeft) return
      const file = await carried.store()
      const {facts} = carried
      if (file.size !== facts.evidence.total) throw new TransferError('LENGTH_MISMATCH', 'the part has another length')
      carried.verified = facts.policy.nameFromServer === true ? {...file, as: nameOf(facts)} : file
    })
  }

  async #commitIntents(): Promise<void> {
    await this.#each(async (carried) => {
      if (carried.verified === undefined) return
      carried.beginPublishing()
      await carried.step(PLAIN_LIFE.verified, withVerified(carried.facts, carried.verified))
      carried.step(PLAIN_LIFE.committed, carried.facts)
    })
  }

  async #publishFiles(): Promise<void> {
    const {sink} = this.#options.ports
    await this.#each(async (carried) => {
      const {publishing, target} = carried.facts
      if (publishing === undefined) return
      const path = await sink.publish(partNameOf(carried.facts), publishing, target.collision)
      carried.end()
      carried.step(PLAIN_LIFE.published, withPublished(carried.facts, path))
    })
    this.#turn = []
  }

  /** Those of the turn that are still carried; whoever fails goes on by itself. */
  async #each(work: (carried: CarriedFile) => Promise<void>): Promise<void> {
    const failed = (carried: CarriedFile) => {
      carried.failPublishing()
      this.#giveUp(carried)
    }
    // One that was told of a step may have taken others away.
    const each = (carried: CarriedFile) => (carried.hasLeft ? undefined : work(carried).catch(() => failed(carried)))
    await Promise.all(this.#turn.map(each))
  }

  #letGoOfSlow(): void {
    for (const carried of [...this.#onWire]) {
      if (!carried.hasWaited(this.#patienceMs)) continue
      const {request, response} = carried.facts
      this.#origins.avoid(request.url, response !== undefined)
      void this.#yield(carried)
    }
  }

  /** Its own chart goes on where it is. One whose last bytes were on their way to the disk already becomes a file here. */
  async #yield(carried: CarriedFile): Promise<void> {
    await carried.yield()
    if (this.#onWire.has(carried)) this.#giveUp(carried)
  }

  #running(): SmallFilesActor {
    this.#actor ??= this.#start()
    return this.#actor
  }

  #start(): SmallFilesActor {
    const {ports, inspect} = this.#options
    const machine = smallFilesMachine().provide({
      actors: {
        storeParts: fromPromise(() => this.#storeParts()),
        commitIntents: fromPromise(() => this.#commitIntents()),
        publishFiles: fromPromise(() => this.#publishFiles()),
      },
      guards: {hasArrivals: () => this.#arrived.length > 0, isTurnReady: () => this.#isTurnReady},
      // In a microtask: one chart's action must not step another chart.
      actions: {
        letGoOfSlow: () => queueMicrotask(() => this.#letGoOfSlow()),
        giveSlotsBack: () => queueMicrotask(() => this.#giveSlotsBack()),
      },
    })
    const actor = createActor(machine, {
      id: 'small-files',
      input: {patienceMs: this.#patienceMs},
      clock: ports.clock,
      ...(inspect === undefined ? {} : {inspect}),
    })
    actor.start()
    return actor
  }
}

/** Nothing is on its way to its name. */
function isOpen(snapshot: SnapshotFrom<ReturnType<typeof smallFilesMachine>>): boolean {
  return snapshot.status !== 'active' || !snapshot.hasTag('filing')
}
