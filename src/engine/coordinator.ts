/**
 * How the parts of an engine move each other: an operation's chart moves its group, a group admits, the alarm wakes, an end
 * frees a slot. Those do not know each other; their reactions to each other stand here. Which part hears of which is said in
 * engine-parts.ts.
 */

import type {Conditions} from '../domain/conditions.ts'
import type {JournalEntry} from '../domain/journal.ts'
import {addressOf} from '../domain/mirrors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationFacts, OperationRecord} from '../domain/record.ts'
import {dueAt, type RetrySettings} from '../domain/retry.ts'
import {isTerminal} from '../domain/status.ts'
import type {Clock} from '../ports/clock.ts'
import type {Log} from '../ports/log.ts'
import type {Dispatcher} from './admission/dispatcher.ts'
import type {ApplicationQuotas} from './applications/application-quotas.ts'
import type {RateLimits} from './bytes/rate-limits.ts'
import type {Alarm} from './chores/alarm.ts'
import type {AwaitedConditions} from './chores/awaited-conditions.ts'
import type {Chores} from './chores/chores.ts'
import {drain} from './drain.ts'
import type {DurableWrites} from './operations/durable-writes.ts'
import type {EndedOperations} from './operations/ended-operations.ts'
import type {OperationNotice} from './operations/followed-notices.ts'
import type {OperationEntry} from './operations/operation-entry.ts'
import type {OperationObserver, Operations} from './operations/operations.ts'
import type {ChartStep} from './operations/record-of.ts'
import type {SpoolKeeper} from './operations/spool-keeper.ts'
import type {SmallFiles} from './small-files/small-files.ts'

/** Where an answer has begun: to a download a good one, to an upload any. */
const ANSWERED: ReadonlySet<string> = new Set([
  'running.exchanging.active.transferring',
  'running.exchanging.active.receivingResponse',
])
/** One that was a request, which only an answer for good ends. Who discovers nothing goes on as well, whatever was answered. */
const ANSWERED_STEP =
  /^running\.stepping\.(?:creating|askingOffset|appending)\.(?:sending|awaitingResponse|receivingResponse)$/

/** How soon a wait that is over is looked at again, when its record could not be read. */
const READ_AGAIN_MS = 5_000

export interface CoordinatorOptions {
  readonly clock: Clock
  readonly log: Log
  readonly retry: RetrySettings
  readonly isDraining: () => boolean
  readonly writes: DurableWrites
  readonly awaited: AwaitedConditions
  readonly alarm: Alarm
  readonly operations: Operations
  readonly smallFiles: SmallFiles
  readonly line: Dispatcher
  readonly rates: RateLimits
  readonly applications: ApplicationQuotas
  readonly spool: SpoolKeeper
  readonly chores: Chores
  readonly ended: EndedOperations
}

export class Coordinator implements Omit<OperationObserver, 'emit'> {
  readonly #options: CoordinatorOptions

  constructor(options: CoordinatorOptions) {
    this.#options = options
  }

