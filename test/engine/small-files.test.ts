/** A batch of small files, on simulated time: nobody can tell it from a chart for each, and it lets go of whatever is not plain. */

import fc from 'fast-check'
import {describe, expect, it, vi} from 'vitest'
import {BackgroundTransferBehavior} from '../../src/domain/behavior.ts'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import {BackgroundTransferPriority} from '../../src/domain/priority.ts'
import {sizeOf} from '../../src/domain/range-set.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import {contentOf, md5, sha256} from '../support/content.ts'
import type {NetworkFault, SimulatedResource} from '../support/simulated-network.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'
import {
  asked,
  CHAINS,
  expectWhole,
  fileOf,
  rangesAsked,
  SIZE,
  serve,
  start,
  WRITTEN_SIZE,
  watchOver,
  withSecrets,
  worldOf,
} from './small-files-stand.ts'

const TYPE: HeaderField = ['Content-Type', 'text/plain']

/** What applications may expect of a file, where these are its bytes; some of it in vain. */
const EXPECTATIONS = {
  nothing: () => ({}),
  type: () => ({contentType: 'text/*'}),
  anotherType: () => ({contentType: 'image/*'}),
  size: ({length}: Buffer) => ({minBytes: length, maxBytes: length}),
  more: ({length}: Buffer) => ({minBytes: length + 1}),
  less: ({length}: Buffer) => ({maxBytes: length - 1}),
  start: (content: Buffer) => ({magic: content.toString('hex', 0, 8)}),
  anotherStart: () => ({magic: '0123456789abcdef'}),
}

function reprDigest(content: Buffer): HeaderField {
  return ['Repr-Digest', `sha-256=:${Buffer.from(sha256(content), 'hex').toString('base64')}:`]
}

/** What was told of each operation, in order, without what depends on the file system, or is drawn. */
function historyOf(events: readonly EngineEvent[]) {
  const histories: Record<string, unknown[]> = {}
  for (const event of events) {
    if (event.type !== 'operation.moved') continue
    const {id, from, to, because, state, record, entry} = event
    const {publishing: _, endedAt: __, retryAt, ...kept} = record
    const facts = {...kept, waits: retryAt !== undefined}
    const {at: ___, ...journalled} = entry
    const history = histories[id] ?? []
    history.push({from, to, because, state, facts, journalled})
    histories[id] = history
  }
  return histories
}

