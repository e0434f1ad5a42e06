/** A process that is host and client at once, as one that takes a host's place is: it knows itself from its first answer on. */

import {resolve} from 'node:path'
import {expect, it, vi} from 'vitest'
import {controlAddress} from '../../src/adapters/control/control-address.ts'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {makeDirectory, openEngine} from '../integration/harness.ts'

const {whileListening} = vi.hoisted(() => ({whileListening: {socket: '', call: async () => {}}}))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const chmod = async (...[path, mode]: Parameters<typeof real.chmod>) => {
    // The last thing before others are told: whoever comes by the socket is answered by now.
    if (path === whileListening.socket) await whileListening.call()
    await real.chmod(path, mode)
  }
  return {...real, chmod}
})

it('a client that comes before the listening has ended is told that the host is its own process', async () => {
  const directory = await makeDirectory()
  const store = resolve(directory, '.store')
  const told: unknown[] = []
  whileListening.socket = controlAddress(store)
  whileListening.call = async () => {
    const client = await BackgroundTransferEngine.connect({directory: store})
    told.push(client.host?.isOwn)
    await client.close()
  }
  await openEngine(directory, {control: true})
  expect(told).toEqual([true])
})
