/** Transfers that go on when the application is gone, over processes that end, are killed and come back. */

import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine, BackgroundTransferStatus, type DownloadOperation} from '../../src/index.ts'
import {
  digestOf,
  failure,
  makeDirectory,
  onCleanup,
  reaches,
  receives,
  requestsFor,
  startServer,
} from '../integration/harness.ts'
import type {RunningChild} from '../support/child-program.ts'
import {contentOf, sha256} from '../support/content.ts'
import {compilePrograms, endHost, type Programs} from './processes.ts'

const BYTES = contentOf(8, 300_000)
const WHOLE = {content: BYTES, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: 100_000, cut: 'stall'} as const

let programs: Programs

beforeAll(async () => {
  programs = await compilePrograms()
}, 300_000)

async function startHost(directory: string): Promise<RunningChild> {
  const host = await programs.startHost(directory)
  onCleanup(() => host.kill())
  return host
}

async function connect(directory: string, app?: string): Promise<BackgroundTransferEngine> {
  const engine = await BackgroundTransferEngine.connect({directory, ...(app === undefined ? {} : {app})})
  onCleanup(() => engine.close())
  return engine
}

describe('a host', {timeout: 90_000}, () => {
  it('185, 191. an application begins three downloads and is gone at once; the files arrive, and its next run hears of it', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    const store = join(directory, 'store')
    const files = ['one', 'two', 'three'].map((name) => join(directory, name))
    // The first bytes of each are asked for, and wait until the application is gone.
    let asked = 0
    const allAsked = new Promise<void>((resolve) => {
      server.route('/a', () => {
        asked += 1
        if (asked === files.length) resolve()
        return asked > files.length ? WHOLE : STALLED
      })
    })
    const host = await startHost(store)
    const [begun, ...more] = await programs.runApp({
      directory: store,
      app: 'films',
      downloads: files.map((file) => [server.url('/a'), file] as const),
    })
    expect(more).toEqual([])
    const guids = begun?.type === 'begun' ? begun.guids : []
    expect(guids).toHaveLength(3)
    await allAsked
    const watcher = await connect(store)
    await Promise.all(
      guids.map(async (guid) => {
        const operation = await watcher.getDownloadAsync(guid)
        operation.pause()
        await reaches(operation, BackgroundTransferStatus.pausedByApplication)
        operation.resume()
        await reaches(operation, BackgroundTransferStatus.completed)
      }),
    )
    for (const file of files) expect(await digestOf(file)).toBe(sha256(BYTES))
    const outcomes = await programs.runApp({directory: store, app: 'films'})
    expect(outcomes.toSorted((a, b) => key(a).localeCompare(key(b)))).toEqual(
      guids
        .map((guid, index) => ({type: 'outcome', guid, file: files[index], outcome: 'completed'}))
        .toSorted((a, b) => a.guid.localeCompare(b.guid)),
    )
    // They were told, and another application never sees them.
    expect(await programs.runApp({directory: store, app: 'films'})).toEqual([])
    await endHost(host)
    expect(existsSync(join(store, 'control.sock'))).toBe(false)
  })

  it('202. an application sees its own operations alone, and whoever has no name sees all', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    server.route('/a', STALLED)
    await startHost(join(directory, 'store'))
    const [films, books, all] = await Promise.all(
      ['films', 'books', undefined].map((app) => connect(join(directory, 'store'), app)),
    )
    const begin = async (engine: BackgroundTransferEngine | undefined, name: string) => {
      const operation = engine?.createDownloader().createDownload(server.url('/a'), join(directory, name))
      await operation?.startAsync().accepted
      return operation as DownloadOperation
    }
    const film = await begin(films, 'film')
    const book = await begin(books, 'book')
    const seenBy = async (engine: BackgroundTransferEngine | undefined) =>
      (await engine?.getCurrentDownloadsAsync())?.map(({guid}) => guid).toSorted()
    expect(await seenBy(films)).toEqual([film.guid])
    expect(await seenBy(books)).toEqual([book.guid])
    expect(await seenBy(all)).toEqual([film.guid, book.guid].toSorted())
    expect((await books?.queryAsync())?.map(({guid}) => guid)).toEqual([book.guid])
    if (books === undefined) throw new Error('it is not connected')
    expect((await failure(books.getDownloadAsync(film.guid))).code).toBe('OPERATION_UNKNOWN')
    expect(await books.findByFileAsync(join(directory, 'film'))).toBeUndefined()
    const files = ['film', 'book', 'none'].map((name) => join(directory, name))
    expect(await books.filesOnRecordAsync(files)).toEqual(new Set([join(directory, 'book')]))
    expect(await all?.filesOnRecordAsync(files)).toEqual(new Set(files.slice(0, 2)))
    expect((await failure(books.forgetAsync(film.guid))).code).toBe('OPERATION_UNKNOWN')
    expect((await failure(books.journalAsync(film.guid))).code).toBe('OPERATION_UNKNOWN')
  })

  it('is killed: its clients wait, promises and streams with them, and go on with the next one', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    const store = join(directory, 'store')
    server.route('/a', STALLED)
    const host = await startHost(store)
    const engine = await connect(store)
    const operation = engine.createDownloader().createDownload(server.url('/a'), join(directory, 'a'))
    const running = operation.startAsync()
    await receives(running, 100_000)
    const reader = operation.getResultStreamAt(0).getReader()
    let read = Buffer.alloc(0)
    const readAll = (async () => {
      for (;;) {
        const {value, done} = await reader.read()
        if (done) return
        read = Buffer.concat([read, value])
      }
    })()
    await host.kill()
    // Asked for while nobody is there to hear it.
    const later = engine.createDownloader().createDownload(server.url('/b'), join(directory, 'b'))
    const ran = later.startAsync()
    server.route('/a', WHOLE)
    server.route('/b', WHOLE)
    await startHost(store)
    await Promise.all([running, ran, readAll])
    expect(operation.progress).toMatchObject({status: BackgroundTransferStatus.completed, bytesReceived: BYTES.length})
    expect(await digestOf(join(directory, 'a'))).toBe(sha256(BYTES))
    expect(await digestOf(join(directory, 'b'))).toBe(sha256(BYTES))
    expect(sha256(read)).toBe(sha256(BYTES))
    // Once, however often it was said.
    expect(requestsFor(server, '/b')).toHaveLength(1)
    expect(await engine.getCurrentDownloadsAsync()).toEqual([])
  })

  it('that does not come back is given up in the end, and nothing waits for it for ever', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    server.route('/a', STALLED)
    const store = join(directory, 'store')
    const host = await startHost(store)
    const engine = await BackgroundTransferEngine.connect({directory: store, hostTimeoutMs: 100})
    const running = engine.createDownloader().createDownload(server.url('/a'), join(directory, 'a')).startAsync()
    await receives(running, 100_000)
    await host.kill()
    expect((await failure(running)).code).toBe('HOST_UNREACHABLE')
    expect((await failure(engine.queryAsync())).code).toBe('HOST_UNREACHABLE')
    await engine.close()
  })
})

function key(line: object): string {
  return 'guid' in line ? String(line.guid) : ''
}
