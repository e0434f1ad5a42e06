/** How much of an operation a host tells its client, and that what is told in pieces comes to the whole. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {changesOf, withChanges} from '../../src/domain/record-changes.ts'
import {BackgroundTransferEngine, type EngineEvent} from '../../src/index.ts'
import {makeDirectory, onCleanup, openEngine, startServer} from '../integration/harness.ts'
import {queuedRecord} from '../support/records.ts'
import {openSession, socketOf} from './raw-session.ts'

const BODY = 'a body that is told once'

async function world() {
  const directory = await makeDirectory()
  const server = await startServer()
  server.route('/in', {content: Buffer.alloc(0)})
  const host = await openEngine(directory, {control: true})
  return {directory, server, host}
}

describe('a client that holds an operation and watches', () => {
  it('is told its record once over the stream, and once more as an event; then what has changed', async () => {
    const {directory, server} = await world()
    const session = await openSession(socketOf(directory))
    const draft = {
      id: '01a22b16-cb79-7000-a724-000000000001',
      direction: 'upload',
      request: {url: server.url('/in'), method: 'POST', headers: [], body: {pieces: [{kind: 'text', text: BODY}]}},
      target: {file: '', collision: 'failIfExists'},
      policy: {priority: 0, costPolicy: 0, group: ''},
      createdAt: 1,
    }
    await session.call('watch', {events: true})
    const told = [await session.call('start', {drafts: [draft], hold: true})]
    const steps: unknown[] = []
    for await (const message of session.messages) {
      told.push(message)
      if (message.type === 'moved') steps.push(message.event.to)
      if (message.snapshot?.state === 'completed') break
    }
    expect(JSON.stringify(told[0]).split(BODY)).toHaveLength(2)
    const notices = told.filter(({type}) => type === 'notice')
    expect(notices.length).toBeGreaterThan(1)
    expect(JSON.stringify(notices)).not.toContain(BODY)
    expect(JSON.stringify(told.filter(({type}) => type === 'event')).split(BODY).length).toBeLessThanOrEqual(3)
    expect(steps.length).toBeGreaterThan(1)
  })

  it('is told the whole again over another stream', async () => {
    const {directory, server} = await world()
    server.route('/a', {content: Buffer.alloc(200_000), cutAfter: 50_000, cut: 'stall', etag: '"1"'})
    const client = await BackgroundTransferEngine.connect({directory: join(directory, '.store')})
    onCleanup(() => client.close())
    const download = client.createDownloader().createDownload(server.url('/a'), join(directory, 'a'))
    const running = download.startAsync()
    running.catch(() => undefined)
    await running.accepted
    const first = await openSession(socketOf(directory))
    await first.call('find', {id: download.guid})
    first.leave()
    const second = await openSession(socketOf(directory), first.id)
    download.pause()
    for await (const {type, snapshot} of second.messages) {
      if (type !== 'notice') continue
      expect(snapshot.record.id).toBe(download.guid)
      break
    }
  })

  it('hears the same events, with the same records, as the process that has the engine', async () => {
    const {directory, server, host} = await world()
    server.route('/a', {content: Buffer.alloc(200_000), etag: '"1"'})
    const client = await BackgroundTransferEngine.connect({directory: join(directory, '.store')})
    onCleanup(() => client.close())
    const [there, here]: [EngineEvent[], EngineEvent[]] = [[], []]
    host.events$.subscribe((event) => there.push(event))
    client.events$.subscribe((event) => here.push(event))
    const download = client.createDownloader().createDownload(server.url('/a'), join(directory, 'a'))
    await download.startAsync()
    const steps = (events: readonly EngineEvent[]) =>
      events.filter(({type}) => type === 'operation.moved').map((event) => JSON.parse(JSON.stringify(event)))
    await expect.poll(() => steps(here).length).toBe(steps(there).length)
    expect(steps(here)).toEqual(steps(there))
    expect(steps(here).at(-1)?.state).toBe('completed')
  })
})

describe('what has changed of a record', () => {
  it('makes the other one of it, also where members are gone, or have come back', () => {
    const plain = queuedRecord(1)
    const failed = queuedRecord(1, {state: 'failed', error: {code: 'CANCELED', message: 'no'}, retryAt: 5})
    for (const [before, after] of [
      [plain, failed],
      [failed, plain],
      [plain, {...plain, state: 'running'}],
    ] as const) {
      const changes = JSON.parse(JSON.stringify(changesOf(before, after)))
      expect(withChanges(before, changes)).toEqual(after)
    }
    expect(changesOf(plain, {...plain, state: 'running'})).toEqual({set: {state: 'running'}})
  })
})
