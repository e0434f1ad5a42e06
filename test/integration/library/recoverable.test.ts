/** The namespace's checklist, 17.G: the list of recoverable errors is a live one (13.4). Numbers are the items'. */

import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus, type DownloadOperation, WebErrorStatus} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {digestOf, failure, makeWorld, openEngine, reaches, receives, requestsFor, type World} from '../harness.ts'

const SIZE = 300_000
const HALF = 100_000
const BYTES = contentOf(1, SIZE)
const WHOLE = {content: BYTES, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: HALF, cut: 'stall'} as const
const {pausedByApplication, pausedRecoverableWebErrorStatus} = BackgroundTransferStatus
const {forbidden, notFound, unauthorized} = WebErrorStatus

function create({engine, server, file}: World): DownloadOperation {
  return engine.createDownloader().createDownload(server.url('/a'), file('a'))
}

/** Halfway, and with the next request answered by 401. */
async function pausedBefore401(world: World) {
  world.server.route('/a', [STALLED, {status: 401}, WHOLE])
  const operation = create(world)
  const running = operation.startAsync()
  await receives(running, HALF)
  operation.pause()
  await reaches(operation, pausedByApplication)
  return {operation, running}
}

describe('17.G recoverable errors, changed at any time', () => {
  it('147, 152. a status that is listed while the download runs counts for the next error', async () => {
    const world = await makeWorld()
    world.server.route('/a', [{...WHOLE, cutAfter: HALF, cut: 'stall'}, {status: 403}, WHOLE])
    const operation = create(world)
    const list = operation.recoverableWebErrorStatuses
    const running = operation.startAsync()
    await receives(running, HALF)
    list.push(forbidden)
    expect(operation.recoverableWebErrorStatuses).toBe(list)
    operation.pause()
    await reaches(operation, pausedByApplication)
    operation.resume()
    await reaches(operation, pausedRecoverableWebErrorStatus)
    expect(operation.currentWebErrorStatus).toBe(forbidden)
    expect(operation.progress.bytesReceived).toBe(HALF)
    operation.resume()
    await running
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('147. a status that is listed right after the start counts, before the record is on the disk', async () => {
    const world = await makeWorld()
    world.server.route('/a', [{status: 404}, WHOLE])
    const operation = create(world)
    const running = operation.startAsync()
    operation.recoverableWebErrorStatuses.push(notFound)
    await reaches(operation, pausedRecoverableWebErrorStatus)
    operation.resume()
    await running
  })

  it('148. a status that is taken off the list while paused fails the download', async () => {
    const world = await makeWorld()
    const {operation, running} = await pausedBefore401(world)
    operation.recoverableWebErrorStatuses.push(forbidden, unauthorized)
    operation.recoverableWebErrorStatuses.splice(1, 1)
    expect(operation.recoverableWebErrorStatuses).toEqual([forbidden])
    operation.resume()
    expect(await failure(running)).toMatchObject({code: 'HTTP_STATUS', details: {status: 401}})
  })

  it('147. a change of the list is kept with the operation, and takes effect in the next session', async () => {
    const world = await makeWorld()
    const {operation} = await pausedBefore401(world)
    operation.recoverableWebErrorStatuses.push(unauthorized)
    await world.engine.close()
    const engine = await openEngine(world.directory)
    const found = await engine.getDownloadAsync(operation.guid)
    expect(found.recoverableWebErrorStatuses).toEqual([unauthorized])
    const attached = found.attachAsync()
    found.resume()
    await reaches(found, pausedRecoverableWebErrorStatus)
    found.recoverableWebErrorStatuses.length = 0
    found.resume()
    await attached
    expect(requestsFor(world.server, '/a').length).toBe(3)
  })

  it.each<[string, unknown]>([
    ['no number', '404'],
    ['a number without a name', 418],
    ['nothing', undefined],
  ])('%s is refused', async (_, value) => {
    const operation = create(await makeWorld())
    const push = () => operation.recoverableWebErrorStatuses.push(value as WebErrorStatus)
    expect(push).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
    expect(operation.recoverableWebErrorStatuses).toEqual([])
  })

  it('the list of one that has ended can be changed, to no effect', async () => {
    const world = await makeWorld()
    world.server.route('/a', {status: 404})
    const operation = create(world)
    expect((await failure(operation.startAsync())).code).toBe('HTTP_STATUS')
    operation.recoverableWebErrorStatuses.push(notFound)
    expect(operation.progress.status).toBe(BackgroundTransferStatus.error)
  })
})
