/** beforeAttempt: what does not last, a token or a signed address, is asked for before each try, and kept nowhere. */

import {execFileSync} from 'node:child_process'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {
  type AttemptProviders,
  BackgroundTransferStatus,
  type ComingAttempt,
  type DownloadOperation,
  PasswordCredential,
  TransferError,
  WebErrorStatus,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import type {Script} from '../../support/faulty-script.ts'
import {digestOf, failure, makeWorld, openEngine, rangesAsked, reaches, requestsFor, type World} from '../harness.ts'

const SIZE = 300_000
const CUT = 100_000
const BYTES = contentOf(8, SIZE)
const WHOLE: Script = {content: BYTES, etag: '"v1"'}
const CUT_SHORT: Script = {...WHOLE, cutAfter: CUT, cut: 'reset'}
const SECRET = 'sig-9f8e7d6c'

function worldWith(beforeAttempt: AttemptProviders, more: Parameters<typeof makeWorld>[0] = {}): Promise<World> {
  return makeWorld({beforeAttempt, ...more})
}

function download({engine, server, file}: World, provider = 'vault', path = '/file', name = 'a'): DownloadOperation {
  const downloader = engine.createDownloader()
  downloader.beforeAttempt = provider
  return downloader.createDownload(server.url(path), file(name))
}

/** Rejects when the signal is aborted, and tells when it began. */
function never() {
  let begun = () => {}
  const began = new Promise<void>((resolve) => {
    begun = resolve
  })
  const wait = ({signal}: {readonly signal: AbortSignal}) => {
    begun()
    return new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('gave up')))
    })
  }
  return {began, wait}
}

describe('story 17: a signed address that expires, with a refresh hook', () => {
  it('asks for another address before each try, and the validator lets the bytes go on', async () => {
    const asked: ComingAttempt[] = []
    const world = await worldWith({
      vault: {
        url: (coming) => {
          asked.push(coming)
          return world.server.url(`/signed?sig=${SECRET}${asked.length}`)
        },
      },
    })
    world.server.route('/signed', ({path}) => {
      if (!path.endsWith(`${SECRET}${asked.length}`)) return {status: 403}
      return asked.length === 1 ? CUT_SHORT : WHOLE
    })
    const operation = download(world)
    await operation.startAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    expect(rangesAsked(world.server, '/signed')).toEqual(['', `bytes=${CUT}-|"v1"`])
    expect(requestsFor(world.server, '/file')).toEqual([])
    expect(asked.map(({attempt, url, guid}) => [attempt, url, guid])).toEqual([
      [1, world.server.url('/file'), operation.guid],
      [2, world.server.url('/file'), operation.guid],
    ])
    expect(operation.requestedUri.pathname).toBe('/file')
  })

  it('starts over where the other address has another version', async () => {
    let calls = 0
    const world = await worldWith({vault: {url: () => world.server.url(`/signed?n=${++calls}`)}})
    const other = contentOf(9, SIZE)
    world.server.route('/signed', () => (calls === 1 ? CUT_SHORT : {content: other, etag: '"v2"'}))
    await download(world).startAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(other))
  })

  it('asks again where the server refuses what was given, and then lets the application mend it', async () => {
    let calls = 0
    const world = await worldWith({vault: {headers: () => ({'X-Pass': `${SECRET}${++calls}`})}}, {retries: 1})
    world.server.route('/file', ({headers}) => (headers['x-pass'] === `${SECRET}2` ? WHOLE : {status: 403}))
    await download(world).startAsync()
    expect(requestsFor(world.server, '/file').length).toBe(2)

    const other = download(world, 'vault', '/file', 'b')
    other.recoverableWebErrorStatuses.push(WebErrorStatus.forbidden)
    other.startAsync().catch(() => undefined)
    await reaches(other, BackgroundTransferStatus.pausedRecoverableWebErrorStatus)
    expect(calls).toBe(4)
  })
})

