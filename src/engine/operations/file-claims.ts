/**
 * One file, one writer: which destinations are taken, and to whom the part beside each belongs. A part is the property of the
 * operation that named its file last: that one goes on from it or removes it, and nobody else may (decision 0006).
 */

import {TransferError} from '../../domain/errors.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord, TransferPolicy, TransferRequest} from '../../domain/record.ts'
import {isTerminal} from '../../domain/status.ts'
import {type FileSink, partNameOf} from '../../ports/file-sink.ts'
import type {Log} from '../../ports/log.ts'
import type {RecordStore} from '../../ports/record-store.ts'

export interface FileClaimsOptions {
  readonly store: RecordStore
  readonly sink: FileSink
  readonly log: Log
}

/** A record to create, and the failed operation whose part it does not go on from. */
interface Succession {
  readonly record: OperationRecord
  readonly superseded?: OperationRecord
}

export class FileClaims {
  readonly #options: FileClaimsOptions
  /** Destinations of records that are not in the store yet. */
  readonly #claimed = new Set<string>()
  /** Destinations whose parts are being removed, with what settles when they are. */
  readonly #clearing = new Map<string, Promise<void>>()
  /** Settles when every claim so far was answered. */
  #answered: Promise<void> = Promise.resolve()

  constructor(options: FileClaimsOptions) {
    this.#options = options
  }

  /**
   * Refuses (DESTINATION_BUSY) a destination that an unfinished operation, or another claim, has. Answers the records to
   * create: those that repeat a failed operation adopt its part file, and what nobody can adopt is removed. To be released
   * once they are in the store. Claims are answered in the order in which they were made, so that what was started first
   * stands in line first.
   */
  async claim(records: readonly OperationRecord[]): Promise<readonly OperationRecord[]> {
    // An upload writes no file.
    if (records.every(({direction}) => direction === 'upload')) return records
    const before = this.#answered
    const claim = this.#claim(records)
    this.#answered = Promise.allSettled([before, claim]).then(() => undefined)
    await before
    return claim
  }

  async #claim(records: readonly OperationRecord[]): Promise<readonly OperationRecord[]> {
    const claimed: string[] = []
    try {
      for (const {target} of records) {
        if (this.#claimed.has(target.file)) throw busy(target.file)
        this.#claimed.add(target.file)
        claimed.push(target.file)
      }
      if (this.#clearing.size > 0) await Promise.all(claimed.map((file) => this.#clearing.get(file)))
      const ids = await this.#options.store.findManyByFile(claimed)
      if (ids.every((id) => id === undefined)) return records
      const followed = await Promise.all(records.map((record, index) => this.#follow(record, ids[index])))
      // Before the new record is durable: a crash between leaves a failed operation without its bytes, and no stray file.
      await Promise.all(followed.map(({superseded}) => superseded && this.#removePart(superseded)))
      return followed.map(({record}) => record)
    } catch (error) {
      for (const file of claimed) this.#claimed.delete(file)
      throw error
    }
  }

  release(records: readonly OperationRecord[]): void {
    for (const {target} of records) this.#claimed.delete(target.file)
  }

  /** An ended operation is about to be forgotten: its part goes first, unless another one has named the file since. */
  async leave(record: OperationRecord): Promise<void> {
    const {file} = record.target
    if (record.state !== 'failed' || this.#claimed.has(file)) return
    const owner = await this.#options.store.findByFile(file)
    if (owner !== record.id || this.#claimed.has(file)) return
    const clearing = this.#removePart(record).finally(() => this.#clearing.delete(file))
    this.#clearing.set(file, clearing)
    await clearing
  }

  async #follow(record: OperationRecord, id: OperationId | undefined): Promise<Succession> {
    const earlier = id === undefined ? undefined : await this.#options.store.get(id)
    // Its own: the store took it although it refused.
    if (earlier === undefined || earlier.id === record.id) return {record}
    if (!isTerminal(earlier.state)) throw busy(earlier.target.file, earlier.id)
    if (earlier.state !== 'failed') return {record}
    if (!asksTheSame(earlier.request, record.request)) return {record, superseded: earlier}
    const adopted = {...record, evidence: {...earlier.evidence, partOwner: partNameOf(earlier).id}}
    // Whole, and found to be what this one wants too: only its name was not to be had.
    const isVerified = earlier.publishing !== undefined && wantsTheSame(earlier.policy, record.policy)
    return {record: isVerified ? {...adopted, publishing: earlier.publishing} : adopted}
  }

  /** A part that cannot be removed keeps nobody from going on. */
  async #removePart(record: OperationRecord): Promise<void> {
    const {sink, log} = this.#options
    try {
      await sink.discard(partNameOf(record))
    } catch (error) {
      log.warn({id: record.id, file: record.target.file, error: String(error)}, 'a part file could not be removed')
    }
  }
}

/** What a request with a body is answered with may be something else each time. */
function asksTheSame(a: TransferRequest, b: TransferRequest): boolean {
  return a.url === b.url && a.method === b.method && a.body === undefined && b.body === undefined
}

function wantsTheSame(a: TransferPolicy, b: TransferPolicy): boolean {
  const wishes = ({checksum, expect, ignoreServerDigest}: TransferPolicy) =>
    JSON.stringify([checksum, expect, ignoreServerDigest])
  return wishes(a) === wishes(b)
}

function busy(file: string, id?: OperationId): TransferError {
  return new TransferError('DESTINATION_BUSY', 'another unfinished operation writes this file', {
    where: file,
    ...(id === undefined ? {} : {details: {guid: id}}),
  })
}
