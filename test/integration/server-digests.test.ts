/** Digests in fields of the server's answers: whole files are compared with them, and parts of two digests are never mixed. */

import {createHash} from 'node:crypto'
import {describe, expect, it} from 'vitest'
import type {DownloadOperation} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {digestOf, failure, makeWorld, onCleanup, openEngine, rangesAsked, requestsFor, type World} from './harness.ts'

const SIZE = 1_000_003
const OLD = contentOf(1, SIZE)
const NEW = contentOf(2, SIZE)
const CUT = 400_000

function field(bytes: Buffer, name = 'Repr-Digest', algorithm: 'sha256' | 'sha512' = 'sha256') {
  const digest = createHash(algorithm).update(bytes).digest('base64')
  return [name, `${algorithm.replace('sha', 'sha-')}=:${digest}:`] as const
}

const WHOLE: Script = {content: OLD, etag: '"one"', headers: [field(OLD)]}

function download(world: World, options = {}): DownloadOperation {
  return world.engine.createDownloader().createDownload(world.server.url('/file'), world.file('file.bin'), options)
}

describe('a digest that the server gives', () => {
  it.each([
    ['Repr-Digest', [field(OLD)]],
    ['Repr-Digest in sha-512', [field(OLD, 'Repr-Digest', 'sha512')]],
    ['Content-Digest', [field(OLD, 'Content-Digest')]],
    ['Digest', [['Digest', `SHA-256=${createHash('sha256').update(OLD).digest('base64')}`]]],
    ['one of an unknown algorithm', [['Repr-Digest', 'xyz=:AAAA:']]],
    ['one that is no field', [['Repr-Digest', 'sha-256=oops']]],
  ] as const)('is compared when it is right: %s', async (_, headers) => {
    const world = await makeWorld()
    world.server.route('/file', {...WHOLE, headers})
    await download(world).startAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(requestsFor(world.server, '/file').length).toBe(1)
  })

  it('that the file does not have makes it fetch afresh once, and then fail; nothing is published', async () => {
    const world = await makeWorld()
    world.server.route('/file', {...WHOLE, headers: [field(NEW)]})
    const error = await failure(download(world).startAsync())
    expect(error).toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      details: {from: 'server', algorithm: 'sha256', expected: sha256(NEW), actual: sha256(OLD)},
    })
    expect(error.message).toContain('the server gave')
    expect(rangesAsked(world.server, '/file')).toEqual(['', ''])
    expect(await world.names()).not.toContain('file.bin')
  })

  it('that was wrong once, because the file changed on the way, is right the second time', async () => {
    const world = await makeWorld()
    world.server.route('/file', [{...WHOLE, headers: [field(NEW)]}, WHOLE])
    const operation = download(world)
    const running = operation.startAsync()
    let restarts = 0
    running.progress$.subscribe(({progress}) => {
      if (progress.hasRestarted) restarts += 1
    })
    await running
    expect(restarts).toBe(1)
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('is not compared where the application says so, nor of a coded body', async () => {
    const world = await makeWorld()
    world.server.route('/file', {...WHOLE, headers: [field(NEW)]})
    await download(world, {ignoreServerDigest: true}).startAsync()
    world.server.route('/coded', {...WHOLE, headers: [field(NEW), ['Content-Encoding', 'x-odd']]})
    await world.engine.createDownloader().createDownload(world.server.url('/coded'), world.file('coded')).startAsync()
    expect(await world.names()).toEqual(['coded', 'file.bin'])
  })

  it('stands beside the digest that the application expects, which may be of another kind', async () => {
    const world = await makeWorld()
    world.server.route('/file', WHOLE)
    const wrong = {algorithm: 'sha512', hex: '00'.repeat(64)} as const
    const error = await failure(download(world, {checksum: wrong}).startAsync())
    expect(error).toMatchObject({code: 'CHECKSUM_MISMATCH', details: {from: 'application', algorithm: 'sha512'}})
    expect(requestsFor(world.server, '/file').length).toBe(1)
  })
})

describe('a digest ties parts together', () => {
  const cutShort: Script = {...WHOLE, cutAfter: CUT, cut: 'fin'}

  it('a part whose whole has another digest is of another version, whatever the ETag says', async () => {
    const world = await makeWorld()
    const lying: Script = {content: NEW, etag: '"one"', headers: [field(NEW)]}
    world.server.route('/file', [cutShort, lying, lying])
    await download(world).startAsync()
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"one"`, ''])
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(NEW))
    expect(await world.names()).toEqual(['file.bin'])
  })

  it('a part that says nothing, and is of another version, shows at the end', async () => {
    const world = await makeWorld()
    world.server.route('/file', [cutShort, {content: NEW, etag: '"one"'}, WHOLE])
    await download(world).startAsync()
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"one"`, ''])
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
  })

  it('is known in the next session', async () => {
    const world = await makeWorld()
    world.server.route('/file', {...WHOLE, cutAfter: CUT, cut: 'stall'})
    const first = download(world)
    const running = first.startAsync()
    await new Promise<void>((resolve) => {
      running.progress$.subscribe(({progress}) => {
        if (progress.bytesReceived >= CUT) resolve()
      })
    })
    await world.engine.close()
    world.server.route('/file', [
      {content: NEW, etag: '"one"'},
      {content: OLD, etag: '"one"'},
    ])
    const engine = await openEngine(world.directory)
    onCleanup(() => engine.close())
    await (await engine.getDownloadAsync(first.guid)).attachAsync()
    expect(await digestOf(world.file('file.bin'))).toBe(sha256(OLD))
  })
})
