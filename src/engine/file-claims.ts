/** One file, one writer: which destinations are taken, and whose bytes a repeated operation goes on from. */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {NO_EVIDENCE, type OperationRecord} from '../domain/record.ts'
import {isTerminal} from '../domain/status.ts'
import type {RecordStore} from '../ports/record-store.ts'

export class FileClaims {
  readonly #store: RecordStore
  /** Destinations of records that are not in the store yet. */
  readonly #claimed = new Set<string>()
  /** Settles when every claim so far was answered. */
  #answered: Promise<void> = Promise.resolve()

  constructor(store: RecordStore) {
    this.#store = store
  }

  /**
   * Refuses (DESTINATION_BUSY) a destination that an unfinished operation, or another claim, has. Answers the records to
   * create: those that repeat a failed operation adopt its part file. To be released once they are in the store. Claims are
   * answered in the order in which they were made, so that what was started first stands in line first.
   */
  async claim(records: readonly OperationRecord[]): Promise<readonly OperationRecord[]> {
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
      const ids = await this.#store.findManyByFile(claimed)
      if (ids.every((id) => id === undefined)) return records
      return await Promise.all(records.map((record, index) => this.#follow(record, ids[index])))
    } catch (error) {
      for (const file of claimed) this.#claimed.delete(file)
      throw error
    }
  }

  release(records: readonly OperationRecord[]): void {
    for (const {target} of records) this.#claimed.delete(target.file)
  }

  async #follow(record: OperationRecord, id: OperationId | undefined): Promise<OperationRecord> {
    const earlier = id === undefined ? undefined : await this.#store.get(id)
    if (earlier === undefined) return record
    if (!isTerminal(earlier.state)) throw busy(earlier.target.file, earlier.id)
    if (earlier.state !== 'failed' || earlier.request.url !== record.request.url) return record
    const evidence = {...earlier.evidence, partOwner: earlier.evidence.partOwner ?? earlier.id}
    await this.#store.save({...earlier, evidence: NO_EVIDENCE})
    return {...record, evidence}
  }
}

function busy(file: string, id?: OperationId): TransferError {
  return new TransferError('DESTINATION_BUSY', 'another unfinished operation writes this file', {
    where: file,
    ...(id === undefined ? {} : {details: {guid: id}}),
  })
}
