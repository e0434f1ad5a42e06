/** Cookies of servers: kept and sent by their rules when the engine is asked to, hop by hop, and shown to nobody. */

import {execFileSync} from 'node:child_process'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {CookieJar, MemoryCookieStore} from 'tough-cookie'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferEngine, BackgroundTransferStatus} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import type {Script} from '../../support/faulty-script.ts'
import {SinkServer} from '../../support/sink-server.ts'
import {
  digestOf,
  failure,
  makeDirectory,
  makeWorld,
  onCleanup,
  openEngine,
  reaches,
  requestsFor,
  type World,
} from '../harness.ts'

const BYTES = contentOf(3, 50_000)
const WHOLE: Script = {content: BYTES, etag: '"v1"'}
const SECRET = 'k4-pass-for-the-gate'

/** /login gives the cookie and leads to /file, which wants it. */
function gate({server}: World, attributes = 'Path=/'): void {
  server.route('/login', {
    status: 302,
    location: '/file',
    headers: [
      ['Set-Cookie', `gate=old; ${attributes}`],
      ['Set-Cookie', `gate=${SECRET}; ${attributes}`],
    ],
  })
  server.route('/file', ({headers}) => (headers.cookie?.includes(`gate=${SECRET}`) ? WHOLE : {status: 403}))
}

function cookiesAt({server}: World, path: string): readonly (string | undefined)[] {
  return requestsFor(server, path).map(({headers}) => headers.cookie)
}

