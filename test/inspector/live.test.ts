/** What the inspector shows of real transfers: the state, pages, one operation in detail, and the stream of what changes. */

import {Server} from 'node:net'
import {describe, expect, it, onTestFinished, vi} from 'vitest'
import {Engine} from '../../src/engine/engine.ts'
import {BackgroundTransferBehavior, type OperationId} from '../../src/index.ts'
import type {
  ExportBundle,
  InspectorState,
  JournalEntry,
  OperationDetail,
  OperationView,
} from '../../src/inspector/protocol.ts'
import {unusedPort} from '../support/unused-port.ts'
import {read, StreamReader} from './harness.ts'
import {type InspectedWorld, inspectedWorld} from './world.ts'

const SIZE = 300_000
const CONTENT = {seed: 1, size: SIZE}

const stateOf = async ({inspector}: InspectedWorld) => (await read(inspector, '/api/v1/state')).json<InspectorState>()
const detailOf = async ({inspector}: InspectedWorld, guid: string) =>
  (await read(inspector, `/api/v1/operations/${guid}`)).json<OperationDetail>()
const hasEnded = (state: string) => (reader: StreamReader) =>
  reader.of('transition').some(({operation}) => operation.state === state)
const stuckAt = (bytes: number) => ({content: CONTENT, etag: '"1"', cutAfter: bytes, cut: 'stall'}) as const

describe('an engine that is not open', () => {
  const closed = {code: 'CLOSED', message: 'the engine is not open'}

  it('has no inspector', async () => {
    const {engine} = await inspectedWorld()
    await engine.close()
    await expect(engine.inspect()).rejects.toMatchObject(closed)
  })

  it('has none, and no server of one, when it is closed while that begins to listen', async () => {
    const {engine} = await inspectedWorld()
    const servers: Server[] = []
    const listen = vi.spyOn(Server.prototype, 'listen').mockImplementationOnce(function (this: Server, ...given) {
      servers.push(this)
      void engine.close().then(() => this.listen(...given))
      return this
    })
    onTestFinished(() => listen.mockRestore())
    await expect(engine.inspect()).rejects.toMatchObject(closed)
    expect(servers.map(({listening}) => listening)).toEqual([false])
  })
})

describe('the state', () => {
  it('of an empty engine', async () => {
    const world = await inspectedWorld()
    expect(await stateOf(world)).toEqual({
      seq: expect.any(Number),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      readOnly: true,
      engine: 'serving',
      conditions: expect.objectContaining({connectivity: expect.any(String)}),
      maxConcurrentTransfers: 5,
      operations: [],
      groups: [],
    })
  })

  it('shows live operations first, then the newest ends, and the groups with their order', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 1})
    world.server.route('/done', {content: CONTENT})
    world.server.route('/stuck', stuckAt(65_536))
    const stream = await world.stream()
    const done = await world.start(world.server.url('/done'), 'done.bin')
    await stream.until(hasEnded('completed'))
    world.engine.createGroup('films').transferBehavior = BackgroundTransferBehavior.serialized
    const first = await world.start(world.server.url('/stuck?n=1'), 'first.bin', {group: 'films'})
    await stream.until((reader) => reader.of('progress').length > 0)
    const second = await world.start(world.server.url('/stuck?n=2'), 'second.bin', {group: 'films'})
    await stream.until((reader) => reader.of('group').some(({group}) => group.line.length === 1))

    const state = await stateOf(world)
    expect(state.operations.map(({guid, state: life}) => [guid, life])).toEqual([
      [first.guid, 'running'],
      [second.guid, 'queued'],
      [done.guid, 'completed'],
    ])
    expect(state.operations[0]).toMatchObject({
      url: `${world.server.origin}/stuck?n=***`,
      name: 'first.bin',
      direction: 'download',
      group: 'films',
      status: 'running',
      path: 'running.exchanging.active.transferring',
      bytesReceived: 65_536,
      totalBytesToReceive: SIZE,
      attempts: 1,
    })
    expect(state.operations[2]).toMatchObject({bytesReceived: SIZE, rate: 0, endedAt: expect.any(Number)})
    expect(state.groups.find(({name}) => name === 'films')).toEqual({
      name: 'films',
      behavior: 'serialized',
      state: 'satisfied',
      members: [first.guid],
      line: [second.guid],
    })
  })

  it('has an operation that begins to run while it is read', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 1})
    world.server.route('/stuck', stuckAt(65_536))
    const stream = await world.stream()
    const first = await world.start(world.server.url('/stuck?n=1'), 'first.bin')
    const second = await world.start(world.server.url('/stuck?n=2'), 'second.bin')
    const hasBytesOf = (guid: string) => (reader: StreamReader) =>
      reader.of('progress').some(({changes}) => changes.some(([id]) => id === guid))
    await stream.until(hasBytesOf(first.guid))
    const query = Engine.prototype.query
    const spied = vi.spyOn(Engine.prototype, 'query').mockImplementationOnce(async function (this: Engine, asked) {
      const found = await query.call(this, asked)
      first.pause()
      await stream.until(hasBytesOf(second.guid))
      return found
    })
    onTestFinished(() => spied.mockRestore())
    expect((await stateOf(world)).operations.map(({guid, state}) => [guid, state])).toContainEqual([
      second.guid,
      'running',
    ])
  })
})

