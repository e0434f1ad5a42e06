/**
 * The steps that operations go, on their way to whoever hears of them. Each becomes a record, is written where that is worth a
 * write, with what is new in the journal, and is told once it is durable and all before it was told.
 */

import type {JournalEntry} from '../../domain/journal.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {EngineEvent} from '../events.ts'
import type {EnginePorts} from '../ports.ts'
import type {DurableWrites} from './durable-writes.ts'
import type {OperationNotice} from './followed-notices.ts'
import type {JournalTail} from './journal-tail.ts'
import type {OperationEntry} from './operation-entry.ts'
import {type ChartStep, isWorthSaving, recordOf} from './record-of.ts'

/** Who hears of the steps. */
export interface StepObserver {
  /** At once, before anything is durable: the chart took a step. `move`: into another state. */
  stepped(entry: OperationEntry, step: ChartStep, move: JournalEntry | undefined): void
  /** The record was told. */
  told(notice: OperationNotice): void
  emit(event: EngineEvent): void
}

export interface ToldStepsOptions {
  readonly ports: Pick<EnginePorts, 'store' | 'clock' | 'log'>
  readonly writes: DurableWrites
  readonly observer: StepObserver
  /** Whether the journal is kept in the store. */
  readonly journal: boolean
  readonly journalOf: (id: OperationId) => JournalTail | undefined
  /** Its steps were told: it may be put away, unless more is on its way. */
  readonly onTold: (entry: OperationEntry) => void
}

export class ToldSteps {
  readonly #options: ToldStepsOptions

  constructor(options: ToldStepsOptions) {
    this.#options = options
  }

  /** An operation has gone a step. Resolves when its record is durable, where that is worth a write. */
  take(entry: OperationEntry, step: ChartStep): Promise<void> | undefined {
    const {ports, journal, observer} = this.#options
    const at = ports.clock.now()
    const move = this.#note(entry, step, at)
    const record = recordOf(step, at, journal ? entry.journal.seq : 0)
    observer.stepped(entry, step, move)
    const mustSave = isWorthSaving(entry.saved, record) || (step.isPassive && entry.journal.hasUnsaved)
    if (mustSave) entry.saved = record
    const durable = mustSave ? this.persist(entry, record) : undefined
    // Whoever is told of a step, and makes it go another one, may not be the last who is told of the first.
    const awaited = durable ?? (entry.isTelling ? Promise.resolve() : undefined)
    if (awaited === undefined && entry.tail === undefined) this.#tell(entry, record, move, step.isPassive)
    else entry.tail = this.#tellLater(entry, record, move, step.isPassive, awaited)
    return durable
  }

  /**
   * Tells once all before it was told and it is durable. What never becomes durable is never told, nor is what came after it, which
   * builds on it. Resolves with whether it was told.
   */
  async #tellLater(
    entry: OperationEntry,
    record: OperationRecord,
    move: JournalEntry | undefined,
    isPassive: boolean,
    durable: Promise<void> | undefined,
  ): Promise<boolean> {
    const before = entry.tail
    entry.untold += 1
    try {
      if (before !== undefined) {
        // Its rejection is seen when all before it was told.
        durable?.catch(() => undefined)
        if (!(await before)) {
          this.#hasTold(entry)
          return false
        }
      }
      if (durable !== undefined) await durable
    } catch {
      this.#hasTold(entry)
      return false
    }
    try {
      this.#tell(entry, record, move, isPassive)
    } finally {
      this.#hasTold(entry)
    }
    return true
  }

  #hasTold(entry: OperationEntry): void {
    entry.untold -= 1
    if (entry.untold > 0) return
    entry.tail = undefined
    this.#options.onTold(entry)
  }

  /** The step that the chart took, if it went anywhere. */
  #note(entry: OperationEntry, {path: to, facts, state, failure}: ChartStep, at: number): JournalEntry | undefined {
    const from = entry.path
    if (from === to) return undefined
    entry.path = to
    const isWeighed = to === 'running.weighing' || to === 'running.startingOver'
    const {type: event, redirect} = entry.cause
    return entry.journal.note({at, event, from, to, redirect}, facts, state, isWeighed ? failure : undefined)
  }

  /** Every save of a live operation goes this way: what is new in its journal goes with it. */
  #save(record: OperationRecord): Promise<void> {
    const {ports, journal, journalOf} = this.#options
    const tail = journalOf(record.id)
    const entries = tail?.take() ?? []
    return ports.store.save(record, journal ? entries : []).catch((error) => {
      tail?.putBack(entries)
      throw error
    })
  }

  /**
   * Resolves when this record, or a newer one of the operation, is durable. A store that refuses is told of: until it takes
   * the record nothing is told that a crash could take back. Rejects when the engine closes first.
   */
  persist(entry: OperationEntry, record: OperationRecord): Promise<void> {
    let wasRefused = false
    return this.#options.writes.persist(
      // What was observed since must not be overwritten by what was refused.
      () => this.#save(wasRefused ? entry.saved : record),
      (error) => {
        wasRefused = true
        this.#storeFailed(entry, error)
      },
    )
  }

  #tell(entry: OperationEntry, record: OperationRecord, move: JournalEntry | undefined, isPassive: boolean): void {
    const {observer, ports} = this.#options
    entry.isTelling = true
    const {state, policy, request} = entry.record
    const changed = record.state !== state
    const notice = entry.tell(record)
    const at = ports.clock.now()
    if (move !== undefined) {
      const {from, to, event} = move
      const {id, state: present} = record
      observer.emit({type: 'operation.moved', at, id, from, to, because: event, state: present, record, entry: move})
    }
    if (notice.hasRestarted) observer.emit({type: 'operation.restarted', at, id: record.id, record})
    if (changed || notice.hasResponseChanged || notice.hasRestarted) entry.notices.next(notice)
    // Where no byte moves nothing else would bring it to handles in other processes.
    else if (record.policy !== policy || record.request !== request) entry.notices.listener?.moved()
    observer.told(notice)
    entry.isTelling = false
    if (isPassive) queueMicrotask(() => this.#options.onTold(entry))
  }

  #storeFailed(entry: OperationEntry, error: unknown): void {
    const {observer, ports} = this.#options
    const message = error instanceof Error ? error.message : String(error)
    ports.log.error({id: entry.record.id, message}, 'a record could not be written')
    observer.emit({type: 'store.failed', at: ports.clock.now(), id: entry.record.id, message})
  }
}
