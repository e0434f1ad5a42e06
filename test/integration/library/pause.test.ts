/** The namespace's checklist, 17.C (pause and resume) and 17.G (recoverable errors, new addresses). Numbers are the items'. */

import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus, type DownloadOperation, WebErrorStatus} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {heldAfter} from '../../support/faulty-script.ts'
import {
  bytesSent,
  digestOf,
  failure,
  makeWorld,
  openEngine,
  rangesAsked,
  reaches,
  receives,
  requestsFor,
  type World,
} from '../harness.ts'

const SIZE = 300_000
const HALF = 100_000
const BYTES = contentOf(1, SIZE)
const WHOLE = {content: BYTES, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: HALF, cut: 'stall'} as const
const ILLEGAL = expect.objectContaining({code: 'ILLEGAL_STATE', number: 0x8000000e | 0})
const {pausedByApplication, pausedRecoverableWebErrorStatus, running: RUNNING, canceled} = BackgroundTransferStatus

function create({engine, server, file}: World, path = '/a', name = 'a'): DownloadOperation {
  return engine.createDownloader().createDownload(server.url(path), file(name))
}

async function pausedHalfway(world: World) {
  const operation = create(world)
  const running = operation.startAsync()
  const restarts: boolean[] = []
  running.progress$.subscribe(({progress}) => restarts.push(progress.hasRestarted))
  await receives(running, HALF)
  operation.pause()
  await reaches(operation, pausedByApplication)
  return {operation, running, restarts}
}

