/**
 * Operations that have ended: their outcome is noted as delivered once an application has heard of it, and they are forgotten with
 * the files that nobody needs any more, when somebody asks for it or when there are too many (retention.ts).
 */

import type {Subject} from 'rxjs'
import {TransferError} from '../../domain/errors.ts'
import {extended} from '../../domain/extended.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {EngineEvent} from '../events.ts'
import type {EnginePorts} from '../ports.ts'
import type {FileClaims} from './file-claims.ts'
import type {OperationEntry} from './operation-entry.ts'
import type {Operations} from './operations.ts'
import {Retention, type RetentionOptions} from './retention.ts'
import type {SpoolKeeper} from './spool-keeper.ts'

export interface EndedOperationsOptions {
  readonly ports: Pick<EnginePorts, 'store' | 'clock' | 'log'>
  readonly policy: RetentionOptions['policy']
  readonly isAwaited: RetentionOptions['isAwaited']
  readonly operations: Operations
  readonly claims: FileClaims
  readonly spool: SpoolKeeper
  readonly events: Subject<EngineEvent>
}

export class EndedOperations {
  readonly retention: Retention
  readonly #options: EndedOperationsOptions
  /** Of ends that were told, while they are being written. */
  readonly #notes = new Map<OperationId, Promise<void>>()

  constructor(options: EndedOperationsOptions) {
    this.#options = options
    const {ports, policy, isAwaited} = options
    const {store, clock, log} = ports
    this.retention = new Retention({
      store,
      clock,
      policy,
      isAwaited,
      beforeForgetting: (record) => this.#leaveFiles(record),
      onForgotten: (ids) => this.#forgotten(ids),
      onError: (error) => log.warn({error: String(error)}, 'ended operations could not be forgotten'),
    })
  }

  /** Enumeration no longer shows it; resolves when that is durable, rejects where the store refuses. What was forgotten stays so. */
  markDelivered(entry: OperationEntry): Promise<void> {
    const {id, delivered} = entry.record
    if (delivered === true) return this.#notes.get(id) ?? Promise.resolve()
    if (this.#options.operations.get(id) !== entry) return Promise.resolve()
    const note = this.#noteDelivered(entry)
    this.#notes.set(id, note)
    return note
  }

  async #noteDelivered(entry: OperationEntry): Promise<void> {
    const {ports} = this.#options
    const before = entry.record
    const record: OperationRecord = extended(before, {delivered: true})
    entry.record = record
    entry.saved = record
    try {
      // Whoever heard of it is about to go on, and may have the next one created.
      await ports.store.saveSoon(record)
    } catch (error) {
      // The outcome stands; the worst that follows is that a later session enumerates it once more.
      ports.log.warn({id: record.id, error: String(error)}, 'a delivered outcome could not be noted')
      entry.record = before
      entry.saved = before
      throw error
    } finally {
      this.#notes.delete(record.id)
    }
  }

  /** Rejects with ILLEGAL_STATE while it is unfinished. */
  async forget(id: OperationId): Promise<void> {
    const {ports, operations} = this.#options
    const record = await operations.find(id, (entry) => {
      if (entry === undefined) return undefined
      if (entry.isOver) {
        // From here on nobody saves it again.
        operations.drop(id)
        return entry.record
      }
      operations.forgetIfIdle(entry)
      throw new TransferError('ILLEGAL_STATE', 'only an ended operation can be forgotten')
    })
    if (record === undefined) return
    await this.#leaveFiles(record)
    await ports.store.remove(id)
    this.#forgotten([id])
  }

  /** Its record is about to be removed. */
  async #leaveFiles(record: OperationRecord): Promise<void> {
    const {claims, spool} = this.#options
    if (record.direction === 'download') await claims.leave(record)
    await spool.forgotten(record)
  }

  #forgotten(ids: readonly OperationId[]): void {
    const {ports, operations, events} = this.#options
    for (const id of ids) operations.drop(id)
    events.next({type: 'operation.forgotten', at: ports.clock.now(), ids})
  }
}
