/** Stories of downloads that went wrong in other tools, of disks and of what is saved there; the numbers are their names. */

import {execFileSync} from 'node:child_process'
import {stat, statfs, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus, type DownloadOperation} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'
import {mountSmallDisk, unmountDisk} from '../support/small-disk.ts'
import {
  bytesSent,
  digestOf,
  failure,
  makeDirectory,
  makeWorld,
  namesIn,
  onCleanup,
  openEngine,
  reaches,
  requestsFor,
  startServer,
  type World,
} from './harness.ts'

const MIB = 1024 * 1024

describe('story 21: a full disk', () => {
  /** A file system of 32 MiB; undefined where none may be mounted. */
  async function smallDisk(): Promise<string | undefined> {
    const directory = await makeDirectory()
    if (!mountSmallDisk(directory, 32)) return undefined
    onCleanup(async () => unmountDisk(directory))
    return directory
  }

  async function fullWorld() {
    const disk = await smallDisk()
    if (disk === undefined) return undefined
    const server = await startServer()
    const engine = await openEngine(await makeDirectory(), {retries: 0})
    return {disk, server, engine, filler: join(disk, 'filler')}
  }

  const content = contentOf(21, 20 * MIB)

  it('is seen before a byte is written, and waited for without asking the server again', async ({skip}) => {
    const world = await fullWorld()
    if (world === undefined) return skip('no file system can be mounted here')
    const {disk, server, engine, filler} = world
    await writeFile(filler, Buffer.alloc(16 * MIB, 1))
    server.route('/file', {content, etag: '"1"'})
    const operation = engine.createDownloader().createDownload(server.url('/file'), join(disk, 'file.bin'))
    const running = operation.startAsync()
    await reaches(operation, BackgroundTransferStatus.pausedSystemPolicy)
    expect(operation.describe()).toMatchObject({state: 'pausedForStorage', error: {code: 'DISK_FULL'}})
    expect(operation.describe().bytesReceived).toBe(0)
    expect((await statfs(disk)).bavail * (await statfs(disk)).bsize).toBeGreaterThan(15 * MIB)
    expect(requestsFor(server, '/file').length).toBe(1)
    // Looked at again, and still full: the length is known, so nobody is asked.
    operation.resume()
    await reaches(operation, BackgroundTransferStatus.running)
    await reaches(operation, BackgroundTransferStatus.pausedSystemPolicy)
    expect(requestsFor(server, '/file').length).toBe(1)
    execFileSync('rm', [filler])
    operation.resume()
    await running
    expect(await digestOf(join(disk, 'file.bin'))).toBe(sha256(content))
    expect(await namesIn(disk)).toEqual(['file.bin'])
  })

  it('pauses a body of unknown length, which goes on from its bytes when there is room', async ({skip}) => {
    const world = await fullWorld()
    if (world === undefined) return skip('no file system can be mounted here')
    const {disk, server, engine, filler} = world
    await writeFile(filler, Buffer.alloc(16 * MIB, 1))
    server.route('/file', {content, etag: '"1"', framing: 'chunked'})
    const operation = engine.createDownloader().createDownload(server.url('/file'), join(disk, 'file.bin'))
    const running = operation.startAsync()
    await reaches(operation, BackgroundTransferStatus.pausedSystemPolicy)
    const kept = operation.describe().bytesReceived
    expect(operation.describe()).toMatchObject({state: 'pausedForStorage', error: {code: 'DISK_FULL'}})
    // Up to four writes of a mebibyte are under way at once, of which the first may be the one that finds no room.
    expect(kept).toBeGreaterThanOrEqual(4 * MIB)
    // The reserve: 2 % of this disk.
    const {bavail, bsize} = await statfs(disk)
    expect(bavail * bsize).toBeGreaterThan(300 * 1024)
    expect(await namesIn(disk)).not.toContain('file.bin')
    execFileSync('rm', [filler])
    operation.resume()
    await running
    expect(await digestOf(join(disk, 'file.bin'))).toBe(sha256(content))
    const [, second, ...others] = requestsFor(server, '/file')
    expect(others).toEqual([])
    // Writes end in no fixed order: what lies behind a gap of one or two of them is fetched again.
    expect(Number(/^bytes=(\d+)-$/.exec(second?.headers.range ?? '')?.[1])).toBeGreaterThan(kept - 4 * MIB)
    expect(await namesIn(disk)).toEqual(['file.bin'])
  })

  it('is not kept full by what came of another version', async () => {
    const world = new SimulatedWorld()
    world.disk.capacity = 8 * MIB
    world.network.serve(urlOf(1), {seed: 1, size: 5 * MIB})
    world.network.addFault(urlOf(1), {kind: 'stalled', after: 4 * MIB})
    await world.open()
    const [entry] = await world.until(world.engine.start([world.draft(1)]))
    await world.advance(3_000)
    world.network.serve(urlOf(1), {seed: 2, size: 5 * MIB})
    await world.until(() => entry?.isOver === true)
    expect(entry?.record).toMatchObject({state: 'completed', evidence: {generation: 2}})
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(2, 5 * MIB))).toBe(true)
    expect(world.disk.names('/downloads')).toEqual(['1'])
    await world.close()
  })

  it('that another version has filled before a crash is made free before room is asked for', async () => {
    const world = new SimulatedWorld()
    world.disk.capacity = 8 * MIB
    const wish = {evidence: {generation: 2, ranges: [], total: 5 * MIB}} as const
    world.disk.writeFile('/downloads/.1.00000001.1.part', contentOf(1, 4 * MIB))
    world.network.serve(urlOf(1), {seed: 2, size: 5 * MIB})
    await world.open()
    const [entry] = await world.until(world.engine.start([{...world.draft(1), ...wish}]))
    await world.until(() => entry?.isOver === true)
    expect(entry?.record.state).toBe('completed')
    expect(world.disk.names('/downloads')).toEqual(['1'])
    await world.close()
  })

  it('is no reason to make a file as long as a lie says', async () => {
    const world = new SimulatedWorld()
    world.network.serve(urlOf(1), {seed: 1, size: 5 * 1024 * MIB})
    world.network.addFault(urlOf(1), {kind: 'stalled', after: 30_000})
    await world.open()
    await world.until(world.engine.start([world.draft(1)]))
    await world.advance(5_000)
    expect(world.disk.readFile('/downloads/.1.00000001.1.part')?.length).toBe(30_000)
    await world.close()
  })

  it('leaves the file that was there before as it is', async () => {
    const world = new SimulatedWorld()
    world.disk.capacity = 4 * MIB
    world.disk.writeFile('/downloads/1', Buffer.from('old'))
    world.network.serve(urlOf(1), {seed: 1, size: 5 * MIB})
    await world.open()
    const draft = world.draft(1)
    const [entry] = await world.until(
      world.engine.start([{...draft, target: {...draft.target, collision: 'replaceExisting'}}]),
    )
    await world.until(() => entry?.record.state === 'pausedForStorage')
    expect(world.disk.readFile('/downloads/1')?.toString()).toBe('old')
    world.disk.capacity = 40 * MIB
    await world.until(() => entry?.isOver === true)
    expect(entry?.record.state).toBe('completed')
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(1, 5 * MIB))).toBe(true)
    await world.close()
  })
})

