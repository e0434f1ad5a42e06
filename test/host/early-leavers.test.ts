/** A client that is gone before its session is open: the first one, whom the host has to be loaded for. */

import {randomUUID} from 'node:crypto'
import {once} from 'node:events'
import {connect} from 'node:net'
import {join} from 'node:path'
import {setImmediate} from 'node:timers/promises'
import {Observable} from 'rxjs'
import {describe, expect, it, vi} from 'vitest'
import {listenForClients} from '../../src/control.ts'
import {Engine} from '../../src/engine/engine.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import {createPlatform} from '../../src/platform.ts'
import {HOST_API_VERSION} from '../../src/ports/host-connection.ts'
import {makeDirectory, onCleanup} from '../integration/harness.ts'
import {ask, openSession, socketOf} from './raw-session.ts'

async function openHost() {
  const directory = await makeDirectory()
  const store = join(directory, '.store')
  const ports = await createPlatform({directory: store, conditions: 'good'})
  const engine = new Engine(ports, {})
  await engine.open()
  onCleanup(() => engine.close())
  const server = await listenForClients(engine, store)
  onCleanup(() => server.close())
  return {directory, engine, server, store: ports.store}
}

describe('a client that leaves before it is answered', () => {
  it('is not counted among those that are there', async () => {
    const {directory, server} = await openHost()
    const client = connect(socketOf(directory))
    await once(client, 'connect')
    const path = `/api/v1/session?id=${randomUUID()}&api=${HOST_API_VERSION}`
    client.write(`GET ${path} HTTP/1.1\r\nhost: control\r\n\r\n`)
    await setImmediate()
    client.destroy()
    await ask(socketOf(directory), 'GET', '/api/v1/hello')
    // By now its request was heard; that it left may be heard behind that.
    await expect.poll(() => server.clients).toBe(0)
  })

  it('keeps no completion group from firing for drafts that went with it, while its group was looked up', async () => {
    const {directory, engine, store} = await openHost()
    const id = engine.newId()
    let letRead = () => {}
    const mayRead = new Promise<void>((resolve) => {
      letRead = resolve
    })
    const read = store.tally.bind(store)
    store.tally = async (tally) => mayRead.then(() => read(tally))
    const {path} = await openSession(socketOf(directory))
    const call = {id: 0, name: 'createCompletionGroup', input: {id, expected: 1, again: true}}
    await ask(socketOf(directory), 'POST', `${path}/calls`, JSON.stringify({settled: 0, calls: [call]}))
    await ask(socketOf(directory), 'DELETE', path)
    letRead()
    await expect.poll(() => engine.completionGroups.has(id)).toBe(true)
    await engine.completionGroups.enable(id)
    await expect.poll(() => engine.completionGroups.hasFired(id)).toBe(true)
  })

  it('is told of no events that it asked for behind a refresh that ended after it', async () => {
    const {directory, engine, store} = await openHost()
    const {path} = await openSession(socketOf(directory))
    let followers = 0
    const {events$} = engine
    const counted = new Observable<EngineEvent>((subscriber) => {
      followers += 1
      return events$.subscribe(subscriber).add(() => {
        followers -= 1
      })
    })
    vi.spyOn(engine, 'events$', 'get').mockReturnValue(counted)
    let letRead = () => {}
    const mayRead = new Promise<undefined>((resolve) => {
      letRead = () => resolve(undefined)
    })
    store.get = () => mayRead
    const calls = [
      {id: 0, name: 'refresh', input: {ids: [engine.newId()]}},
      {id: 1, name: 'watch', input: {events: true}},
    ]
    await ask(socketOf(directory), 'POST', `${path}/calls`, JSON.stringify({settled: 0, calls}))
    await ask(socketOf(directory), 'DELETE', path)
    letRead()
    await setImmediate()
    expect(followers).toBe(0)
  })
})
