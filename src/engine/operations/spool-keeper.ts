/**
 * Private files go with their operation: its copy of a stream when it ends, or when nobody can start it any more; its answer when it
 * is forgotten.
 */

import {TransferError} from '../../domain/errors.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {type ContentPiece, isSpooled} from '../../domain/request-content.ts'
import {isTerminal} from '../../domain/status.ts'
import type {Log} from '../../ports/log.ts'
import type {RecordStore} from '../../ports/record-store.ts'
import {type Spool, spoolName} from '../../ports/spool.ts'

export interface SpoolKeeperOptions {
  readonly spool: Spool
  readonly store: RecordStore
  readonly log: Log
}

interface Taking {
  /** Gives it up. */
  readonly closing: AbortController
  readonly size: Promise<number>
}

export class SpoolKeeper {
  readonly #options: SpoolKeeperOptions
  /** Copies whose operation is not accepted yet. */
  readonly #drafts = new Set<OperationId>()
  /** Streams that are being taken. */
  readonly #taking = new Map<OperationId, Taking>()
  #closed: TransferError | undefined

  constructor(options: SpoolKeeperOptions) {
    this.#options = options
  }

  /** What a crash left behind: files whose operation was never accepted, or needs them no more. */
  async sweep(): Promise<void> {
    const {spool, store, log} = this.#options
    try {
      const found = await spool.list()
      const records = await store.getMany(found.map(({id}) => id))
      for (const [index, {id, kind}] of found.entries()) {
        const record = records[index]
        const isWanted = kind !== 'copy' && record !== undefined && (kind === 'answer' || !isTerminal(record.state))
        if (!isWanted) await spool.remove(id, kind)
      }
    } catch (error) {
      log.warn({error: String(error)}, 'private files of earlier operations could not be removed')
    }
  }

  /**
   * Takes a stream whole, as the body of an operation to come; one that is being taken for the same is given up. Rejects with CLOSED
   * where the engine closes first.
   */
  async take(id: OperationId, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ContentPiece> {
    // No await between the last look and its own place there: of two that wait for a third, both would have the same file.
    for (let earlier = this.#taking.get(id); earlier !== undefined; earlier = this.#taking.get(id)) {
      await giveUp(earlier)
    }
    if (this.#closed !== undefined) throw this.#closed
    const closing = new AbortController()
    const either = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal])
    const taking = {closing, size: this.#options.spool.take(id, chunks, either)}
    this.#taking.set(id, taking)
    try {
      const size = await taking.size
      this.#drafts.add(id)
      return {kind: 'spool', name: spoolName(id, 'body'), size}
    } finally {
      this.#taking.delete(id)
    }
  }

  /** They are being accepted: from now on their records say what becomes of their copies. */
  accepting(operations: readonly Pick<OperationRecord, 'id'>[]): void {
    for (const {id} of operations) this.#drafts.delete(id)
  }

  /** They were not, and may be another time. */
  refused(operations: readonly Pick<OperationRecord, 'id' | 'request'>[]): void {
    for (const {id, request} of operations) if (isSpooled(request.body)) this.#drafts.add(id)
  }

  /** Nobody can start it any more: no effect for what was accepted. */
  async dropped(id: OperationId): Promise<void> {
    if (this.#drafts.delete(id)) await this.#remove(id, 'body')
  }

  /** The engine closes: who gives it a stream may never end it. */
  async dropDrafts(): Promise<void> {
    this.#closed = new TransferError('CLOSED', 'the engine was closed before it had the whole stream')
    const taking = [...this.#taking.values()]
    for (const {closing} of taking) closing.abort(this.#closed)
    await Promise.allSettled(taking.map(({size}) => size))
    await Promise.all([...this.#drafts].map((id) => this.dropped(id)))
  }

  /** Its end is durable. */
  async ended({id, request}: OperationRecord): Promise<void> {
    if (isSpooled(request.body)) await this.#remove(id, 'body')
  }

  /** Its record is about to go. */
  async forgotten({id, direction}: OperationRecord): Promise<void> {
    if (direction === 'upload') await this.#remove(id)
  }

  /** What stays is found by the next sweep. */
  async #remove(id: OperationId, kind?: 'body'): Promise<void> {
    const {spool, log} = this.#options
    try {
      await spool.remove(id, kind)
    } catch (error) {
      log.warn({id, error: String(error)}, 'a private file could not be removed')
    }
  }
}

/** A client whose connection broke sends again, and may be faster than that is seen here. */
async function giveUp({closing, size}: Taking): Promise<void> {
  closing.abort(new TransferError('CLOSED', 'the stream was sent again before it was here'))
  await size.catch(() => undefined)
}
