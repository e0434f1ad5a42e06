/** The namespace's checklist, 17.M: cost, connectivity, system policy, by injected conditions. Numbers are the items'. */

import {BehaviorSubject, Subject} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  BackgroundDownloader,
  BackgroundTransferCostPolicy,
  BackgroundTransferStatus,
  type Conditions,
  type DownloadOperation,
  GOOD_CONDITIONS,
  type Log,
  UnconstrainedTransferRequestResult,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {
  areHosted,
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
import {
  byName,
  METERED,
  makeConditionalWorld,
  makeWorldOn,
  NEAR_CAP,
  OFFLINE,
  ROAMING,
  renamed,
  SAVING,
} from './conditional-world.ts'

const SIZE = 300_000
const HALF = 100_000
const BYTES = contentOf(1, SIZE)
const WHOLE = {content: BYTES, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: HALF, cut: 'stall'} as const
const {
  pausedByApplication,
  pausedCostedNetwork,
  pausedNoNetwork,
  pausedSystemPolicy,
  running: RUNNING,
} = BackgroundTransferStatus
const {always, default: DEFAULT, unrestrictedOnly} = BackgroundTransferCostPolicy

const OVER_CAP: Conditions = {...METERED, cost: {...METERED.cost, overDataLimit: true}}

function create({engine, server, file}: World, costPolicy: BackgroundTransferCostPolicy = DEFAULT): DownloadOperation {
  const downloader = engine.createDownloader()
  downloader.costPolicy = costPolicy
  return downloader.createDownload(byName(server.url('/a')), file('a'))
}

/** A logger, and what it was told as errors. */
function errorsTold(): {readonly told: readonly string[]; readonly logger: Log} {
  const told: string[] = []
  const quiet = () => undefined
  return {told, logger: {debug: quiet, info: quiet, warn: quiet, error: (_, message) => told.push(message)}}
}

/** From this very machine, which no condition forbids. */
async function fetchNear({engine, server, file}: World): Promise<void> {
  server.route('/near', WHOLE)
  await engine.createDownloader().createDownload(server.url('/near'), file('near')).startAsync()
}

describe('17.M cost, connectivity, system policy', () => {
  it.skipIf(areHosted())('249. a policy that is tightened right after the start lets no request out', async () => {
    const {world, set} = await makeConditionalWorld(METERED)
    world.server.route('/a', WHOLE)
    const operation = create(world)
    const running = operation.startAsync()
    operation.costPolicy = unrestrictedOnly
    await reaches(operation, pausedCostedNetwork)
    await fetchNear(world)
    expect(requestsFor(world.server, '/a')).toEqual([])
    set(GOOD_CONDITIONS)
    await running
  })

  it.each<[string, BackgroundTransferCostPolicy, Conditions]>([
    ['249. unrestrictedOnly on a metered network', unrestrictedOnly, METERED],
    ['251. default near the cap', DEFAULT, NEAR_CAP],
    ['252. default while roaming', DEFAULT, ROAMING],
    ['254. always over the cap', always, OVER_CAP],
  ])('%s waits without traffic', async (_, policy, conditions) => {
    const {world} = await makeConditionalWorld(conditions)
    world.server.route('/a', WHOLE)
    const operation = create(world, policy)
    operation.startAsync()
    await reaches(operation, pausedCostedNetwork)
    expect(world.server.connections).toBe(0)
    expect(operation.explain().next).toContain('costPolicy')
  })

  it.each<[string, BackgroundTransferCostPolicy, Conditions]>([
    ['250. default on a metered home network', DEFAULT, METERED],
    ['253. always while roaming', always, ROAMING],
    ['always near the cap', always, NEAR_CAP],
    ['255. unrestrictedOnly on an unmetered network', unrestrictedOnly, GOOD_CONDITIONS],
    ['255. default on an unmetered network', DEFAULT, GOOD_CONDITIONS],
    ['255. always on an unmetered network', always, GOOD_CONDITIONS],
  ])('%s runs', async (_, policy, conditions) => {
    const {world} = await makeConditionalWorld(conditions)
    world.server.route('/a', WHOLE)
    await create(world, policy).startAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('what is connected from an address that this machine has no more goes on at once from another', async () => {
    const addressesGone$ = new Subject<readonly string[]>()
    const {world, url} = await makeWorldOn({conditions$: new BehaviorSubject(GOOD_CONDITIONS), addressesGone$})
    world.server.route('/a', [STALLED, WHOLE])
    const running = world.engine
      .createDownloader()
      .createDownload(url('/a'), world.file('a'), {retries: 0})
      .startAsync()
    await receives(running, HALF)
    addressesGone$.next(['192.0.2.2'])
    addressesGone$.next(['127.0.0.1'])
    await running
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('256. a transfer that waits for a cheaper network goes on by itself', async () => {
    const {world, set} = await makeConditionalWorld(ROAMING)
    world.server.route('/a', WHOLE)
    const operation = create(world)
    const running = operation.startAsync()
    await reaches(operation, pausedCostedNetwork)
    set(GOOD_CONDITIONS)
    await running
    expect(requestsFor(world.server, '/a').length).toBe(1)
  })

  it('257. a looser cost policy lets it go on', async () => {
    const {world} = await makeConditionalWorld(ROAMING)
    world.server.route('/a', WHOLE)
    const operation = create(world)
    const running = operation.startAsync()
    await reaches(operation, pausedCostedNetwork)
    operation.costPolicy = always
    await running
  })

  it('D19. a tighter cost policy stops a running one, with its bytes', async () => {
    const {world} = await makeConditionalWorld(METERED)
    world.server.route('/a', [STALLED, WHOLE])
    const operation = create(world)
    const running = operation.startAsync()
    await receives(running, HALF)
    operation.costPolicy = unrestrictedOnly
    await reaches(operation, pausedCostedNetwork)
    operation.costPolicy = always
    await running
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`])
  })

  it('258, 259. lost connectivity pauses; when it is back the rest is asked for', async () => {
    const {world, set} = await makeConditionalWorld(GOOD_CONDITIONS)
    world.server.route('/a', [STALLED, WHOLE])
    const operation = create(world)
    const running = operation.startAsync()
    let settled = false
    running.then(
      () => {
        settled = true
      },
      () => {
        settled = true
      },
    )
    await receives(running, HALF)
    set(OFFLINE)
    await reaches(operation, pausedNoNetwork)
    await expect.poll(() => requestsFor(world.server, '/a')[0]?.closed).toBe(true)
    expect(settled).toBe(false)
    expect(operation.progress.bytesReceived).toBe(HALF)
    set(GOOD_CONDITIONS)
    await running
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('94, 95. without connectivity nothing is tried, and no retry is spent', async () => {
    const {world, set} = await makeConditionalWorld(OFFLINE)
    world.server.route('/a', [{status: 503}, {status: 503}, {status: 503}, WHOLE])
    const operation = create(world)
    const running = operation.startAsync()
    await reaches(operation, pausedNoNetwork)
    expect(world.server.connections).toBe(0)
    set(GOOD_CONDITIONS)
    await running
    expect(requestsFor(world.server, '/a').length).toBe(4)
  })

  it.each([
    ['network', OFFLINE, pausedNoNetwork],
    ['cost', ROAMING, pausedCostedNetwork],
    ['system policy', SAVING, pausedSystemPolicy],
  ])(
    '76, 156. resume in a pause for %s neither throws nor sends; pause and a new address throw',
    async (_, conditions, status) => {
      const {world} = await makeConditionalWorld(conditions)
      const operation = create(world)
      operation.startAsync()
      await reaches(operation, status)
      operation.resume()
      // A request would be on its way by the time that the store has answered.
      await world.engine.queryAsync()
      expect(operation.progress.status).toBe(status)
      expect(() => operation.pause()).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE'}))
      expect(() => {
        operation.requestedUri = new URL('http://elsewhere.example/')
      }).toThrow(expect.objectContaining({code: 'ILLEGAL_STATE'}))
      expect(requestsFor(world.server, '/a')).toEqual([])
    },
  )

  it('what is no conditions is told to the logger, and the last that were stand', async () => {
    const {told, logger} = errorsTold()
    const {world, set} = await makeConditionalWorld(GOOD_CONDITIONS, {logger})
    world.server.route('/a', WHOLE)
    for (const nothing of [null, undefined, {connectivity: 'none'}, {...OFFLINE, cost: {}}]) set(nothing as never)
    await create(world).startAsync()
    expect(told).toEqual(Array(4).fill('the source of conditions told what are none'))
    set(OFFLINE)
    const other = world.engine.createDownloader().createDownload(byName(world.server.url('/a')), world.file('b'))
    other.startAsync()
    await reaches(other, pausedNoNetwork)
  })

  it('a transport that fails to leave addresses is told of, and the engine goes on', async () => {
    const {told, logger} = errorsTold()
    const addressesGone$ = new Subject<readonly string[]>()
    const addressesGone = () => {
      throw new Error('no')
    }
    const world = await makeWorld({
      conditions: {conditions$: new BehaviorSubject(GOOD_CONDITIONS), addressesGone$},
      transport: {...renamed(), addressesGone},
      logger,
    })
    world.server.route('/a', WHOLE)
    addressesGone$.next(['127.0.0.1'])
    await create(world).startAsync()
    expect(told).toEqual(['the transport failed to leave addresses that are gone'])
  })

  it('what is no addresses is told to the logger, and passed over', async () => {
    const {told, logger} = errorsTold()
    const addressesGone$ = new Subject<never>()
    const conditions = {conditions$: new BehaviorSubject(GOOD_CONDITIONS), addressesGone$}
    const {world, url} = await makeWorldOn(conditions, {logger})
    world.server.route('/a', WHOLE)
    for (const nothing of [null, undefined, 5, '127.0.0.1', {}, [5]]) addressesGone$.next(nothing as never)
    addressesGone$.error(new Error('no more'))
    await world.engine.createDownloader().createDownload(url('/a'), world.file('a')).startAsync()
    expect(told).toEqual([
      ...Array(6).fill('the source of conditions told addresses that are none'),
      'the source of addresses failed',
    ])
  })

  it('78. what the application paused does not go on when conditions change', async () => {
    const {world, set} = await makeConditionalWorld(GOOD_CONDITIONS)
    world.server.route('/a', [STALLED, WHOLE])
    const operation = create(world)
    const running = operation.startAsync()
    await receives(running, HALF)
    operation.pause()
    await reaches(operation, pausedByApplication)
    set(OFFLINE)
    set(GOOD_CONDITIONS)
    set(METERED)
    set(GOOD_CONDITIONS)
    // The engine heard all of that: another one was fetched under it.
    await fetchNear(world)
    expect(operation.progress.status).toBe(pausedByApplication)
    expect(requestsFor(world.server, '/a').length).toBe(1)
    operation.resume()
    await running
  })

  it('260, 261. saving power in the background pauses, also under always', async () => {
    const {world, set} = await makeConditionalWorld(SAVING)
    world.server.route('/a', WHOLE)
    const operation = create(world, always)
    const running = operation.startAsync()
    await reaches(operation, pausedSystemPolicy)
    expect(world.server.connections).toBe(0)
    set({...SAVING, foreground: true})
    await running
  })

  it.each(['before', 'while'])(
    '262. an exemption that is granted %s it waits keeps it from pausing to save power',
    async (when) => {
      const asked: object[] = []
      const unconstrainedConsent = async (transfers: readonly object[]) => {
        asked.push(...transfers)
        return true
      }
      const {world} = await makeConditionalWorld(SAVING, {unconstrainedConsent})
      world.server.route('/a', WHOLE)
      const operation = create(world)
      const running = when === 'before' ? undefined : operation.startAsync()
      if (running !== undefined) await reaches(operation, pausedSystemPolicy)
      const result = await world.engine.requestUnconstrainedDownloadsAsync([operation])
      expect(result).toBeInstanceOf(UnconstrainedTransferRequestResult)
      expect(result.isUnconstrained).toBe(true)
      expect(asked).toEqual([{guid: operation.guid, url: operation.requestedUri.href, file: world.file('a')}])
      await (running ?? operation.startAsync())
      expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    },
  )

  it('262. an exemption outlives the session, and concerns power alone', async () => {
    const {world, conditions, set} = await makeConditionalWorld(OFFLINE, {unconstrainedConsent: () => true})
    world.server.route('/a', WHOLE)
    const operation = create(world)
    await operation.startAsync().accepted
    await reaches(operation, pausedNoNetwork)
    await BackgroundDownloader.requestUnconstrainedDownloadsAsync([operation])
    expect(operation.progress.status).toBe(pausedNoNetwork)
    await world.engine.close()
    const engine = await openEngine(world.directory, {conditions, transport: renamed()})
    const running = (await engine.getDownloadAsync(operation.guid)).attachAsync()
    set(SAVING)
    await running
  })

  it('263. without consent nothing is exempt', async () => {
    const {world, set} = await makeConditionalWorld(SAVING)
    const operation = create(world)
    operation.startAsync()
    await reaches(operation, pausedSystemPolicy)
    const {isUnconstrained} = await BackgroundDownloader.requestUnconstrainedDownloadsAsync([operation])
    expect(isUnconstrained).toBe(false)
    // Whatever the answer set going has had its time.
    set({...SAVING, connectivity: 'none'})
    await reaches(operation, pausedNoNetwork)
    set(SAVING)
    await reaches(operation, pausedSystemPolicy)
    expect(world.server.connections).toBe(0)
  })

  it('an exemption is asked for downloads of the engine, one at least; ended ones are passed over', async () => {
    const {world} = await makeConditionalWorld(GOOD_CONDITIONS, {unconstrainedConsent: () => true})
    world.server.route('/a', WHOLE)
    const operation = create(world)
    await operation.startAsync()
    const {engine} = world
    for (const wrong of [[], [operation.guid], null] as unknown as DownloadOperation[][]) {
      expect((await failure(engine.requestUnconstrainedDownloadsAsync(wrong))).code).toBe('INVALID_ARGUMENT')
    }
    const other = await openEngine(world.file('other'))
    expect((await failure(other.requestUnconstrainedDownloadsAsync([operation]))).code).toBe('INVALID_ARGUMENT')
    expect((await engine.requestUnconstrainedDownloadsAsync([operation])).isUnconstrained).toBe(true)
  })

  it('8.4. one reason is told at a time, and the next when that one is over', async () => {
    const {world, set} = await makeConditionalWorld({...SAVING, connectivity: 'none', cost: ROAMING.cost})
    world.server.route('/a', WHOLE)
    const operation = create(world)
    const running = operation.startAsync()
    await reaches(operation, pausedNoNetwork)
    set({...SAVING, cost: ROAMING.cost})
    await reaches(operation, pausedCostedNetwork)
    set(SAVING)
    await reaches(operation, pausedSystemPolicy)
    set(GOOD_CONDITIONS)
    await running
  })

  it('O31. a loopback address needs no network', async () => {
    const {world} = await makeConditionalWorld(OFFLINE)
    world.server.route('/a', WHOLE)
    await world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a')).startAsync()
  })

  it('58. a pause of the system outlives the session, and ends by itself', async () => {
    const {world, conditions, set} = await makeConditionalWorld(GOOD_CONDITIONS)
    world.server.route('/a', [STALLED, WHOLE])
    const operation = create(world)
    await receives(operation.startAsync(), HALF)
    set(OFFLINE)
    await reaches(operation, pausedNoNetwork)
    await world.engine.close()
    const engine = await openEngine(world.directory, {conditions, transport: renamed()})
    const found = await engine.getDownloadAsync(operation.guid)
    expect(found.progress).toMatchObject({status: pausedNoNetwork, bytesReceived: HALF})
    const running = found.attachAsync()
    set(GOOD_CONDITIONS)
    await running
    expect(rangesAsked(world.server, '/a')).toEqual(['', `bytes=${HALF}-|"1"`])
  })

  it('a queued operation does not run into a condition that came meanwhile', async () => {
    const {world, set} = await makeConditionalWorld(GOOD_CONDITIONS)
    world.server.route('/a', STALLED)
    const operation = create(world)
    const running = operation.startAsync()
    await receives(running, HALF)
    for (let turn = 0; turn < 5; turn++) {
      set(OFFLINE)
      await reaches(operation, pausedNoNetwork)
      set(GOOD_CONDITIONS)
      await reaches(operation, RUNNING)
    }
    world.server.route('/a', WHOLE)
    set(OFFLINE)
    await reaches(operation, pausedNoNetwork)
    set(GOOD_CONDITIONS)
    await running
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })
})