  /** Running operations make their bytes durable and queue again. */
  async drain(): Promise<void> {
    const {line, chores, operations, spool} = this.#options
    line.stop()
    chores.prefetcher.stop()
    await Promise.all([this.#drainBatch(), drain(operations), chores.drain()])
    // The last turn of the batch may have ended after all else.
    await operations.settled()
    await spool.dropDrafts()
  }

  /** Whoever leaves its wire has a chart of its own then, which drains as the others do; they wait for no disk of the batch. */
  async #drainBatch(): Promise<void> {
    const {smallFiles, operations} = this.#options
    await smallFiles.leaveWire()
    await Promise.all([smallFiles.drain(), drain(operations)])
  }

  /** Stops what still lives. */
  async stop(): Promise<void> {
    const {chores, writes, awaited, smallFiles, operations, applications, ended} = this.#options
    chores.stop()
    writes.stop()
    awaited.stop()
    smallFiles.stop()
    operations.stopAll()
    await applications.usage.close()
    await ended.retention.stop()
  }

  /** Every operation that has an actor hears of it. */
  spread(conditions: Conditions): void {
    const {operations, smallFiles, chores} = this.#options
    for (const entry of operations.all()) entry.send({type: 'conditions.changed', conditions})
    smallFiles.conditionsChanged(conditions)
    chores.prefetcher.conditionsChanged(conditions)
  }

  /** What is sent is sent to its end: it may not be possible to send it again. */
  displace(id: OperationId): void {
    const {operations} = this.#options
    const entry = operations.get(id)
    if (entry?.record.direction !== 'download' || !entry.isLive) return
    operations.activate(entry).send({type: 'operation.displace'})
  }

  /** A group admitted it: from record to actor, and onto the wire. */
  async admit(id: OperationId, record: OperationRecord | undefined): Promise<void> {
    const {operations, line, log} = this.#options
    try {
      if (record === undefined) await operations.find(id, (entry) => this.#admitEntry(id, entry))
      else this.#admitEntry(id, operations.hold(record))
    } catch (error) {
      line.release(id)
      log.error({id, error: String(error)}, 'an admitted operation could not be read')
    }
  }

  #admitEntry(id: OperationId, entry: OperationEntry | undefined): void {
    const {operations, smallFiles, line, rates, isDraining} = this.#options
    // A command may have taken its slot back since: it is admitted again when its turn comes.
    if (!line.slots.has(id)) return
    const isWanted = entry !== undefined && !entry.isOver && !isDraining()
    if (isWanted && !smallFiles.tryCarry(entry)) {
      operations.activate(entry)
      // Only now: an actor that begins in the line has no limit to its name yet.
      rates.limitOperation(id, entry.facts.policy.maxBytesPerSecond)
      entry.send({type: 'operation.admit'})
    }
    if (entry?.phase === undefined) line.release(id)
  }

  /** Its deadline has come. */
  async wake(id: OperationId): Promise<void> {
    const {operations, alarm, clock, log, isDraining} = this.#options
    try {
      await operations.find(id, (entry) => {
        if (entry === undefined) return
        if (entry.isOver || isDraining()) operations.forgetIfIdle(entry)
        else operations.activate(entry).send({type: 'retry.due'})
      })
    } catch (error) {
      if (isDraining()) return
      log.error({id, error: String(error)}, 'a waiting operation could not be read')
      alarm.set(id, clock.now() + READ_AGAIN_MS)
    }
  }

  stepped(entry: OperationEntry, step: ChartStep, move: JournalEntry | undefined): void {
    const {awaited, line, rates, isDraining} = this.#options
    const {phase, facts} = step
    awaited.note(facts.id, phase === 'holding' ? step.state : undefined)
    if (phase !== entry.phase) {
      line.memberChanged(facts, phase)
      // Its rate is set again when it is admitted again.
      if (phase === undefined) rates.limitOperation(facts.id, undefined)
    }
    entry.phase = phase
    // An answer that goes on says nothing new: it may be older than the quiet that its origin asked for.
    if (move !== undefined) this.#tellOrigin(step, move)
    if (isDraining() && entry.snapshot?.can({type: 'operation.suspend'}) === true) {
      queueMicrotask(() => entry.send({type: 'operation.suspend'}))
    }
  }

  /** What the try learned about its origin. */
  #tellOrigin({facts, failure}: ChartStep, {from, to, event}: JournalEntry): void {
    const quietMs = failure?.details?.retryAfterMs
    const isStepDone = event === 'attempt.stepped' && ANSWERED_STEP.test(from)
    if (to === 'running.weighing' && typeof quietMs === 'number') {
      this.quiet(addressOf(facts), facts.id, quietMs)
    } else if (isStepDone || (ANSWERED.has(to) && (facts.response?.status ?? 0) < 400)) {
      this.#options.line.slots.originAnswered(addressOf(facts), facts.id)
    }
  }

  /** An origin asks for quiet. */
  quiet(url: string, id: OperationId, quietMs: number): void {
    const {line, retry} = this.#options
    line.slots.originOverloaded(url, id, Math.min(quietMs, retry.retryAfterCapMs))
  }

  told({record}: OperationNotice): void {
    const {line, smallFiles, spool, chores, ended, isDraining} = this.#options
    if (isDraining()) return
    this.keepDeadline(record)
    if (!isTerminal(record.state)) return
    smallFiles.learn(record)
    line.forget(record.id)
    void spool.ended(record)
    chores.ended(record)
    ended.retention.noteEnd()
  }

  /** The alarm wakes what takes part and has a deadline, and nobody else. */
  keepDeadline(facts: OperationFacts): void {
    const {alarm, line, clock, retry} = this.#options
    const {id, retryAt} = facts
    if (retryAt !== undefined && line.takesPart(facts)) alarm.set(id, dueAt(retryAt, clock.now(), retry))
    else alarm.clear(id)
  }

  /** A queued one stands in line from now on. */
  rested({record}: OperationEntry): void {
    const {line, isDraining} = this.#options
    if (record.state === 'queued' && !isDraining()) line.enter(record)
  }

  /** Whoever waits for its slot or its place must not wait for ever. */
  broken(entry: OperationEntry): void {
    const {awaited, rates, alarm, line} = this.#options
    const {id} = entry.record
    entry.phase = undefined
    awaited.note(id, undefined)
    rates.limitOperation(id, undefined)
    alarm.clear(id)
    line.release(id)
  }
}
