/** Random access at the byte path: where the fetch goes, what it demands of a server, and that every byte is there at the end. */

import {join} from 'node:path'
import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {webErrorStatusOf} from '../../src/domain/hresult.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {Engine} from '../../src/engine/engine.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import {createPlatform} from '../../src/platform.ts'
import {partNameOf} from '../../src/ports/file-sink.ts'
import {contentOf, contentSlice, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {queuedRecord} from '../support/records.ts'
import {bytesSent, digestOf, makeDirectory, onCleanup, requestsFor, startServer} from './harness.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SIZE = 4 * MIB + 5
const FIRST = 64 * KIB
const FILE: Script = {content: {seed: 1, size: SIZE}, etag: '"v1"'}
/** Sends so much and is silent then, so that only another request brings more. */
const SILENT: Script = {...FILE, cutAfter: FIRST, cut: 'stall'}

async function start(routes: readonly Script[] | Script, randomAccess = true) {
  const directory = await makeDirectory()
  const server = await startServer()
  server.route('/film', routes)
  const ports = await createPlatform({directory: join(directory, '.store')})
  const engine = new Engine(ports, {retryDelayMs: 5, checkpointIntervalMs: 20})
  await engine.open()
  onCleanup(() => engine.close())
  const file = join(directory, 'film')
  const {sequence: _, state: __, ...draft} = queuedRecord(1, {url: server.url('/film'), file, policy: {randomAccess}})
  const [entry] = (await engine.start([draft])) as [OperationEntry]
  const receives = async (bytes: number) => {
    if (engine.progressOf(entry).received >= bytes) return
    const change = filter(() => engine.progressOf(entry).received >= bytes)
    await firstValueFrom(engine.events$.pipe(change))
  }
  const ended = async (): Promise<OperationRecord> => {
    if (!entry.isOver) await firstValueFrom(entry.notices.pipe(filter(({record}) => record.endedAt !== undefined)))
    return entry.record
  }
  const asked = () => requestsFor(server, '/film').map(({headers}) => headers.range ?? '')
  return {server, engine, ports, entry, file, receives, ended, asked}
}

describe('17.F random access', () => {
  it('128, 133, 136. fetches the tail, then the middle, then what is left, and ends with every byte', async () => {
    const {server, engine, ports, entry, file, receives, ended, asked} = await start([SILENT, SILENT, FILE])
    await receives(FIRST)
    engine.want(entry, 3 * MIB)
    await receives(2 * FIRST)
    expect(entry.isOver).toBe(false)
    engine.want(entry, MIB)
    const reader = await ports.sink.openReader(partNameOf(entry.facts), undefined)
    expect((await ended()).state).toBe('completed')
    expect(asked()).toEqual([
      'bytes=0-',
      `bytes=${3 * MIB}-`,
      `bytes=${MIB}-${3 * MIB - 1}`,
      `bytes=${3 * MIB + FIRST}-`,
      `bytes=${FIRST}-${MIB - 1}`,
    ])
    expect(bytesSent(server, '/film')).toBe(SIZE)
    expect(await digestOf(file)).toBe(sha256(contentOf(1, SIZE)))
    // A reader that was opened before goes on after the file took its name.
    const bytes = Buffer.alloc(1000)
    expect(await reader.read(bytes, 2 * MIB)).toBe(1000)
    expect(bytes.equals(contentSlice(1, 2 * MIB, 2 * MIB + 1000))).toBe(true)
    await reader.close()
  })

  it('134, 135. names the bytes that are in the part file, sorted and merged', async () => {
    const {engine, entry, receives} = await start([SILENT, SILENT, {...SILENT, cutAfter: FIRST}])
    await receives(FIRST)
    engine.want(entry, 3 * MIB)
    await receives(2 * FIRST)
    engine.want(entry, FIRST + 300 * KIB)
    await receives(3 * FIRST)
    await expect.poll(() => engine.countsOf(entry).written.length).toBe(3)
    expect(engine.countsOf(entry).written).toEqual([
      [0, FIRST],
      [FIRST + 300 * KIB, 2 * FIRST + 300 * KIB],
      [3 * MIB, 3 * MIB + FIRST],
    ])
  })

  it('128. lets what is about to come flow, and moves for nothing that is there', async () => {
    const slow: Script = {...FILE, pieceBytes: 16 * KIB, pieceDelayMs: 1}
    const {engine, entry, receives, ended, asked} = await start(slow)
    await receives(FIRST)
    engine.want(entry, 0)
    engine.want(entry, engine.progressOf(entry).received + 16 * KIB)
    await ended()
    expect(asked()).toEqual(['bytes=0-'])
  })

  it.each([2 ** 31, 2 ** 32])('128. goes on at a cut, and is read, across byte %i', async (border) => {
    // Nothing is written between the stretches: the part file is sparse.
    const large: Script = {content: {seed: 1, size: 2 ** 32 + 2 * MIB}, etag: '"v1"'}
    const silent: Script = {...large, cutAfter: FIRST, cut: 'stall'}
    const {engine, ports, entry, receives, asked} = await start([silent, {...silent, cut: 'reset'}, silent])
    await receives(FIRST)
    const from = border - 1000
    engine.want(entry, from)
    await receives(3 * FIRST)
    expect(asked()).toEqual(['bytes=0-', `bytes=${from}-`, `bytes=${from + FIRST}-`])
    await expect
      .poll(() => engine.countsOf(entry).written)
      .toEqual([
        [0, FIRST],
        [from, from + 2 * FIRST],
      ])
    const reader = await ports.sink.openReader(partNameOf(entry.facts), undefined)
    const bytes = Buffer.alloc(2 * FIRST)
    expect(await reader.read(bytes, from)).toBe(bytes.length)
    expect(bytes.equals(contentSlice(1, from, from + bytes.length))).toBe(true)
    await reader.close()
  })

  it('133. takes an empty file for whole', async () => {
    const empty: Script = {status: 416, headers: [['Content-Range', 'bytes */0']]}
    const {file, ended} = await start(empty)
    expect(await ended()).toMatchObject({state: 'completed'})
    expect(await digestOf(file)).toBe(sha256(Buffer.alloc(0)))
  })

  it('139. starts over when another version answers', async () => {
    const changed: Script = {...FILE, content: {seed: 2, size: SIZE}, etag: '"v2"'}
    const {engine, entry, file, receives, ended} = await start([SILENT, changed])
    await receives(FIRST)
    engine.want(entry, 3 * MIB)
    const {state, evidence} = await ended()
    expect([state, evidence.generation]).toEqual(['completed', 2])
    expect(await digestOf(file)).toBe(sha256(contentOf(2, SIZE)))
  })

  it.each([
    ['130. a server without ranges', {...FILE, ranges: 'ignore'}, 'INSUFFICIENT_RANGE_SUPPORT', 22],
    ['131. a server without a length', {...FILE, ranges: 'ignore', framing: 'chunked'}, 'MISSING_CONTENT_LENGTH', 23],
  ] as const)('%s fails it at the first answer', async (_, script, code, status) => {
    const {ended, asked} = await start(script)
    const {error} = await ended()
    expect(error?.code).toBe(code)
    expect(error && webErrorStatusOf(error)).toBe(status)
    expect(asked()).toEqual(['bytes=0-'])
  })

  it.each([
    ['ranges', {...FILE, ranges: 'ignore'}],
    ['a length', {...FILE, ranges: 'ignore', framing: 'chunked'}],
  ] as const)('132. a server without %s serves a sequential download', async (_, script) => {
    const {file, ended, asked} = await start(script, false)
    expect((await ended()).state).toBe('completed')
    expect(await digestOf(file)).toBe(sha256(contentOf(1, SIZE)))
    expect(asked()).toEqual([''])
  })
})
