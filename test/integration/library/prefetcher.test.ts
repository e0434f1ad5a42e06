/**
 * ContentPrefetcher (17.N), and the cache that later downloads are served from (RFC 9111), against a server that says how long its
 * answers are good for. Numbers are the items'.
 */

import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {
  type BackgroundTransferEngine,
  type BackgroundTransferEngineOptions,
  ContentPrefetcher,
  type DownloadOptions,
  type EngineEvent,
} from '../../../src/index.ts'
import {type CacheableServer, startCacheableServer} from '../../support/cacheable-server.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {failure, makeDirectory, onCleanup, openEngine} from '../harness.ts'

const FRESH = {'cache-control': 'max-age=3600'}
const XML = {'content-type': 'application/xml'}

interface PrefetchWorld {
  readonly directory: string
  readonly server: CacheableServer
  readonly engine: BackgroundTransferEngine
  /** Downloads a path and resolves with its bytes and the Cache-Status of the answer. */
  get(path: string, options?: {readonly headers?: Readonly<Record<string, string>>}): Promise<Got>
}

interface Got {
  readonly text: string
  readonly cacheStatus: string | undefined
}

async function makeServer(): Promise<CacheableServer> {
  const server = await startCacheableServer()
  onCleanup(() => server.close())
  return server
}

/** Runs only when it is asked to. */
const BY_HAND: Partial<BackgroundTransferEngineOptions> = {prefetch: {idleMs: 86_400_000}}

async function makeWorld(options: Partial<BackgroundTransferEngineOptions> = {}): Promise<PrefetchWorld> {
  const directory = await makeDirectory()
  const server = await makeServer()
  const engine = await openEngine(directory, {...BY_HAND, ...options})
  return {directory, server, engine, get: (path, more) => get(engine, directory, server.url(path), more)}
}

let names = 0

async function get(
  engine: BackgroundTransferEngine,
  directory: string,
  url: string,
  {headers = {}}: {readonly headers?: Readonly<Record<string, string>>} = {},
  options: DownloadOptions = {},
): Promise<Got> {
  const downloader = engine.createDownloader()
  for (const [name, value] of Object.entries(headers)) downloader.setRequestHeader(name, value)
  names += 1
  const file = join(directory, `got-${names}`)
  const operation = downloader.createDownload(new URL(url), file, options)
  await operation.startAsync()
  const cacheStatus = operation.getResponseInformation()?.headers.get('Cache-Status')
  return {text: await readFile(file, 'utf8'), cacheStatus}
}

function list({engine, server}: PrefetchWorld, ...paths: readonly string[]): void {
  engine.contentPrefetcher.contentUris.push(...paths.map((path) => new URL(server.url(path))))
}

