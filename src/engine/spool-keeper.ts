/** Private files go with their operation: its copy of a stream when it ends, its answer when it is forgotten. */

import type {OperationRecord} from '../domain/record.ts'
import {isSpooled} from '../domain/request-content.ts'
import {isTerminal} from '../domain/status.ts'
import type {Log} from '../ports/log.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {Spool} from '../ports/spool.ts'

export interface SpoolKeeperOptions {
  readonly spool: Spool
  readonly store: RecordStore
  readonly log: Log
}

export class SpoolKeeper {
  readonly #options: SpoolKeeperOptions

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
        const isWanted = record !== undefined && (kind === 'answer' || !isTerminal(record.state))
        if (!isWanted) await spool.remove(id, kind)
      }
    } catch (error) {
      log.warn({error: String(error)}, 'private files of earlier operations could not be removed')
    }
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
  async #remove(id: OperationRecord['id'], kind?: 'body'): Promise<void> {
    const {spool, log} = this.#options
    try {
      await spool.remove(id, kind)
    } catch (error) {
      log.warn({id, error: String(error)}, 'a private file could not be removed')
    }
  }
}
