/** Several connections for one file, on real sockets and files, with servers that like it and servers that do not. */

import {firstValueFrom} from 'rxjs'
import {filter, toArray} from 'rxjs/operators'
import {describe, expect, it} from 'vitest'
import {addRange, EMPTY, type RangeSet, rangeFrom} from '../../src/domain/range-set.ts'
import {
  type BackgroundTransferEngineOptions,
  BackgroundTransferStatus,
  type DownloadOperation,
  type DownloadOptions,
  GOOD_CONDITIONS,
  PasswordCredential,
} from '../../src/index.ts'
import {basic, PASSWORD, USER} from '../support/asking.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {ReceivedRequest, Script} from '../support/faulty-script.ts'
import {bytesSent, digestOf, makeWorld, reaches, requestsFor, type World} from './harness.ts'
import {byName, makeConditionalWorld, ROAMING} from './library/conditional-world.ts'

const KIB = 1024
const SIZE = 3 * 1024 * KIB + 1
const UNIT = 64 * KIB
const OLD = contentOf(1, SIZE)
const NEW = contentOf(2, SIZE)
/** A connection brings the file in more than four seconds: several are worth it. */
const SLOW: Script = {content: OLD, etag: '"one"', pieceBytes: 16 * KIB, pieceDelayMs: 24}
const CRAWLING: Script = {...SLOW, pieceBytes: KIB, pieceDelayMs: 100}
const OPTIONS: Partial<BackgroundTransferEngineOptions> = {checkpointIntervalMs: 100, minSliceBytes: UNIT}
const LAST_MODIFIED = 'Thu, 01 Jan 2015 00:00:00 GMT'

function download(world: World, options: DownloadOptions = {}, name = 'file'): DownloadOperation {
  return world.engine
    .createDownloader()
    .createDownload(world.server.url(`/${name}`), world.file(name), {connections: 4, ...options})
}

/** Bodies of a path that are on their way. */
function underWay(world: World, path: string): readonly ReceivedRequest[] {
  return requestsFor(world.server, path).filter((each) => !each.closed && each.bytesSent < askedOf(each))
}

function askedOf({headers}: ReceivedRequest): number {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  return (last === '' ? SIZE : Number(last) + 1) - Number(first)
}

/** The server sent all that is said to be there. */
function cameFrom(world: World, operation: DownloadOperation): boolean {
  const sent = requestsFor(world.server, '/file').reduce<RangeSet>((set, request) => {
    const [, first = '0'] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? []
    return addRange(set, Number(first), Number(first) + request.bytesSent)
  }, EMPTY)
  return operation.getDownloadedRanges().every(({offset, length}) => rangeFrom(sent, offset) >= offset + length)
}

/** Serves the path, and answers how many of its bodies were on their way at once, at most. */
function watched(world: World, path: string, script: (request: ReceivedRequest, others: number) => Script) {
  const most = {atOnce: 0}
  world.server.route(path, (request) => {
    const others = underWay(world, path).filter((each) => each !== request).length
    const answer = script(request, others)
    if ((answer.status ?? 200) < 400 && answer.beforeHead === undefined) most.atOnce = Math.max(most.atOnce, others + 1)
    return answer
  })
  return most
}

async function expectWhole(world: World, content: Buffer = OLD, name = 'file'): Promise<void> {
  expect(await digestOf(world.file(name))).toBe(sha256(content))
  expect(await world.names()).toEqual([name])
}

