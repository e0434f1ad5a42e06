/**
 * The greatest id that a record of the store may have. Ids rise, so what is created needs no look-up: a greater one is certainly
 * not there. Learnt by reading the last record's key, once so many were created that it pays.
 */

import type {OperationId} from '../../domain/operation-id.ts'
import type {Database} from './database.ts'
import {idOfOperationKey, OPERATIONS, operationKey, spanOf} from './keys.ts'

/** So few are looked up sooner than the last key is read. */
const FEW = 16

export class NewestId {
  /** `undefined` while it is not known; '' for an empty store. */
  #newest: OperationId | '' | undefined
  #lookedUp = 0

  /** Which of these, of which the store knows nothing in memory, are in the database. */
  async present(database: Database, ids: readonly OperationId[]): Promise<readonly OperationId[]> {
    this.#lookedUp += ids.length
    if (this.#newest === undefined && this.#lookedUp > FEW) {
      const [last] = await database.keys({...spanOf(OPERATIONS), reverse: true, limit: 1}).all()
      this.#newest = last === undefined ? '' : idOfOperationKey(last)
    }
    const newest = this.#newest
    const asked = newest === undefined ? ids : ids.filter((id) => id <= newest)
    if (asked.length === 0) return []
    const present = await database.hasMany(asked.map(operationKey))
    return asked.filter((_, at) => present[at])
  }

  /** A record of this id is about to be written. */
  written(id: OperationId): void {
    if (this.#newest !== undefined && id > this.#newest) this.#newest = id
  }
}
