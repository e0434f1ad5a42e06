/** The namespace's checklist, 17.B: starting, finishing, promises. Numbers are the items'. */

import {mkdir, symlink} from 'node:fs/promises'
import {setImmediate} from 'node:timers/promises'
import {lastValueFrom, toArray} from 'rxjs'
import {describe, expect, it} from 'vitest'
import type {EngineApi, HeldOperation} from '../../../src/engine/engine-api.ts'
import {FollowedNotices} from '../../../src/engine/operations/followed-notices.ts'
import {
  type BackgroundDownloadProgress,
  BackgroundTransferError,
  BackgroundTransferStatus,
  type DownloadOperation,
  type TransferError,
  WebErrorStatus,
} from '../../../src/index.ts'
import {waitForTransfer} from '../../../src/namespace/transfer-wait.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {heldAfter} from '../../support/faulty-script.ts'
import {queuedRecord} from '../../support/records.ts'
import {unusedPort} from '../../support/unused-port.ts'
import {digestOf, failure, makeClientWorld, makeWorld, reaches, receives, requestsFor, type World} from '../harness.ts'

const SIZE = 300_000
const BYTES = contentOf(1, SIZE)
const STALLED = {content: BYTES, etag: '"1"', cutAfter: 100_000, cut: 'stall'} as const

function create({engine, server, file}: World, path = '/a', name = 'a'): DownloadOperation {
  return engine.createDownloader().createDownload(server.url(path), file(name))
}