describe('17.B starting, finishing, promises: the largest file of a file system', () => {
  it('54, 55. a Content-Length above it fails at once with 0x80070299, and is not retried', async () => {
    const world = new SimulatedWorld()
    world.disk.maxFileBytes = 2 ** 32 - 1
    world.network.serve(urlOf(1), {seed: 1, size: 2 ** 32})
    await world.open()
    const [entry] = await world.until(world.engine.start([world.draft(1)]))
    await world.until(() => entry?.isOver === true)
    expect(entry?.record).toMatchObject({state: 'failed', error: {code: 'FILE_TOO_LARGE'}})
    expect(entry?.record.evidence.ranges).toEqual([])
    expect(world.network.notes.length).toBe(1)
    expect(world.disk.readFile('/downloads/.1.00000001.1.part')?.length ?? 0).toBe(0)
    await world.close()
  })
})

describe('story 30: a rename that fails', () => {
  const SIZE = 50_000

  async function busyWorld(failures: number) {
    const world = new SimulatedWorld()
    world.network.serve(urlOf(1), {seed: 30, size: SIZE})
    world.disk.writeFile('/downloads/1', Buffer.from('held open by somebody'))
    await world.open()
    world.failDisk(['rename'], 'EBUSY', failures)
    const draft = world.draft(1)
    const [entry] = await world.until(
      world.engine.start([{...draft, target: {...draft.target, collision: 'replaceExisting'}}]),
    )
    if (entry === undefined) throw new Error('nothing was started')
    await world.until(() => entry.isOver)
    return {world, entry, draft}
  }

  it('is tried again a little later, and no byte is fetched twice', async () => {
    const {world, entry} = await busyWorld(2)
    expect(entry.record.state).toBe('completed')
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(30, SIZE))).toBe(true)
    expect(world.network.notes.length).toBe(1)
    await world.close()
  })

  it('for good ends the download and keeps its bytes: the next one needs no server', async () => {
    const {world, entry, draft} = await busyWorld(Number.POSITIVE_INFINITY)
    expect(entry.record).toMatchObject({state: 'failed', error: {code: 'FILE_ACCESS'}})
    expect(world.disk.readFile('/downloads/1')?.toString()).toBe('held open by somebody')
    world.healDisk()
    const again = {...draft, id: world.draft(2).id, target: {...draft.target, collision: 'replaceExisting' as const}}
    const [second] = await world.until(world.engine.start([again]))
    await world.until(() => second?.isOver === true)
    expect(second?.record.state).toBe('completed')
    expect(world.disk.readFile('/downloads/1')?.equals(contentOf(30, SIZE))).toBe(true)
    expect(world.network.notes.length).toBe(1)
    await world.close()
  })
})