describe('17.D several connections for one file', () => {
  it('136. uses as many as pay, and fetches no byte twice', async () => {
    const world = await makeWorld(OPTIONS)
    const most = watched(world, '/file', () => SLOW)
    await download(world, {checksum: {algorithm: 'sha256', hex: sha256(OLD)}}).startAsync()
    await expectWhole(world)
    expect(most.atOnce).toBe(4)
    for (const {headers} of requestsFor(world.server, '/file').slice(1)) expect(headers['if-range']).toBe('"one"')
    const ranges = requestsFor(world.server, '/file').map(({headers}) => headers.range ?? '')
    expect(new Set(ranges).size).toBe(ranges.length)
  })

  it('one connection is the default, and what is too small gets no other', async () => {
    const world = await makeWorld({...OPTIONS, minSliceBytes: 4 * SIZE})
    watched(world, '/file', () => ({...SLOW, pieceBytes: 64 * KIB}))
    watched(world, '/small', () => ({...SLOW, pieceBytes: 64 * KIB}))
    await Promise.all([download(world, {connections: 1}).startAsync(), download(world, {}, 'small').startAsync()])
    expect(requestsFor(world.server, '/file')).toHaveLength(1)
    expect(requestsFor(world.server, '/small')).toHaveLength(1)
  })

  it.each([
    ['says nothing of ranges', {ranges: 'ignore'}],
    ['has no version that can be told', {etag: 'W/"weak"'}],
  ] as const)('a server that %s is asked once', async (_, script) => {
    const world = await makeWorld(OPTIONS)
    world.server.route('/file', {...SLOW, pieceBytes: 64 * KIB, ...script})
    await download(world).startAsync()
    await expectWhole(world)
    expect(requestsFor(world.server, '/file')).toHaveLength(1)
  })

  it('a server that answers a second range with the whole keeps its one connection, also for the next file', async () => {
    const world = await makeWorld(OPTIONS)
    const script = (request: ReceivedRequest): Script => ({
      ...SLOW,
      ...(request.headers.range === undefined ? {} : {ranges: 'ignore'}),
    })
    world.server.route('/file', script)
    world.server.route('/next', script)
    await download(world).startAsync()
    const asked = requestsFor(world.server, '/file')
    expect(asked[0]?.bytesSent).toBe(SIZE)
    expect(asked.length).toBeLessThanOrEqual(3)
    await expectWhole(world)
    await download(world, {}, 'next').startAsync()
    expect(requestsFor(world.server, '/next')).toHaveLength(1)
  })

  it('a part that breaks gives its stretch back, and no byte of the others is fetched again', async () => {
    const world = await makeWorld(OPTIONS)
    let broken = 0
    watched(world, '/file', (request) => {
      if (request.headers.range === undefined || broken >= 2) return SLOW
      broken += 1
      return {...SLOW, cutAfter: 48 * KIB, cut: 'reset'}
    })
    const running = download(world).startAsync()
    let restarts = 0
    running.progress$.subscribe(({progress}) => {
      if (progress.hasRestarted) restarts += 1
    })
    await running
    await expectWhole(world)
    expect(restarts).toBe(0)
    expect(broken).toBe(2)
  })

  it('134, 137. ranges are those that came, with what is missing between them', async () => {
    const world = await makeWorld(OPTIONS)
    const most = watched(world, '/file', () => SLOW)
    const operation = download(world)
    const told: boolean[] = []
    const events = firstValueFrom(operation.rangesDownloaded.pipe(toArray()))
    const running = operation.startAsync()
    running.progress$.subscribe(() => {
      told.push(cameFrom(world, operation))
    })
    await firstValueFrom(running.progress$.pipe(filter(() => operation.getDownloadedRanges().length > 1)))
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    const ranges = operation.getDownloadedRanges()
    expect(ranges.length).toBeGreaterThan(1)
    expect(ranges.reduce((sum, {length}) => sum + length, 0)).toBe(operation.progress.bytesReceived)
    operation.resume()
    await running
    expect(most.atOnce).toBeGreaterThan(1)
    expect(told).not.toContain(false)
    const added = (await events).flatMap(({addedRanges}) => addedRanges)
    expect(added.some(({offset}, index) => offset < (added[index - 1]?.offset ?? 0))).toBe(true)
    expect(added.reduce((sum, {length}) => sum + length, 0)).toBe(SIZE)
    expect(operation.getDownloadedRanges()).toEqual([{offset: 0, length: SIZE}])
  })

  it('goes on after a pause with what is missing, wherever that is', async () => {
    const world = await makeWorld(OPTIONS)
    const most = watched(world, '/file', () => SLOW)
    const operation = download(world)
    const running = operation.startAsync()
    await firstValueFrom(running.progress$.pipe(filter(() => most.atOnce >= 3)))
    operation.pause()
    await firstValueFrom(operation.status$.pipe(filter((status) => status === 2)))
    const kept = operation.progress.bytesReceived
    const before = requestsFor(world.server, '/file').length
    operation.resume()
    await running
    await expectWhole(world)
    const rest = requestsFor(world.server, '/file').slice(before)
    const sent = rest.reduce((sum, each) => sum + Math.min(each.bytesSent, askedOf(each)), 0)
    // A stretch that ends where bytes of another connection are.
    expect(rest[0]?.headers.range).toMatch(/^bytes=\d+-\d+$/)
    // What was cut off at the end of a stretch was on its way.
    expect(sent).toBeLessThan(SIZE - kept + SIZE / 3)
  })

  it('a network that begins to cost something ends all of them at once, and what they brought stays', async () => {
    const {world, set} = await makeConditionalWorld(GOOD_CONDITIONS, OPTIONS)
    const most = watched(world, '/file', () => SLOW)
    const operation = world.engine
      .createDownloader()
      .createDownload(byName(world.server.url('/file')), world.file('file'), {connections: 4})
    const running = operation.startAsync()
    await firstValueFrom(running.progress$.pipe(filter(() => most.atOnce >= 3)))
    set(ROAMING)
    await reaches(operation, BackgroundTransferStatus.pausedCostedNetwork)
    await expect.poll(() => underWay(world, '/file')).toEqual([])
    const kept = operation.progress.bytesReceived
    expect(kept).toBeGreaterThan(0)
    const before = requestsFor(world.server, '/file').length
    set(GOOD_CONDITIONS)
    await running
    await expectWhole(world)
    for (const {headers} of requestsFor(world.server, '/file').slice(before)) expect(headers.range).toBeDefined()
  })
})

