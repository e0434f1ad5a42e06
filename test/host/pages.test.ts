/** Inspector pages that clients ask their host for: how long they are served. */

import {join} from 'node:path'
import {expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {read} from '../inspector/harness.ts'
import {makeDirectory, onCleanup, openEngine} from '../integration/harness.ts'
import {unusedPort} from '../support/unused-port.ts'
import {openSession, socketOf} from './raw-session.ts'

async function world() {
  const directory = await makeDirectory()
  const host = await openEngine(directory, {control: true})
  const connect = async () => {
    const client = await BackgroundTransferEngine.connect({directory: join(directory, '.store'), hostTimeoutMs: 0})
    onCleanup(() => client.close())
    return client
  }
  return {directory, host, connect}
}

const isServed = ({origin}: {readonly origin: string}) =>
  fetch(origin).then(
    ({status}) => status === 200,
    () => false,
  )

it('a page goes with the client that asked for it, and no other one does', async () => {
  const {connect} = await world()
  const [leaving, staying] = [await connect(), await connect()]
  const [left, stays] = [await leaving.inspect(), await staying.inspect()]
  expect([await isServed(left), await isServed(stays)]).toEqual([true, true])
  await leaving.close()
  await expect.poll(() => isServed(left)).toBe(false)
  expect(await isServed(stays)).toBe(true)
  // Whoever puts it away in another order hears of no failure.
  await left.close()
})

it('closes once: its port may be that of another page by then', async () => {
  const {connect} = await world()
  const client = await connect()
  const port = await unusedPort()
  const first = await client.inspect({port})
  await first.close()
  const second = await client.inspect({port})
  await first.close()
  expect(await isServed(second)).toBe(true)
})

it('stays at its address when another host takes the place, this client’s own one as well', async () => {
  const {directory, host} = await world()
  const client = await BackgroundTransferEngine.connect({
    directory: join(directory, '.store'),
    succeed: {durability: 'process', conditions: 'good'},
  })
  onCleanup(() => client.close())
  const page = await client.inspect({port: await unusedPort()})
  const state = async () => (await read(page, '/api/v1/state').catch(() => undefined))?.status
  expect(await state()).toBe(200)
  await host.close()
  expect(await state()).toBeUndefined()
  await expect.poll(state).toBe(200)
  expect(client.host?.pid).toBe(process.pid)
  await page.close()
  expect(await state()).toBeUndefined()
})

it('is closed by nobody else, whoever names its port', async () => {
  const {directory, connect} = await world()
  const page = await (await connect()).inspect()
  const other = await openSession(socketOf(directory))
  const {port} = new URL(page.origin)
  expect(await other.call('closeInspector', {port: Number(port)})).toMatchObject({value: null})
  expect(await isServed(page)).toBe(true)
})

it('closes without a word when its host has gone', async () => {
  const {host, connect} = await world()
  const page = await (await connect()).inspect()
  await host.close()
  await page.close()
  expect(await isServed(page)).toBe(false)
})
