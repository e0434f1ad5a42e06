/**
 * Group commit: one batch in flight; what arrives meanwhile goes into the next. A failed batch fails those who waited for
 * it, and the next one goes on with a fresh handle.
 */

import type {TransferError} from '../../domain/errors.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {planBatch} from './batch-plan.ts'
import type {Connection} from './connection.ts'
import {openBatch} from './database.ts'
import {JournalBound} from './journal.ts'
import {NewestId} from './newest-id.ts'
import {type Change, idOf, PendingWrites, Ticket, type Write, type WriteBatch} from './pending-writes.ts'
import {Places} from './places.ts'
import type {Manifest} from './schema.ts'
import {storeError} from './store-errors.ts'

/** Creations in one batch: more would hold up the saves beside them, fewer would cost a sync more often. */
const MAX_CREATES = 1000

export interface GroupCommitOptions {
  readonly connection: Connection
  readonly directory: string
  /** Whether each batch is synced to the disk before it counts. */
  readonly sync: boolean
  readonly manifest: Manifest
}

export class GroupCommit {
  readonly pending = new PendingWrites()
  readonly #options: GroupCommitOptions
  readonly #places = new Places()
  readonly #newest = new NewestId()
  readonly #journals = new JournalBound()
  #manifest: Manifest
  #inFlight: WriteBatch | undefined
  #isRunning = false
  #running: Promise<void> = Promise.resolve()
  #inFlightSettled: Promise<unknown> = Promise.resolve()
  #nextSettled: Promise<void> | undefined
  #settleNext: () => void = () => {}

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#manifest = options.manifest
  }

  /** To be called after something was added to `pending`. */
  wake(): void {
    // What might wait a moment may have gone with others meanwhile.
    if (this.#isRunning || this.pending.isEmpty) return
    this.#isRunning = true
    // What the present turn still adds goes into the same batch.
    this.#running = Promise.resolve().then(() => this.#run())
  }

  /** To be called after something was added that may wait for what this turn of the event loop still brings. */
  wakeSoon(): void {
    if (!this.#isRunning) setImmediate(() => this.wake())
  }

  /** The change of this operation that is accepted and not yet in the database. */
  changeOf(id: OperationId): Change | undefined {
    return this.pending.get(id) ?? this.#inFlight?.changes.get(id)?.content
  }

  /** Resolves when every save and removal so far is in the database, or has failed. */
  settled(): Promise<unknown> {
    if (!this.pending.hasChanges) return this.#inFlightSettled
    this.#nextSettled ??= new Promise((resolve) => {
      this.#settleNext = resolve
    })
    return this.#nextSettled
  }

  /** The same for those of them that may change who has one of these files. */
  settledFor(files: readonly string[]): Promise<unknown> {
    // A list asks for thousands of files at once, beside hundreds of changes.
    const asked = new Set(files)
    if (this.#mayMove(asked, this.pending.changes())) return this.settled()
    const inFlight = this.#inFlight?.changes
    return inFlight !== undefined && this.#mayMove(asked, inFlight.values()) ? this.#inFlightSettled : Promise.resolve()
  }

  #mayMove(files: ReadonlySet<string>, writes: Iterable<Write<Change>>): boolean {
    for (const {content: change} of writes) {
      // Whoever created it has not been told yet.
      if (change.kind === 'create') continue
      const file = this.#places.get(idOf(change))?.file
      if (file === undefined || files.has(file)) return true
      if (change.kind !== 'remove' && files.has(change.record.target.file)) return true
    }
    return false
  }

  /** Resolves when every write so far is durable; rejects when one failed. */
  flush(): Promise<void> {
    const writes: Write<unknown>[] = [...this.pending.all()]
    if (this.#inFlight !== undefined) writes.push(...writesOf(this.#inFlight))
    const ticket = new Ticket(writes.length)
    for (const write of writes) write.tickets.push(ticket)
    return ticket.promise
  }

  /** Resolves when nothing waits any more: each write so far is durable, or has failed. */
  ended(): Promise<void> {
    if (!this.pending.isEmpty) this.wake()
    return this.#running
  }

  async #run(): Promise<void> {
    while (!this.pending.isEmpty) {
      const batch = this.pending.take(MAX_CREATES)
      const settle = this.#nextSettled === undefined ? undefined : this.#settleNext
      this.#nextSettled = undefined
      this.#inFlight = batch
      const committing = this.#commit(batch)
      this.#inFlightSettled = committing
      const failure = await committing
      this.#inFlight = undefined
      // Before they are told: of what they ask for then some may wait a moment.
      this.#isRunning = !this.pending.isEmpty
      tell(batch, failure)
      settle?.()
    }
  }

  /** Never rejects: those who wait are told why through their tickets. */
  async #commit(batch: WriteBatch): Promise<TransferError | undefined> {
    try {
      await this.#write(batch)
      return undefined
    } catch (thrown) {
      // What of it reached the disk is unknown.
      this.#options.connection.doubt()
      this.#places.clear()
      this.#journals.clear()
      return storeError(thrown, this.#options.directory)
    }
  }

  async #write(changes: WriteBatch): Promise<void> {
    const {connection, sync} = this.#options
    if (connection.isDoubtful) this.#manifest = await connection.renew()
    const database = await connection.current()
    const batch = openBatch(database)
    try {
      const outcome = await planBatch(database, batch, changes, {
        places: this.#places,
        newest: this.#newest,
        journals: this.#journals,
        manifest: this.#manifest,
      })
      await batch.write({sync})
      this.#manifest = outcome.manifest
      outcome.places.forEach((place, id) => {
        this.#places.set(id, place)
      })
    } finally {
      await batch.close()
    }
  }
}

function tell(batch: WriteBatch, failure: TransferError | undefined): void {
  for (const {tickets} of writesOf(batch)) {
    for (const ticket of tickets) {
      if (failure === undefined) ticket.done()
      else ticket.fail(failure)
    }
  }
}

function* writesOf({changes, groups, tallies, prefetch}: WriteBatch): Iterable<Write<unknown>> {
  yield* changes.values()
  yield* groups.values()
  yield* tallies.values()
  if (prefetch !== undefined) yield prefetch
}
