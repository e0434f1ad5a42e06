/**
 * The open database, and its renewal. After a failed write LevelDB's log may end in the middle of a record and the handle
 * may refuse every further write, so the handle is given up and the database opened again before the next batch.
 */

import {type Database, databasePath, openDatabase, recoveryLostWrites} from './database.ts'
import {applyFixes, checkIndexes} from './index-check.ts'
import {MANIFEST_KEY} from './keys.ts'
import {EMPTY_MANIFEST, type Manifest, migrate, readManifest, SUSPECT_KEY, sealManifest} from './schema.ts'
import {closed, storeError} from './store-errors.ts'

export class Connection {
  readonly #directory: string
  #database: Database | undefined
  #renewal: Promise<Manifest> | undefined
  #isDoubtful = false
  #healed = false

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Whether damage was found on opening, and the indexes were made to agree with what was left. */
  get healed(): boolean {
    return this.#healed
  }

  get isDoubtful(): boolean {
    return this.#isDoubtful
  }

  async open(create: boolean): Promise<Manifest> {
    const database = await openDatabase(this.#directory, create)
    try {
      const manifest = await this.#prepare(database)
      this.#database = database
      this.#isDoubtful = false
      return manifest
    } catch (thrown) {
      await database.close()
      throw storeError(thrown, this.#directory)
    }
  }

  /** Marks the handle as not to be written to again. */
  doubt(): void {
    this.#isDoubtful = true
  }

  /** Closes and opens again; all who ask meanwhile wait for the same renewal. */
  renew(): Promise<Manifest> {
    this.#renewal ??= this.#reopen().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  /** Runs a read, once more if the handle was renewed under it. */
  async read<Result>(reader: (database: Database) => Promise<Result>): Promise<Result> {
    const database = await this.current()
    try {
      return await reader(database)
    } catch (thrown) {
      if (this.#renewal !== undefined || this.#database !== database) {
        try {
          return await reader(await this.current())
        } catch (again) {
          throw storeError(again, this.#directory)
        }
      }
      throw storeError(thrown, this.#directory)
    }
  }

  /** The handle in use. Opens again if an earlier renewal failed. */
  async current(): Promise<Database> {
    if (this.#renewal !== undefined) await this.#renewal
    if (this.#database === undefined && this.#isDoubtful) await this.renew()
    if (this.#database === undefined) throw closed(this.#directory)
    return this.#database
  }

  async close(): Promise<void> {
    await this.#renewal?.catch(() => {})
    const database = this.#database
    this.#database = undefined
    this.#isDoubtful = false
    await database?.close()
  }

  async #reopen(): Promise<Manifest> {
    const database = this.#database
    this.#database = undefined
    await database?.close()
    return this.open(false)
  }

  async #prepare(database: Database): Promise<Manifest> {
    if (await recoveryLostWrites(databasePath(this.#directory))) await database.put(SUSPECT_KEY, '1', {sync: true})
    const hadSchema = await migrate(database, this.#directory)
    const manifest = await readManifest(database)
    const suspect: string | undefined = await database.get(SUSPECT_KEY)
    if (suspect === undefined && hadSchema && manifest !== undefined) return manifest
    return this.#heal(database, manifest)
  }

  /** Also what makes a new store: there is nothing to heal in it. */
  async #heal(database: Database, manifest: Manifest | undefined): Promise<Manifest> {
    const check = await checkIndexes(database)
    await applyFixes(database, check)
    // The old count stays, so that the difference tells how many records are missing.
    const healed: Manifest = {
      operations: manifest?.operations ?? check.records + check.damaged.length,
      lastSequence: Math.max(manifest?.lastSequence ?? EMPTY_MANIFEST.lastSequence, check.lastSequence),
      writes: Math.max(manifest?.writes ?? EMPTY_MANIFEST.writes, check.writes),
    }
    // With it the version of a new store becomes durable: one sync, and not one for each.
    await database.batch().put(MANIFEST_KEY, sealManifest(healed)).del(SUSPECT_KEY).write({sync: true})
    this.#healed ||= check.records > 0 || check.damaged.length > 0 || manifest !== undefined
    return healed
  }
}
