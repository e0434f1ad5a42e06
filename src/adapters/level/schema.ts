/**
 * The store's format version, its manifest, and the way from one version to the next. A migration is numbered, never
 * changed once released, and each released format has a fixture in the tests.
 */

import {TransferError} from '../../domain/errors.ts'
import type {Database} from './database.ts'
import {seal, unseal} from './envelope.ts'
import {MANIFEST_KEY, META, SCHEMA_KEY} from './keys.ts'

export const SCHEMA_VERSION = 1

export interface Migration {
  /** The version that it leads to, from the one before. */
  readonly to: number
  /** Must be safe to run again: a crash can come before the new version is written. */
  run(database: Database): Promise<void>
}

export const MIGRATIONS: readonly Migration[] = []

export interface Manifest {
  readonly operations: number
  readonly lastSequence: number
  /** The newest batch's write sequence. */
  readonly writes: number
}

export const EMPTY_MANIFEST: Manifest = {operations: 0, lastSequence: 0, writes: 0}

/** Set while it is not certain that the indexes agree with the records. */
export const SUSPECT_KEY = `${META}suspect`

/**
 * Brings the store to `version`. The version is plain text, so that every version can read it. Resolves with false when
 * there was none: the store is new, or its beginning is lost. It is written then, and durable with the next synced write.
 */
export async function migrate(
  database: Database,
  where: string,
  version = SCHEMA_VERSION,
  migrations = MIGRATIONS,
): Promise<boolean> {
  const found = await readVersion(database, where, version)
  if (found === undefined) {
    await database.put(SCHEMA_KEY, String(version))
    return false
  }
  for (let next = found + 1; next <= version; next += 1) {
    const migration = migrations.find(({to}) => to === next)
    if (migration === undefined) throw new TransferError('INTERNAL', `no migration to format ${next}`, {where})
    await migration.run(database)
    await database.put(SCHEMA_KEY, String(next), {sync: true})
  }
  return true
}

/** `undefined` when there is none. Rejects with STORE_TOO_NEW for one beyond `version`, and with STORE_DAMAGED for what is none. */
export async function readVersion(
  database: Database,
  where: string,
  version = SCHEMA_VERSION,
): Promise<number | undefined> {
  const text: string | undefined = await database.get(SCHEMA_KEY)
  if (text === undefined) return undefined
  const found = Number(text)
  if (!Number.isSafeInteger(found) || found < 1) {
    throw new TransferError('STORE_DAMAGED', 'the store’s format version is unreadable', {where})
  }
  if (found > version) {
    throw new TransferError('STORE_TOO_NEW', `the store has format ${found}; this version knows ${version}`, {where})
  }
  return found
}

export function sealManifest(manifest: Manifest): string {
  return seal(MANIFEST_KEY, manifest.writes, JSON.stringify(manifest))
}

/** `undefined` when there is none or it does not verify. */
export async function readManifest(database: Database): Promise<Manifest | undefined> {
  const text: string | undefined = await database.get(MANIFEST_KEY)
  const opened = text === undefined ? undefined : unseal(MANIFEST_KEY, text)
  if (opened === undefined) return undefined
  const manifest: Manifest = JSON.parse(opened.json)
  return manifest
}
