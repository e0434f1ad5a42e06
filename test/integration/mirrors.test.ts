/** Several addresses of one file, on real sockets: parts from all of them, one that dies, one that has something else. */

import {firstValueFrom} from 'rxjs'
import {filter} from 'rxjs/operators'
import {describe, expect, it} from 'vitest'
import type {BackgroundTransferEngineOptions, DownloadOperation, DownloadOptions} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import type {FaultyServer} from '../support/faulty-server.ts'
import {bytesSent, digestOf, failure, makeWorld, openEngine, requestsFor, startServer, type World} from './harness.ts'

const KIB = 1024
const SIZE = 2 * 1024 * KIB + 1
const RIGHT = contentOf(1, SIZE)
const WRONG = contentOf(2, SIZE)
const OPTIONS: Partial<BackgroundTransferEngineOptions> = {
  checkpointIntervalMs: 50,
  minSliceBytes: 64 * KIB,
  retryDelayMs: 1,
}
/** A connection brings the file in about four seconds: several are worth it. */
const SLOW: Script = {content: RIGHT, etag: '"one"', pieceBytes: 16 * KIB, pieceDelayMs: 32}
const CHECKSUM = {algorithm: 'sha256', hex: sha256(RIGHT)} as const

interface Mirrored extends World {
  readonly mirror: FaultyServer
}

async function mirroredWorld(mirror: Script, own: Script = SLOW): Promise<Mirrored> {
  const world = await makeWorld(OPTIONS)
  const other = await startServer()
  world.server.route('/file', own)
  other.route('/copy', mirror)
  return {...world, mirror: other}
}

function download({engine, server, mirror, file}: Mirrored, options: DownloadOptions = {}): DownloadOperation {
  return engine
    .createDownloader()
    .createDownload(server.url('/file'), file('file'), {mirrors: [mirror.url('/copy')], ...options})
}

async function expectWhole(world: World): Promise<void> {
  expect(await digestOf(world.file('file'))).toBe(sha256(RIGHT))
  expect(await world.names()).toEqual(['file'])
}

