/** Real stores in a temporary directory of their own. */

import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createLevelStore, type LevelStore} from '../../src/adapters/level/level-store.ts'
import type {StoreHouse} from './record-store.contract.ts'

export interface LevelHouse extends StoreHouse {
  /** The engine's directory; not there yet. */
  readonly directory: string
  next(): LevelStore
}

export async function buildLevelHouse(durability: 'power' | 'process' = 'process'): Promise<LevelHouse> {
  const root = await mkdtemp(join(tmpdir(), 'record-store-'))
  const directory = join(root, 'engine')
  return {
    directory,
    next: () => createLevelStore({directory, durability, command: 'test'}),
    dispose: () => rm(root, {recursive: true, force: true}),
  }
}