describe('17.F random access over several connections', () => {
  it('bytes that a reader waits for come before the others', async () => {
    const world = await makeWorld(OPTIONS)
    world.server.route('/file', SLOW)
    const operation = download(world)
    operation.isRandomAccessRequired = true
    const running = operation.startAsync()
    const reader = await operation.getResultRandomAccessStreamReference().openReadAsync()
    reader.seek(SIZE - 1000)
    const tail = await reader.readAsync(1000)
    expect(Buffer.from(tail).equals(OLD.subarray(SIZE - 1000))).toBe(true)
    expect(operation.progress.bytesReceived).toBeLessThan(SIZE)
    reader.close()
    await running
    await expectWhole(world)
  })
})

describe('story 2: content replaced between segments', () => {
  it('ends what all connections brought, and begins again with the new version', async () => {
    const world = await makeWorld(OPTIONS)
    let ranges = 0
    let isReplaced = false
    const old: Script = {...SLOW, lastModified: LAST_MODIFIED}
    world.server.route('/file', ({headers}) => {
      if (headers.range !== undefined) ranges += 1
      if (ranges >= 2) isReplaced = true
      return isReplaced
        ? {...SLOW, content: NEW, etag: '"two"', lastModified: 'Fri, 02 Jan 2015 00:00:00 GMT', pieceBytes: 256 * KIB}
        : old
    })
    const running = download(world).startAsync()
    let restarts = 0
    running.progress$.subscribe(({progress}) => {
      if (progress.hasRestarted) restarts += 1
    })
    await running
    await expectWhole(world, NEW)
    expect(restarts).toBe(1)
  })

  it('the own connection meets the new version while parts bring the old one: one restart, and nothing of it is left', async () => {
    const world = await makeWorld(OPTIONS)
    let asked = 0
    world.server.route('/file', () => {
      asked += 1
      if (asked === 1) return SLOW
      // The part crawls, so that it is the own connection that asks next: for what the part still holds.
      return asked === 2 ? CRAWLING : {...SLOW, content: NEW, etag: '"two"', pieceBytes: 256 * KIB}
    })
    const running = download(world, {connections: 2}).startAsync()
    let restarts = 0
    running.progress$.subscribe(({progress}) => {
      if (progress.hasRestarted) restarts += 1
    })
    await running
    await expectWhole(world, NEW)
    expect(restarts).toBe(1)
  })

  it('an ETag that differs with the machine of a cluster costs the part, and not the file', async () => {
    const world = await makeWorld(OPTIONS)
    world.server.route('/file', ({headers}) =>
      headers.range === undefined ? SLOW : {...SLOW, etag: '"other machine"'},
    )
    await download(world).startAsync()
    await expectWhole(world)
    const [first, ...others] = requestsFor(world.server, '/file')
    expect(first?.bytesSent).toBe(SIZE)
    expect(others).toHaveLength(1)
  })
})

describe('story 19: one connection crawls', () => {
  it('others bring most of what it holds, and it does not hold up the end', async () => {
    const world = await makeWorld(OPTIONS)
    const crawling: ReceivedRequest[] = []
    world.server.route('/file', (request) => {
      if (request.headers.range === undefined || crawling.length > 0) return SLOW
      crawling.push(request)
      return CRAWLING
    })
    await download(world).startAsync()
    await expectWhole(world)
    expect(crawling).toHaveLength(1)
    // Asked for a third of the file or more, it brought hardly anything.
    expect(askedOf(crawling[0] as ReceivedRequest)).toBeGreaterThan(SIZE / 4)
    expect(crawling[0]?.bytesSent).toBeLessThan(SIZE / 10)
  })
})