function index(...uris: readonly string[]): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n<prefetchUris>\n${uris.map((uri) => `  <uri>\n ${uri} </uri>\n`).join('')}</prefetchUris>`
}

function eventsOf(engine: BackgroundTransferEngine): EngineEvent[] {
  const events: EngineEvent[] = []
  engine.events$.subscribe((event) => events.push(event))
  return events
}

describe('17.N the prefetcher', () => {
  it('273. has one list of addresses, which all users of the class share and which is kept', async () => {
    const {engine, directory} = await makeWorld()
    expect(ContentPrefetcher.contentUris).toBe(engine.contentPrefetcher.contentUris)
    const {contentUris} = ContentPrefetcher
    contentUris.push(new URL('http://files.example/1'), new URL('http://files.example/2#part'))
    contentUris.append(new URL('http://files.example/3'))
    contentUris.splice(0, 1)
    expect(ContentPrefetcher.contentUris.map(String)).toEqual(['http://files.example/2', 'http://files.example/3'])
    await engine.close()
    const again = await openEngine(directory, BY_HAND)
    expect([...again.contentPrefetcher.contentUris].map(String)).toEqual([
      'http://files.example/2',
      'http://files.example/3',
    ])
    ContentPrefetcher.contentUris.clear()
    expect(again.contentPrefetcher.contentUris).toHaveLength(0)
  })

  it.each([
    ['ftp://files.example/1', 'http or https'],
    ['file:///etc/passwd', 'http or https'],
    ['http://me:secret@files.example/1', 'must name no user'],
  ])('lists no %s', async (uri, why) => {
    const {engine} = await makeWorld()
    const {contentPrefetcher} = engine
    expect(() => contentPrefetcher.contentUris.push(new URL(uri))).toThrow(why)
    expect(() => {
      contentPrefetcher.indirectContentUri = new URL(uri)
    }).toThrow(why)
    expect(() => contentPrefetcher.contentUris.push('http://files.example/' as never)).toThrow('holds URLs')
    expect(contentPrefetcher.contentUris).toHaveLength(0)
  })

  it('274, 275. fetches at most 40 addresses, each once, the direct ones first and in their order', async () => {
    const world = await makeWorld()
    const {server, engine} = world
    const paths = Array.from({length: 39}, (_, n) => `/direct-${n}`)
    for (const path of [...paths, '/indirect-1', '/indirect-2']) server.page(path, {body: path, headers: FRESH})
    server.page('/index', {
      body: index(server.url('/direct-3'), server.url('/indirect-1'), server.url('/indirect-2')),
      headers: XML,
    })
    list(world, ...paths, '/direct-0')
    engine.contentPrefetcher.indirectContentUri = new URL(server.url('/index'))
    expect(await engine.contentPrefetcher.prefetchAsync()).toMatchObject({stored: 40, failed: 0})
    expect(server.asked()).toEqual(['/index', ...paths, '/indirect-1'])
  })

  it('274. leaves out the 41st, which comes when there is room', async () => {
    const world = await makeWorld()
    const paths = Array.from({length: 41}, (_, n) => `/${n}`)
    for (const path of paths) world.server.page(path, {body: path, headers: FRESH})
    list(world, ...paths)
    await world.engine.contentPrefetcher.prefetchAsync()
    expect(world.server.asked()).toEqual(paths.slice(0, 40))
    world.server.forget()
    world.engine.contentPrefetcher.contentUris.shift()
    await world.engine.contentPrefetcher.prefetchAsync()
    expect(world.server.asked()).toEqual(['/40'])
  })

  it('276, 277. asks for the index at the beginning of each run, until there is none', async () => {
    const world = await makeWorld()
    const {server, engine} = world
    server.page('/1', {body: 'one', headers: FRESH})
    server.page('/2', {body: 'two', headers: FRESH})
    server.page('/index', {body: index(server.url('/1')), headers: XML})
    const {contentPrefetcher} = engine
    contentPrefetcher.indirectContentUri = new URL(server.url('/index'))
    await contentPrefetcher.prefetchAsync()
    server.page('/index', {body: index(server.url('/2')), headers: XML})
    await contentPrefetcher.prefetchAsync()
    expect(server.asked()).toEqual(['/index', '/1', '/index', '/2'])
    expect(contentPrefetcher.indirectContentUri?.href).toBe(server.url('/index'))
    server.forget()
    contentPrefetcher.indirectContentUri = null
    expect(contentPrefetcher.indirectContentUri).toBeNull()
    expect(await contentPrefetcher.prefetchAsync()).toMatchObject({stored: 0, fresh: 0})
    expect(server.asked()).toEqual([])
  })

  it.each<[string, string, Readonly<Record<string, string>>, string]>([
    ['278. an index that is not well formed', '<prefetchUris><uri>http://files.example/</uri>', XML, 'not well formed'],
    ['278. an index that is no XML at all', '{"uri": "http://files.example/"}', XML, 'not well formed'],
    [
      'an index of another type',
      index('http://files.example/'),
      {'content-type': 'text/html'},
      'must be application/xml',
    ],
    ['an index with a document type', `<!DOCTYPE prefetchUris [<!ENTITY a "b">]>${index('&a;')}`, XML, 'document type'],
    ['an index with another root', '<uris><uri>http://files.example/</uri></uris>', XML, 'root uris'],
    [
      'an index that is too large',
      `<prefetchUris>${' '.repeat(300_000)}</prefetchUris>`,
      XML,
      'more than 262144 bytes',
    ],
  ])('%s leaves the direct addresses alone', async (_, body, headers, why) => {
    const world = await makeWorld()
    const {server, engine} = world
    const events = eventsOf(engine)
    server.page('/index', {body, headers})
    server.page('/1', {body: 'one', headers: FRESH})
    list(world, '/1')
    engine.contentPrefetcher.indirectContentUri = new URL(server.url('/index'))
    expect(await engine.contentPrefetcher.prefetchAsync()).toMatchObject({stored: 1, failed: 0})
    expect(server.asked()).toEqual(['/index', '/1'])
    expect(events).toContainEqual(
      expect.objectContaining({type: 'prefetch.indexIgnored', reason: expect.stringContaining(why)}),
    )
    expect(engine.contentPrefetcher.lastSuccessfulPrefetchTime).not.toBeNull()
  })

  it('279. knows no time of success before the first, and keeps it', async () => {
    const world = await makeWorld()
    const {server, engine, directory} = world
    list(world, '/absent')
    expect(ContentPrefetcher.lastSuccessfulPrefetchTime).toBeNull()
    expect(await engine.contentPrefetcher.prefetchAsync()).toMatchObject({refused: 1})
    expect(ContentPrefetcher.lastSuccessfulPrefetchTime).toBeNull()
    server.page('/1', {body: 'one', headers: FRESH})
    list(world, '/1')
    const before = Date.now()
    await engine.contentPrefetcher.prefetchAsync()
    const time = ContentPrefetcher.lastSuccessfulPrefetchTime
    expect(time?.getTime()).toBeGreaterThanOrEqual(before)
    await engine.close()
    const again = await openEngine(directory, BY_HAND)
    expect(again.contentPrefetcher.lastSuccessfulPrefetchTime).toEqual(time)
  })

  it('280. a download of what was fetched is served without a request, also by the next session', async () => {
    const world = await makeWorld()
    const {server, engine, directory} = world
    const body = contentOf(1, 200_000).toString('latin1')
    server.page('/1', {body, headers: FRESH, etag: '"1"'})
    list(world, '/1')
    await engine.contentPrefetcher.prefetchAsync()
    server.forget()
    const got = await world.get('/1')
    expect(got.text).toBe(body)
    expect(got.cacheStatus).toMatch(/^background-transfer; hit; ttl=3(600|59\d)$/)
    await engine.close()
    const again = await openEngine(directory, BY_HAND)
    expect(await get(again, directory, server.url('/1'))).toMatchObject({text: body})
    expect(server.asked()).toEqual([])
  })

  it('runs by itself when nothing is in the way', async () => {
    const world = await makeWorld({prefetch: {idleMs: 0}})
    world.server.page('/1', {body: 'one', headers: FRESH})
    const ended = new Promise<EngineEvent>((resolve) => {
      world.engine.events$.subscribe((event) => {
        if (event.type === 'prefetch.ended') resolve(event)
      })
    })
    list(world, '/1')
    expect(await ended).toMatchObject({counts: {stored: 1, bytes: 3}})
  })

  it('does not run where the engine was opened without it, and uses what is there', async () => {
    const world = await makeWorld({prefetch: false})
    list(world, '/1')
    expect(await failure(world.engine.contentPrefetcher.prefetchAsync())).toMatchObject({code: 'ILLEGAL_STATE'})
    expect(world.engine.contentPrefetcher.contentUris).toHaveLength(1)
  })
})

describe('what is kept, and for whom', () => {
  async function prefetched(page: Parameters<CacheableServer['page']>[1], options = {}) {
    const world = await makeWorld(options)
    world.server.page('/1', page)
    list(world, '/1')
    const report = await world.engine.contentPrefetcher.prefetchAsync()
    world.server.forget()
    return {...world, report}
  }

  it.each<[string, Parameters<CacheableServer['page']>[1]]>([
    ['no-store', {body: 'one', headers: {'cache-control': 'No-Store'}}],
    ['an answer without freshness or validator', {body: 'one'}],
    ['Vary: *', {body: 'one', headers: {...FRESH, vary: '*'}}],
    ['an error', {body: 'one', status: 403, headers: FRESH}],
    ['what is too large', {body: 'x'.repeat(1001), headers: FRESH}],
    ['what is too large and does not say so', {body: 'x'.repeat(200_000), headers: FRESH, isEndless: true}],
  ])('%s is not', async (_, page) => {
    const {report, get, server} = await prefetched(page, {cache: {maxResourceBytes: 1000}})
    expect(report).toMatchObject({stored: 0, refused: 1, failed: 0})
    server.page('/1', {body: 'two'})
    expect(await get('/1')).toEqual({text: 'two', cacheStatus: undefined})
  })

  it('what is cut off is not', async () => {
    const {report, get, server} = await prefetched({body: 'x'.repeat(500), headers: FRESH, cutAfter: 100})
    expect(report).toMatchObject({stored: 0, failed: 1})
    server.page('/1', {body: 'two'})
    expect((await get('/1')).text).toBe('two')
  })

  it('what is stale is asked for on the condition that it changed', async () => {
    const {get, server} = await prefetched({body: 'one', headers: {'cache-control': 'max-age=0'}, etag: '"1"'})
    expect(await get('/1')).toEqual({text: 'one', cacheStatus: 'background-transfer; fwd=stale; fwd-status=304'})
    expect(server.requests[0]?.headers['if-none-match']).toBe('"1"')
    server.page('/1', {body: 'two', etag: '"2"'})
    expect(await get('/1')).toEqual({text: 'two', cacheStatus: 'background-transfer; fwd=stale; fwd-status=200'})
    expect((await get('/1')).cacheStatus).toBeUndefined()
  })

  it.each([
    ['small', 3],
    ['large', 300_000],
  ])(
    'what is not the file that it has to be is asked for, once: the server may have another by now (%s)',
    async (_, size) => {
      const [one, two] = ['1'.repeat(size), '2'.repeat(size)]
      const {engine, directory, server} = await prefetched({body: one, headers: FRESH, etag: '"1"'})
      const wanted = {checksum: {algorithm: 'sha256', hex: sha256(Buffer.from(two))}} as const
      const mismatch = await failure(get(engine, directory, server.url('/1'), {}, wanted))
      expect([mismatch.code, server.asked()]).toEqual(['CHECKSUM_MISMATCH', ['/1']])
      expect(server.requests[0]?.headers).toMatchObject({'cache-control': 'no-cache', 'if-none-match': '"1"'})
      server.page('/1', {body: two, headers: FRESH, etag: '"2"'})
      expect((await get(engine, directory, server.url('/1'), {}, wanted)).text).toBe(two)
    },
  )

  it.each([
    ['media type', {contentType: 'text/plain'}, {'content-type': 'text/html'}, 'one'],
    ['size', {minBytes: 4}, {}, 'one'],
    ['size, found while it comes', {maxBytes: 5}, {}, 'longer'],
    ['first bytes', {magic: '74776f'}, {}, 'one'],
  ] as const)(
    'what is not what is expected of it is asked for, once: another %s',
    async (_, expected, headers, one) => {
      const page = {body: one, headers: {...FRESH, ...headers}, etag: '"1"'}
      const {engine, directory, server} = await prefetched(page)
      const unexpected = await failure(get(engine, directory, server.url('/1'), {}, {expect: expected}))
      expect([unexpected.code, server.asked()]).toEqual(['CONTENT_UNEXPECTED', ['/1']])
      expect(server.requests[0]?.headers).toMatchObject({'cache-control': 'no-cache', 'if-none-match': '"1"'})
      server.page('/1', {body: 'two..', headers: {...FRESH, 'content-type': 'text/plain'}, etag: '"2"'})
      expect((await get(engine, directory, server.url('/1'), {}, {expect: expected})).text).toBe('two..')
    },
  )

  it('nor what a batch of small files was served', async () => {
    const {engine, directory, server, get: fetch} = await prefetched({body: 'one', headers: FRESH, etag: '"1"'})
    for (let n = 0; n < 8; n++) {
      server.page(`/plain-${n}`, {body: 'plain'})
      await fetch(`/plain-${n}`)
    }
    server.page('/1', {body: 'two..', headers: FRESH, etag: '"2"'})
    const events = eventsOf(engine)
    const got = await get(engine, directory, server.url('/1'), {}, {expect: {minBytes: 4}})
    expect(got.text).toBe('two..')
    expect(events).toContainEqual(expect.objectContaining({type: 'operation.moved', because: 'batch.left'}))
  })

  it('must-revalidate and no-cache are heeded, each as it is meant', async () => {
    const fresh = await prefetched({
      body: 'one',
      headers: {'cache-control': 'max-age=60, must-revalidate'},
      etag: '"1"',
    })
    expect((await fresh.get('/1')).cacheStatus).toContain('hit')
    const asked = await prefetched({body: 'one', headers: {'cache-control': 'max-age=60, no-cache'}, etag: '"1"'})
    expect((await asked.get('/1')).cacheStatus).toContain('fwd-status=304')
    expect(asked.server.asked()).toEqual(['/1'])
  })

  it('a request that wants another representation, or none of the cache’s, goes to the server', async () => {
    const {get, server} = await prefetched({body: 'one', headers: {...FRESH, vary: 'Accept-Language'}, etag: '"1"'})
    expect((await get('/1')).cacheStatus).toContain('hit')
    server.page('/1', {body: 'eins', headers: {...FRESH, vary: 'Accept-Language'}, etag: '"2"'})
    expect(await get('/1', {headers: {'Accept-Language': 'de'}})).toEqual({
      text: 'eins',
      cacheStatus: 'background-transfer; fwd=vary-miss',
    })
    const more = await prefetched({body: 'one', headers: FRESH, etag: '"1"'})
    expect((await more.get('/1', {headers: {'Cache-Control': 'no-cache'}})).cacheStatus).toContain(
      'fwd=request; fwd-status=304',
    )
  })

  it.each([
    ['Authorization', 'Bearer me'],
    ['Cookie', 'me=1'],
    ['X-Api-Key', 'me'],
    ['If-None-Match', '"9"'],
  ])('a request with %s is answered by nobody but the server', async (name, value) => {
    const {get, server} = await prefetched({body: 'one', headers: FRESH, etag: '"1"'})
    server.page('/1', {body: 'mine'})
    expect(await get('/1', {headers: {[name]: value}})).toEqual({text: 'mine', cacheStatus: undefined})
    expect(server.asked()).toEqual(['/1'])
  })

  it('cookies neither go out with what nobody asked for, nor come out of the cache', async () => {
    const {get, server} = await prefetched(
      {body: 'one', headers: {...FRESH, 'set-cookie': 'me=1'}, etag: '"1"'},
      {cookies: true},
    )
    expect((await get('/1')).cacheStatus).toContain('hit')
    server.page('/2', {body: 'two'})
    await get('/2')
    expect(server.requests[0]?.headers.cookie).toBeUndefined()
    server.page('/2', {body: 'two', headers: {'set-cookie': 'you=1'}})
    await get('/2')
    server.page('/1', {body: 'yours'})
    expect(await get('/1')).toEqual({text: 'yours', cacheStatus: undefined})
  })

  it('redirects are kept where they may be, and followed where not', async () => {
    const world = await makeWorld()
    const {server, engine} = world
    server.page('/moved', {status: 301, headers: {...FRESH, location: '/here'}})
    server.page('/here', {status: 302, headers: {location: '/there'}})
    server.page('/there', {body: 'one', headers: FRESH, etag: '"1"'})
    list(world, '/moved')
    expect(await engine.contentPrefetcher.prefetchAsync()).toMatchObject({stored: 1})
    server.forget()
    expect(await world.get('/moved')).toMatchObject({text: 'one', cacheStatus: expect.stringContaining('hit')})
    expect(server.asked()).toEqual(['/here'])
  })

  it('what an upload changes is asked for again', async () => {
    const {engine, server, get, directory} = await prefetched({body: 'one', headers: FRESH, etag: '"1"'})
    const uploader = engine.createUploader()
    uploader.method = 'PUT'
    const {writeFile} = await import('node:fs/promises')
    await writeFile(join(directory, 'new'), 'two')
    await uploader.createUpload(new URL(server.url('/1')), join(directory, 'new')).startAsync()
    server.page('/1', {body: 'two'})
    expect(await get('/1')).toEqual({text: 'two', cacheStatus: undefined})
  })

  it('a download with random access is given its ranges from the cache', async () => {
    const body = contentOf(2, 100_000)
    const {engine, server, directory} = await prefetched({body, headers: FRESH, etag: '"1"'})
    const operation = engine.createDownloader().createDownload(new URL(server.url('/1')), join(directory, 'random'))
    operation.isRandomAccessRequired = true
    await operation.startAsync()
    expect(operation.getResponseInformation()?.statusCode).toBe(206)
    expect(await readFile(join(directory, 'random'))).toEqual(body)
    expect(server.asked()).toEqual([])
  })
})
