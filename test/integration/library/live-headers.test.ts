/** The namespace's checklist, 17.O: headers of an operation that lives. Numbers are the items'. */

import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferStatus,
  type DownloadOperation,
  type RunningDownload,
  WebErrorStatus,
} from '../../../src/index.ts'
import {contentOf} from '../../support/content.ts'
import {areHosted, makeWorld, openEngine, reaches, receives, requestsFor, type World} from '../harness.ts'

const SIZE = 300_000
const HALF = 100_000
const WHOLE = {content: contentOf(1, SIZE), etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: HALF, cut: 'stall'} as const
const {pausedByApplication, pausedRecoverableWebErrorStatus} = BackgroundTransferStatus

/** Runs to its half, with these headers from before the start; the next request gets the whole. */
async function halfway(world: World, before: readonly (readonly [string, string])[] = []) {
  world.server.route('/a', [STALLED, WHOLE])
  const operation = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
  for (const [name, value] of before) operation.setRequestHeader(name, value)
  const running = operation.startAsync()
  await receives(running, HALF)
  return {operation, running}
}

async function goOn(operation: DownloadOperation, running: RunningDownload): Promise<void> {
  operation.pause()
  await reaches(operation, pausedByApplication)
  operation.resume()
  await running
}

/** What the requests said under a name. */
function said({server}: World, name: string): readonly (string | undefined)[] {
  return requestsFor(server, '/a').map(({headers}) => headers[name])
}

describe('17.O headers on live operations', () => {
  it('281. a header that is set while it runs goes with the requests that follow', async () => {
    const world = await makeWorld()
    const {operation, running} = await halfway(world)
    operation.setRequestHeader('X-Late', 'yes')
    expect(said(world, 'x-late')).toEqual([undefined])
    await goOn(operation, running)
    expect(said(world, 'x-late')).toEqual([undefined, 'yes'])
  })

  it.skipIf(areHosted())('281. a header that is set right after the start goes with the first request', async () => {
    const world = await makeWorld()
    world.server.route('/a', WHOLE)
    const operation = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
    const running = operation.startAsync()
    operation.setRequestHeader('X-Late', 'yes')
    await running
    expect(said(world, 'x-late')).toEqual(['yes'])
  })

  it('281. a header that is set while it is paused outlives the session', async () => {
    const world = await makeWorld()
    const {operation} = await halfway(world)
    operation.pause()
    await reaches(operation, pausedByApplication)
    operation.setRequestHeader('X-Late', 'kept')
    operation.setRequestHeader('Authorization', 'Bearer kept')
    await world.engine.close()
    const engine = await openEngine(world.directory)
    const found = await engine.getDownloadAsync(operation.guid)
    const attached = found.attachAsync()
    found.resume()
    await attached
    expect(said(world, 'x-late')).toEqual([undefined, 'kept'])
    expect(said(world, 'authorization')).toEqual([undefined, 'Bearer kept'])
  })

  it('282. a second value is joined to the first, by a comma and, of cookies, by a semicolon', async () => {
    const world = await makeWorld()
    const {operation, running} = await halfway(world, [
      ['X-Colour', 'red'],
      ['Cookie', 'a=1'],
    ])
    operation.setRequestHeader('x-colour', 'blue')
    operation.setRequestHeader('cookie', 'b=2')
    await goOn(operation, running)
    expect(said(world, 'x-colour')).toEqual(['red', 'red, blue'])
    expect(said(world, 'cookie')).toEqual(['a=1', 'a=1; b=2'])
  })

  it('283. a header that is removed is left out of the requests that follow', async () => {
    const world = await makeWorld()
    const {operation, running} = await halfway(world, [
      ['X-Colour', 'red'],
      ['Authorization', 'Bearer old'],
    ])
    operation.removeRequestHeader('x-colour')
    operation.removeRequestHeader('AUTHORIZATION')
    await goOn(operation, running)
    expect(said(world, 'x-colour')).toEqual(['red', undefined])
    expect(said(world, 'authorization')).toEqual(['Bearer old', undefined])
  })

  it('284. removed and set again, a header is replaced: a token that was refused is refreshed before resume', async () => {
    const world = await makeWorld()
    world.server.route('/a', ({headers}) => (headers.authorization === 'Bearer new' ? WHOLE : {status: 401}))
    const operation = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.unauthorized)
    operation.setRequestHeader('Authorization', 'Bearer old')
    const running = operation.startAsync()
    await reaches(operation, pausedRecoverableWebErrorStatus)
    operation.removeRequestHeader('Authorization')
    operation.setRequestHeader('Authorization', 'Bearer new')
    operation.resume()
    await running
    expect(said(world, 'authorization')).toEqual(['Bearer old', 'Bearer new'])
  })

  it('285. to remove a header that is not there does nothing', async () => {
    const world = await makeWorld()
    const {operation, running} = await halfway(world)
    operation.removeRequestHeader('X-Absent')
    operation.removeRequestHeader('Authorization')
    await goOn(operation, running)
    expect(said(world, 'x-absent')).toEqual([undefined, undefined])
  })

  it.each(['Range', 'if-range', 'HOST', 'Content-Length', 'Transfer-Encoding', 'Connection'])(
    'O18. %s is the engine’s own, also on a live operation',
    async (name) => {
      const world = await makeWorld()
      const {operation} = await halfway(world)
      const set = () => operation.setRequestHeader(name, 'x')
      expect(set).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT', number: 0x80070057 | 0}))
    },
  )
})