describe('pages of operations', () => {
  it('go through all of them, by state, group and text', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 0})
    const operations = []
    for (let n = 1; n <= 5; n += 1) {
      operations.push(
        await world.start(`${world.server.origin}/file-${n}`, `saved-${n}`, n % 2 === 0 ? {group: 'even'} : {}),
      )
    }
    const all = operations.map(({guid}) => guid).sort()
    const page = async (query: string) =>
      (await read(world.inspector, `/api/v1/operations?${query}`)).json<{
        operations: OperationView[]
        next?: OperationId
      }>()

    const seen: string[] = []
    for (let next: string | undefined = ''; next !== undefined; ) {
      const found: Awaited<ReturnType<typeof page>> = await page(`limit=2${next === '' ? '' : `&after=${next}`}`)
      seen.push(...found.operations.map(({guid}) => guid))
      next = found.next
    }
    expect(seen).toEqual(all)
    expect((await page('group=even')).operations).toHaveLength(2)
    expect((await page('states=queued,running')).operations).toHaveLength(5)
    expect((await page('states=completed')).operations).toEqual([])
    expect((await page('text=FILE-3')).operations.map(({name}) => name)).toEqual(['saved-3'])
    expect((await page('text=saved-4&group=even')).operations).toHaveLength(1)
    expect((await page('text=nowhere')).operations).toEqual([])
  })
})

