/**
 * What earlier sessions left takes part again: all of it when the engine opens, or one by one as somebody attaches to it
 * (resumeOnOpen: false). Each goes back to where its state belongs.
 */

import type {OperationId} from '../domain/operation-id.ts'
import type {OperationFacts, OperationRecord} from '../domain/record.ts'
import {isTerminal, type LifeState} from '../domain/status.ts'
import {mayBeSentAgain} from '../domain/upload.ts'
import type {Log} from '../ports/log.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {Dispatcher} from './admission/dispatcher.ts'
import type {RateLimits} from './bytes/rate-limits.ts'
import type {Prefetcher} from './chores/prefetcher.ts'
import type {EnginePhase} from './lifecycle.ts'
import type {Operations} from './operations/operations.ts'
import type {SpoolKeeper} from './operations/spool-keeper.ts'
import type {ResolvedEngineOptions} from './options.ts'

/** Were on the wire, or about to be, when the process died: they queue again. */
const INTERRUPTED: readonly LifeState[] = ['running', 'returning']
/** Finish whether anybody attaches or not: a name half taken, or files half removed, help nobody. */
const FINISHING: readonly LifeState[] = ['publishing', 'canceling']
/** Go on by a deadline or by conditions. */
const WAITING: readonly LifeState[] = [
  'waitingToRetry',
  'pausedForStorage',
  'pausedNoNetwork',
  'pausedCostedNetwork',
  'pausedSystemPolicy',
]
const CHUNK = 1000

export interface RecoveryOptions {
  readonly store: RecordStore
  readonly log: Log
  readonly resumeOnOpen: ResolvedEngineOptions['resumeOnOpen']
  readonly operations: Operations
  readonly line: Dispatcher
  readonly rates: RateLimits
  readonly spool: SpoolKeeper
  readonly prefetcher: Prefetcher
  /** Names this session. */
  readonly session: () => string
  readonly phase: () => EnginePhase
  /** The alarm is to know when it goes on, and forget what it knew. */
  readonly keepDeadline: (facts: OperationFacts) => void
}

export class Recovery {
  readonly #options: RecoveryOptions

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** Groups, then everything live, then the line. What ran when the process died queues again, in its old place. */
  async recover(lastSequence: number): Promise<void> {
    const {store, line, rates, spool, prefetcher, resumeOnOpen} = this.#options
    await spool.sweep()
    await prefetcher.load()
    const demoted: Promise<void>[] = []
    const stranded: OperationRecord[] = []
    await this.#forEachLive(INTERRUPTED, (record) => {
      if (this.#isStranded(record)) stranded.push(record)
      else demoted.push(store.save({...record, state: 'queued'}))
    })
    await Promise.all(demoted)
    const groups = await store.groups()
    for (const {name, maxBytesPerSecond} of groups) rates.limitGroup(name, maxBytesPerSecond)
    const isAllResumed = resumeOnOpen === true
    line.load(groups, isAllResumed ? await store.waitingGroups() : [], isAllResumed ? 0 : lastSequence + 1)
    const states = isAllResumed ? [...FINISHING, ...WAITING] : FINISHING
    for (const record of stranded) this.#rejoin(record)
    await this.#forEachLive(states, (record) => this.#rejoin(record))
  }

  /** What an earlier session left takes part from now on. */
  attach(record: OperationRecord): void {
    const {operations, line, keepDeadline} = this.#options
    if (this.#isStranded(record)) {
      line.leaveLine(record.policy.group, record.id)
      this.#rejoin(record)
      return
    }
    if (line.takesPart(record)) return
    line.attach(record)
    const entry = operations.get(record.id)
    if (entry?.actor === undefined) {
      this.#rejoin(record)
      return
    }
    // A command gave it an actor before.
    line.memberChanged(entry.facts, entry.phase)
    keepDeadline(entry.facts)
  }

  /** Everything unfinished goes on, but what the application paused. `app`: of this application only. */
  async attachAll(app: string | undefined): Promise<void> {
    if (app !== undefined) {
      await this.#attachWhere(['queued', ...FINISHING, ...WAITING], (record) => record.app === app)
      return
    }
    await this.#forEachLive([...FINISHING, ...WAITING], (record) => this.attach(record))
    await this.#options.line.dropFloor()
  }

  /** Downloads with random access need nobody to attach to them (spec 10.6). */
  async attachRandomAccess(): Promise<void> {
    const {log, phase} = this.#options
    try {
      await this.#attachWhere(['queued', ...WAITING], ({policy}) => policy.randomAccess === true)
    } catch (error) {
      if (phase() !== 'serving') return
      log.error({error: String(error)}, 'downloads with random access could not be looked for')
    }
  }

  /** Nothing but their records tells them, so that all that is unfinished is read, beside what goes on. */
  async #attachWhere(states: readonly LifeState[], isMeant: (record: OperationRecord) => boolean): Promise<void> {
    const {store, operations, phase} = this.#options
    for (let after: OperationId | undefined; phase() !== 'draining'; ) {
      const query = {states, limit: CHUNK, ...(after === undefined ? {} : {after})}
      after = await operations.records.read(
        () => store.query(query),
        (records) => {
          if (phase() === 'draining') return undefined
          for (const record of records) if (isMeant(record)) this.attach(record)
          return records.at(-1)?.id
        },
      )
      if (after === undefined) return
    }
  }

  /** Live records in these states, a thousand at a time: what the application paused may be a million, and stays asleep. */
  async #forEachLive(states: readonly LifeState[], use: (record: OperationRecord) => void): Promise<void> {
    const {store, operations} = this.#options
    const ids = await store.active(states)
    for (let at = 0; at < ids.length; at += CHUNK) {
      await operations.records.read(
        () => store.getMany(ids.slice(at, at + CHUNK)),
        (records) => records.forEach(use),
      )
    }
  }

  /** An upload that another session had on the wire, and that nobody may send again: its chart terminates it. */
  #isStranded(record: OperationRecord): boolean {
    const {direction, state} = record
    return direction === 'upload' && !isTerminal(state) && !mayBeSentAgain(record, this.#options.session())
  }

  /** Puts it back to where its state belongs. */
  #rejoin(record: OperationRecord): void {
    const {operations, line, keepDeadline} = this.#options
    if (this.#isStranded(record)) {
      operations.activate(operations.hold(record))
      return
    }
    switch (record.state) {
      case 'queued':
        line.enter(record)
        return
      case 'waitingToRetry':
      case 'pausedForStorage':
        line.memberChanged(record, 'holding')
        keepDeadline({...record, retryAt: record.retryAt ?? 0})
        return
      case 'pausedNoNetwork':
      case 'pausedCostedNetwork':
      case 'pausedSystemPolicy':
      case 'publishing':
      case 'canceling':
        operations.activate(operations.hold(record))
        return
      default:
        return
    }
  }
}