describe('a batch of small files', () => {
  it('tells, writes and keeps what charts of their own would, for any list', async () => {
    const wish = fc.record({
      size: fc.constantFrom(0, 1, 4096, 5000, 30_000),
      validator: fc.constantFrom('etag' as const, 'none' as const),
      framing: fc.constantFrom('length' as const, 'length' as const, 'chunked' as const, 'close' as const),
      priority: fc.constantFrom(BackgroundTransferPriority.default, BackgroundTransferPriority.high),
      isUnnamed: fc.boolean(),
      fault: fc.constantFrom<(NetworkFault | undefined)[]>(
        undefined,
        undefined,
        {kind: 'refused'},
        {kind: 'status', status: 404},
        {kind: 'status', status: 503},
        {kind: 'status', status: 429, retryAfterS: 3},
      ),
      isTaken: fc.boolean(),
      checksum: fc.constantFrom('none' as const, 'none' as const, 'right' as const, 'wrong' as const),
      digest: fc.constantFrom('none' as const, 'none' as const, 'right' as const, 'wrong, and ignored' as const),
      expected: fc.constantFrom(...(Object.keys(EXPECTATIONS) as (keyof typeof EXPECTATIONS)[])),
      timeouts: fc.constantFrom({}, {responseTimeoutMs: 9_000, stallTimeoutMs: 4_000}, {connectTimeoutMs: 500}),
      chain: fc.constantFrom('none', 'none', ...(Object.keys(CHAINS) as (keyof typeof CHAINS)[])),
      fails: fc.constantFrom('first' as const, 'last' as const),
      isWithoutLocation: fc.boolean(),
      hasSecrets: fc.boolean(),
    })
    // Of the larger files what is beyond 256 KiB is written while it comes.
    const scale = fc.constantFrom(1, 1, 32)
    await fc.assert(
      fc.asyncProperty(fc.array(wish, {minLength: 1, maxLength: 8}), scale, async (wishes, times) => {
        const outcomes = []
        for (const smallFilesAfter of [0, Number.POSITIVE_INFINITY]) {
          const world = await worldOf(0, smallFilesAfter)
          world.network.pieceBytes *= times
          for (const [n, wish] of wishes.entries()) {
            const {size, validator, framing, fault, isTaken, digest, isWithoutLocation, fails} = wish
            const chain = CHAINS[wish.chain](n)
            const content = digest === 'right' ? contentOf(n, size * times) : Buffer.from('another')
            const headers = [TYPE, ...(digest === 'none' ? [] : [reprDigest(content)])]
            serve(world, chain, {seed: n, size: size * times, validator, framing, headers})
            const failing = asked((fails === 'first' ? chain[0] : chain.at(-1)) ?? '')
            if (fault !== undefined) world.network.addFault(failing, fault)
            if (isWithoutLocation && chain.length > 1) world.network.addFault(failing, {kind: 'status', status: 302})
            if (isTaken) world.disk.writeFile(`/downloads/${n}`, Buffer.from('taken'))
          }
          const drafts = wishes.map((wish, n) => {
            const {size, priority, isUnnamed, checksum, digest, expected, timeouts, chain, hasSecrets} = wish
            const content = checksum === 'right' ? contentOf(n, size * times) : Buffer.from('another')
            const draft = world.draft(n, {
              url: CHAINS[chain](n)[0] ?? '',
              policy: {
                priority,
                ...timeouts,
                ...(expected === 'nothing' ? {} : {expect: EXPECTATIONS[expected](contentOf(n, size * times))}),
                ...(isUnnamed ? {nameFromServer: true} : {}),
                ...(checksum === 'none' ? {} : {checksum: {algorithm: 'sha256', hex: sha256(content)}}),
                ...(digest === 'wrong, and ignored' ? {ignoreServerDigest: true} : {}),
              },
            })
            return hasSecrets ? withSecrets(draft) : draft
          })
          const entries = await world.until(world.engine.start(drafts))
          await world.until(() => entries.every(({isOver}) => isOver))
          await world.settle()
          const files = entries.map((entry) => sha256(fileOf(world, entry) ?? Buffer.alloc(0)))
          const journals = await Promise.all(entries.map(({record}) => world.engine.journal(record.id)))
          const counts = entries.map((entry) => world.engine.progressOf(entry))
          const kept = journals.map((journal) => journal.map(({at: _, ...step}) => step))
          const requests = world.network.notes.map(({request, status}) => JSON.stringify({request, status})).sort()
          outcomes.push({histories: historyOf(world.process.events), files, kept, counts, requests})
          expect(world.process.complaints).toEqual([])
          await world.close()
        }
        expect(outcomes[0]).toEqual(outcomes[1])
      }),
      {numRuns: 40},
    )
  })

  it('makes files of what comes within a moment in one turn, while others are on the wire', async () => {
    const world = await worldOf(3)
    world.network.addFault(urlOf(3), {kind: 'stalled', after: 100})
    await start(world, 3)
    const early = await start(world, 1)
    await world.advance(10)
    const late = await start(world, 2)
    await world.until(() => early.isOver && late.isOver)
    const ends = world.process.events.flatMap((event) =>
      event.type === 'operation.moved' && event.to === 'completed' ? [event.entry.at] : [],
    )
    expect(ends).toHaveLength(2)
    expect(ends[0]).toBe(ends[1])
    await world.close()
  })

  it.each([{}, {maxConnectionsPerOrigin: 4}, {maxConcurrentTransfers: 16, maxConnectionsPerOrigin: 4}])(
    'makes files of many in one turn while others wait for their slots, and loses no time with the last ones: %o',
    async (limits) => {
      const world = await worldOf(40, 0, {}, limits)
      // As near as a server on this machine.
      world.network.latencyMs = 1
      world.network.pieceDelayMs = 1
      const entries = await world.until(world.engine.start(Array.from({length: 40}, (_, n) => world.draft(n + 1))))
      await world.until(() => entries.every(({isOver}) => isOver))
      const at = (to: string) =>
        world.process.events.flatMap((event) =>
          event.type === 'operation.moved' && event.to === to ? [event.entry.at] : [],
        )
      // Four at a time have slots.
      expect(new Set(at('completed')).size).toBeLessThan(10)
      expect(at('completed').at(-1)).toBe(at('running.finishing.verifying').at(-1))
      await world.close()
    },
  )

  it('makes a file at once for whose end the next of its group waits', async () => {
    const world = await worldOf(3)
    world.network.addFault(urlOf(3), {kind: 'stalled', after: 100})
    await world.until(world.engine.setBehavior('films', BackgroundTransferBehavior.serialized))
    await start(world, 3)
    const took = async (n: number, group: string) => {
      const [entry] = await world.until(world.engine.start([world.draft(n, {policy: {group}})]))
      await world.until(() => entry?.isOver === true)
      const {createdAt = 0, endedAt = 0} = entry?.record ?? {}
      return endedAt - createdAt
    }
    expect(await took(1, 'films')).toBeLessThan(await took(2, ''))
    await world.close()
  })

  it('lets none wait for others longer than that', async () => {
    const world = await worldOf(2)
    world.network.addFault(urlOf(2), {kind: 'stalled', after: 100})
    const slow = await start(world, 2)
    const quick = await start(world, 1)
    await world.until(() => quick.isOver)
    expect(slow.path).toBe('running.exchanging.active.transferring')
    const [first, last] = [quick.record.createdAt, quick.record.endedAt ?? Number.NaN]
    // The slow one is let go of after two seconds only.
    expect(last - first).toBeLessThan(500)
    await world.close()
  })

  it('gives its operations no actor, and forgets them when they have ended', async () => {
    const world = await worldOf(1)
    const entry = await start(world, 1)
    await world.advance(30)
    expect(entry.actor).toBeUndefined()
    expect(entry.isLive).toBe(true)
    await expectWhole(world, entry, 1)
    world.engine.release(entry)
    expect(world.engine.live(entry.record.id)).toBeUndefined()
    await world.close()
  })

  it('keeps no process alive that has nothing more to do', async () => {
    const world = await worldOf(2)
    await start(world, 1)
    const last = await start(world, 2)
    await expectWhole(world, last, 2)
    await world.advance(50)
    expect(world.process.clock.held).toBe(0)
    await world.close()
  })

  it('is for servers that sent so many plain small files in a row', async () => {
    const world = await worldOf(4, 2)
    for (const [n, isCarried] of [
      [1, false],
      [2, false],
      [3, true],
    ] as const) {
      const entry = await start(world, n)
      await world.advance(30)
      expect(entry.actor === undefined).toBe(isCarried)
      await expectWhole(world, entry, n)
    }
    world.network.addFault(urlOf(4), {kind: 'status', status: 404})
    const failed = await start(world, 4)
    await world.until(() => failed.isOver)
    world.network.serve(urlOf(5), {seed: 5, size: SIZE})
    const next = await start(world, 5)
    await world.advance(30)
    expect(next.actor).toBeDefined()
    await world.close()
  })

  const faults: readonly NetworkFault[] = [
    {kind: 'neverConnects'},
    {kind: 'neverAnswers'},
    {kind: 'stalled', after: 100},
    {kind: 'reset', after: 100},
    {kind: 'truncated', after: 100},
  ]
  it.each(faults)('lets go of one that meets %o, which goes on by itself', async (fault) => {
    const world = await worldOf(2)
    world.network.addFault(urlOf(1), fault)
    const [met, other] = [await start(world, 1), await start(world, 2)]
    await expectWhole(world, other, 2)
    await expectWhole(world, met, 1)
    expect(world.network.notes.filter(({request}) => request.url === urlOf(1))).toHaveLength(2)
    await world.close()
  })

  it('asks again only when its own chart would: what refuses is weighed', async () => {
    const world = await worldOf(2)
    world.network.addFault(urlOf(1), {kind: 'status', status: 404})
    world.network.addFault(urlOf(2), {kind: 'status', status: 503, retryAfterS: 5})
    const [missing, busy] = [await start(world, 1), await start(world, 2)]
    await world.until(() => missing.isOver)
    expect(missing.record).toMatchObject({state: 'failed', error: {code: 'HTTP_STATUS', details: {status: 404}}})
    await expectWhole(world, busy, 2)
    const asked = world.network.notes.filter(({request}) => request.url === urlOf(2))
    expect(asked).toHaveLength(2)
    expect((asked[1]?.at ?? 0) - (asked[0]?.at ?? 0)).toBeGreaterThanOrEqual(5000)
    expect(world.network.notes.filter(({request}) => request.url === urlOf(1))).toHaveLength(1)
    await world.close()
  })

  it('keeps one that is given a command which its chart refuses', async () => {
    const world = await worldOf(1)
    const entry = await start(world, 1)
    await world.advance(30)
    expect(() => world.engine.resume(entry)).toThrow('while the operation is running')
    expect(world.engine.insight.position(entry.record).path).toBe(entry.path)
    expect(world.engine.insight.whatIf(entry.record, 'operation.pause')).toMatchObject({isTaken: true})
    expect(entry.actor).toBeUndefined()
    await expectWhole(world, entry, 1)
    expect(world.network.notes).toHaveLength(1)
    await world.close()
  })

  it('does not go back to a server that is slow', async () => {
    const world = await worldOf(3, 1)
    await expectWhole(world, await start(world, 1), 1)
    world.network.addFault(urlOf(2), {kind: 'neverAnswers'})
    await expectWhole(world, await start(world, 2), 2)
    const entry = await start(world, 3)
    await world.advance(30)
    expect(entry.actor).toBeDefined()
    await world.close()
  })

  it('does not take a server for slow where the disk takes its time to say whether a name is free', async () => {
    const world = new SimulatedWorld({
      engine: {maxConcurrentTransfers: 4, retryDelayMs: 100},
      smallFilesAfter: 0,
      mostDelayMs: 3_000,
    })
    let isLook = false
    world.beforeDiskCall = (call) => {
      isLook = call === 'lstat'
    }
    vi.spyOn(world.random, 'next').mockImplementation(() => {
      const drawn = isLook ? 0.9 : 0
      isLook = false
      return drawn
    })
    for (const n of [1, 2]) world.network.serve(urlOf(n), {seed: n, size: SIZE})
    await world.open()
    for (const n of [1, 2]) {
      const entry = await start(world, n)
      const isCarried = watchOver(world, entry)
      await expectWhole(world, entry, n)
      expect([n, isCarried(), rangesAsked(world, n)]).toEqual([n, true, [undefined]])
    }
    await world.close()
  })

  it('asks one server of many twice where the line is slow, and not each of them', async () => {
    const world = await worldOf(0, 2)
    const at = (n: number) => `http://server-${n}.example/1`
    for (const n of [1, 2, 3, 4, 5, 6]) {
      if (n === 4) world.network.pieceBytes = 100
      world.network.serve(at(n), {seed: n, size: SIZE})
      const [entry] = await world.until(world.engine.start([world.draft(n, {url: at(n)})]))
      if (entry === undefined) throw new Error('nothing was started')
      await expectWhole(world, entry, n)
    }
    expect(world.network.notes.map(({request}) => request.url)).toEqual([1, 2, 3, 4, 4, 5, 6].map(at))
    await world.close()
  })

  it('asks nobody again for what is not what the application expects', async () => {
    for (const [policy, isHeadEnough] of [
      [{contentType: 'image/*'}, true],
      [{magic: '0123456789abcdef'}, false],
    ] as const) {
      const world = await worldOf(1, 0, {headers: [TYPE]})
      const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {expect: policy}})]))
      if (entry === undefined) throw new Error('nothing was started')
      const paths: string[] = []
      world.engine.events$.subscribe((event) => {
        if (event.type === 'operation.moved') paths.push(event.to)
      })
      await world.advance(30)
      expect(entry.actor).toBeUndefined()
      await world.until(() => entry.isOver)
      expect(entry.record).toMatchObject({state: 'failed', error: {code: 'CONTENT_UNEXPECTED'}})
      expect(paths.includes('running.finishing.verifying')).toBe(!isHeadEnough)
      expect(world.network.notes).toHaveLength(1)
      expect(world.disk.names('/downloads')).toEqual([])
      await world.close()
    }
  })

  it('leaves it to a chart to watch how much comes where only so much may', async () => {
    const world = await worldOf(1, 0, {size: 5_000_000, framing: 'chunked'})
    world.network.pieceBytes = 16_384
    world.network.pieceDelayMs = 1
    const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {expect: {maxBytes: 1000}}})]))
    if (entry === undefined) throw new Error('nothing was started')
    await world.advance(30)
    expect(entry.actor).toBeDefined()
    await world.until(() => entry.isOver)
    // Far less than all of it.
    expect(entry.record).toMatchObject({
      state: 'failed',
      error: {code: 'CONTENT_UNEXPECTED', details: {size: 4_194_304}},
    })
    await world.close()
  })

  it('carries what is what the application expects', async () => {
    const world = await worldOf(1, 0, {headers: [TYPE]})
    const magic = contentOf(1, 4).toString('hex')
    const expected = {contentType: 'text/plain', minBytes: SIZE, magic}
    const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {expect: expected}})]))
    if (entry === undefined) throw new Error('nothing was started')
    const isCarried = watchOver(world, entry)
    await expectWhole(world, entry, 1)
    expect(isCarried()).toBe(true)
    await world.close()
  })

  it.each(['connectTimeoutMs', 'responseTimeoutMs', 'stallTimeoutMs'] as const)(
    'carries one whose %s is more than it lets anybody wait',
    async (name) => {
      const world = await worldOf(2)
      for (const [n, ms] of [
        [1, 4_000],
        [2, 3_999],
      ] as const) {
        const [entry] = await world.until(world.engine.start([world.draft(n, {policy: {[name]: ms}})]))
        if (entry === undefined) throw new Error('nothing was started')
        await world.advance(30)
        expect(entry.actor === undefined).toBe(ms === 4_000)
        await expectWhole(world, entry, n)
      }
      await world.close()
    },
  )

  it.each([{kind: 'neverConnects'}, {kind: 'neverAnswers'}, {kind: 'stalled', after: 100}] as const)(
    'lets none that meets %o wait longer than it may',
    async (fault) => {
      const world = await worldOf(2)
      world.network.pieceDelayMs = 1_000
      // The longest wait is that of one who comes just after somebody was looked for.
      await start(world, 2)
      await world.advance(1)
      world.network.addFault(urlOf(1), fault)
      const policy = {connectTimeoutMs: 4_000, responseTimeoutMs: 4_000, stallTimeoutMs: 4_000}
      const [entry] = await world.until(world.engine.start([world.draft(1, {policy})]))
      if (entry === undefined) throw new Error('nothing was started')
      const began = world.clock.now()
      await world.until(() => world.network.notes.filter(({request}) => request.url === urlOf(1)).length === 2)
      expect(world.clock.now() - began).toBeLessThanOrEqual(4_000)
      await expectWhole(world, entry, 1)
      await world.close()
    },
  )

  it('lets go of one that is slow also where the clock is set back meanwhile', async () => {
    const world = await worldOf(1)
    world.network.addFault(urlOf(1), {kind: 'neverAnswers'})
    const entry = await start(world, 1)
    world.clock.set(-3_600_000)
    await world.advance(6_000)
    expect([entry.record.state, rangesAsked(world, 1)]).toEqual(['completed', [undefined, undefined]])
    await world.close()
  })

  it('lets nobody wait longer than charts of the engine would', async () => {
    const world = await worldOf(2, 0, {}, {responseTimeoutMs: 1_000})
    for (const n of [1, 2]) world.network.addFault(urlOf(n), {kind: 'neverAnswers'})
    await start(world, 2)
    await world.advance(1)
    const entry = await start(world, 1)
    const began = world.clock.now()
    await world.until(() => world.network.notes.filter(({request}) => request.url === urlOf(1)).length === 2)
    expect(world.clock.now() - began).toBeLessThanOrEqual(1_000)
    await expectWhole(world, entry, 1)
    await world.close()
  })

  it('lets go of what is large', async () => {
    const world = await worldOf(0)
    const size = 9 * 1024 * 1024
    world.network.pieceBytes = 1024 * 1024
    world.network.serve(urlOf(1), {seed: 1, size})
    await expectWhole(world, await start(world, 1), 1, size)
    expect(world.network.notes).toHaveLength(2)
    await world.close()
  })

  describe.each([
    ['held in memory', SIZE],
    ['written while it comes', WRITTEN_SIZE],
  ])('of a file with a digest that is %s', (_, size) => {
    const right = reprDigest(contentOf(1, size))
    const wrong = reprDigest(contentOf(2, size))

    it('compares the digests of application and server', async () => {
      const world = await worldOf(0)
      world.network.pieceBytes = 200_000
      world.network.serve(urlOf(1), {seed: 1, size, headers: [right]})
      const checksum = {algorithm: 'md5', hex: md5(contentOf(1, size))} as const
      const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {checksum}})]))
      if (entry === undefined) throw new Error('nothing was started')
      const isCarried = watchOver(world, entry)
      await expectWhole(world, entry, 1, size)
      expect(isCarried()).toBe(true)
      expect(entry.record.evidence.digest).toEqual({algorithm: 'sha256', hex: sha256(contentOf(1, size))})
      expect(world.network.notes).toHaveLength(1)
      await world.close()
    })

    it('is for servers that sent so many of them in a row', async () => {
      const world = await worldOf(0, 1)
      world.network.pieceBytes = 200_000
      for (const seed of [1, 2]) {
        world.network.serve(urlOf(seed), {seed, size, headers: [reprDigest(contentOf(seed, size))]})
        const entry = await start(world, seed)
        await world.advance(30)
        expect(entry.actor === undefined).toBe(seed === 2)
        await expectWhole(world, entry, seed, size)
      }
      await world.close()
    })

    it('asks nobody again where the application says that it is another file', async () => {
      const world = await worldOf(0)
      world.network.pieceBytes = 200_000
      world.network.serve(urlOf(1), {seed: 1, size})
      const checksum = {algorithm: 'sha256', hex: sha256(contentOf(2, size))} as const
      const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {checksum}})]))
      await world.until(() => entry?.isOver === true)
      expect(entry?.record).toMatchObject({
        state: 'failed',
        error: {code: 'CHECKSUM_MISMATCH', details: {from: 'application'}},
      })
      expect(world.network.notes).toHaveLength(1)
      expect(world.disk.readFile('/downloads/1')).toBeUndefined()
      await world.close()
    })

    it.each(['parallel', 'serialized'] as const)(
      'does what charts do where a server contradicts itself: in a %s group',
      async (name) => {
        const behavior = BackgroundTransferBehavior[name]
        for (const isMended of [true, false]) {
          const outcomes = []
          for (const smallFilesAfter of [0, Number.POSITIVE_INFINITY]) {
            const world = await worldOf(0, smallFilesAfter, {}, {maxConcurrentTransfers: 2})
            world.network.pieceBytes = 200_000
            await world.until(world.engine.setBehavior('g', behavior))
            for (const n of [1, 2, 3])
              world.network.serve(urlOf(n), {seed: 1, size, headers: [n === 1 ? right : wrong]})
            world.network.onBegin = ({url}) => {
              expect(world.network.open.size).toBeLessThanOrEqual(2)
              const times = world.network.notes.filter(({request}) => request.url === url).length
              if (isMended && times === 2) world.network.serve(url, {seed: 1, size, headers: [right]})
            }
            const drafts = [1, 2, 3].map((n) => world.draft(n, {policy: {group: 'g'}}))
            const entries = await world.until(world.engine.start(drafts))
            await world.until(() => entries.every(({isOver}) => isOver))
            outcomes.push(
              entries.map((entry) => {
                const {endedAt: _, publishing: __, createdAt: ___, journalled: ____, ...record} = entry.record
                const bytes = fileOf(world, entry)
                const asked = world.network.notes.filter(({request}) => request.url === record.request.url).length
                return {record, asked, digest: bytes && sha256(bytes)}
              }),
            )
            expect(world.disk.names('/downloads').filter((each) => !each.startsWith('.'))).toHaveLength(
              isMended ? 3 : 1,
            )
            await world.close()
          }
          expect(outcomes[0]).toEqual(outcomes[1])
          expect(outcomes[0]?.map(({record, asked}) => [record.state, asked])).toEqual(
            [1, 2, 3].map((n) => [isMended || n === 1 ? 'completed' : 'failed', n === 1 ? 1 : 2]),
          )
        }
      },
    )
  })

  describe.each(['chunked', 'close'] as const)('of a file whose length nobody says, but that is %s', (framing) => {
    const worldOfUnsaid = async (files: number, size: number, pieceBytes = 4096, after = 0) => {
      const world = await worldOf(files, after, {size, framing})
      world.network.pieceBytes = pieceBytes
      return world
    }

    it('carries it, and learns its length from its end', async () => {
      for (const size of [1, SIZE, 256 * 1024, 256 * 1024 + 1]) {
        const world = await worldOfUnsaid(1, size, 100_000)
        const entry = await start(world, 1)
        const paths: string[] = []
        world.engine.events$.subscribe((event) => {
          if (event.type !== 'operation.moved') return
          paths.push(`${event.to} ${event.record.evidence.total}`)
        })
        const isCarried = watchOver(world, entry)
        await expectWhole(world, entry, 1, size)
        expect(isCarried()).toBe(true)
        expect(paths).toContain('running.exchanging.active.transferring undefined')
        expect(paths).toContain(`running.finishing.verifying ${size}`)
        expect(world.engine.progressOf(entry)).toMatchObject({received: size, total: size})
        expect(rangesAsked(world, 1)).toEqual([undefined])
        await world.close()
      }
    })

    it('is for servers that sent so many of them in a row', async () => {
      const world = await worldOfUnsaid(3, SIZE, 4096, 2)
      for (const [n, isCarried] of [
        [1, false],
        [2, false],
        [3, true],
      ] as const) {
        const entry = await start(world, n)
        await world.advance(30)
        expect(entry.actor === undefined).toBe(isCarried)
        await expectWhole(world, entry, n)
      }
      expect(world.network.notes).toHaveLength(3)
      await world.close()
    })

    it('writes from there on what is too much to be held, and tells how much that is', async () => {
      const world = await worldOfUnsaid(1, WRITTEN_SIZE, 100_000)
      const entry = await start(world, 1)
      const seen: number[] = []
      while (!entry.isOver) {
        await world.advance(100)
        seen.push(world.engine.progressOf(entry).received)
        expect(entry.actor).toBeUndefined()
      }
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(new Set(seen).size).toBeGreaterThan(4)
      await expectWhole(world, entry, 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1)).toEqual([undefined])
      await world.close()
    })

    it('54. lets go of what turns out to be large, which goes on where it is', async () => {
      const size = 12 * 1024 * 1024
      const world = await worldOfUnsaid(2, size, 1024 * 1024)
      await expectWhole(world, await start(world, 1), 1, size)
      const [first, second, ...others] = rangesAsked(world, 1)
      expect(first).toBeUndefined()
      expect(Number(/^bytes=(\d+)-/.exec(second ?? '')?.[1])).toBeGreaterThan(8_000_000)
      expect(others).toEqual([])
      await world.close()
    })

    it('leaves a server to charts whose files turn out to be large', async () => {
      const size = 12 * 1024 * 1024
      const world = await worldOf(2, 1, {framing})
      await expectWhole(world, await start(world, 1), 1)
      world.network.pieceBytes = 1024 * 1024
      world.network.serve(urlOf(2), {seed: 2, size, framing})
      await expectWhole(world, await start(world, 2), 2, size)
      world.network.serve(urlOf(3), {seed: 3, size: SIZE, framing})
      const next = await start(world, 3)
      await world.advance(30)
      expect(next.actor).toBeDefined()
      await world.close()
    })

    it.each(['reset', 'truncated', 'stalled'] as const)('takes no body for whole that is %s', async (kind) => {
      for (const [size, after, range] of [
        [SIZE, 100, undefined],
        [WRITTEN_SIZE, 700_000, 'bytes=700000-'],
      ] as const) {
        const world = await worldOfUnsaid(1, size, 100_000)
        world.network.addFault(urlOf(1), {kind, after})
        await expectWhole(world, await start(world, 1), 1, size)
        expect(rangesAsked(world, 1)).toEqual([undefined, range])
        await world.close()
      }
    })

    it('keeps nothing of it that nobody could go on with', async () => {
      const world = await worldOf(1, 0, {size: WRITTEN_SIZE, framing, validator: 'none'})
      world.network.pieceBytes = 100_000
      world.network.addFault(urlOf(1), {kind: 'reset', after: 700_000})
      const entry = await start(world, 1)
      await expectWhole(world, entry, 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1)).toEqual([undefined, undefined])
      expect(entry.record.evidence.generation).toBe(1)
      await world.close()
    })

    it('54. goes on where it is after an engine that closed', async () => {
      const world = await worldOfUnsaid(1, WRITTEN_SIZE, 100_000)
      const {record} = await start(world, 1)
      await world.advance(600)
      await world.close()
      await world.open()
      const again = await world.until(world.engine.find(record.id))
      if (again === undefined) throw new Error('it is gone')
      expect(sizeOf(again.record.evidence.ranges)).toBeGreaterThanOrEqual(400_000)
      await expectWhole(world, again, 1, WRITTEN_SIZE)
      await world.close()
    })

    it('does not blame the server when the disk fails', async () => {
      const world = await worldOfUnsaid(3, WRITTEN_SIZE, 200_000)
      const entry = await start(world, 2)
      world.failDisk(['write'], 'ENOSPC', Number.POSITIVE_INFINITY)
      await world.until(() => entry.record.state === 'pausedForStorage')
      world.healDisk()
      const next = await start(world, 3)
      await world.advance(200)
      expect(next.actor).toBeUndefined()
      await expectWhole(world, next, 3, WRITTEN_SIZE)
      await world.close()
    })

    it('leaves nothing of one that is canceled, and all of one that was taken away to its chart', async () => {
      for (let ms = 0; ms <= 800; ms += 80) {
        const world = await worldOfUnsaid(2, WRITTEN_SIZE, 200_000)
        const [canceled, paused] = [await start(world, 1), await start(world, 2)]
        await world.advance(ms)
        if (!canceled.isOver) world.engine.cancel(canceled)
        if (!paused.isOver) world.engine.pause(paused)
        await world.settle()
        await world.until(() => canceled.isOver)
        if (canceled.record.state === 'canceled') {
          expect(world.disk.names('/downloads').filter((name) => name.includes(canceled.record.id))).toEqual([])
        }
        if (!paused.isOver) world.engine.resume(paused)
        await expectWhole(world, paused, 2, WRITTEN_SIZE)
        await world.close()
      }
    })
  })

  describe('of a larger file', () => {
    const worldOfLarger = async (n: number, pieceBytes: number, resource: Partial<SimulatedResource> = {}) => {
      const world = await worldOf(n, 0, {size: WRITTEN_SIZE, ...resource})
      world.network.pieceBytes = pieceBytes
      return world
    }
    it('writes what comes while it comes, and tells how much that is', async () => {
      const world = await worldOfLarger(1, 100_000)
      const entry = await start(world, 1)
      const seen: number[] = []
      while (!entry.isOver) {
        await world.advance(100)
        seen.push(world.engine.progressOf(entry).received)
        expect(entry.actor).toBeUndefined()
      }
      expect(seen.length).toBeGreaterThan(5)
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(new Set(seen).size).toBeGreaterThan(5)
      await expectWhole(world, entry, 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1)).toEqual([undefined])
      await world.close()
    })

    it('54. goes on where it is when it takes too long', async () => {
      const world = await worldOfLarger(1, 25_000)
      const entry = await start(world, 1)
      await expectWhole(world, entry, 1, WRITTEN_SIZE)
      const [first, second, ...others] = rangesAsked(world, 1)
      expect(first).toBeUndefined()
      expect(Number(/^bytes=(\d+)-/.exec(second ?? '')?.[1])).toBeGreaterThan(400_000)
      expect(others).toEqual([])
      await world.close()
    })

    it('goes on by itself where it is when a limit is set', async () => {
      for (const limit of ['engine', 'group'] as const) {
        const world = await worldOfLarger(1, 100_000)
        const entry = await start(world, 1)
        await world.advance(300)
        expect(entry.actor).toBeUndefined()
        if (limit === 'engine') world.engine.limitRate(1_000_000)
        else await world.until(world.engine.limitGroupRate(entry.record.policy.group, 1_000_000))
        await world.settle()
        expect(entry.actor).toBeDefined()
        await expectWhole(world, entry, 1, WRITTEN_SIZE)
        expect(rangesAsked(world, 1).map((range) => range !== undefined)).toEqual([false, true])
        await world.close()
      }
    })

    it('stays in the batch when another group gets a limit', async () => {
      const world = await worldOfLarger(1, 100_000)
      const entry = await start(world, 1)
      await world.advance(300)
      await world.until(world.engine.limitGroupRate('another', 1_000_000))
      await world.settle()
      expect(entry.actor).toBeUndefined()
      await expectWhole(world, entry, 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1)).toEqual([undefined])
      await world.close()
    })

    it('keeps nobody from hearing that the engine closes, however long the disk takes for it', async () => {
      const world = new SimulatedWorld({smallFilesAfter: 0, mostDelayMs: 50})
      for (const n of [1, 2]) world.network.serve(urlOf(n), {seed: n, size: WRITTEN_SIZE})
      await world.open()
      const drafts = [world.draft(1), world.draft(2, {policy: {stallTimeoutMs: 1_000}})]
      const [carried, other] = await world.until(world.engine.start(drafts))
      if (carried === undefined || other === undefined) throw new Error('nothing was started')
      await world.until(() => [carried, other].every((entry) => world.engine.progressOf(entry).received > 50_000))
      const closing = world.engine.close()
      await world.settle()
      expect(carried.carrier).toBeDefined()
      expect(other.path).toBe('running.exchanging.yieldingToLine')
      await world.until(closing)
      for (const {record} of [carried, other]) {
        expect(record.state).toBe('queued')
        expect(sizeOf(record.evidence.ranges)).toBeGreaterThan(0)
      }
    })

    it('lets nobody take a step when the disk answers after the engine has closed', async () => {
      const world = new SimulatedWorld({smallFilesAfter: 0, mostDelayMs: 100, engine: {drainTimeoutMs: 1}})
      for (const n of [1, 2]) world.network.serve(urlOf(n), {seed: n, size: n === 1 ? WRITTEN_SIZE : SIZE})
      await world.open()
      const [onWire, filing] = await world.until(world.engine.start([world.draft(1), world.draft(2)]))
      if (onWire === undefined || filing === undefined) throw new Error('nothing was started')
      await world.until(() => filing.path === 'running.finishing.verifying')
      await world.advance(30)
      await world.until(world.engine.close())
      const paths = [onWire.path, filing.path]
      expect(paths).toEqual(['running.exchanging.active.transferring', 'running.finishing.verifying'])
      await world.advance(1_000)
      expect([onWire.path, filing.path]).toEqual(paths)
      expect(filing.actor).toBeUndefined()
    })

    it('begins anew where nothing says that the rest is of the same version', async () => {
      const world = await worldOfLarger(1, 25_000, {validator: 'none'})
      const entry = await start(world, 1)
      await expectWhole(world, entry, 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1)).toEqual([undefined, undefined])
      await world.close()
    })

    it('54. goes on where it is after an engine that closed', async () => {
      const world = await worldOfLarger(1, 100_000)
      const {record} = await start(world, 1)
      await world.advance(600)
      await world.close()
      await world.open()
      const again = await world.until(world.engine.find(record.id))
      if (again === undefined) throw new Error('it is gone')
      expect(sizeOf(again.record.evidence.ranges)).toBeGreaterThanOrEqual(400_000)
      await expectWhole(world, again, 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1).map((range) => range !== undefined)).toEqual([false, true])
      await world.close()
    })

    it.each([
      ['open', 'EACCES', 'failed'],
      ['write', 'ENOSPC', 'pausedForStorage'],
      ['fsync', 'EIO', 'failed'],
    ] as const)('does not blame the server when the disk fails: %s with %s', async (call, code, state) => {
      const world = await worldOfLarger(3, 200_000)
      await expectWhole(world, await start(world, 1), 1, WRITTEN_SIZE)
      const entry = await start(world, 2)
      world.failDisk([call], code, Number.POSITIVE_INFINITY)
      await world.until(() => entry.record.state === state)
      world.healDisk()
      const next = await start(world, 3)
      await world.advance(200)
      expect(next.actor).toBeUndefined()
      await expectWhole(world, next, 3, WRITTEN_SIZE)
      await world.close()
    })

    it.each([
      ['the same', {kind: 'reset', after: 2_500_000}, 1],
      ['another', {kind: 'reset', after: 2_500_000}, 2],
      ['another', {kind: 'stalled', after: 2_500_000}, 2],
    ] as const)('gives a reader %s version as a whole after %o', async (_, fault, seed) => {
      const size = 4_000_000
      const world = await worldOfLarger(1, 500_000, {size})
      world.network.addFault(urlOf(1), fault)
      const entry = await start(world, 1)
      const bytes = Buffer.alloc(size)
      const source = world.engine.bytesOf(entry)
      const readOn = async () => {
        for (let at = 0; at < size; ) at += await source.read(bytes.subarray(at), at)
      }
      const reading = readOn()
      reading.catch(() => undefined)
      await world.advance(450)
      world.network.serve(urlOf(1), {seed, size})
      // Two versions have nothing in common: whoever was given bytes of one is told that another begins.
      const outcome = await world.until(
        reading.then(
          () => 'read',
          (error) => (error as {readonly code?: string}).code,
        ),
      )
      if (outcome !== 'DOWNLOAD_RESTARTED') {
        expect(outcome).toBe('read')
        expect(bytes.equals(contentOf(seed, size))).toBe(true)
      }
      source.close()
      await expectWhole(world, entry, seed, size)
      await world.close()
    })

    it.each([
      {kind: 'reset', after: 700_000},
      {kind: 'truncated', after: 700_000},
    ] as const)('goes on where it is after %o', async (fault) => {
      const world = await worldOfLarger(1, 100_000)
      world.network.addFault(urlOf(1), fault)
      await expectWhole(world, await start(world, 1), 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1)).toEqual([undefined, 'bytes=700000-'])
      await world.close()
    })

    it('94. goes on where it is when the network is there again', async () => {
      const world = await worldOfLarger(1, 100_000)
      const entry = await start(world, 1)
      await world.advance(500)
      world.setConditions({connectivity: 'none'})
      await world.until(() => entry.record.state === 'pausedNoNetwork')
      expect(sizeOf(entry.record.evidence.ranges)).toBeGreaterThanOrEqual(400_000)
      world.setConditions({connectivity: 'internet'})
      await expectWhole(world, entry, 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1).map((range) => range !== undefined)).toEqual([false, true])
      await world.close()
    })

    it('is not asked for again where all of it came, and only the disk is slow', async () => {
      const engine = {maxConcurrentTransfers: 4, retryDelayMs: 100}
      const world = new SimulatedWorld({engine, smallFilesAfter: 0, mostDelayMs: 3000})
      let isSlow = false
      vi.spyOn(world.random, 'next').mockImplementation(() => (isSlow ? 0.9 : 0))
      world.beforeDiskCall = (call) => {
        isSlow ||= call === 'write'
      }
      world.network.pieceBytes = WRITTEN_SIZE
      world.network.serve(urlOf(1), {seed: 1, size: WRITTEN_SIZE})
      await world.open()
      await expectWhole(world, await start(world, 1), 1, WRITTEN_SIZE)
      expect(rangesAsked(world, 1)).toEqual([undefined])
      await world.close()
    })

    it('leaves nothing of one that is canceled, and all of one that was taken away to its chart', async () => {
      for (let ms = 0; ms <= 800; ms += 80) {
        const world = await worldOfLarger(2, 200_000)
        const [canceled, paused] = [await start(world, 1), await start(world, 2)]
        await world.advance(ms)
        if (!canceled.isOver) world.engine.cancel(canceled)
        if (!paused.isOver) world.engine.pause(paused)
        await world.settle()
        await world.until(() => canceled.isOver)
        if (canceled.record.state === 'canceled') {
          expect(world.disk.names('/downloads').filter((name) => name.includes(canceled.record.id))).toEqual([])
        }
        if (!paused.isOver) world.engine.resume(paused)
        await expectWhole(world, paused, 2, WRITTEN_SIZE)
        await world.close()
      }
    })
  })

  it('lets go of one that is paused, canceled or changed, which takes the command', async () => {
    const world = await worldOf(3)
    const [paused, canceled, changed] = [await start(world, 1), await start(world, 2), await start(world, 3)]
    await world.advance(25)
    world.engine.pause(paused)
    world.engine.cancel(canceled)
    world.engine.changePolicy(changed, {...changed.facts.policy, priority: BackgroundTransferPriority.high})
    await world.until(() => paused.record.state === 'pausedByApplication' && canceled.record.state === 'canceled')
    await expectWhole(world, changed, 3)
    expect(changed.record.policy.priority).toBe(BackgroundTransferPriority.high)
    world.engine.resume(paused)
    await expectWhole(world, paused, 1)
    expect(world.disk.readFile(canceled.record.target.file)).toBeUndefined()
    await world.close()
  })

  it('94. lets go of all when the network is gone', async () => {
    const world = await worldOf(2)
    const entries = [await start(world, 1), await start(world, 2)]
    await world.advance(25)
    world.setConditions({connectivity: 'none'})
    await world.until(() => entries.every(({record}) => record.state === 'pausedNoNetwork'))
    world.setConditions({connectivity: 'internet'})
    for (const [at, entry] of entries.entries()) await expectWhole(world, entry, at + 1)
    await world.close()
  })

  it('leaves an engine that closes as charts do: everything is queued, or has its name', async () => {
    for (let ms = 0; ms <= 260; ms += 13) {
      const world = await worldOf(2)
      const entries = [await start(world, 1), await start(world, 2)]
      await world.advance(ms)
      await world.close()
      for (const {record} of entries) expect(['queued', 'completed']).toContain(record.state)
      await world.open()
      const again = await world.until(Promise.all(entries.map(({record}) => world.engine.find(record.id))))
      for (const [at, entry] of again.entries()) if (entry !== undefined) await expectWhole(world, entry, at + 1)
      await world.close()
    }
  })

  it('fetches a file once more, and not twice, whose part a killed process left', async () => {
    const world = new SimulatedWorld({smallFilesAfter: 0, mostDelayMs: 20})
    world.network.serve(urlOf(1), {seed: 1, size: SIZE})
    await world.open()
    let isWritten = false
    world.beforeDiskCall = (call) => {
      isWritten ||= call === 'fsync'
    }
    const {id} = (await start(world, 1)).record
    await world.until(() => isWritten)
    world.crash('kill')
    expect(world.disk.names('/downloads')).toHaveLength(1)
    await world.open()
    const entry = await world.until(world.engine.find(id))
    if (entry === undefined) throw new Error('it is lost')
    await expectWhole(world, entry, 1)
    expect(rangesAsked(world, 1)).toEqual([undefined, undefined])
    expect(world.disk.names('/downloads')).toEqual(['1'])
    await world.close()
  })

  it('has no second life for one whose end is not durable yet', async () => {
    const world = await worldOf(1)
    const entry = await start(world, 1)
    world.engine.events$.subscribe((event) => {
      if (event.type === 'operation.moved' && event.state === 'publishing')
        queueMicrotask(() => world.engine.cancel(entry))
    })
    await world.until(() => entry.isOver)
    await world.settle()
    const moves = world.process.events.flatMap((event) => (event.type === 'operation.moved' ? [event.to] : []))
    expect(moves.filter((to) => to === 'completed' || to === 'canceled')).toHaveLength(1)
    expect(['completed', 'canceled']).toContain(moves.at(-1))
    await world.close()
  })

  it('leaves alone those that were canceled by whoever heard of another of the same turn', async () => {
    const world = await worldOf(4)
    const entries = await world.until(world.engine.start([1, 2, 3, 4].map((n) => world.draft(n))))
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved' || event.to !== 'running.finishing.verifying') return
      for (const entry of entries) if (entry.record.id !== event.id && !entry.isOver) world.engine.cancel(entry)
    })
    await world.until(() => entries.every(({isOver}) => isOver))
    await world.settle()
    for (const history of Object.values(historyOf(world.process.events))) {
      const path = (history as {to: string}[]).map(({to}) => to)
      const canceling = path.indexOf('canceling')
      if (canceling >= 0) expect(path.slice(canceling)).toEqual(['canceling', 'canceled'])
    }
    const whole = entries.filter(({record}) => record.state === 'completed').map(({record}) => record.target.file)
    expect(world.disk.names('/downloads').map((name) => `/downloads/${name}`)).toEqual(whole)
    await world.close()
  })

  it('keeps every change that comes while a file takes its name', async () => {
    const world = await worldOf(1)
    const entry = await start(world, 1)
    let changes = 0
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved' || event.to !== 'running.finishing.committing') return
      world.engine.changePolicy(entry, {...entry.facts.policy, retries: 7})
      world.engine.changePolicy(entry, {...entry.facts.policy, retryDelayMs: 70})
      changes += 1
    })
    await expectWhole(world, entry, 1)
    expect(changes).toBe(1)
    expect(entry.record.policy).toMatchObject({retries: 7, retryDelayMs: 70})
    await world.close()
  })

  it('asks a server not much oftener than there are files, whatever it sends', async () => {
    const world = await worldOf(0, 2)
    for (let n = 1; n <= 60; n++)
      world.network.serve(urlOf(n), {seed: n, size: SIZE, headers: [['Content-Encoding', 'br']]})
    const entries = await world.until(world.engine.start(Array.from({length: 60}, (_, n) => world.draft(n + 1))))
    await world.until(() => entries.every(({isOver}) => isOver))
    expect(world.network.notes.length).toBe(60)
    await world.close()
  })

  it('has no slot any more for one whose bytes are all here, unless its group runs one after the other', async () => {
    for (const [behavior, others] of [
      [BackgroundTransferBehavior.parallel, 1],
      [BackgroundTransferBehavior.serialized, 0],
    ] as const) {
      const world = await worldOf(2, 0, {}, {maxConcurrentTransfers: 1})
      await world.until(world.engine.setBehavior('g', behavior))
      let running = -1
      world.engine.events$.subscribe((event) => {
        if (event.type === 'operation.moved' && event.to === 'running.finishing.publishing' && running < 0)
          running = world.engine.groups().flatMap(({members}) => members.filter((id) => id !== event.id)).length
      })
      const drafts = [1, 2].map((n) => world.draft(n, {policy: {group: 'g'}}))
      const entries = await world.until(world.engine.start(drafts))
      for (const [at, entry] of entries.entries()) await expectWhole(world, entry, at + 1)
      expect(running).toBe(others)
      await world.close()
    }
  })

  it('sends one that did not get onto the disk back into the line, and never runs more than there are slots', async () => {
    const world = await worldOf(9, 0, {}, {maxConcurrentTransfers: 3})
    world.failDisk(['write'], 'EIO', 2)
    const entries = await world.until(
      world.engine.start(Array.from({length: 9}, (_, n) => world.draft(n + 1, {policy: {group: 'g'}}))),
    )
    let most = 0
    world.engine.events$.subscribe(() => {
      const members = world.engine.groups().flatMap((group) => group.members)
      most = Math.max(most, members.length)
    })
    await world.until(() => entries.every(({isOver}) => isOver))
    expect(entries.map(({record}) => record.state)).toEqual(entries.map(() => 'completed'))
    const returned = Object.values(
      historyOf(world.process.events) as Record<string, {from: string; to: string}[]>,
    ).filter((history) => history.some(({from, to}) => from === 'running.finishing.verifying' && to === 'queued'))
    expect(returned).toHaveLength(2)
    expect(most).toBe(3)
    await world.close()
  })

  it('leaves no group behind, whoever looks at it while its last file is on its way to its name', async () => {
    const world = await worldOf(1)
    world.engine.events$.subscribe((event) => {
      if (event.type === 'operation.moved' && event.to === 'running.finishing.verifying') world.engine.groups()
    })
    const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {group: 'g'}})]))
    if (entry !== undefined) await expectWhole(world, entry, 1)
    await world.advance(1000)
    expect(world.engine.groups()).toEqual([])
    await world.close()
  })

  it('keeps the place of one whose group runs one after the other by the time its bytes are here', async () => {
    const world = await worldOf(2, 0, {}, {maxConcurrentTransfers: 1})
    const path: string[] = []
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved') return
      path.push(event.to)
      if (event.to === 'running.exchanging.active.transferring' && path.filter((to) => to === event.to).length === 1)
        void world.engine.setBehavior('g', BackgroundTransferBehavior.serialized)
    })
    const entries = await world.until(world.engine.start([1, 2].map((n) => world.draft(n, {policy: {group: 'g'}}))))
    for (const [at, entry] of entries.entries()) await expectWhole(world, entry, at + 1)
    const next = path.lastIndexOf('running.exchanging.active.connecting')
    expect(path.indexOf('running.finishing.publishing')).toBeLessThan(next)
    await world.close()
  })

  it('holds on to one that is changed while it becomes a file', async () => {
    const world = await worldOf(1)
    const entry = await start(world, 1)
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved' || event.to !== 'running.finishing.verifying') return
      world.engine.changePolicy(entry, {...entry.facts.policy, retries: 7})
      expect(entry.actor).toBeUndefined()
    })
    await expectWhole(world, entry, 1)
    expect(entry.record.policy.retries).toBe(7)
    expect(world.network.notes).toHaveLength(1)
    await world.close()
  })

  it('lets go of one that keeps its place with what was changed while it became a file', async () => {
    const world = await worldOf(1)
    await world.until(world.engine.setBehavior('g', BackgroundTransferBehavior.serialized))
    world.failDisk(['write'], 'EIO', 1)
    const [entry] = await world.until(world.engine.start([world.draft(1, {policy: {group: 'g'}})]))
    if (entry === undefined) throw new Error('nothing was started')
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved' || event.to !== 'running.finishing.verifying' || entry.actor !== undefined)
        return
      world.engine.changePolicy(entry, {...entry.facts.policy, retries: 7})
    })
    await expectWhole(world, entry, 1)
    expect(world.network.notes).toHaveLength(2)
    expect(entry.record.policy.retries).toBe(7)
    await world.close()
  })

  it('tells everybody in the same order, also where one who is told takes it away', async () => {
    const world = await worldOf(1)
    const entry = await start(world, 1)
    world.engine.events$.subscribe((event) => {
      if (event.type !== 'operation.moved' || event.to !== 'running.exchanging.active.transferring') return
      if (entry.actor === undefined) world.engine.pause(entry)
    })
    const told: number[] = []
    world.engine.events$.subscribe((event) => {
      if (event.type === 'operation.moved') told.push(event.entry.seq)
    })
    await world.until(() => entry.record.state === 'pausedByApplication')
    const journal = await world.until(world.engine.journal(entry.record.id))
    expect(told).toEqual(journal.slice(-told.length).map(({seq}) => seq))
    expect(told.length).toBeGreaterThanOrEqual(3)
    await world.close()
  })

  it('gives back every slot, whatever happens to those that it carries', async () => {
    const world = await worldOf(30)
    for (const n of [2, 5, 8]) world.network.addFault(urlOf(n), {kind: 'status', status: 404})
    const entries = await world.until(world.engine.start(Array.from({length: 30}, (_, n) => world.draft(n + 1))))
    await world.advance(30)
    for (const entry of entries.slice(0, 4)) if (!entry.isOver) world.engine.cancel(entry)
    await world.until(() => entries.every(({isOver}) => isOver))
    expect(world.engine.groups().flatMap(({members}) => members)).toEqual([])
    await world.close()
  })
})
