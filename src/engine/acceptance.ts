/**
 * How a draft becomes an operation: it is checked against what applications may have and which files are taken, its record is made
 * durable, and it stands in line, behind all that was started before it.
 */

import type {Subject} from 'rxjs'
import {extended} from '../domain/extended.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationRecord} from '../domain/record.ts'
import {assertOfItsDirection} from '../domain/upload.ts'
import {type AttemptProviders, providerOf} from '../ports/attempt-provider.ts'
import type {Dispatcher} from './admission/dispatcher.ts'
import type {Sequences} from './admission/sequences.ts'
import type {ApplicationQuotas} from './applications/application-quotas.ts'
import type {Chores} from './chores/chores.ts'
import type {OperationDraft} from './engine-api.ts'
import type {EngineEvent} from './events.ts'
import type {FileClaims} from './operations/file-claims.ts'
import type {Operations} from './operations/operations.ts'
import type {SpoolKeeper} from './operations/spool-keeper.ts'
import type {EnginePorts} from './ports.ts'

const MOST_DOUBTFUL = 10_000

export interface AcceptanceOptions {
  readonly ports: Pick<EnginePorts, 'store' | 'clock'>
  readonly providers: AttemptProviders
  readonly applications: ApplicationQuotas
  readonly claims: FileClaims
  readonly spool: SpoolKeeper
  readonly sequences: Sequences
  readonly operations: Operations
  readonly line: Dispatcher
  readonly chores: Chores
  readonly events: Subject<EngineEvent>
}

export class Acceptance {
  readonly #options: AcceptanceOptions
  /** Settles when everything that was started before stands in line, or was refused. */
  #last: Promise<void> = Promise.resolve()
  /** What the store refused to create: it may have taken it all the same, and nobody was told. */
  readonly #doubtful = new Set<OperationId>()

  constructor(options: AcceptanceOptions) {
    this.#options = options
  }

  /** Resolves when all that was started before stands in line, or was refused. */
  get settled(): Promise<void> {
    return this.#last
  }

  /** All or none. Resolves when the records are durable, with what `use` made of each. */
  async accept<T>(drafts: readonly OperationDraft[], use: (record: OperationRecord) => T): Promise<readonly T[]> {
    const {providers, applications, sequences, spool} = this.#options
    for (const draft of drafts) {
      assertOfItsDirection(draft)
      providerOf(providers, draft.request)
    }
    const {operations, usage} = applications
    for (const draft of drafts) usage.demand(draft)
    operations.take(drafts)
    const records = drafts.map(
      (draft): OperationRecord => extended(draft, {sequence: sequences.next(), state: 'queued' as const}),
    )
    spool.accepting(drafts)
    const accepted = this.#create(records, this.#last, use)
    accepted.catch(() => {
      operations.drop(drafts)
      spool.refused(drafts)
    })
    this.#last = accepted.then(
      () => undefined,
      () => undefined,
    )
    return accepted
  }

  /** Records may become durable in any order, but stand in line in the order of the calls. */
  async #create<T>(
    records: readonly OperationRecord[],
    before: Promise<void>,
    use: (record: OperationRecord) => T,
  ): Promise<readonly T[]> {
    const {ports, claims, operations, line, chores, events} = this.#options
    const claimed = await claims.claim(records)
    const create = async () => {
      try {
        await ports.store.create(claimed)
      } catch (error) {
        this.#doubt(claimed)
        throw error
      } finally {
        claims.release(claimed)
      }
      await before
      return this.#created(claimed)
    }
    return operations.records.read(create, (created) => {
      if (events.observed) {
        const at = ports.clock.now()
        for (const record of claimed) events.next({type: 'operation.started', at, record})
      }
      const used = created.map(use)
      chores.started(created)
      // A command may have given some of them an actor already: they enter when that is put away.
      line.enterMany(created.filter(({id, state}) => state === 'queued' && !operations.isLive(id)))
      return used
    })
  }

  #doubt(records: readonly OperationRecord[]): void {
    for (const {id} of records) this.#doubtful.add(id)
    // Whoever is started again is so soon, as a rule; a disk may be full for days.
    for (const id of this.#doubtful) {
      if (this.#doubtful.size <= MOST_DOUBTFUL) return
      this.#doubtful.delete(id)
    }
  }

  /** As they stand in the store. What it took when it refused may have gone on since. */
  async #created(records: readonly OperationRecord[]): Promise<readonly OperationRecord[]> {
    if (!records.some(({id}) => this.#doubtful.has(id))) return records
    const stored = await this.#options.ports.store.getMany(records.map(({id}) => id))
    for (const {id} of records) this.#doubtful.delete(id)
    return records.map((record, at) => stored[at] ?? record)
  }
}
