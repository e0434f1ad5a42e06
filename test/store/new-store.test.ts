/** Before a new store tells of anything durable, the names that lead to it are: the whole of it would be gone with one of them. */

import {readdirSync, readlinkSync} from 'node:fs'
import {type FileHandle, mkdir, mkdtemp, open, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {basename, join} from 'node:path'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {repair} from '../../src/adapters/level/doctor.ts'
import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import {createPlatform} from '../../src/platform.ts'

let root: string
const synced: string[] = []
let onSync: (path: string) => void = () => {}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'new-store-'))
  const handle = await open(root, 'r')
  const prototype: FileHandle = Object.getPrototypeOf(handle)
  await handle.close()
  const sync = prototype.sync
  vi.spyOn(prototype, 'sync').mockImplementation(function (this: FileHandle) {
    const path = readlinkSync(`/proc/self/fd/${this.fd}`)
    synced.push(path)
    onSync(path)
    return sync.call(this)
  })
})

afterEach(async () => {
  vi.restoreAllMocks()
  onSync = () => {}
  synced.length = 0
  await rm(root, {recursive: true, force: true})
})

describe.runIf(process.platform === 'linux')('a new store', () => {
  it('makes every directory above it durable that may be new', async () => {
    const directory = join(root, 'new', 'too', 'store-of-it')
    const {store} = await createPlatform({directory, conditions: 'good'})
    await store.open()
    expect(synced).toEqual(expect.arrayContaining([directory, join(root, 'new', 'too'), join(root, 'new'), root]))
    await store.close()
  })

  it('does so also where a process died that had made them', async () => {
    const directory = join(root, 'new', 'store-of-it')
    await mkdir(join(directory, 'store'), {recursive: true})
    const store = createLevelStore({directory, durability: 'power'})
    await store.open()
    expect(synced).toEqual(expect.arrayContaining([directory, join(root, 'new'), root]))
    await store.close()
  })

  it('has its name for good when a repair has made it', async () => {
    const directory = join(root, 'store-of-it')
    const store = createLevelStore({directory, durability: 'power'})
    await store.open()
    await store.close()
    synced.length = 0
    let kept: readonly string[] = []
    onSync = (path) => {
      if (path === directory) kept = readdirSync(directory)
    }
    const {keptAs = ''} = await repair(directory)
    expect(kept).toEqual(expect.arrayContaining(['store', basename(keptAs)]))
  })

  it('is refused, at once, where a directory takes no other', async () => {
    const directory = '/proc/bgt/store-of-it'
    await expect(createPlatform({directory, conditions: 'good'})).rejects.toMatchObject({
      code: 'FILE_ACCESS',
      where: directory,
    })
  })

  it('does so once', async () => {
    const directory = join(root, 'store-of-it')
    const open = async () => {
      const store = createLevelStore({directory, durability: 'power'})
      await store.open()
      await store.close()
    }
    await open()
    expect(synced).toContain(root)
    synced.length = 0
    await open()
    expect(synced).not.toContain(root)
  })
})