describe('17.C pause and resume', () => {
  it('60, 75. neither on a download that was never started', async () => {
    const operation = create(await makeWorld())
    expect(() => operation.pause()).toThrow(ILLEGAL)
    expect(() => operation.resume()).toThrow(ILLEGAL)
    expect(() => operation.attachAsync()).toThrow(ILLEGAL)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.idle)
  })

  it('61, 64, 65, 66, 67. pause closes the connection and keeps the bytes; a second one throws', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const {operation} = await pausedHalfway(world)
    expect(() => operation.pause()).toThrow(ILLEGAL)
    expect(operation.progress.bytesReceived).toBe(HALF)
    await expect.poll(() => requestsFor(world.server, '/a')[0]?.closed).toBe(true)
    expect((await world.names()).filter((name) => name.endsWith('.part')).length).toBe(1)
  })

  it('62. a POST download cannot be paused, and goes on', async () => {
    const world = await makeWorld()
    const {hold, release} = heldAfter(HALF)
    world.server.route('/a', {...WHOLE, pieceBytes: 10_000, hold})
    const downloader = world.engine.createDownloader()
    downloader.method = 'POST'
    const operation = downloader.createDownload(world.server.url('/a'), world.file('a'))
    const running = operation.startAsync()
    await receives(running, HALF)
    expect(() => operation.pause()).toThrow(ILLEGAL)
    release()
    await running
    expect(requestsFor(world.server, '/a').map(({method}) => method)).toEqual(['POST'])
  })

  it('62. nor right after its start, as it may be on the wire before its pause holds', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const downloader = world.engine.createDownloader()
    downloader.method = 'POST'
    const operation = downloader.createDownload(world.server.url('/a'), world.file('a'))
    const running = operation.startAsync()
    expect(() => operation.pause()).toThrow(ILLEGAL)
    await running
  })

  it('63. neither on a download that has ended', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const operation = create(world)
    await operation.startAsync()
    expect(() => operation.pause()).toThrow(ILLEGAL)
    expect(() => operation.resume()).toThrow(ILLEGAL)
    for (const [path, end] of [
      ['/missing', 'HTTP_STATUS'],
      ['/a', 'CANCELED'],
    ] as const) {
      const other = create(world, path, 'other')
      const running = other.startAsync()
      if (end === 'CANCELED') running.cancel()
      expect((await failure(running)).code).toBe(end)
      expect(() => other.pause()).toThrow(ILLEGAL)
      expect(() => other.resume()).toThrow(ILLEGAL)
    }
  })

  it('a pause right after the start counts, before its record is on the disk', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const operation = create(world)
    const running = operation.startAsync()
    operation.pause()
    await reaches(operation, pausedByApplication)
    operation.resume()
    await running
  })

  it('61, 156. so it does at once for what is asked next: a second one, and its resume; an address waits until it holds', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const operation = create(world)
    const running = operation.startAsync()
    operation.pause()
    expect(() => operation.pause()).toThrow(ILLEGAL)
    expect(() => {
      operation.requestedUri = new URL(world.server.url('/b'))
    }).toThrow(ILLEGAL)
    operation.resume()
    expect(() => operation.resume()).toThrow(ILLEGAL)
    await running
  })

  it('38. says that it is being started, and not that it never was', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const operation = create(world)
    expect(operation.explain()).toEqual({why: 'it was never started', next: 'call startAsync'})
    const running = operation.startAsync()
    expect(operation.explain()).toEqual({why: 'it is being put on record, and stands in line then'})
    await running
  })

  it('68, 71, 73. resume asks for the rest, and nothing was restarted', async () => {
    const world = await makeWorld()
    world.server.route('/a', [STALLED, WHOLE])
    const {operation, running, restarts} = await pausedHalfway(world)
    operation.resume()
    await running
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`])
    expect(bytesSent(world.server, '/a')).toBe(SIZE)
    expect(restarts).not.toContain(true)
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('69, 70, 72. it starts over where the server knows no ranges, and says so once', async () => {
    const world = await makeWorld()
    const {hold, release} = heldAfter(30_000)
    world.server.route('/a', [STALLED, {...WHOLE, ranges: 'ignore', pieceBytes: 30_000, hold}])
    const {operation, running, restarts} = await pausedHalfway(world)
    const fewer = firstValueFrom(running.progress$.pipe(filter(({progress}) => progress.bytesReceived === 30_000)))
    operation.resume()
    await fewer
    release()
    await running
    expect(restarts.filter(Boolean).length).toBe(1)
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('74. resume on a running download throws', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world)
    await receives(operation.startAsync(), HALF)
    expect(() => operation.resume()).toThrow(ILLEGAL)
    expect(operation.progress.status).toBe(RUNNING)
  })

  it('79. what the application paused stays paused in the next session, until it is resumed', async () => {
    const world = await makeWorld()
    world.server.route('/a', [STALLED, WHOLE])
    const {operation} = await pausedHalfway(world)
    await world.engine.close()
    const engine = await openEngine(world.directory)
    const [found, ...others] = await engine.getCurrentDownloadsAsync()
    expect(others).toEqual([])
    expect(found?.guid).toBe(operation.guid)
    const attached = found?.attachAsync()
    expect(found?.progress).toMatchObject({status: pausedByApplication, bytesReceived: HALF})
    expect(requestsFor(world.server, '/a').length).toBe(1)
    found?.resume()
    await attached
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('pauses and resumes in quick turns end well', async () => {
    const world = await makeWorld()
    world.server.route('/a', () =>
      requestsFor(world.server, '/a').length > 6 ? WHOLE : {...WHOLE, cutAfter: 40_000, cut: 'stall'},
    )
    const operation = create(world)
    const running = operation.startAsync()
    for (let turn = 1; turn <= 6; turn++) {
      await receives(running, turn * 40_000)
      operation.pause()
      await reaches(operation, pausedByApplication)
      operation.resume()
    }
    await running
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    expect(bytesSent(world.server, '/a')).toBe(SIZE)
    expect(await world.names()).toEqual(['a'])
  })
})

describe('17.G recoverable errors and new addresses', () => {
  it('146, 150. no error is recoverable, and there was none, at first', async () => {
    const operation = create(await makeWorld())
    expect(operation.recoverableWebErrorStatuses).toEqual([])
    expect(operation.currentWebErrorStatus).toBeNull()
  })

  it('147, 149, 151, 152, 161. pauses on a listed error, tells it, keeps the bytes, and goes on', async () => {
    const world = await makeWorld()
    world.server.route('/a', [{...STALLED, cut: 'fin'}, {status: 401}, WHOLE])
    const operation = create(world)
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.unauthorized)
    const running = operation.startAsync()
    const told: number[] = []
    running.progress$.subscribe(({progress}) => told.push(progress.status))
    await reaches(operation, pausedRecoverableWebErrorStatus)
    expect(told.at(-1)).toBe(pausedRecoverableWebErrorStatus)
    expect(operation.currentWebErrorStatus).toBe(WebErrorStatus.unauthorized)
    expect(operation.getResponseInformation()?.statusCode).toBe(401)
    expect(operation.progress.bytesReceived).toBe(HALF)
    expect(operation.explain().next).toContain('resume')
    expect(() => operation.pause()).toThrow(ILLEGAL)
    operation.setRequestHeader('Authorization', 'Bearer mended')
    operation.resume()
    await running
    expect(operation.currentWebErrorStatus).toBeNull()
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`, `bytes=${HALF}-|"1"`])
    expect(requestsFor(world.server, '/a')[2]?.headers.authorization).toBe('Bearer mended')
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('149, 150. it stands at no error while it is tried again', async () => {
    const world = await makeWorld({retryDelayMs: 0})
    world.server.route('/a', [{status: 503}, {status: 502}, WHOLE])
    const running = create(world).startAsync()
    const told = new Set<WebErrorStatus | null>()
    running.progress$.subscribe(({currentWebErrorStatus}) => told.add(currentWebErrorStatus))
    await running
    expect(requestsFor(world.server, '/a')).toHaveLength(3)
    expect([...told]).toEqual([null])
  })

  it('148. fails on the same error when it is not listed', async () => {
    const world = await makeWorld()
    world.server.route('/a', {status: 401})
    const operation = create(world)
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.forbidden)
    expect(await failure(operation.startAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 401}})
    expect(operation.currentWebErrorStatus).toBe(WebErrorStatus.unauthorized)
  })

  it('the list comes back in the next session', async () => {
    const world = await makeWorld()
    world.server.route('/a', {status: 403})
    const operation = create(world)
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.forbidden)
    operation.startAsync()
    await reaches(operation, pausedRecoverableWebErrorStatus)
    await world.engine.close()
    const engine = await openEngine(world.directory)
    const found = await engine.getDownloadAsync(operation.guid)
    expect(found.progress.status).toBe(pausedRecoverableWebErrorStatus)
    expect(found.currentWebErrorStatus).toBe(WebErrorStatus.forbidden)
    expect(found.recoverableWebErrorStatuses).toEqual([WebErrorStatus.forbidden])
  })

  it('153, 157, 158. a new address while paused: nothing is sent until resume, which starts over', async () => {
    const world = await makeWorld()
    const other = contentOf(2, SIZE)
    world.server.route('/a', STALLED)
    world.server.route('/b', {content: other, etag: '"1"'})
    const {operation, running, restarts} = await pausedHalfway(world)
    operation.requestedUri = new URL(world.server.url('/b'))
    expect(operation.requestedUri.pathname).toBe('/b')
    operation.resume()
    await running
    expect(requestsFor(world.server, '/a').length).toBe(1)
    expect(rangesAsked(world.server, '/b')).toEqual([''])
    expect(restarts.filter(Boolean).length).toBe(1)
    expect(await digestOf(world.file('a'))).toBe(sha256(other))
    expect(await world.names()).toEqual(['a'])
  })

  it('154. a new address after a recoverable error', async () => {
    const world = await makeWorld()
    world.server.route('/a', {status: 404})
    world.server.route('/b', WHOLE)
    const operation = create(world)
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.notFound)
    const running = operation.startAsync()
    await reaches(operation, pausedRecoverableWebErrorStatus)
    operation.requestedUri = new URL(world.server.url('/b'))
    operation.resume()
    await running
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('a new address keeps no secret of the old origin in its URL', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const asking = {status: 401, headers: [['WWW-Authenticate', 'Basic realm="x"']]} as const
    world.server.route('/b', ({headers}) => (headers.authorization === undefined ? asking : WHOLE))
    const {operation, running} = await pausedHalfway(world)
    const uri = new URL(world.server.url('/b'))
    uri.username = 'me'
    uri.password = 'secret'
    operation.requestedUri = uri
    expect(operation.requestedUri.href).not.toContain('secret')
    operation.resume()
    await running
    expect(requestsFor(world.server, '/b')[1]?.headers.authorization).toBe(
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
    )
  })

  it('155, 156. a new address is refused while idle, running, or ended', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const uri = new URL(world.server.url('/b'))
    const set = (operation: DownloadOperation) => () => {
      operation.requestedUri = uri
    }
    const operation = create(world)
    expect(set(operation)).toThrow(ILLEGAL)
    const running = operation.startAsync()
    await receives(running, HALF)
    expect(set(operation)).toThrow(ILLEGAL)
    running.cancel()
    await failure(running)
    expect(set(operation)).toThrow(ILLEGAL)
  })

  it('O39. a new address is http or https', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const {operation} = await pausedHalfway(world)
    expect(() => {
      operation.requestedUri = new URL('ftp://127.0.0.1/a')
    }).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })

  it('162. canceling while paused on an error', async () => {
    const world = await makeWorld()
    world.server.route('/a', [{...STALLED, cut: 'fin'}, {status: 401}])
    const operation = create(world)
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.unauthorized)
    const running = operation.startAsync()
    await reaches(operation, pausedRecoverableWebErrorStatus)
    running.cancel()
    expect((await failure(running)).code).toBe('CANCELED')
    expect(operation.progress.status).toBe(canceled)
    expect(await world.names()).toEqual([])
  })
})