describe('story 20: a server that allows few connections', () => {
  it.each([401, 403, 503])('refuses the third with %i: two bring the file, and that is remembered', async (status) => {
    const world = await makeWorld(OPTIONS)
    let refused = 0
    const script = (_: ReceivedRequest, others: number): Script => {
      if (others < 2) return SLOW
      refused += 1
      return {status, content: Buffer.from('busy')}
    }
    const most = watched(world, '/file', script)
    await download(world).startAsync()
    await expectWhole(world)
    expect(most.atOnce).toBe(2)
    // Two were tried at once, when two paid.
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThanOrEqual(2)
  })

  it('a proxy that refuses further ones with a 407, half way, costs the parts, and not the file', async () => {
    const world = await makeWorld(OPTIONS)
    const path = 'http://files.example/file'
    let refused = 0
    const most = watched(world, path, (_, others) => {
      if (others < 2) return SLOW
      refused += 1
      return {status: 407, headers: [['Proxy-Authenticate', 'Basic realm="way"']]}
    })
    const downloader = world.engine.createDownloader()
    downloader.proxy = world.server.origin
    const operation = downloader.createDownload(path, world.file('file'), {connections: 4, retries: 0})
    await operation.startAsync()
    await expectWhole(world)
    expect([most.atOnce, operation.describe().attempts]).toEqual([2, 1])
    expect(refused).toBeGreaterThan(0)
    expect(refused).toBeLessThanOrEqual(2)
  })

  it.each([
    ['the server', 401, 'authorization', 'WWW-Authenticate'],
    ['its proxy', 407, 'proxy-authorization', 'Proxy-Authenticate'],
  ] as const)(
    'answers %s that asks who we are when another connection comes, and spends no try for it',
    async (...way) => {
      const [, status, field, challenge] = way
      const world = await makeWorld(OPTIONS)
      const path = 'http://files.example/file'
      const asked: string[] = []
      watched(world, path, ({headers}, others) => {
        if (others === 0 || headers[field] === basic()) return SLOW
        asked.push(headers[field] ?? '')
        return {status, headers: [[challenge, 'Basic realm="way"']]}
      })
      const downloader = world.engine.createDownloader()
      downloader.proxy = world.server.origin
      const credential = new PasswordCredential('way', USER, PASSWORD)
      if (status === 401) downloader.serverCredential = credential
      else downloader.proxyCredential = credential
      const operation = downloader.createDownload(path, world.file('file'), {connections: 4, retries: 0})
      await operation.startAsync()
      await expectWhole(world)
      expect(new Set(asked)).toEqual(new Set(['']))
      expect(operation.describe().attempts).toBe(1)
      expect(bytesSent(world.server, path)).toBeLessThan(SIZE + SIZE / 4)
    },
  )

  it('asks for quiet in the answer to a part: nobody else begins to ask it (RFC 9110, 10.2.3)', async () => {
    const world = await makeWorld(OPTIONS)
    let refusedAt = 0
    let secondAt = 0
    watched(world, '/file', (_, others) => {
      if (others === 0) return SLOW
      refusedAt ||= performance.now()
      return {status: 503, headers: [['Retry-After', '1']], content: Buffer.from('busy')}
    })
    world.server.route('/second', () => {
      secondAt ||= performance.now()
      return {...SLOW, pieceBytes: SIZE}
    })
    const first = download(world).startAsync()
    await firstValueFrom(first.progress$.pipe(filter(() => refusedAt > 0)))
    await download(world, {}, 'second').startAsync()
    // Of its own accord: how fast this machine is makes it only later.
    expect(secondAt - refusedAt).toBeGreaterThan(900)
    await first
    for (const name of ['file', 'second']) expect(await digestOf(world.file(name))).toBe(sha256(OLD))
  })

  it('resets all but the first: one brings the file', async () => {
    const world = await makeWorld(OPTIONS)
    const script = (_: ReceivedRequest, others: number): Script => (others === 0 ? SLOW : {beforeHead: 'reset'})
    const most = watched(world, '/file', script)
    await download(world).startAsync()
    await expectWhole(world)
    expect(most.atOnce).toBe(1)
    expect(requestsFor(world.server, '/file').length).toBeLessThanOrEqual(2)
    expect(bytesSent(world.server, '/file')).toBe(SIZE)
  })
})

describe('connections to one origin', () => {
  it('stay within their limit, and nobody waits for those that are one too many', async () => {
    const world = await makeWorld({...OPTIONS, maxConnectionsPerOrigin: 3})
    let atOnce = 0
    for (const name of ['file', 'second', 'third'])
      world.server.route(`/${name}`, () => {
        const all = ['/file', '/second', '/third'].flatMap((path) => underWay(world, path))
        atOnce = Math.max(atOnce, all.length)
        return SLOW
      })
    const first = download(world).startAsync()
    await firstValueFrom(first.progress$.pipe(filter(() => underWay(world, '/file').length >= 3)))
    const others = ['second', 'third'].map((name) => download(world, {}, name).startAsync())
    // They begin while the first one is on its way.
    await firstValueFrom(first.progress$.pipe(filter(() => requestsFor(world.server, '/third').length > 0)))
    expect(underWay(world, '/file').length).toBeGreaterThan(0)
    await Promise.all([first, ...others])
    expect(atOnce).toBeLessThanOrEqual(3)
    expect(await digestOf(world.file('third'))).toBe(sha256(OLD))
  })
})
