/** The cache’s directory: what a crash leaves of it, what is damaged, and what gives way. */

import {mkdtemp, readdir, readFile, rm, stat, truncate, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, describe, expect, it} from 'vitest'
import {withCache} from '../../src/adapters/cache/cache-transport.ts'
import {HttpCache} from '../../src/adapters/cache/http-cache.ts'
import {createHttpTransport} from '../../src/adapters/http/http-transport.ts'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import {beginBrief} from '../../src/ports/transport.ts'
import {run} from '../http/harness.ts'
import {type CacheableServer, startCacheableServer} from '../support/cacheable-server.ts'
import {startChild} from '../support/child-program.ts'
import {CollectingReceiver} from '../support/collecting-receiver.ts'
import {contentOf, sha256} from '../support/content.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const FRESH: readonly HeaderField[] = [['Cache-Control', 'max-age=3600']]
const NOW = Date.UTC(2026, 0, 1)

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cache-'))
  cleanups.push(() => rm(directory, {recursive: true, force: true}))
  return join(directory, 'cache')
}

function openCache(directory: string, maxBytes = 1_000_000, clock = new SimulatedClock(NOW)): Promise<HttpCache> {
  return HttpCache.at({directory, durability: 'power', clock, maxBytes, maxBodyBytes: maxBytes})
}

/** Of one that a program is killed over. */
const BODY_BYTES = 400_000

const urlOf = (n: number) => `http://files.example/${n}`

/** Puts a body in; `commits` says whether it is told to be whole. */
async function put(cache: HttpCache, n: number, body: Buffer, commits = true): Promise<void> {
  const request = {url: urlOf(n), headers: []}
  await cache.ask(request)
  const head = {status: 200, url: request.url, headers: [...FRESH, ['ETag', `"${n}"`] as const]}
  const verdict = cache.answered(request, head)
  if (verdict.kind !== 'storable') throw new Error(`it is ${verdict.kind}`)
  const writer = verdict.begin()
  const file = await writer.file
  await file.write(body, body.length, 0)
  await file.sync()
  await file.close()
  if (commits) await writer.commit()
}

async function kindOf(cache: HttpCache, n: number): Promise<string> {
  return (await cache.ask({url: urlOf(n), headers: []})).kind
}

describe('the directory of the cache', () => {
  it('is not made before there is anything to keep', async () => {
    const directory = await makeDirectory()
    const cache = await openCache(directory)
    expect(cache.mayHave(urlOf(1))).toBe(false)
    expect(await kindOf(cache, 1)).toBe('ask')
    await expect(stat(directory)).rejects.toThrow('ENOENT')
  })

  it('a crash between a body and its entry leaves neither, and the old one where there was one', async () => {
    const directory = await makeDirectory()
    const cache = await openCache(directory)
    await put(cache, 1, Buffer.from('one'))
    await put(cache, 1, Buffer.from('new'), false)
    await put(cache, 2, Buffer.from('two'), false)
    await writeFile(join(directory, 'half.draft'), 'an entry that was never renamed')
    expect(await readdir(directory)).toHaveLength(5)
    const next = await openCache(directory)
    expect([await kindOf(next, 1), await kindOf(next, 2)]).toEqual(['fresh', 'ask'])
    const names = await readdir(directory)
    expect(names).toHaveLength(2)
    const body = names.find((name) => name.endsWith('.body')) ?? ''
    expect(await readFile(join(directory, body), 'utf8')).toBe('one')
  })

  it('kill -9 while bodies are written leaves whole ones and nothing else', {timeout: 60_000}, async () => {
    const directory = await makeDirectory()
    const program = await compiledProgram(new URL('./killed-writer.ts', import.meta.url))
    const child = startChild(program, [directory, String(BODY_BYTES)])
    const told: string[] = []
    for await (const url of child.lines) if (told.push(url) === 20) child.process.kill('SIGKILL')
    const cache = await openCache(directory, 1024 ** 3, new SimulatedClock(Date.now()))
    const {files} = await cache.load()
    const names = await readdir(directory)
    const bodies = names.filter((name) => name.endsWith('.body'))
    expect(names).toHaveLength(2 * bodies.length)
    for (const name of bodies) expect((await stat(join(directory, name))).size).toBe(BODY_BYTES)
    for (const url of told) {
      const entry = files.get(url)
      const body = entry && (await files.open(entry))
      expect(body, url).toBeDefined()
      await body?.close()
    }
  })

  it('files are readable by their owner alone', async () => {
    const directory = await makeDirectory()
    const cache = await openCache(directory)
    await put(cache, 1, Buffer.from('one'))
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    for (const name of await readdir(directory)) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600)
  })

  it('what was used longest ago gives way, in this session and the next', async () => {
    const directory = await makeDirectory()
    const clock = new SimulatedClock(NOW)
    const cache = await openCache(directory, 1000, clock)
    for (const n of [1, 2, 3]) {
      clock.advanceBy(1000)
      await put(cache, n, contentOf(n, 300))
    }
    clock.advanceBy(1000)
    const {files} = await cache.load()
    const first = files.get(urlOf(1))
    if (first === undefined) throw new Error('it is not there')
    await (await files.open(first))?.close()
    await put(cache, 4, contentOf(4, 300))
    expect(await Promise.all([1, 2, 3, 4].map((n) => kindOf(cache, n)))).toEqual(['fresh', 'ask', 'fresh', 'fresh'])
    expect(await readdir(directory)).toHaveLength(6)
    const next = await openCache(directory, 600, clock)
    expect(await Promise.all([1, 3, 4].map((n) => kindOf(next, n)))).toEqual(['fresh', 'ask', 'fresh'])
  })

  it('an entry that does not verify is none', async () => {
    const directory = await makeDirectory()
    const cache = await openCache(directory)
    await put(cache, 1, Buffer.from('one'))
    const entry = (await readdir(directory)).find((name) => name.endsWith('.entry')) ?? ''
    const text = await readFile(join(directory, entry), 'utf8')
    await writeFile(join(directory, entry), text.replace('max-age=3600', 'max-age=9999'))
    const next = await openCache(directory)
    expect(await kindOf(next, 1)).toBe('ask')
    expect(await readdir(directory)).toEqual([])
  })
})

