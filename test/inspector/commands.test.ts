/** Commands from the page to the engine and back: carried out, refused with the right status, and told to whoever looks. */

import {describe, expect, it} from 'vitest'
import {BackgroundTransferPriority} from '../../src/index.ts'
import {startFaultyServer} from '../support/faulty-server.ts'
import {post, read} from './harness.ts'
import {type InspectedWorld, inspectedWorld} from './world.ts'

const CONTENT = {seed: 1, size: 300_000}

async function controlled(options: Parameters<typeof inspectedWorld>[0] = {}) {
  const world = await inspectedWorld({...options, page: {control: true}})
  world.server.route('/stuck', {content: CONTENT, etag: '"1"', cutAfter: 65_536, cut: 'stall'})
  world.server.route('/whole', {content: CONTENT, etag: '"1"'})
  return world
}

const command = ({inspector}: InspectedWorld, guid: string, body: unknown) =>
  post(inspector, `/api/v1/operations/${guid}/commands`, body)

describe('a command', () => {
  it('pauses, resumes and cancels a running transfer', async () => {
    const world = await controlled()
    const stream = await world.stream()
    const {guid} = await world.start(world.server.url('/stuck'), 'file.bin')
    const reaches = (state: string, times = 1) =>
      stream.until(
        (reader) => reader.of('transition').filter(({operation}) => operation.state === state).length >= times,
      )
    await stream.until((reader) => reader.of('progress').length > 0)

    expect((await command(world, guid, {command: 'pause'})).status).toBe(202)
    await reaches('pausedByApplication')
    expect((await command(world, guid, {command: 'pause'})).status).toBe(409)
    expect((await command(world, guid, {command: 'resume'})).status).toBe(202)
    await stream.until((reader) => reader.of('transition').some(({entry}) => entry.event === 'operation.resume'))
    expect((await command(world, guid, {command: 'cancel'})).status).toBe(202)
    await reaches('canceled')
    const {status, text} = await command(world, guid, {command: 'cancel'})
    expect(status).toBe(409)
    expect(JSON.parse(text)).toMatchObject({error: {code: 'ILLEGAL_STATE'}})
    expect(stream.of('log').map(({text: said}) => said)).toEqual([
      'pause was asked for in the inspector',
      'resume was asked for in the inspector',
      'cancel was asked for in the inspector',
    ])
  })

  it('ends the wait of a download and of an upload, but not what the server asked of everybody', async () => {
    const world = await controlled()
    const stream = await world.stream()
    world.server.route('/busy', {status: 503, retryAfter: '300'})
    const download = await world.start(world.server.url('/busy'), 'file.bin')
    await stream.until((reader) => reader.of('transition').some(({operation}) => operation.state === 'waitingToRetry'))
    const stepOf = (guid: string, event: string) =>
      stream.until((reader) => reader.of('transition').some((step) => step.guid === guid && step.entry.event === event))
    expect((await command(world, download.guid, {command: 'retry'})).status).toBe(202)
    await stepOf(download.guid, 'operation.retry')
    expect((await command(world, download.guid, {command: 'retry'})).status).toBe(409)
    expect(download.explain().why).toBe('its server asked for quiet (Retry-After)')

    const elsewhere = await startFaultyServer()
    try {
      elsewhere.route('/busy', {status: 503, retryAfter: '300'})
      const uploader = world.engine.createUploader()
      const upload = await uploader.createUploadFromStreamAsync(elsewhere.url('/busy'), new Blob(['sent']).stream())
      upload.startAsync().catch(() => {})
      await stream.until((reader) =>
        reader
          .of('transition')
          .some(({guid, operation}) => guid === upload.guid && operation.state === 'waitingToRetry'),
      )
      expect((await command(world, upload.guid, {command: 'retry'})).status).toBe(202)
      await stepOf(upload.guid, 'operation.retry')
    } finally {
      await elsewhere.close()
    }
  })

  it('starts a failed download again, as a new operation', async () => {
    const world = await controlled()
    const stream = await world.stream()
    world.server.route('/late', [{status: 404}, {content: CONTENT, etag: '"1"'}])
    const failed = await world.start(world.server.url('/late'), 'file.bin')
    const ended = (state: string) =>
      stream.until((reader) => reader.of('transition').some(({operation}) => operation.state === state))
    await ended('failed')
    expect((await command(world, failed.guid, {command: 'retry'})).status).toBe(202)
    await ended('completed')
    const operations = await world.engine.queryAsync()
    expect(operations.map(({state}) => state)).toEqual(['failed', 'completed'])
    expect((await command(world, String(operations[1]?.guid), {command: 'retry'})).status).toBe(409)
  })

  it('changes priority and rate, and puts a member first', async () => {
    const world = await controlled({maxConcurrentTransfers: 0})
    const first = await world.start(world.server.url('/whole'), 'one.bin', {group: 'g'})
    const second = await world.start(world.server.url('/whole?2'), 'two.bin', {group: 'g'})
    expect(
      (await command(world, second.guid, {command: 'priority', value: BackgroundTransferPriority.high})).status,
    ).toBe(202)
    expect((await command(world, first.guid, {command: 'rate', value: 1_000})).status).toBe(202)
    const policies = async () => {
      await world.engine.queryAsync()
      return (await world.engine.queryAsync()).map(({guid, priority}) => [guid, priority])
    }
    await expect.poll(policies).toContainEqual([second.guid, BackgroundTransferPriority.high])
    expect((await command(world, first.guid, {command: 'rate', value: null})).status).toBe(202)
    expect((await command(world, first.guid, {command: 'makeCurrent'})).status).toBe(202)
  })

  it('moves one in its line, and shows the new order at once', async () => {
    const world = await controlled({maxConcurrentTransfers: 0})
    const stream = await world.stream()
    const guids: string[] = []
    for (const name of ['one', 'two', 'three']) {
      guids.push((await world.start(world.server.url(`/whole?${name}`), name, {group: 'g'})).guid)
    }
    const [one = '', two = '', three = ''] = guids
    for (const [guid, value, order] of [
      [three, 'up', [one, three, two]],
      [one, 'down', [three, one, two]],
      [two, {before: three}, [two, three, one]],
      [two, 'last', [three, one, two]],
    ] as const) {
      expect((await command(world, guid, {command: 'move', value})).status).toBe(202)
      await stream.until((reader) => reader.of('group').at(-1)?.group.line.join() === order.join())
    }
    expect((await command(world, three, {command: 'move', value: 'up'})).status).toBe(409)
    for (const value of [undefined, 'sideways', {before: 'x'}, {}]) {
      expect((await command(world, one, {command: 'move', value})).status).toBe(400)
    }
  })

  it('gives a paused download another address and headers, and shows neither', async () => {
    const world = await controlled()
    const stream = await world.stream()
    const {guid} = await world.start(world.server.url('/stuck'), 'file.bin')
    const reaches = (state: string) =>
      stream.until((reader) => reader.of('transition').some(({operation}) => operation.state === state))
    await stream.until((reader) => reader.of('progress').length > 0)
    const request = {
      command: 'request',
      url: world.server.url('/whole?signature=s3cret1'),
      headers: [
        ['Authorization', 'Bearer s3cret2'],
        ['X-Note', 'old'],
      ],
    }
    expect((await command(world, guid, request)).status).toBe(409)
    await command(world, guid, {command: 'pause'})
    await reaches('pausedByApplication')
    expect((await command(world, guid, request)).status).toBe(202)
    const change = {
      command: 'request',
      headers: [
        ['X-Note', 'new'],
        ['Accept', null],
      ],
    }
    expect((await command(world, guid, change)).status).toBe(202)
    await command(world, guid, {command: 'resume'})
    await reaches('completed')
    expect(world.server.requests.at(-1)).toMatchObject({
      path: '/whole?signature=s3cret1',
      headers: {authorization: 'Bearer s3cret2', 'x-note': 'new'},
    })
    const told = [stream.messages, await read(world.inspector, `/api/v1/operations/${guid}`)]
    expect(JSON.stringify(told)).not.toContain('s3cret')
    expect((await command(world, guid, change)).status).toBe(409)
    for (const body of [{url: 5}, {url: 'ftp://x/'}, {headers: [['a']]}, {headers: 'a'}, {headers: [['Host', 'x']]}]) {
      const other = await world.start(world.server.url('/stuck'), `${Math.random()}.bin`)
      expect((await command(world, other.guid, {command: 'request', ...body})).status, JSON.stringify(body)).toBe(400)
    }
  })

  it('is refused with what is wrong with it', async () => {
    const world = await controlled()
    const stream = await world.stream()
    const {guid} = await world.start(world.server.url('/whole'), 'file.bin')
    await stream.until((reader) => reader.of('transition').some(({operation}) => operation.state === 'completed'))
    for (const body of [{}, null, [], {command: 'explode'}, {command: 'priority'}, {command: 'priority', value: 3}]) {
      expect((await command(world, guid, body)).status, JSON.stringify(body)).toBe(400)
    }
    for (const value of [0, -1, 'x', true]) {
      expect((await command(world, guid, {command: 'rate', value})).status).toBe(400)
    }
    for (const body of [
      {command: 'pause'},
      {command: 'makeCurrent'},
      {command: 'move', value: 'up'},
      {command: 'priority', value: 1},
      {command: 'rate', value: 9},
    ]) {
      expect((await command(world, guid, body)).status, JSON.stringify(body)).toBe(409)
    }
    const stranger = '00000000-0000-4000-8000-000000000001'
    expect((await command(world, stranger, {command: 'pause'})).status).toBe(404)
  })
})
