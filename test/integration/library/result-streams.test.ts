/** getResultStreamAt: the bytes of a download while they come, while it rests, and after its end. */

import {rm} from 'node:fs/promises'
import {Readable} from 'node:stream'
import {buffer} from 'node:stream/consumers'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus, type DownloadOperation, TransferError} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import type {Script} from '../../support/faulty-script.ts'
import {failure, makeWorld, openEngine, reaches, receives, requestsFor, type World} from '../harness.ts'

const SIZE = 1_000_003
const CUT = 370_001
const OLD = contentOf(1, SIZE)
const NEW = contentOf(2, SIZE)
const WHOLE: Script = {content: OLD, etag: '"one"'}
const SILENT: Script = {...WHOLE, cutAfter: CUT, cut: 'stall'}

function download(world: World): DownloadOperation {
  return world.engine.createDownloader().createDownload(world.server.url('/file'), world.file('file'))
}

/** Up to `length` bytes from a stream's reader, fewer at its end. */
async function take(reader: ReadableStreamDefaultReader<Uint8Array>, length: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for (let have = 0; have < length; ) {
    const {value, done} = await reader.read()
    if (done) break
    chunks.push(value)
    have += value.length
  }
  return Buffer.concat(chunks)
}

/** Tells a promise that is settled from one that waits, when everything that can happen has. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol('waiting')
  const turns = new Promise((resolve) => setTimeout(resolve, 30, waiting))
  return (await Promise.race([promise.catch(() => undefined), turns])) === waiting
}

describe('17.E result streams', () => {
  it('115, 117, 118. a stream from 0 reads while the download runs, waits for more, and ends behind the last byte', async () => {
    const world = await makeWorld()
    world.server.route('/file', [SILENT, WHOLE])
    const operation = download(world)
    const running = operation.startAsync()
    const reader = operation.getResultStreamAt(0).getReader()
    const first = await take(reader, CUT)
    expect(sha256(first)).toBe(sha256(OLD.subarray(0, CUT)))
    expect(operation.progress.status).toBe(BackgroundTransferStatus.running)
    const next = reader.read()
    expect(await isPending(next)).toBe(true)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    expect(await isPending(next)).toBe(true)
    operation.resume()
    const {value} = await next
    const rest = await take(reader, SIZE)
    await running
    expect(sha256(Buffer.concat([first, value ?? Buffer.alloc(0), rest]))).toBe(sha256(OLD))
    expect(await reader.read()).toEqual({done: true, value: undefined})
  })

  it('116. a stream starts at its byte, as a Node stream too, and one may begin before the download is accepted', async () => {
    const world = await makeWorld()
    world.server.route('/file', WHOLE)
    const operation = download(world)
    const running = operation.startAsync()
    const streams = [0, 1, 500_000, SIZE - 1].map(
      (at) => [at, Readable.fromWeb(operation.getResultStreamAt(at) as never)] as const,
    )
    for (const [at, stream] of streams) expect(sha256(await buffer(stream))).toBe(sha256(OLD.subarray(at)))
    await running
  })

  it('D49. a stream over a completed download reads the file, and follows it when its name is gone', async () => {
    const world = await makeWorld()
    world.server.route('/file', WHOLE)
    const operation = download(world)
    await operation.startAsync()
    const reader = operation.getResultStreamAt(10).getReader()
    const first = await take(reader, 1)
    await rm(world.file('file'))
    expect(sha256(Buffer.concat([first, await take(reader, SIZE)]))).toBe(sha256(OLD.subarray(10)))
    const late = operation.getResultStreamAt(0).getReader()
    expect(await failure(late.read())).toMatchObject({code: 'PART_LOST'})
    expect(await buffer(operation.getResultStreamAt(SIZE))).toHaveLength(0)
  })

  it('D49. a stream over a failed download reads what is there, then fails as it did', async () => {
    const world = await makeWorld({retries: 0})
    world.server.route('/file', [{...WHOLE, cutAfter: CUT, cut: 'fin'}, {status: 404}])
    const operation = download(world)
    expect(await failure(operation.startAsync())).toMatchObject({code: 'HTTP_STATUS'})
    const reader = operation.getResultStreamAt(0).getReader()
    expect(sha256(await take(reader, CUT))).toBe(sha256(OLD.subarray(0, CUT)))
    expect(await failure(reader.read())).toMatchObject({code: 'HTTP_STATUS', details: {status: 404}})
  })

  it('follows a download that it reads from its part to its name', async () => {
    const world = await makeWorld()
    world.server.route('/file', {...WHOLE, pieceBytes: 50_000, pieceDelayMs: 2})
    const operation = download(world)
    const running = operation.startAsync()
    const reader = operation.getResultStreamAt(0).getReader()
    const first = await take(reader, 1)
    await running
    expect(await world.names()).toEqual(['file'])
    expect(sha256(Buffer.concat([first, await take(reader, SIZE)]))).toBe(sha256(OLD))
  })

  it('fails a read that waits when the download is canceled, and when the engine closes', async () => {
    const world = await makeWorld()
    world.server.route('/file', SILENT)
    const operation = download(world)
    const running = operation.startAsync()
    const reader = operation.getResultStreamAt(CUT).getReader()
    const pending = reader.read()
    await receives(running, CUT)
    expect(await isPending(pending)).toBe(true)
    running.cancel()
    expect(await failure(pending)).toMatchObject({code: 'CANCELED'})
    expect(await failure(running)).toMatchObject({code: 'CANCELED'})
    const other = download(world)
    const otherRunning = other.startAsync()
    const waiting = other.getResultStreamAt(CUT).getReader().read()
    await receives(otherRunning, CUT)
    const [closed] = await Promise.all([failure(waiting), world.engine.close()])
    expect(closed).toMatchObject({code: 'CLOSED'})
  })

  it('fails with DOWNLOAD_RESTARTED when the download begins again after bytes were given, and only then', async () => {
    const world = await makeWorld()
    world.server.route('/file', [SILENT, {content: NEW, etag: '"two"'}])
    const operation = download(world)
    const running = operation.startAsync()
    const reader = operation.getResultStreamAt(0).getReader()
    const untouched = operation.getResultStreamAt(CUT).getReader().read()
    expect(sha256(await take(reader, CUT))).toBe(sha256(OLD.subarray(0, CUT)))
    const pending = reader.read()
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    operation.resume()
    expect(await failure(pending)).toMatchObject({code: 'DOWNLOAD_RESTARTED'})
    const {value} = await untouched
    expect(NEW.subarray(CUT, CUT + (value?.length ?? 0)).equals(value ?? Buffer.alloc(0))).toBe(true)
    await running
    expect(sha256(await buffer(operation.getResultStreamAt(0)))).toBe(sha256(NEW))
  })

  it('reads in the next session what an earlier one left, without asking for it again', async () => {
    const world = await makeWorld()
    world.server.route('/file', SILENT)
    const first = download(world)
    await receives(first.startAsync(), CUT)
    await world.engine.close()
    const engine = await openEngine(world.directory, {resumeOnOpen: false})
    const operation = await engine.getDownloadAsync(first.guid)
    const reader = operation.getResultStreamAt(0).getReader()
    expect(sha256(await take(reader, CUT))).toBe(sha256(OLD.subarray(0, CUT)))
    expect(requestsFor(world.server, '/file').length).toBe(1)
    await reader.cancel()
  })

  it('leaves the download alone when it is canceled, and nothing is read ahead of its consumer', async () => {
    const world = await makeWorld()
    world.server.route('/file', SILENT)
    const operation = download(world)
    const running = operation.startAsync()
    await receives(running, CUT)
    const reader = operation.getResultStreamAt(0).getReader()
    const {value} = await reader.read()
    expect(value?.length).toBe(64 * 1024)
    const waiting = operation.getResultStreamAt(CUT).getReader()
    const pending = waiting.read()
    await waiting.cancel()
    expect(await pending).toEqual({done: true, value: undefined})
    await reader.cancel()
    expect(operation.progress.status).toBe(BackgroundTransferStatus.running)
    running.cancel()
    await failure(running)
  })

  it('reads into the consumer’s own memory', async () => {
    const world = await makeWorld()
    world.server.route('/file', WHOLE)
    const operation = download(world)
    await operation.startAsync()
    const reader = operation.getResultStreamAt(3).getReader({mode: 'byob'} as never) as unknown as {
      read(view: Uint8Array): Promise<{value: Uint8Array}>
    }
    const {value} = await reader.read(new Uint8Array(10))
    expect(Buffer.from(value)).toEqual(OLD.subarray(3, 13))
  })

  it('13.4. is ILLEGAL_STATE on a download that was never started; a bad position is INVALID_ARGUMENT', async () => {
    const world = await makeWorld()
    world.server.route('/file', WHOLE)
    const operation = download(world)
    const thrown = (call: () => unknown): string => {
      try {
        call()
      } catch (error) {
        if (error instanceof TransferError) return error.code
      }
      return 'nothing'
    }
    expect(thrown(() => operation.getResultStreamAt(0))).toBe('ILLEGAL_STATE')
    await operation.startAsync()
    for (const position of [-1, 0.5, Number.NaN, 2 ** 53, SIZE + 1]) {
      expect(
        thrown(() => operation.getResultStreamAt(position)),
        String(position),
      ).toBe('INVALID_ARGUMENT')
    }
  })
})