describe('beforeAttempt', () => {
  it('gives headers to fifty that ask at once by one call', async () => {
    let calls = 0
    let answer: (headers: Record<string, string>) => void = () => {}
    const world = await worldWith(
      {
        vault: {
          headers: () => {
            calls += 1
            return new Promise((resolve) => {
              answer = resolve
            })
          },
        },
      },
      {maxConcurrentTransfers: 50},
    )
    world.server.route('/file', ({headers}) => (headers.authorization === `Bearer ${SECRET}` ? WHOLE : {status: 401}))
    const operations = Array.from({length: 50}, (_, n) => download(world, 'vault', '/file', `f${n}`))
    const ended = operations.map((operation) => operation.startAsync())
    await Promise.all(operations.map((operation) => reaches(operation, BackgroundTransferStatus.running)))
    expect(calls).toBe(1)
    answer({Authorization: `Bearer ${SECRET}`})
    await Promise.all(ended)
    expect(calls).toBe(1)
    expect(requestsFor(world.server, '/file').length).toBe(50)
  })

  it('puts its headers in the place of the application’s', async () => {
    const world = await worldWith({vault: {headers: async () => ({authorization: 'new', 'X-More': '1'})}})
    world.server.route('/file', WHOLE)
    const operation = download(world)
    operation.setRequestHeader('Authorization', 'old')
    operation.setRequestHeader('X-Other', '2')
    await operation.startAsync()
    expect(requestsFor(world.server, '/file')[0]?.headers).toMatchObject({
      authorization: 'new',
      'x-more': '1',
      'x-other': '2',
    })
  })

  it('goes before the credential: a token that was given is not replaced by a login', async () => {
    const world = await worldWith({vault: {headers: () => ({Authorization: `Bearer ${SECRET}`})}}, {retries: 0})
    const challenge = ['WWW-Authenticate', 'Basic realm="give"'] as const
    world.server.route('/file', {status: 401, headers: [challenge]})
    const downloader = world.engine.createDownloader()
    downloader.beforeAttempt = 'vault'
    downloader.serverCredential = new PasswordCredential('files', 'ann', 'own-password')
    await failure(downloader.createDownload(world.server.url('/file'), world.file('a')).startAsync())
    expect(requestsFor(world.server, '/file').map(({headers}) => headers.authorization)).toEqual([`Bearer ${SECRET}`])
  })

  it('tells other origins nothing of what was given, and another address nothing of what was not given for it', async () => {
    const world = await worldWith({
      vault: {
        headers: () => ({'X-Shard': SECRET}),
        url: () => world.server.url('/signed').replace('127.0.0.1', 'localhost'),
      },
    })
    world.server.route('/signed', {status: 302, location: world.server.url('/last')})
    world.server.route('/last', WHOLE)
    const operation = download(world)
    operation.setRequestHeader('Authorization', 'own')
    await operation.startAsync()
    const [signed] = requestsFor(world.server, '/signed')
    expect(signed?.headers).toMatchObject({'x-shard': SECRET})
    expect(signed?.headers).not.toHaveProperty('authorization')
    expect(requestsFor(world.server, '/last')[0]?.headers).not.toHaveProperty('x-shard')
  })

  it('is kept nowhere: neither in the store, nor in the journal, an export or the response', async () => {
    const world = await worldWith({
      vault: {
        headers: () => ({'X-Shard': `${SECRET}-h`}),
        url: () => world.server.url(`/signed?sig=${SECRET}`),
      },
    })
    world.server.route('/signed', [CUT_SHORT, CUT_SHORT, {...WHOLE, cutAfter: 0, cut: 'reset'}])
    const operation = download(world)
    const error = await failure(operation.startAsync())
    expect(JSON.stringify(error.toSerialized())).not.toContain(SECRET)
    expect(operation.getResponseInformation()?.actualUri.href).toBe(world.server.url('/signed?sig=***'))
    expect(JSON.stringify(await world.engine.exportAsync(operation.guid))).not.toContain(SECRET)
    await world.engine.close()
    const found = () => execFileSync('grep', ['-rlF', SECRET, join(world.directory, '.store')])
    expect(found).toThrow(expect.objectContaining({status: 1}))
  })

  it('fails the try where it throws, by the retry table, and quotes nothing', async () => {
    let calls = 0
    const world = await worldWith(
      {
        vault: {
          url: () => {
            calls += 1
            throw new RangeError(`no ${SECRET}`)
          },
        },
      },
      {retries: 2},
    )
    const operation = download(world)
    const error = await failure(operation.startAsync())
    expect(error).toMatchObject({code: 'PROVIDER_FAILED', where: 'vault', details: {thrown: 'RangeError'}})
    expect(JSON.stringify(error.toSerialized())).not.toContain(SECRET)
    expect(calls).toBe(3)
    expect(world.server.requests).toEqual([])
  })

  it('lets an error of ours through: a provider decides that nothing more is to be tried', async () => {
    let calls = 0
    const world = await worldWith({
      vault: {
        headers: () => {
          calls += 1
          throw new TransferError('HTTP_STATUS', 'the vault knows us no more', {details: {status: 401}})
        },
      },
    })
    const error = await failure(download(world).startAsync())
    expect(error).toMatchObject({code: 'HTTP_STATUS', message: 'the vault knows us no more'})
    expect(calls).toBe(4)
  })

  it.each([
    ['no URL', 'nowhere'],
    ['another scheme', 'file:///etc/passwd'],
    ['the scheme of FTP', 'ftp://127.0.0.1/a'],
    ['user information', 'http://ann:pw@127.0.0.1/'],
  ])('is not used where it gives an address with %s', async (_, url) => {
    const world = await worldWith({vault: {url: () => url}})
    const error = await failure(download(world).startAsync())
    expect(error).toMatchObject({code: 'PROVIDER_FAILED', retry: 'never'})
    expect(error.message).not.toContain(url)
  })

  it('is not used where it gives a header that cannot be sent', async () => {
    const world = await worldWith({vault: {headers: () => ({'X-A': `${SECRET}\r\nX-B: 1`})}})
    const error = await failure(download(world).startAsync())
    expect(error).toMatchObject({code: 'PROVIDER_FAILED', retry: 'never'})
    expect(error.message).not.toContain(SECRET)
  })

  it('has its time, and its signal says when that is over', async () => {
    const {wait} = never()
    let aborted = 0
    const world = await worldWith(
      {
        vault: {
          headers: ({signal}) => {
            signal.addEventListener('abort', () => {
              aborted += 1
            })
            return wait({signal})
          },
        },
      },
      {beforeAttemptTimeoutMs: 20, retries: 1},
    )
    expect(await failure(download(world).startAsync())).toMatchObject({code: 'PROVIDER_TIMEOUT', where: 'vault'})
    expect(aborted).toBe(2)
  })

  it('holds up no pause, no cancel and no close', async () => {
    const {began, wait} = never()
    const world = await worldWith({vault: {url: wait}})
    const operation = download(world)
    const running = operation.startAsync()
    const ended = failure(running)
    await began
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    operation.resume()
    await reaches(operation, BackgroundTransferStatus.running)
    running.cancel()
    expect((await ended).code).toBe('CANCELED')
    const other = download(world, 'vault', '/file', 'b')
    other.startAsync().catch(() => undefined)
    await reaches(other, BackgroundTransferStatus.running)
    await world.engine.close()
  })

  it('is found again by its name in a later session', async () => {
    const {began, wait} = never()
    const world = await worldWith({vault: {headers: wait}})
    world.server.route('/file', ({headers}) => (headers['x-pass'] === SECRET ? WHOLE : {status: 403}))
    const operation = download(world)
    operation.startAsync().catch(() => undefined)
    await began
    await world.engine.close()
    const next = await openEngine(world.directory, {beforeAttempt: {vault: {headers: () => ({'X-Pass': SECRET})}}})
    const [found] = await next.getCurrentDownloadsAsync()
    await found?.attachAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('is one clear error in a session that does not know its name, and the bytes stay', async () => {
    const {began, wait} = never()
    let calls = 0
    const world = await worldWith({
      vault: {headers: (asked) => (++calls === 1 ? {'X-Pass': SECRET} : wait(asked))},
    })
    world.server.route('/file', [CUT_SHORT, WHOLE])
    const operation = download(world)
    operation.startAsync().catch(() => undefined)
    await began
    await world.engine.close()
    const next = await openEngine(world.directory)
    const [found] = await next.getCurrentDownloadsAsync()
    expect(await failure(found?.attachAsync() ?? Promise.resolve())).toMatchObject({
      code: 'PROVIDER_UNKNOWN',
      where: 'vault',
    })
    await next.createDownloader().createDownload(world.server.url('/file'), world.file('a')).startAsync()
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"v1"`])
  })

  it('is refused under a name that the engine does not know, and where it is none', async () => {
    const world = await makeWorld()
    expect((await failure(download(world).startAsync())).code).toBe('PROVIDER_UNKNOWN')
    expect(() => download(world, '')).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
    const opened = openEngine(world.file('.other'), {beforeAttempt: {vault: {}}})
    expect(await failure(opened)).toMatchObject({code: 'INVALID_ARGUMENT', where: 'beforeAttempt.vault'})
  })
})