describe('cookies', () => {
  it('are taken at one hop and sent at the next, and by later downloads', async () => {
    const world = await makeWorld({cookies: true})
    gate(world)
    const downloader = world.engine.createDownloader()
    await downloader.createDownload(world.server.url('/login'), world.file('a')).startAsync()
    await downloader.createDownload(world.server.url('/file'), world.file('b')).startAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    expect(await digestOf(world.file('b'))).toBe(sha256(BYTES))
    expect(cookiesAt(world, '/login')).toEqual([undefined])
    expect(cookiesAt(world, '/file')).toEqual([`gate=${SECRET}`, `gate=${SECRET}`])
  })

  it('are none of ours by default', async () => {
    const world = await makeWorld()
    gate(world)
    const download = world.engine.createDownloader().createDownload(world.server.url('/login'), world.file('a'))
    expect(await failure(download.startAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 403}})
    expect(cookiesAt(world, '/file')).toEqual([undefined])
  })

  it('go to the hosts and paths that they are for, and to no others', async () => {
    const world = await makeWorld({cookies: true})
    const elsewhere = world.server.url('/elsewhere').replace('127.0.0.1', 'localhost')
    world.server.route('/start', {
      status: 302,
      location: elsewhere,
      headers: [
        ['Set-Cookie', 'everywhere=1; Path=/'],
        ['Set-Cookie', 'below=2; Path=/back'],
        ['Set-Cookie', 'foreign=3; Domain=localhost; Path=/'],
        ['Set-Cookie', 'over=4; Path=/; Max-Age=0'],
      ],
    })
    world.server.route('/elsewhere', {status: 302, location: world.server.url('/back')})
    world.server.route('/back', WHOLE)
    await world.engine.createDownloader().createDownload(world.server.url('/start'), world.file('a')).startAsync()
    expect(cookiesAt(world, '/elsewhere')).toEqual([undefined])
    expect(cookiesAt(world, '/back')).toEqual(['below=2; everywhere=1'])
  })

  it('are sent with the rest of a file, and heard of in the answer to it', async () => {
    const world = await makeWorld({cookies: true})
    world.server.route('/file', [
      {...WHOLE, headers: [['Set-Cookie', 'turn=1']], cutAfter: 20_000, cut: 'reset'},
      {...WHOLE, headers: [['Set-Cookie', 'turn=2']]},
    ])
    const downloader = world.engine.createDownloader()
    await downloader.createDownload(world.server.url('/file'), world.file('a')).startAsync()
    await downloader.createDownload(world.server.url('/file'), world.file('b')).startAsync()
    expect(cookiesAt(world, '/file')).toEqual([undefined, 'turn=1', 'turn=2'])
  })

  it('stand behind those of the application in one field', async () => {
    const world = await makeWorld({cookies: true})
    gate(world)
    const downloader = world.engine.createDownloader()
    downloader.setRequestHeader('Cookie', 'own=1')
    await downloader.createDownload(world.server.url('/login'), world.file('a')).startAsync()
    expect(cookiesAt(world, '/file')).toEqual([`own=1; gate=${SECRET}`])
  })

  it('go with uploads too', async () => {
    const sink = await SinkServer.start()
    onCleanup(() => sink.close())
    const jar = new CookieJar()
    await jar.setCookie('who=me; Path=/', sink.url('/'))
    const world = await makeWorld({cookies: jar})
    await writeFile(world.file('source'), 'bytes')
    await world.engine.createUploader().createUpload(sink.url('/to'), world.file('source')).startAsync()
    expect(sink.arrivals.map(({headers}) => headers.cookie)).toEqual(['who=me'])
  })

  it.each([
    ['a jar', () => new CookieJar()],
    ['a store', () => new MemoryCookieStore()],
  ])('of %s of the caller stay with the caller', async (_, make) => {
    const directory = await makeDirectory()
    const cookies = make()
    const world = await makeWorld({cookies})
    gate(world)
    await world.engine.createDownloader().createDownload(world.server.url('/login'), world.file('a')).startAsync()
    await world.engine.close()
    const next = await openEngine(directory, {cookies})
    await next.createDownloader().createDownload(world.server.url('/file'), join(directory, 'b')).startAsync()
    expect(await digestOf(join(directory, 'b'))).toBe(sha256(BYTES))
  })

  it('are neither stored nor shown', async () => {
    const world = await makeWorld({cookies: true})
    world.server.route('/file', {...WHOLE, headers: [['Set-Cookie', `gate=${SECRET}`]]})
    const downloader = world.engine.createDownloader()
    const download = downloader.createDownload(world.server.url('/file'), world.file('a'))
    await download.startAsync()
    expect([...(download.getResponseInformation()?.headers.keys() ?? [])]).not.toContain('Set-Cookie')
    const bundle = await world.engine.exportAsync(download.guid)
    expect(JSON.stringify(bundle)).not.toContain(SECRET)
    expect(JSON.stringify(await world.engine.journalAsync(download.guid))).not.toContain(SECRET)
    await world.engine.close()
    // grep -c exits 1 where nothing is found.
    const found = () => execFileSync('grep', ['-rlF', SECRET, join(world.directory, '.store')])
    expect(found).toThrow(expect.objectContaining({status: 1}))
  })

  it('of a jar that fails are one clear error, which quotes nothing', async () => {
    const world = await makeWorld({
      retries: 1,
      cookies: {
        getCookieString: () => Promise.reject(new Error(`no ${SECRET}`)),
        setCookie: () => Promise.resolve(),
      },
    })
    world.server.route('/file', WHOLE)
    const download = world.engine.createDownloader().createDownload(world.server.url('/file'), world.file('a'))
    const error = await failure(download.startAsync())
    expect(error).toMatchObject({code: 'COOKIES_FAILED', where: world.server.origin})
    expect(JSON.stringify(error.toSerialized())).not.toContain(SECRET)
    expect(world.server.requests).toEqual([])
  })

  it('of a jar that cannot keep them fail the try, lest the next hop go without', async () => {
    const world = await makeWorld({
      retries: 0,
      cookies: {getCookieString: () => Promise.resolve(''), setCookie: () => Promise.reject(new Error('full'))},
    })
    gate(world)
    const download = world.engine.createDownloader().createDownload(world.server.url('/login'), world.file('a'))
    expect((await failure(download.startAsync())).code).toBe('COOKIES_FAILED')
    expect(cookiesAt(world, '/file')).toEqual([])
  })

  it('of a jar that is slow hold up no pause', async () => {
    let asked = () => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const world = await makeWorld({
      cookies: {
        getCookieString: () => {
          asked()
          return new Promise(() => {})
        },
        setCookie: () => Promise.resolve(),
      },
    })
    const download = world.engine.createDownloader().createDownload(world.server.url('/file'), world.file('a'))
    const running = download.startAsync()
    const ended = failure(running)
    await isAsked
    download.pause()
    await reaches(download, BackgroundTransferStatus.pausedByApplication)
    running.cancel()
    expect((await ended).code).toBe('CANCELED')
  })

  it('are refused where what was given is no jar', async () => {
    const directory = await makeDirectory()
    // biome-ignore lint/suspicious/noExplicitAny: what a caller without types may give
    const open = BackgroundTransferEngine.open({directory: join(directory, '.store'), cookies: {} as any})
    expect(await failure(open)).toMatchObject({code: 'INVALID_ARGUMENT', where: 'cookies'})
  })
})
