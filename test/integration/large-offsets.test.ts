/** A file of more than 4 GiB that goes on after a restart: no offset on the way, on the disk or over the wire is cut at 32 bits. */

import {appendFile, open, stat, truncate} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {BLOCK_SIZE, type Digest, NO_DIGEST} from '../../src/adapters/file/block-digests.ts'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import {encodeCheckpoint} from '../../src/adapters/file/side-format.ts'
import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {contentSlice} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {makeWorld, namesIn, openEngine, rangesAsked, receives} from './harness.ts'

const MIB = 1024 ** 2
const FIRST = 1 * MIB
/** What was durable before the restart: beyond 4 GiB, and in the middle of a block of digests. */
const DURABLE = 2 ** 32 + MIB + 1
const SIZE = DURABLE + 3 * MIB
const FILE: Script = {content: {seed: 1, size: SIZE}, etag: '"v1"'}

/** As if a part had grown to `DURABLE`: sparse, and without digests, as where bytes came faster than they are digested. */
async function grow(directory: string, id: OperationId): Promise<void> {
  const [part = '', side = ''] = (await namesIn(directory)).map((name) => join(directory, name))
  await truncate(part, DURABLE)
  const store = createLevelStore({directory: join(directory, '.store'), durability: 'process'})
  await store.open()
  const record = await store.get(id)
  if (record === undefined) throw new Error('there is no record')
  const evidence = {...record.evidence, ranges: [[0, DURABLE]] as const}
  await store.save({...record, evidence})
  await store.close()
  const {size, mtimeMs} = await stat(part)
  const boot = nodeFileSystem.bootId()
  const digests: readonly Digest[] = Array.from({length: Math.ceil(DURABLE / BLOCK_SIZE)}, (_, block) => ({
    start: block * BLOCK_SIZE,
    end: Math.min(DURABLE, (block + 1) * BLOCK_SIZE),
    crc: NO_DIGEST,
  }))
  const stamp = {...(boot === undefined ? {} : {boot}), size, modifiedMs: mtimeMs}
  await appendFile(side, encodeCheckpoint(evidence, stamp, digests))
}

describe('17.D a file of more than 4 GiB', () => {
  it('80, 81. asks for the last bytes alone after a restart, and puts them where they belong', async () => {
    const world = await makeWorld({durability: 'process'})
    world.server.route('/file', {...FILE, cutAfter: FIRST, cut: 'stall'})
    const operation = world.engine.createDownloader().createDownload(world.server.url('/file'), world.file('large.bin'))
    const running = operation.startAsync()
    running.catch(() => undefined)
    await receives(running, FIRST)
    await world.engine.close()
    await grow(world.directory, operation.guid as OperationId)
    world.server.route('/file', FILE)
    const engine = await openEngine(world.directory, {durability: 'process'})
    const found = await engine.getDownloadAsync(operation.guid)
    expect(found.progress.bytesReceived).toBe(DURABLE)
    await found.attachAsync()
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${DURABLE}-|"v1"`])
    expect(found.progress).toMatchObject({bytesReceived: SIZE, totalBytesToReceive: SIZE, hasRestarted: false})
    const file = await open(world.file('large.bin'))
    const bytes = Buffer.alloc(SIZE - DURABLE)
    const start = Buffer.alloc(FIRST)
    await file.read(bytes, 0, bytes.length, DURABLE)
    await file.read(start, 0, start.length, 0)
    expect((await file.stat()).size).toBe(SIZE)
    await file.close()
    expect(bytes.equals(contentSlice(1, DURABLE, SIZE))).toBe(true)
    expect(start.equals(contentSlice(1, 0, FIRST))).toBe(true)
  })
})
