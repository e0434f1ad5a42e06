/**
 * A group commit over a database in memory, whose batches end without a turn of the event loop, or after as many as were asked for:
 * on a disk, which of the two comes first is chance.
 */

import type {Connection} from '../../src/adapters/level/connection.ts'
import type {Database} from '../../src/adapters/level/database.ts'
import {GroupCommit} from '../../src/adapters/level/group-commit.ts'
import {operationKey} from '../../src/adapters/level/keys.ts'
import {EMPTY_MANIFEST} from '../../src/adapters/level/schema.ts'
import {unsealRecord} from '../../src/adapters/level/stored-record.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {OperationRecord} from '../../src/domain/record.ts'

/** How one batch goes. */
export interface BatchFate {
  readonly turns: number
  readonly fails: boolean
}

const AT_ONCE: BatchFate = {turns: 0, fails: false}

export class QuickDatabase {
  readonly commit: GroupCommit
  /** The most batches that were being written at once. */
  mostAtOnce = 0
  readonly #entries = new Map<string, string>()
  readonly #fates: BatchFate[]
  #beingWritten = 0

  /** `fates`: of the first batches; all others are written at once. */
  constructor(fates: readonly BatchFate[] = []) {
    this.#fates = [...fates]
    const database = {
      getMany: async (keys: readonly string[]) => keys.map((key) => this.#entries.get(key)),
      batch: () => this.#batch(),
    } as unknown as Database
    const connection = {
      isDoubtful: false,
      doubt: () => undefined,
      current: async () => database,
    } as unknown as Connection
    this.commit = new GroupCommit({connection, directory: '/records', sync: true, manifest: EMPTY_MANIFEST})
  }

  /** What is written. */
  record(id: OperationId): OperationRecord | undefined {
    const key = operationKey(id)
    const text = this.#entries.get(key)
    return text === undefined ? undefined : unsealRecord(key, text)
  }

  #batch() {
    const changes = new Map<string, string | undefined>()
    return {
      put: (key: string, text: string) => changes.set(key, text),
      del: (key: string) => changes.set(key, undefined),
      write: () => this.#write(changes),
      close: async () => undefined,
    }
  }

  async #write(changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    const {turns, fails} = this.#fates.shift() ?? AT_ONCE
    this.#beingWritten += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#beingWritten)
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
    this.#beingWritten -= 1
    if (fails) throw new Error('the disk would not have it')
    for (const [key, text] of changes) {
      if (text === undefined) this.#entries.delete(key)
      else this.#entries.set(key, text)
    }
  }
}