describe('17.B starting, finishing, promises', () => {
  it('34, 35, 40, 41, 44. resolves with the operation; progress gives it too; the file is the body', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES, pieceBytes: 30_000, pieceDelayMs: 20})
    const operation = create(world)
    const running = operation.startAsync()
    const seen = new Set<DownloadOperation>()
    running.progress$.subscribe((each) => seen.add(each))
    expect(await running).toBe(operation)
    expect([...seen]).toEqual([operation])
    expect(operation.progress).toMatchObject({
      status: BackgroundTransferStatus.completed,
      bytesReceived: SIZE,
      totalBytesToReceive: SIZE,
    })
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('36, 37. progress is live, and what was read does not change', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES, pieceBytes: 10_000, pieceDelayMs: 5})
    const operation = create(world)
    const before = operation.progress
    const kept: BackgroundDownloadProgress = {...before}
    const running = operation.startAsync()
    await receives(running, 1)
    expect(operation.progress.bytesReceived).toBeGreaterThan(0)
    expect(before).toEqual(kept)
    await running
  })

  it('38. a second startAsync throws, and the first promise is not affected', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES})
    const operation = create(world)
    const running = operation.startAsync()
    expect(() => operation.startAsync()).toThrow(
      expect.objectContaining({code: 'ILLEGAL_STATE', number: 0x8000000e | 0}),
    )
    await running
    expect(() => operation.startAsync()).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE'}))
  })

  it('accepted resolves once the record is on the disk, before the outcome', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world)
    const running = operation.startAsync()
    await running.accepted
    const found = await world.engine.findByFileAsync(world.file('a'))
    expect(found).toBe(operation)
    running.cancel()
    expect((await failure(running)).code).toBe('CANCELED')
  })

  it.each<[string, object]>([
    ['chunks', {framing: 'chunked'}],
    ['a close', {framing: 'close'}],
  ])('42, 43. without a length (%s) the total is 0 until the end; headers never count', async (_, framing) => {
    const world = await makeWorld()
    const padding: readonly (readonly [string, string])[] = [['X-Padding', 'x'.repeat(4000)]]
    const {hold, release} = heldAfter(90_000)
    world.server.route('/a', {content: BYTES, pieceBytes: 30_000, hold, headers: padding, ...framing})
    const operation = create(world)
    const running = operation.startAsync()
    await receives(running, 90_000)
    expect(operation.progress).toMatchObject({bytesReceived: 90_000, totalBytesToReceive: 0})
    release()
    await running
    expect(operation.progress).toMatchObject({bytesReceived: SIZE, totalBytesToReceive: SIZE})
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('45. canceling the promise cancels the operation, and leaves nothing', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world)
    const running = operation.startAsync()
    await receives(running, 100_000)
    running.cancel()
    const error = await failure(running)
    expect(error).toMatchObject({code: 'CANCELED', name: 'Canceled'})
    expect(operation.progress.status).toBe(BackgroundTransferStatus.canceled)
    await expect.poll(() => requestsFor(world.server, '/a')[0]?.closed).toBe(true)
    expect(await world.names()).toEqual([])
  })

  it('45. canceling at any moment leaves nothing', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 40})
    world.server.route('/a', {...STALLED, pieceBytes: 10_000, pieceDelayMs: 1})
    const all = Array.from({length: 40}, (_, n) => {
      const running = create(world, '/a', `file-${n}`).startAsync()
      setTimeout(() => running.cancel(), n)
      return failure(running)
    })
    for (const error of await Promise.all(all)) expect(error.code).toBe('CANCELED')
    await world.engine.close()
    expect(await world.names()).toEqual([])
  })

  it('46. canceling an attached promise cancels the operation itself', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world)
    const running = operation.startAsync()
    await receives(running, 100_000)
    const attached = operation.attachAsync()
    attached.cancel()
    expect((await failure(attached)).code).toBe('CANCELED')
    expect((await failure(running)).code).toBe('CANCELED')
  })

  it('an AbortSignal gives up the wait and lets the transfer go on', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES, pieceBytes: 10_000, pieceDelayMs: 2})
    const operation = create(world)
    const controller = new AbortController()
    const running = operation.startAsync({signal: controller.signal})
    await running.accepted
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    await operation.attachAsync()
    expect(operation.progress.status).toBe(BackgroundTransferStatus.completed)
  })

  it('45, 46. a cancelSignal cancels the operation itself, of a start and of an attachment', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    world.server.route('/b', STALLED)
    const controller = new AbortController()
    const started = create(world).startAsync({cancelSignal: controller.signal})
    const other = create(world, '/b', 'b')
    const running = other.startAsync()
    const attached = other.attachAsync({cancelSignal: controller.signal})
    await Promise.all([receives(started, 100_000), receives(attached, 100_000)])
    controller.abort()
    for (const promise of [started, running, attached]) expect((await failure(promise)).code).toBe('CANCELED')
    expect(await world.names()).toEqual([])
  })

  it('46. what is attached with a cancelSignal that is aborted already is canceled at once (10.13)', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    const operation = create(world)
    await receives(operation.startAsync(), 100_000)
    const attached = operation.attachAsync({cancelSignal: AbortSignal.abort()})
    expect((await failure(attached)).code).toBe('CANCELED')
    expect(operation.progress.status).toBe(BackgroundTransferStatus.canceled)
  })

  it('47. a cancelSignal that comes after the end changes nothing', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES})
    const controller = new AbortController()
    const operation = create(world)
    await operation.startAsync({cancelSignal: controller.signal})
    controller.abort()
    expect(await operation.attachAsync()).toBe(operation)
    expect(await world.names()).toEqual(['a'])
  })

  it('47. canceling what is finished changes nothing', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES})
    const operation = create(world)
    const running = operation.startAsync()
    await running
    running.cancel()
    const attached = operation.attachAsync()
    attached.cancel()
    expect(await attached).toBe(operation)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.completed)
    expect(await world.names()).toEqual(['a'])
  })

  it('48. what was delivered is not enumerated again', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES})
    world.server.route('/b', STALLED)
    await create(world).startAsync()
    const canceled = create(world, '/b', 'b').startAsync()
    await receives(canceled, 1)
    canceled.cancel()
    await failure(canceled)
    expect(await world.engine.getCurrentDownloadsAsync()).toEqual([])
  })

  it('197. the end is told before it is noted that it was: a crash between has it told again, and not never', async () => {
    const noted: unknown[] = []
    const markDelivered = (held: HeldOperation) => {
      noted.push(held)
      return new Promise<void>(() => undefined)
    }
    const held = {record: queuedRecord(1, {state: 'completed'})} as HeldOperation
    const notices = new FollowedNotices({})
    const engine = {markDelivered} as Partial<EngineApi> as EngineApi
    const waited = {operation: 'it', engine, notices, entry: () => held, isOver: () => true}
    expect(await waitForTransfer(waited, Promise.resolve(), {})).toBe('it')
    expect(noted).toEqual([held])
  })

  it('40. is complete, as describe() has it too, when that is durable', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES, etag: '"1"'})
    const operation = create(world)
    const running = operation.startAsync()
    const told = new Set<string>()
    while (operation.progress.status !== BackgroundTransferStatus.completed) {
      told.add(operation.describe().status)
      await setImmediate()
    }
    await running
    expect([...told]).toEqual(['idle', 'running'])
    expect(operation.describe().status).toBe('completed')
  })

  it('49, 50, 51. a 404 rejects with its HRESULT, and the response can be read', async () => {
    const world = await makeWorld()
    const operation = create(world, '/missing')
    const error = await failure(operation.startAsync())
    expect(error).toMatchObject({code: 'HTTP_STATUS', hresult: 0x80190194, number: 0x80190194 | 0})
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.notFound)
    expect(operation.getResponseInformation()?.statusCode).toBe(404)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.error)
    expect(operation.currentWebErrorStatus).toBe(WebErrorStatus.notFound)
    expect(requestsFor(world.server, '/missing').length).toBe(1)
    expect(await world.names()).toEqual([])
  })

  it('52. a refused connection is CannotConnect, after the retries', async () => {
    const world = await makeWorld()
    const operation = world.engine
      .createDownloader()
      .createDownload(`http://127.0.0.1:${await unusedPort()}/`, world.file('a'))
    const error = await failure(operation.startAsync())
    expect(error.code).toBe('CONNECTION_REFUSED')
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.cannotConnect)
    expect(operation.getResponseInformation()).toBeNull()
  })

  it('53. a host that nobody knows is HostNameNotResolved', async () => {
    const world = await makeWorld({retries: 0})
    const operation = world.engine.createDownloader().createDownload('http://nobody.invalid/', world.file('a'))
    const error = await failure(operation.startAsync())
    expect(error.code).toBe('NAME_NOT_RESOLVED')
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.hostNameNotResolved)
  })

  it('56. the same address can be fetched again', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES})
    await create(world).startAsync()
    await create(world, '/a', 'again').startAsync()
    expect(await world.names()).toEqual(['a', 'again'])
  })

  it('57. two at once of one address come out whole', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES, pieceBytes: 10_000, pieceDelayMs: 2})
    await Promise.all([create(world, '/a', 'one').startAsync(), create(world, '/a', 'two').startAsync()])
    expect(await digestOf(world.file('one'))).toBe(sha256(BYTES))
    expect(await digestOf(world.file('two'))).toBe(sha256(BYTES))
  })

  it('O22. two at once into one file: the second is refused, the first is not affected', async () => {
    const world = await makeWorld()
    world.server.route('/a', STALLED)
    world.server.route('/b', {content: BYTES})
    const first = create(world, '/a', 'same')
    const running = first.startAsync()
    await receives(running, 100_000)
    const second = create(world, '/b', 'same')
    expect(await failure(second.startAsync())).toMatchObject({code: 'DESTINATION_BUSY', details: {guid: first.guid}})
    expect(first.progress.status).toBe(BackgroundTransferStatus.running)
    expect(second.progress.status).toBe(BackgroundTransferStatus.idle)
  })

  it('two at once into one file by two paths: each writes a part of its own, and none replaces the other', async () => {
    const world = await makeWorld()
    await mkdir(world.file('real'))
    await symlink('real', world.file('other'))
    const others = contentOf(2, SIZE)
    world.server.route('/a', {content: BYTES, pieceBytes: 10_000, pieceDelayMs: 2})
    world.server.route('/b', {content: others, pieceBytes: 10_000, pieceDelayMs: 2})
    const downloads = [create(world, '/a', 'real/same'), create(world, '/b', 'other/../other/same')]
    const outcomes = await Promise.allSettled(downloads.map((each) => each.startAsync()))
    const winner = outcomes.findIndex(({status}) => status === 'fulfilled')
    expect(outcomes[1 - winner]).toMatchObject({status: 'rejected', reason: {code: 'FILE_EXISTS'}})
    expect(await digestOf(world.file('real/same'))).toBe(sha256(winner === 0 ? BYTES : others))
  })

  it('58, 59. every promise stays pending through a pause, and settles once (invariants 3 and 4)', async () => {
    const world = await makeWorld()
    world.server.route('/a', [STALLED, {content: BYTES, etag: '"1"'}])
    const operation = create(world)
    let settled = 0
    const running = operation.startAsync()
    const promises = [running, operation.attachAsync()]
    for (const promise of promises) promise.then(() => settled++)
    await receives(running, 100_000)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    expect(settled).toBe(0)
    operation.resume()
    await Promise.all(promises)
    expect(settled).toBe(promises.length)
  })

  it('the errors before any traffic: a missing directory, an existing file, an unwritable place', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES})
    const codes: TransferError['code'][] = []
    codes.push((await failure(create(world, '/a', 'none/a').startAsync())).code)
    await create(world).startAsync()
    codes.push((await failure(create(world).startAsync())).code)
    expect(codes).toEqual(['DIRECTORY_MISSING', 'FILE_EXISTS'])
    expect(world.server.requests.length).toBe(1)
  })

  it('generateUniqueName and replaceExisting end at the file they say', async () => {
    const world = await makeWorld()
    world.server.route('/a', {content: BYTES})
    world.server.route('/b', {content: Buffer.from('new')})
    await create(world).startAsync()
    const downloader = world.engine.createDownloader()
    const unique = downloader.createDownload(world.server.url('/b'), world.file('a'), {collision: 'generateUniqueName'})
    await unique.startAsync()
    expect(unique.resultFile).toBe(world.file('a (2)'))
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    const replacing = downloader.createDownload(world.server.url('/b'), world.file('a'), {collision: 'replaceExisting'})
    await replacing.startAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(Buffer.from('new')))
    expect(await world.names()).toEqual(['a', 'a (2)'])
  })
})

describe('the statuses of one that was never started', () => {
  it.each([
    ['its engine', makeWorld],
    ['its client of a host', makeClientWorld],
  ])('end with %s', async (_, make) => {
    const world = await make()
    const statuses = lastValueFrom(create(world).status$.pipe(toArray()))
    await world.engine.close()
    expect(await statuses).toEqual([BackgroundTransferStatus.idle])
  })
})
