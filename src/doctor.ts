/** The store's doctor for this machine's adapters: how a store is, and a new one of what its records and side files say. */

import {findSideFiles, type SideFinding} from './adapters/file/find-side-files.ts'
import {diagnose, type StoreReport as RecordsReport, type RepairReport, repair} from './adapters/level/doctor.ts'
import {keyPath, openFileSecrets} from './adapters/secrets/file-secrets.ts'
import {asTransferError} from './domain/errors.ts'
import {assertOptions} from './domain/given.ts'
import {sizeOf} from './domain/range-set.ts'
import {NO_ATTEMPTS, type OperationRecord} from './domain/record.ts'
import {assertPath} from './namespace/given-path.ts'
import {givenList} from './namespace/list-of.ts'
import type {Secrets} from './ports/secrets.ts'

export type {RepairReport}

export interface StoreReport extends RecordsReport {
  /** Why the secrets of its requests cannot be read; one line. No repair mends that: somebody has to put the right key back. */
  readonly keyProblem?: string
}

export interface RepairStoreOptions {
  /** Directories with part files of downloads that the store may have lost. */
  readonly search?: readonly string[]
}

/**
 * Reads the whole store and changes nothing of it. Rejects with STORE_LOCKED while somebody has it open, with DISK_FULL or
 * FILE_ACCESS when it cannot be opened for want of room or permission; with STORE_TOO_NEW, INVALID_ARGUMENT.
 */
export async function diagnoseStore(directory: string): Promise<StoreReport> {
  assertPath('directory', directory)
  const secrets = new SecretsCheck(directory)
  await secrets.open()
  const report = await diagnose(directory, (record) => secrets.look(record))
  const {problem} = secrets
  return report.exists && problem !== undefined ? {...report, keyProblem: problem} : report
}

/** Whether the key is there that the secrets of the operations were sealed with. */
class SecretsCheck {
  readonly #directory: string
  #secrets: Secrets | undefined
  /** Why there is none, where that is known. */
  #failure: string | undefined
  /** Operations whose secrets it does not open. */
  #locked = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  async open(): Promise<void> {
    try {
      this.#secrets = await openFileSecrets(this.#directory)
    } catch (thrown) {
      this.#failure = asTransferError(thrown).message
    }
  }

  look({request: {sealed, credentials}}: OperationRecord): void {
    const all = [sealed, credentials].filter((text) => text !== undefined)
    if (!all.every((text) => this.#opens(text))) this.#locked += 1
  }

  get problem(): string | undefined {
    const path = keyPath(this.#directory)
    if (this.#failure !== undefined) return `${path}: ${this.#failure}`
    if (this.#locked === 0) return undefined
    const those = this.#locked === 1 ? 'one operation has secrets' : `${this.#locked} operations have secrets`
    const reason = this.#secrets === undefined ? 'there is no key file' : 'it holds another key'
    return `${path}: ${reason}, and ${those}`
  }

  #opens(text: string): boolean {
    try {
      return this.#secrets?.unseal(text) !== undefined
    } catch {
      return false
    }
  }
}

/**
 * Puts a new store in the place of the old one, which is kept aside. Rejects with STORE_LOCKED while somebody has it open, and with
 * STORE_TOO_NEW: what a newer version wrote is for that one to repair.
 */
export async function repairStore(directory: string, options: RepairStoreOptions = {}): Promise<RepairReport> {
  assertPath('directory', directory)
  assertOptions('options', options, {search: true})
  const search = new Set(givenList('search', options.search === undefined ? [] : options.search))
  for (const each of search) assertPath('search', each)
  const salvaged: OperationRecord[] = []
  for (const each of search) {
    for (const finding of await findSideFiles(each)) {
      const record = recordOf(finding)
      if (record !== undefined) salvaged.push(record)
    }
  }
  return repair(directory, {salvaged})
}

/** Queued again, without the headers: a side file holds no secret. */
function recordOf(finding: SideFinding): OperationRecord | undefined {
  if (finding.kind === 'damaged' || sizeOf(finding.verified) === 0) return undefined
  const {id, request, target, evidence} = finding.facts
  return {
    id,
    direction: 'download',
    request: {...request, headers: []},
    target,
    policy: {priority: 0, costPolicy: 0, group: ''},
    createdAt: Date.now(),
    sequence: 0,
    attempts: NO_ATTEMPTS,
    evidence: {...evidence, ranges: finding.verified},
    state: 'queued',
  }
}