describe('one operation', () => {
  it('that runs: where it stands, why, its tries and how it came there', async () => {
    const world = await inspectedWorld()
    world.server.route('/file', [
      {status: 503},
      {content: CONTENT, etag: '"1"', cutAfter: 65_536, cut: 'reset'},
      stuckAt(131_072),
    ])
    const stream = await world.stream()
    const {guid} = await world.start(world.server.url('/file'), 'file.bin')
    await stream.until(
      (reader) => reader.of('transition').filter(({entry}) => entry.event === 'attempt.responded').length === 2,
    )

    const detail = await detailOf(world, guid)
    expect(detail.activeStates).toEqual(
      expect.arrayContaining(['operation.running', 'operation.running.exchanging.active.transferring']),
    )
    expect(detail.availableEvents).toEqual(
      expect.arrayContaining(['operation.pause', 'operation.cancel', 'attempt.finished']),
    )
    expect(detail.availableEvents).not.toContain('operation.resume')
    expect(detail.explanation.why).toContain('transferring')
    expect(detail.attempts).toMatchObject([
      {number: 1, outcome: 'failed', status: 503, from: 0, to: 0, error: expect.stringContaining('HTTP_STATUS')},
      {number: 2, outcome: 'failed', status: 200, from: 0, to: 65_536},
      {number: 3, outcome: 'running', status: 206, from: 65_536},
    ])
    expect(detail.attempts[2]).not.toHaveProperty('endedAt')
    expect(detail.transitions.map(({seq}) => seq)).toEqual(Array.from(detail.transitions, (_, at) => at + 1))
    expect(detail.transitions[0]).toMatchObject({from: 'queued', event: 'operation.admit'})
    expect(detail.responseHeaders.some(([name]) => name === 'ETag')).toBe(true)
    expect(detail.record.target.file).toContain('file.bin')
  })

  it('with the redirects that a try followed, without the secrets of their addresses, also later', async () => {
    const world = await inspectedWorld()
    const {server} = world
    server.route('/file', {status: 302, headers: [['Location', '/signed?signature=s3cret']]})
    server.route('/signed', {status: 307, headers: [['Location', '/there']]})
    server.route('/there', {content: CONTENT, etag: '"1"'})
    const stream = await world.stream()
    const {guid} = await world.start(server.url('/file'), 'file.bin')
    await stream.until(hasEnded('completed'))
    const {attempts} = await detailOf(world, guid)
    expect(attempts).toHaveLength(1)
    expect(attempts[0]).toMatchObject({status: 200, outcome: 'finished'})
    const [file, signed, there] = ['/file', '/signed?signature=***', '/there'].map((path) => server.url(path))
    expect(attempts[0]?.redirects).toEqual([
      {status: 302, url: file, to: signed},
      {status: 307, url: signed, to: there},
    ])
    const stored = await world.engine.journalAsync(guid)
    expect(stored.filter(({redirect}) => redirect !== undefined).map(({redirect}) => redirect?.to)).toEqual([
      signed,
      there,
    ])
  })

  it('with each connection of several: its address, its stretch, and where its chart stands', async () => {
    const world = await inspectedWorld({minSliceBytes: 64 * 1024})
    const slow = {content: {seed: 1, size: 8_000_000}, etag: '"1"', pieceBytes: 16_384, pieceDelayMs: 20}
    world.server.route('/file', slow)
    world.server.route('/mirror', slow)
    const url = world.server.url('/file')
    const mirror = world.server.url('/mirror?token=s3cret')
    const {guid} = await world.start(url, 'file.bin', {connections: 2, mirrors: [mirror]})
    const connections = async () => (await detailOf(world, guid)).connections
    await expect
      .poll(async () => (await connections()).map((each) => [each.connection, each.url, each.path]))
      .toEqual([
        ['first', url, 'running.exchanging.active.transferring'],
        ['part-1', world.server.url('/mirror?token=***'), 'moving.transferring'],
      ])
    const [first, part] = await connections()
    expect(first).toMatchObject({start: 0, end: part?.start})
    expect(part?.end).toBe(8_000_000)
    expect(first?.received).toBeGreaterThan(0)
  })

  it('without an actor: what its record says', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 0})
    const {guid} = await world.start(world.server.url('/file'), 'file.bin')
    const detail = await detailOf(world, guid)
    expect(detail.operation).toMatchObject({state: 'queued', path: 'queued', bytesReceived: 0})
    expect(detail.activeStates).toEqual(['operation', 'operation.queued'])
    expect(detail.availableEvents).toEqual(
      expect.arrayContaining(['operation.admit', 'operation.cancel', 'operation.pause']),
    )
    expect(detail.explanation.why).toContain('slot')
    expect(detail.attempts).toEqual([])
  })

  it('that is not there is 404', async () => {
    const world = await inspectedWorld()
    for (const guid of ['00000000-0000-4000-8000-000000000001', 'x', '%00']) {
      for (const rest of ['', '/transitions', '/bundle']) {
        expect((await read(world.inspector, `/api/v1/operations/${guid}${rest}`)).status).toBe(404)
      }
    }
  })

  it('has its history by pages, also after a restart of the engine', async () => {
    const world = await inspectedWorld()
    world.server.route('/file', {content: CONTENT})
    const stream = await world.stream()
    const {guid} = await world.start(world.server.url('/file'), 'file.bin')
    await stream.until(hasEnded('completed'))
    const told = stream.of('transition').map(({entry}) => entry)
    const transitions = async (query = '') =>
      (await read(world.inspector, `/api/v1/operations/${guid}/transitions${query}`)).json<{
        transitions: JournalEntry[]
      }>().transitions
    expect(await transitions()).toEqual(told)
    expect(await transitions('?limit=2')).toEqual(told.slice(-2))
    expect(await transitions('?before=3&limit=9')).toEqual(told.slice(0, 2))
    const bundle = (await read(world.inspector, `/api/v1/operations/${guid}/bundle`)).json<ExportBundle>()
    expect(bundle).toMatchObject({format: 'background-transfer.bundle', v: 1, record: {id: guid, state: 'completed'}})
    expect(bundle.journal).toEqual(told)
  })
})

describe('charts', () => {
  it('are named and given as they were drawn', async () => {
    const world = await inspectedWorld()
    const {charts} = (await read(world.inspector, '/api/v1/charts')).json<{charts: string[]}>()
    expect(charts).toEqual(expect.arrayContaining(['engine', 'group', 'operation']))
    const chart = (await read(world.inspector, '/api/v1/charts/operation')).json<{machine: string}>()
    expect(chart.machine).toBe('operation')
    expect((await read(world.inspector, '/api/v1/charts/none')).status).toBe(404)
  })

  it('have every state that an operation can be in', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 0})
    const {guid} = await world.start(world.server.url('/file'), 'file.bin')
    const chart = (await read(world.inspector, '/api/v1/charts/operation')).json<{states: {id: string}[]}>()
    const ids = chart.states.map(({id}) => id)
    expect(ids).toEqual(expect.arrayContaining([...(await detailOf(world, guid)).activeStates]))
  })
})

