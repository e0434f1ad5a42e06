/** Bodies that a client sends to its host before it starts what they are for: who may start them, and when they go. */

import {once} from 'node:events'
import {readdir} from 'node:fs/promises'
import {type ClientRequest, type IncomingMessage, request} from 'node:http'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {controlAddress, listenAt} from '../../src/adapters/control/control-address.ts'
import {Engine} from '../../src/engine/engine.ts'
import {startHostServer} from '../../src/host/host-server.ts'
import type {BackgroundTransferEngineOptions} from '../../src/index.ts'
import {createPlatform} from '../../src/platform.ts'
import {spoolName} from '../../src/ports/spool.ts'
import {makeDirectory, onCleanup, startServer} from '../integration/harness.ts'
import {operationId} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'
import {ask, openSession} from './raw-session.ts'

const GUID = operationId(7)
const BODY = 'what was sent ahead'
const GRACE_MS = 30_000
const ABSENCE_MS = 3_600_000

/** A host whose patience with its clients is the test's to spend. */
async function makeHost() {
  const directory = await makeDirectory()
  const options: BackgroundTransferEngineOptions = {directory, conditions: 'good', durability: 'process'}
  const engine = new Engine(await createPlatform(options), options)
  await engine.open()
  const clock = new SimulatedClock()
  const about = {version: '0', pid: process.pid, epoch: '0', stays: true}
  const listen = async (server: Parameters<typeof listenAt>[0]) => void (await listenAt(server, directory))
  const server = await startHostServer({...about, engine, clock, listen})
  onCleanup(async () => {
    await server.close()
    await engine.close()
  })
  return {
    socket: controlAddress(directory),
    clock,
    /** Names of bodies that are kept. */
    bodies: async () => (await readdir(join(directory, 'spool')).catch(() => [])).filter((name) => /body/.test(name)),
    /** Resolves when it has seen that a client is there, or that nobody is. */
    async sees(clients: number) {
      await expect.poll(() => server.clients).toBe(clients)
    },
  }
}

/** Begins to send a body; `end` sends the rest. */
async function sending(socketPath: string, session: string) {
  const asked: ClientRequest = request({socketPath, method: 'PUT', path: `${session}/body?guid=${GUID}`})
  const answered = (once(asked, 'response') as Promise<[IncomingMessage]>).then(([answer]) => answer.statusCode)
  answered.catch(() => undefined)
  await new Promise((sent) => asked.write(BODY.slice(0, 4), sent))
  return {
    end: () => {
      asked.end(BODY.slice(4))
      return answered
    },
    /** Resolves when the host may have seen it. */
    breakOff: async () => {
      asked.destroy()
      await answered.catch(() => undefined)
    },
  }
}

const draftTo = (url: string) => ({
  id: GUID,
  direction: 'upload',
  request: {
    url,
    method: 'PUT',
    headers: [],
    body: {pieces: [{kind: 'spool', name: spoolName(GUID, 'body'), size: BODY.length}]},
  },
  target: {file: '', collision: 'failIfExists'},
  policy: {priority: 0, costPolicy: 0, group: ''},
  createdAt: 1,
})

describe('a body that was sent ahead', () => {
  it('can be started by its client when that one comes back, however late after its session', async () => {
    const server = await startServer()
    server.route('/up', {status: 201})
    const host = await makeHost()
    const first = await openSession(host.socket)
    expect(await (await sending(host.socket, first.path)).end()).toBe(200)
    first.leave()
    await host.sees(0)
    host.clock.advanceBy(GRACE_MS + 1)
    expect((await ask(host.socket, 'POST', `${first.path}/calls`, '{"settled":0,"calls":[]}')).status).toBe(404)
    host.clock.advanceBy(ABSENCE_MS - 10)
    const again = await openSession(host.socket, first.id)
    expect(again.welcome).toMatchObject({type: 'welcome', resumed: false})
    const {error} = await again.call('start', {drafts: [draftTo(server.url('/up'))], hold: true})
    expect(error).toBeUndefined()
    await expect.poll(() => server.requests.map(({body}) => String(body))).toEqual([BODY])
    // Its operation ended, and took it along.
    await expect.poll(host.bodies).toEqual([])
  })

  it('goes with a client that does not come back, and not before', async () => {
    const host = await makeHost()
    const session = await openSession(host.socket)
    expect(await (await sending(host.socket, session.path)).end()).toBe(200)
    session.leave()
    await host.sees(0)
    host.clock.advanceBy(GRACE_MS)
    expect(await host.bodies()).toHaveLength(1)
    host.clock.advanceBy(ABSENCE_MS)
    await expect.poll(host.bodies).toEqual([])
  })

  it('goes with the goodbye of a client that came back, and did not start it', async () => {
    const host = await makeHost()
    const first = await openSession(host.socket)
    expect(await (await sending(host.socket, first.path)).end()).toBe(200)
    first.leave()
    await host.sees(0)
    host.clock.advanceBy(GRACE_MS)
    const again = await openSession(host.socket, first.id)
    host.clock.advanceBy(ABSENCE_MS)
    expect(await host.bodies()).toHaveLength(1)
    await ask(host.socket, 'DELETE', again.path)
    await expect.poll(host.bodies).toEqual([])
  })

  it('is that of the last try, of which an earlier one that is found broken takes nothing', async () => {
    const server = await startServer()
    server.route('/up', {status: 201})
    const host = await makeHost()
    const session = await openSession(host.socket)
    const broken = await sending(host.socket, session.path)
    await expect.poll(host.bodies).toHaveLength(1)
    expect(await (await sending(host.socket, session.path)).end()).toBe(200)
    await broken.breakOff()
    const {error} = await session.call('start', {drafts: [draftTo(server.url('/up'))], hold: true})
    expect(error).toBeUndefined()
    await expect.poll(() => server.requests.map(({body}) => String(body))).toEqual([BODY])
    await expect.poll(host.bodies).toEqual([])
  })

  it('goes when its client says goodbye in the midst of it, and when it breaks off', async () => {
    const host = await makeHost()
    const session = await openSession(host.socket)
    const given = await sending(host.socket, session.path)
    await expect.poll(host.bodies).toHaveLength(1)
    await ask(host.socket, 'DELETE', session.path)
    expect(await given.end()).toBe(503)
    await expect.poll(host.bodies).toEqual([])
    const other = await openSession(host.socket)
    const broken = await sending(host.socket, other.path)
    await expect.poll(host.bodies).toHaveLength(1)
    await broken.breakOff()
    await expect.poll(host.bodies).toEqual([])
  })
})
