/** A client that is gone before its session is open: the first one, whom the host has to be loaded for. */

import {randomUUID} from 'node:crypto'
import {once} from 'node:events'
import {connect} from 'node:net'
import {join} from 'node:path'
import {setImmediate} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'
import {listenForClients} from '../../src/control.ts'
import {Engine} from '../../src/engine/engine.ts'
import {createPlatform} from '../../src/platform.ts'
import {HOST_API_VERSION} from '../../src/ports/host-connection.ts'
import {makeDirectory, onCleanup} from '../integration/harness.ts'
import {ask, socketOf} from './raw-session.ts'

describe('a client that leaves before it is answered', () => {
  it('is not counted among those that are there', async () => {
    const directory = await makeDirectory()
    const store = join(directory, '.store')
    const engine = new Engine(await createPlatform({directory: store, conditions: 'good'}), {})
    await engine.open()
    onCleanup(() => engine.close())
    const server = await listenForClients(engine, store)
    onCleanup(() => server.close())
    const client = connect(socketOf(directory))
    await once(client, 'connect')
    const path = `/api/v1/session?id=${randomUUID()}&api=${HOST_API_VERSION}`
    client.write(`GET ${path} HTTP/1.1\r\nhost: control\r\n\r\n`)
    await setImmediate()
    client.destroy()
    await ask(socketOf(directory), 'GET', '/api/v1/hello')
    expect(server.clients).toBe(0)
  })
})
