/** What could grow does not: clients that read nothing, a million messages, a burst of new operations. */

import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {MessageHub} from '../../src/inspector/message-hub.ts'
import type {InspectorMessage} from '../../src/inspector/protocol.ts'
import {journalEntry, operationId} from '../support/records.ts'
import {StreamReader} from './harness.ts'
import {inspectedWorld} from './world.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** 1,000,000 with INSPECTOR_EVENTS; less where nobody wants to wait. */
const EVENTS = Number(process.env.INSPECTOR_EVENTS ?? 100_000)

function transition(n: number): InspectorMessage {
  const guid = operationId(n % 1000)
  return {
    type: 'transition',
    guid,
    entry: journalEntry(n),
    operation: {
      guid,
      url: 'http://127.0.0.1/files/archive.tar.gz?token=***',
      name: 'archive.tar.gz',
      direction: 'download',
      group: '',
      priority: 0,
      status: 'running',
      state: 'running',
      path: 'running.exchanging.active.transferring',
      bytesReceived: n,
      totalBytesToReceive: 1_000_000,
      rate: 1000,
      attempts: 1,
      createdAt: 1_700_000_000_000,
    },
  }
}

describe('the hub', () => {
  let hub: MessageHub
  let server: Server
  let address: {origin: string; token: string}

  beforeEach(async () => {
    hub = new MessageHub(() => undefined)
    server = createServer((request, response) => {
      const last = request.headers['last-event-id']
      hub.attach(response, last === undefined ? undefined : Number(last))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    address = {origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: ''}
  })

  afterEach(async () => {
    hub.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const turn = () => new Promise((resolve) => setImmediate(resolve))

  it('stays as large as it is over very many messages, with a client that reads them all', {
    timeout: 300_000,
  }, async () => {
    const reader = await StreamReader.open(address, {keep: false})
    const publish = async (from: number, to: number) => {
      for (let n = from; n < to; n += 1) {
        hub.publish(transition(n))
        // The client keeps up, as it does with an engine that has other work too.
        if (n % 200 === 199) await reader.until(() => reader.count > n)
      }
      await reader.until(() => reader.count >= to)
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const before = await publish(0, 10_000)
    const after = await publish(10_000, EVENTS)
    expect(reader.isClosed).toBe(false)
    expect(after - before).toBeLessThan(4 * 1024 * 1024)
    reader.close()
  })

  it('drops a client that does not read, and goes on with the others', async () => {
    const stalled = await StreamReader.open(address, {keep: false})
    const reader = await StreamReader.open(address, {keep: false})
    expect(hub.clients).toBe(2)
    stalled.stall()
    let n = 0
    // First the system's own buffers fill, then ours.
    while (hub.clients === 2 && n < 1_000_000) {
      hub.publish(transition(n))
      n += 1
      if (n % 100 === 0) await reader.until(() => reader.count >= n)
    }
    expect(hub.clients).toBe(1)
    await reader.until(() => reader.count >= n)
    expect(reader.isClosed).toBe(false)
    stalled.goOn()
    await stalled.until(() => stalled.isClosed)
    reader.close()
  })

  it('gives back what was missed while it is kept, and else says to read again', async () => {
    for (let n = 1; n <= 5000; n += 1) hub.publish(transition(n))
    const first = async (lastEventId: number) => {
      const reader = await StreamReader.open(address, {lastEventId})
      await reader.until(() => reader.messages.length > 0)
      reader.close()
      return {seq: reader.messages[0]?.seq, type: reader.messages[0]?.message.type, count: reader.messages.length}
    }
    expect(await first(4990)).toMatchObject({seq: 4991, type: 'transition'})
    expect(await first(10)).toMatchObject({seq: 5000, type: 'resync', count: 1})
    // Kept, and too much for one answer.
    expect(await first(3100)).toMatchObject({seq: 5000, type: 'resync'})
    expect(await first(5001)).toMatchObject({type: 'resync'})
  })

  it('does not count progress among what can be missed', async () => {
    hub.publish(transition(1))
    for (let n = 0; n < 3000; n += 1) hub.publish({type: 'progress', changes: [[operationId(1), n, 0, 0]]})
    hub.publish(transition(2))
    const reader = await StreamReader.open(address, {lastEventId: 1})
    await reader.until(() => reader.messages.length > 0)
    expect(reader.messages).toMatchObject([{seq: 3002, message: {type: 'transition'}}])
    reader.close()
  })

  it('lets go of clients that leave', async () => {
    const readers = await Promise.all(Array.from({length: 8}, () => StreamReader.open(address)))
    expect(hub.clients).toBe(8)
    for (const reader of readers) reader.close()
    while (hub.clients > 0) await turn()
  })
})

describe('an engine that is given very much at once', () => {
  it('has the page read the state again instead of telling all of it', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 0})
    const stream = await world.stream()
    const downloader = world.engine.createDownloader()
    const running = Array.from({length: 800}, (_, n) =>
      downloader.createDownload(world.server.url(`/${n}`), `${world.directory}/${n}`).startAsync(),
    )
    for (const each of running) each.catch(() => {})
    await Promise.all(running.map(({accepted}) => accepted))
    await stream.until((reader) => reader.of('resync').length + reader.of('operation').length > 0)
    expect(stream.of('resync').length * 800 + stream.of('operation').length).toBeGreaterThanOrEqual(1)
    expect(stream.of('operation').length).toBeLessThan(800)
  })
})