describe('17.D several addresses of one file', () => {
  it('all bring parts of it where they name one version, and a mirror is told no secret', async () => {
    const world = await mirroredWorld(SLOW)
    const operation = download(world, {connections: 4})
    operation.setRequestHeader('Authorization', 'Bearer s3cret')
    operation.setRequestHeader('X-Plain', 'told')
    await operation.startAsync()
    await expectWhole(world)
    const asked = requestsFor(world.mirror, '/copy')
    expect(asked.length).toBeGreaterThan(0)
    expect(bytesSent(world.mirror, '/copy')).toBeGreaterThan(SIZE / 8)
    for (const {headers} of asked) {
      expect(headers.range).toMatch(/^bytes=\d+-/)
      expect(headers['if-range']).toBeUndefined()
      expect(headers.authorization).toBeUndefined()
      expect(headers['x-plain']).toBe('told')
    }
  })

  it.each([
    ['another length', {content: RIGHT.subarray(0, SIZE - 1), etag: '"one"'}, {}],
    ['another ETag, and no digest is known', {etag: '"two"'}, {}],
    ['no version', {headers: []}, {checksum: CHECKSUM}],
    ['another digest', {etag: '"two"', headers: [['Repr-Digest', digestField(WRONG)]]}, {checksum: CHECKSUM}],
    ['no ranges', {ranges: 'ignore'}, {}],
  ] as const)('a mirror with %s is left, and the reason is told', async (_, difference, options) => {
    const {etag: __, ...plain} = SLOW
    const world = await mirroredWorld({...plain, ...difference} as Script)
    const operation = download(world, {connections: 4, ...options})
    const running = operation.startAsync()
    await firstValueFrom(running.progress$.pipe(filter(() => operation.explain().why.includes('not from '))))
    expect(operation.explain().why).toMatch(
      new RegExp(
        `from ${new URL(world.server.url('/')).host}, not from ${new URL(world.mirror.url('/')).host} \\(.+\\)`,
      ),
    )
    await running
    await expectWhole(world)
    // No second request is made of it once that is known.
    expect(requestsFor(world.mirror, '/copy').length).toBeLessThanOrEqual(2)
  })

  it.each([
    ['the caller’s checksum vouches', {etag: '"two"'}, {checksum: CHECKSUM}],
    [
      'it names the digest that the caller gave',
      {etag: '"two"', headers: [['Repr-Digest', digestField(RIGHT)]]},
      {checksum: CHECKSUM},
    ],
  ] as const)('a mirror with another ETag brings parts where %s', async (_, difference, options) => {
    const world = await mirroredWorld({...SLOW, ...difference} as Script)
    await download(world, {connections: 4, ...options}).startAsync()
    await expectWhole(world)
    expect(bytesSent(world.mirror, '/copy')).toBeGreaterThan(SIZE / 8)
  })

  it('wrong bytes of a mirror are found by the checksum, and the file comes again from its own address', async () => {
    const world = await mirroredWorld({...SLOW, content: WRONG, etag: '"two"'})
    await download(world, {connections: 4, checksum: CHECKSUM}).startAsync()
    await expectWhole(world)
    expect(bytesSent(world.mirror, '/copy')).toBeGreaterThan(0)
    expect(bytesSent(world.server, '/file')).toBeGreaterThan(SIZE)
  })

  it('goes on at the mirror where its own address dies, with one connection too', async () => {
    const world = await mirroredWorld(SLOW)
    let asked = 0
    world.server.route('/file', () => {
      asked += 1
      return asked === 1 ? {...SLOW, cutAfter: SIZE / 2, cut: 'reset'} : {beforeHead: 'reset'}
    })
    const running = download(world).startAsync()
    let restarts = 0
    running.progress$.subscribe(({progress}) => {
      if (progress.hasRestarted) restarts += 1
    })
    await running
    await expectWhole(world)
    expect(restarts).toBe(0)
    const [first] = requestsFor(world.mirror, '/copy')
    expect(first?.headers.range).toMatch(/^bytes=[1-9]\d*-$/)
  })

  it('what is gone at its own address comes from the mirror, and nobody asks there again', async () => {
    const world = await mirroredWorld(SLOW, {status: 404, content: Buffer.from('no')})
    const operation = download(world)
    await operation.startAsync()
    await expectWhole(world)
    expect(requestsFor(world.server, '/file')).toHaveLength(1)
  })

  it('fails with the last reason when every address has failed', async () => {
    const world = await mirroredWorld(
      {status: 410, content: Buffer.from('no')},
      {status: 404, content: Buffer.from('no')},
    )
    const error = await failure(download(world).startAsync())
    expect(error).toMatchObject({code: 'HTTP_STATUS', details: {status: 410}})
    expect(requestsFor(world.server, '/file')).toHaveLength(1)
    expect(requestsFor(world.mirror, '/copy')).toHaveLength(1)
  })

  it('never joins bytes of two versions: a mirror that cannot be told from another is not gone on with', async () => {
    const world = await mirroredWorld(
      {...SLOW, content: WRONG, etag: '"two"'},
      {...SLOW, cutAfter: SIZE / 2, cut: 'reset'},
    )
    let asked = 0
    world.server.route('/file', () => {
      asked += 1
      return asked < 3 ? {...SLOW, cutAfter: SIZE / 4, cut: 'reset'} : SLOW
    })
    await download(world).startAsync()
    await expectWhole(world)
    expect(requestsFor(world.mirror, '/copy').length).toBeLessThanOrEqual(1)
  })

  it.each([
    ['no version in common', {content: RIGHT, etag: '"two"'}],
    ['no ranges', {content: RIGHT, etag: '"one"', ranges: 'ignore'}],
    ['no version', {content: RIGHT}],
  ] as const)('where its own address is gone for good, a mirror with %s is begun with from zero', async (_, mirror) => {
    const world = await mirroredWorld(mirror)
    let asked = 0
    world.server.route('/file', () => {
      asked += 1
      if (asked > 1) return {status: 404, content: Buffer.from('no')}
      return {content: WRONG, etag: '"one"', cutAfter: SIZE / 2, cut: 'reset'}
    })
    const operation = download(world)
    const running = operation.startAsync()
    let restarts = 0
    running.progress$.subscribe(({progress}) => {
      if (progress.hasRestarted) restarts += 1
    })
    await running
    // Not one byte of the other version is in it.
    await expectWhole(world)
    expect(restarts).toBe(1)
    expect(requestsFor(world.server, '/file')).toHaveLength(2)
    expect(requestsFor(world.mirror, '/copy').at(-1)?.headers.range).toBeUndefined()
  })

  it('a mirror whose file is another one is not begun with, and the bytes stay', async () => {
    const world = await mirroredWorld({content: RIGHT.subarray(1), etag: '"two"'})
    let asked = 0
    world.server.route('/file', () => {
      asked += 1
      if (asked > 1) return {status: 404, content: Buffer.from('no')}
      return {content: RIGHT, etag: '"one"', cutAfter: SIZE / 2, cut: 'reset'}
    })
    const operation = download(world)
    const error = await failure(operation.startAsync())
    expect(error).toMatchObject({code: 'UNRELIABLE_RANGES'})
    expect(operation.progress.bytesReceived).toBeGreaterThan(0)
  })

  it('knows after another start of the process where it was', async () => {
    const world = await mirroredWorld(SLOW, {status: 404, content: Buffer.from('no')})
    const operation = download(world)
    const running = operation.startAsync()
    running.catch(() => undefined)
    await firstValueFrom(running.progress$.pipe(filter(({progress}) => progress.bytesReceived > SIZE / 4)))
    await world.engine.close()
    const engine = await openEngine(world.directory, OPTIONS)
    const [again] = await engine.getCurrentDownloadsAsync()
    await again?.attachAsync()
    await expectWhole(world)
    expect(requestsFor(world.server, '/file')).toHaveLength(1)
    expect(requestsFor(world.mirror, '/copy').at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d*-$/)
  })
})

function digestField(content: Buffer): string {
  return `sha-256=:${Buffer.from(sha256(content), 'hex').toString('base64')}:`
}
