/** A link that breaks at the wrong moment: what a client has asked and was told comes out right all the same. */

import {describe, expect, it} from 'vitest'
import {RemoteEngine} from '../../src/client/remote-engine.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {FakeHost, flushed} from '../support/fake-host.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const GONE = new TransferError('HOST_UNREACHABLE', 'the host ended the stream')

async function connected() {
  const host = new FakeHost()
  const client = new RemoteEngine(
    {
      connection: host,
      clock: new SimulatedClock(),
      random: new SeededRandom(1),
      secrets: {seal: (plain) => plain, unseal: (sealed) => sealed, digest: (_, text) => text},
      tasks: {locate: String},
    },
    {app: undefined, patienceMs: 60_000},
  )
  const opened = client.open()
  host.welcome()
  await opened
  return {host, client}
}

describe('a client whose link breaks', () => {
  it('closes without waiting for the answers of a host that is gone', async () => {
    const {host, client} = await connected()
    client.damaged().catch(() => undefined)
    await flushed()
    const closed = client.close()
    host.lose(GONE)
    await closed
    expect(host.isClosed).toBe(true)
  })

  it('gives up a body on its signal also while it waits for a host', async () => {
    const {host, client} = await connected()
    host.lose(GONE)
    const giving = new AbortController()
    const chunks = (async function* () {})()
    const taken = client.takeBody(client.newId(), chunks, giving.signal)
    giving.abort(new Error('it is not wanted any more'))
    await expect(taken).rejects.toThrow('it is not wanted any more')
  })
})
