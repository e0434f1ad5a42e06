/** NetworkManager and UPower as python3-dbusmock plays them, on a dbus-daemon of the test's own: the protocol is theirs. */

import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {createMachineConditions} from '../../src/adapters/conditions/machine-conditions.ts'
import {BackgroundTransferCostPolicy, BackgroundTransferStatus, type Conditions} from '../../src/index.ts'
import {onCleanup, reaches} from '../integration/harness.ts'
import {makeWorldOn} from '../integration/library/conditional-world.ts'
import {dbusPeers, MockService, startDaemon} from '../support/dbus.ts'
import {CONNECTED, fakeFiles} from './fake-machine.ts'

const {isThere, isLeftOut} = dbusPeers('conditions/dbusmock.test.ts')

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

describe.skipIf(isLeftOut)('the services of a Linux desktop', () => {
  it('249. a network that NetworkManager calls metered holds unrestrictedOnly back until it is not any more', async () => {
    expect(isThere, 'dbus and python3-dbusmock are required and not installed').toBe(true)
    const address = await startDaemon()
    const name = 'org.freedesktop.NetworkManager'
    const manager = await MockService.start(address, 'networkmanager', name)
    // The template is older than the property.
    await manager.call('AddProperty', 'ssv', [name, 'Metered', ['u', 1]])
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
    const power = await MockService.start(address, 'upower', name)
    const {source, until} = await conditionsOn(address)
    expect(await firstValueFrom(source.conditions$)).toMatchObject({batterySaver: false, basis: {power: 'UPower'}})
    const battery = [2, 2, 12, 10, 80, 5, 900, 0, true, 'battery-low', 3]
    await power.call('SetupDisplayDevice', 'iiddddxxbsu', battery)
    await power.update(name, {OnBattery: ['b', true]})
    await until(({batterySaver}) => batterySaver)
    await power.update(name, {OnBattery: ['b', false]})
    await until(({batterySaver}) => !batterySaver)
  })
})