describe('story 36: an error page is saved as the file', () => {
  const page = Buffer.from('<!doctype html><title>Please log in</title>')
  const ZIP = Buffer.concat([Buffer.from('504b0304', 'hex'), contentOf(36, 100_000)])
  const html: Script = {content: page, headers: [['Content-Type', 'text/html; charset=utf-8']]}
  const zip: Script = {content: ZIP, headers: [['Content-Type', 'application/zip']]}

  function download(world: World, expect: object): DownloadOperation {
    return world.engine.createDownloader().createDownload(world.server.url('/file'), world.file('a.zip'), {expect})
  }

  it.each<[string, object]>([
    ['its media type', {contentType: 'application/zip'}],
    ['one of several media types', {contentType: ['image/*', 'application/zip']}],
    ['its size', {minBytes: 1000}],
    ['its first bytes', {magic: '504B0304'}],
  ])('is found by %s, and nothing is published', async (_, expected) => {
    const world = await makeWorld()
    world.server.route('/file', html)
    expect(await failure(download(world, expected).startAsync())).toMatchObject({code: 'CONTENT_UNEXPECTED'})
    expect(requestsFor(world.server, '/file').length).toBe(1)
    expect(await world.names()).not.toContain('a.zip')
    world.server.route('/file', zip)
    await download(world, expected).startAsync()
    expect(await digestOf(world.file('a.zip'))).toBe(sha256(ZIP))
    expect(await world.names()).toEqual(['a.zip'])
  })

  it('is not what the rest of a file is taken for, which does not say its media type again', async () => {
    const world = await makeWorld()
    const {headers: _, ...rest} = {...zip, etag: '"1"'}
    world.server.route('/file', [{...zip, etag: '"1"', cutAfter: 50_000, cut: 'fin'}, rest])
    const operation = download(world, {contentType: 'application/zip'})
    operation.isRandomAccessRequired = true
    await operation.startAsync()
    expect(requestsFor(world.server, '/file').length).toBe(2)
    expect(await digestOf(world.file('a.zip'))).toBe(sha256(ZIP))
    const stream = await operation.getResultRandomAccessStreamReference().openReadAsync()
    expect(stream.contentType).toBe('application/zip')
  })

  it('is taken for the file where nothing else is expected', async () => {
    const world = await makeWorld()
    world.server.route('/file', html)
    await download(world, {}).startAsync()
    expect((await stat(world.file('a.zip'))).size).toBe(page.length)
  })

  it('a body without a length is given up when it is too much', async () => {
    const world = await makeWorld()
    world.server.route('/file', {content: {seed: 1, size: 256 * MIB}, framing: 'chunked', pieceBytes: 256 * 1024})
    const error = await failure(download(world, {maxBytes: 10 * MIB}).startAsync())
    expect(error).toMatchObject({code: 'CONTENT_UNEXPECTED'})
    expect(bytesSent(world.server, '/file')).toBeLessThan(128 * MIB)
    expect(await world.names()).not.toContain('a.zip')
  })

  it.each([{contentType: 'zip'}, {minBytes: -1}, {maxBytes: 1.5}, {magic: 'xyz'}, {magic: ''}])(
    'an expectation that makes no sense is refused: %j',
    async (expected) => {
      const world = await makeWorld()
      expect(() => download(world, expected)).toThrow('expect')
    },
  )
})

describe('story 22: two writers of one file', () => {
  const old = contentOf(22, 300_000)
  const fresh = contentOf(23, 300_000)

  it('two stores that write one file have a part each: the name goes to the first, and nothing is mixed', async () => {
    const world = await makeWorld()
    const other = await openEngine(await makeDirectory())
    const slow = {pieceBytes: 50_000, pieceDelayMs: 10}
    world.server.route('/old', {content: old, etag: '"old"', ...slow})
    world.server.route('/new', {content: fresh, etag: '"new"', ...slow})
    const operations = [
      world.engine.createDownloader().createDownload(world.server.url('/old'), world.file('file.bin')),
      other.createDownloader().createDownload(world.server.url('/new'), world.file('file.bin')),
    ]
    const ends = await Promise.allSettled(operations.map((operation) => operation.startAsync()))
    const [failed] = ends.filter((end) => end.status === 'rejected')
    expect(failed?.reason).toMatchObject({code: 'FILE_EXISTS'})
    const digest = await digestOf(world.file('file.bin'))
    expect(digest).toBe(sha256(ends[0]?.status === 'fulfilled' ? old : fresh))
  })

  it('one store lets one operation write a file', async () => {
    const world = await makeWorld()
    world.server.route('/old', {content: old, cutAfter: 1000, cut: 'stall'})
    world.server.route('/new', {content: fresh})
    const downloader = world.engine.createDownloader()
    await downloader.createDownload(world.server.url('/old'), world.file('file.bin')).startAsync().accepted
    const second = downloader.createDownload(world.server.url('/new'), world.file('file.bin')).startAsync()
    expect(await failure(second)).toMatchObject({code: 'DESTINATION_BUSY'})
    expect(requestsFor(world.server, '/new').length).toBe(0)
  })
})
