/**
 * NetworkManager and UPower as python3-dbusmock plays them, on a dbus-daemon of the test's own: the protocol is theirs. Left out,
 * and said so, where one of them is missing.
 */

import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {createClient, type MessageBus} from 'dbus-native'
import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {createMachineConditions} from '../../src/adapters/conditions/machine-conditions.ts'
import {BackgroundTransferCostPolicy, BackgroundTransferStatus, type Conditions} from '../../src/index.ts'
import {onCleanup, reaches} from '../integration/harness.ts'
import {makeWorldOn} from '../integration/library/conditional-world.ts'
import {CONNECTED, fakeFiles} from './fake-machine.ts'

/** Debian's: its packages are there. */
const PYTHON = '/usr/bin/python3'
const DAEMON = 'dbus-daemon'

function isInstalled(): boolean {
  try {
    execFileSync(DAEMON, ['--version'], {stdio: 'ignore'})
    execFileSync(PYTHON, ['-c', 'import dbusmock'], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

const isThere = isInstalled()
const isRequired = process.env.BGT_REQUIRE_PEERS === '1'
if (!isThere && !isRequired)
  console.log('dbusmock.test.ts: left out, because dbus and python3-dbusmock are not installed')

async function startDaemon(): Promise<string> {
  const daemon = spawn(DAEMON, ['--session', '--nofork', '--print-address'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onCleanup(async () => {
    daemon.kill()
  })
  const [address] = await once(createInterface({input: daemon.stdout}), 'line')
  return String(address)
}

interface Mock {
  /** Sets properties and tells of them. */
  update(owner: string, properties: Record<string, readonly [signature: string, value: unknown]>): Promise<void>
}

/** A template of dbusmock, once it is on the bus. */
async function startMock(address: string, template: string, name: string, path: string): Promise<Mock> {
  const env = {...process.env, DBUS_SYSTEM_BUS_ADDRESS: address, DBUS_SESSION_BUS_ADDRESS: address}
  const mock = spawn(PYTHON, ['-m', 'dbusmock', '--system', '--template', template], {env, stdio: 'ignore'})
  const bus: MessageBus = createClient({busAddress: address})
  onCleanup(async () => {
    bus.connection.stream.destroy()
    mock.kill()
  })
  await expect.poll(async () => bus.nameHasOwner(name), {timeout: 20_000}).toBe(true)
  return {
    update: async (owner, properties) => {
      const call = {destination: name, path, interface: 'org.freedesktop.DBus.Mock', member: 'UpdateProperties'}
      const body = [owner, Object.entries(properties)]
      await bus.invoke({...call, signature: 'sa{sv}', body})
    },
  }
}

async function conditionsOn(busAddress: string) {
  const source = await createMachineConditions({
    busAddress,
    intervalMs: 50,
    settleMs: 10,
    interfaces: () => CONNECTED,
    ...fakeFiles({}),
  })
  const subscription = source.conditions$.subscribe()
  onCleanup(async () => subscription.unsubscribe())
  return {
    source,
    until: (isSo: (conditions: Conditions) => boolean) => firstValueFrom(source.conditions$.pipe(filter(isSo))),
  }
}

describe.skipIf(!isThere && !isRequired)('the services of a Linux desktop', () => {
  it('249. a network that NetworkManager calls metered holds unrestrictedOnly back until it is not any more', async () => {
    expect(isThere, 'dbus and python3-dbusmock are required and not installed').toBe(true)
    const address = await startDaemon()
    const name = 'org.freedesktop.NetworkManager'
    const manager = await startMock(address, 'networkmanager', name, '/org/freedesktop/NetworkManager')
    // The template is older than the property.
    await callMock(address, name, {member: 'AddProperty', signature: 'ssv'}, [name, 'Metered', ['u', 1]])
    const {source, until} = await conditionsOn(address)
    expect(await firstValueFrom(source.conditions$)).toMatchObject({
      connectivity: 'internet',
      cost: {type: 'variable'},
      basis: {network: 'NetworkManager', cost: 'NetworkManager'},
    })
    const {world, url} = await makeWorldOn(source)
    world.server.route('/a', {content: Buffer.from('paid for')})
    const downloader = world.engine.createDownloader()
    downloader.costPolicy = BackgroundTransferCostPolicy.unrestrictedOnly
    const operation = downloader.createDownload(url('/a'), world.file('a'))
    const running = operation.startAsync()
    await reaches(operation, BackgroundTransferStatus.pausedCostedNetwork)
    expect(world.server.connections).toBe(0)
    await manager.update(name, {Metered: ['u', 4]})
    await running
    await manager.update(name, {Connectivity: ['u', 2]})
    await until(({connectivity}) => connectivity === 'constrained')
    await manager.update(name, {Connectivity: ['u', 1]})
    await until(({connectivity}) => connectivity === 'none')
  })

  it('260. a battery that UPower calls low is saved', async () => {
    expect(isThere, 'dbus and python3-dbusmock are required and not installed').toBe(true)
    const address = await startDaemon()
    const name = 'org.freedesktop.UPower'
    const power = await startMock(address, 'upower', name, '/org/freedesktop/UPower')
    const display = {member: 'SetupDisplayDevice', signature: 'iiddddxxbsu'}
    const {source, until} = await conditionsOn(address)
    expect(await firstValueFrom(source.conditions$)).toMatchObject({batterySaver: false, basis: {power: 'UPower'}})
    await callMock(address, name, display, [2, 2, 12, 10, 80, 5, 900, 0, true, 'battery-low', 3])
    await power.update(name, {OnBattery: ['b', true]})
    await until(({batterySaver}) => batterySaver)
    await power.update(name, {OnBattery: ['b', false]})
    await until(({batterySaver}) => !batterySaver)
  })
})

async function callMock(
  address: string,
  destination: string,
  call: {readonly member: string; readonly signature: string},
  body: readonly unknown[],
): Promise<void> {
  const bus = createClient({busAddress: address})
  const path = `/${destination.replaceAll('.', '/')}`
  await bus.invoke({...call, destination, path, interface: 'org.freedesktop.DBus.Mock', body: [...body]})
  bus.connection.stream.destroy()
}