describe('a body that is not what it was', () => {
  async function makeWorld(): Promise<{server: CacheableServer; directory: string; url: string; cache: HttpCache}> {
    const server = await startCacheableServer()
    cleanups.push(() => server.close())
    const directory = await makeDirectory()
    const cache = await openCache(directory)
    const url = server.url('/1')
    server.page('/1', {body: 'from the server'})
    const request = {url, headers: []}
    await cache.ask(request)
    const verdict = cache.answered(request, {status: 200, url, headers: FRESH})
    if (verdict.kind !== 'storable') throw new Error(`it is ${verdict.kind}`)
    const writer = verdict.begin()
    const file = await writer.file
    await file.write(Buffer.from('from the cache'), 14, 0)
    await file.close()
    await writer.commit()
    return {server, directory, url, cache}
  }

  const damages: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
    ['is changed', (path) => writeFile(path, 'from the enemy')],
    ['is shorter', (path) => truncate(path, 3)],
    ['is longer', (path) => writeFile(path, 'from the cache!')],
    ['is gone', (path) => rm(path)],
  ]

  it('while it still is, is served to a brief exchange as to any other', async () => {
    const {server, url, cache} = await makeWorld()
    const transport = withCache(createHttpTransport(), cache)
    cleanups.push(() => transport.close())
    const receiver = new CollectingReceiver()
    await beginBrief(transport, {url, method: 'GET', headers: []}, receiver).finished
    expect(receiver.digest()).toBe(sha256(Buffer.from('from the cache')))
    expect(server.asked()).toEqual([])
  })

  it.each(damages)('because it %s, is not served, and goes', async (_, damage) => {
    const {server, directory, url, cache} = await makeWorld()
    const transport = withCache(createHttpTransport(), cache)
    cleanups.push(() => transport.close())
    expect((await run(transport, url)).receiver.digest()).toBe(sha256(Buffer.from('from the cache')))
    const body = (await readdir(directory)).find((name) => name.endsWith('.body')) ?? ''
    await damage(join(directory, body))
    const {receiver} = await run(transport, url)
    expect(receiver.digest()).toBe(sha256(Buffer.from('from the server')))
    expect(server.asked()).toEqual(['/1'])
    await (await cache.load()).files.settled()
    expect(await readdir(directory)).toEqual([])
  })
})