describe('the stream', () => {
  it('tells an operation’s life: accepted, its transitions in order, progress, its group', async () => {
    const world = await inspectedWorld()
    world.server.route('/file', {content: CONTENT, pieceBytes: 16_384, pieceDelayMs: 30})
    const stream = await world.stream()
    const {guid} = await world.start(world.server.url('/file'), 'file.bin', {group: 'g'})
    await stream.until(hasEnded('completed'))
    await stream.until((reader) => reader.of('group').some(({group}) => group.members.length === 0))

    const moves = stream.of('transition')
    expect(moves.map(({entry}) => entry.seq)).toEqual(Array.from(moves, (_, at) => at + 1))
    expect(moves.every(({operation, entry}) => operation.path === entry.to && operation.guid === guid)).toBe(true)
    const counts = stream.of('progress').flatMap(({changes}) => changes.map(([, bytes]) => bytes))
    expect(counts.length).toBeGreaterThan(0)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    const seqs = stream.messages.map(({seq}) => seq)
    expect(new Set(seqs).size).toBe(seqs.length)
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
  })

  it('says progress at most four times a second', async () => {
    const world = await inspectedWorld()
    world.server.route('/file', {content: {seed: 1, size: 2_000_000}, pieceBytes: 16_384, pieceDelayMs: 5})
    const stream = await world.stream()
    const startedAt = Date.now()
    await world.start(world.server.url('/file'), 'file.bin')
    await stream.until(hasEnded('completed'))
    const ticks = Math.ceil((Date.now() - startedAt) / 250) + 1
    expect(stream.of('progress').length).toBeGreaterThan(0)
    expect(stream.of('progress').length).toBeLessThanOrEqual(ticks)
  })

  it('goes on after the last message that was seen, by header or by query', async () => {
    const world = await inspectedWorld()
    world.server.route('/file', {content: CONTENT})
    const whole = await world.stream()
    await world.start(world.server.url('/file?1'), 'one.bin')
    await whole.until(hasEnded('completed'))
    const [cut = {seq: 0}] = whole.messages.filter(({message}) => message.type === 'transition')
    const missed = (reader: StreamReader) =>
      reader.messages.filter(({message, seq}) => message.type !== 'progress' && seq > cut.seq)
    for (const how of [{lastEventId: cut.seq}, {after: cut.seq}, {lastEventId: cut.seq, after: 1}]) {
      const resumed = await world.stream(how)
      await resumed.until((reader) => reader.lastSeq >= (missed(whole).at(-1)?.seq ?? 0))
      expect(missed(resumed).slice(0, missed(whole).length)).toEqual(missed(whole))
      expect(resumed.of('resync')).toEqual([])
    }
  })

  it.each([99_999, 1_000_000_000])(
    'asks to read the state again when message %d was never sent',
    async (lastEventId) => {
      const world = await inspectedWorld()
      const stream = await world.stream({lastEventId})
      await stream.until((reader) => reader.messages.length > 0)
      expect(stream.messages).toEqual([{seq: expect.any(Number), message: {type: 'resync'}}])
    },
  )

  it('asks to read the state again when another run, before it on its port, sent the message', async () => {
    const port = await unusedPort()
    const world = await inspectedWorld({page: {port}})
    world.server.route('/file', {content: CONTENT})
    const before = await world.stream()
    await world.start(world.server.url('/file'), 'one.bin')
    await before.until(hasEnded('completed'))
    const {token} = world.inspector
    await world.inspector.close()

    const next = await world.engine.inspect({port, token})
    onTestFinished(() => next.close())
    const whole = await StreamReader.open(next)
    // It has told as much by now as the one before.
    for (let at = 0; whole.messages.length <= before.messages.length; at += 1) {
      await world.start(world.server.url('/file'), `more-${at}.bin`)
      await whole.until(
        (reader) => reader.of('transition').filter(({operation}) => operation.state === 'completed').length > at,
      )
    }
    const back = await StreamReader.open(next, {lastEventId: before.lastSeq})
    await back.until((reader) => reader.messages.length > 0)
    expect(back.messages[0]?.message).toEqual({type: 'resync'})
    whole.close()
    back.close()
  })

  it('tells what was forgotten', async () => {
    const world = await inspectedWorld()
    world.server.route('/file', {content: CONTENT})
    const stream = await world.stream()
    const {guid} = await world.start(world.server.url('/file'), 'file.bin')
    await stream.until(hasEnded('completed'))
    await world.engine.forgetAsync(guid as OperationId)
    await stream.until((reader) => reader.of('removed').length > 0)
    expect(stream.of('removed')).toEqual([{type: 'removed', guid}])
    expect((await stateOf(world)).operations).toEqual([])
  })

  it('ends with the engine', async () => {
    const world = await inspectedWorld()
    const stream = await world.stream()
    await world.engine.close()
    await stream.until((reader) => reader.isClosed)
    await expect(read(world.inspector, '/api/v1/state')).rejects.toThrow()
  })
})
