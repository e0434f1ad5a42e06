/** The default source of conditions: what it tells and when, against a machine and a bus that the test makes up. */

import {once} from 'node:events'
import {join} from 'node:path'
import {EMPTY, filter, firstValueFrom, map, type Observable} from 'rxjs'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import type {Interfaces} from '../../src/adapters/conditions/interfaces.ts'
import {createMachineConditions} from '../../src/adapters/conditions/machine-conditions.ts'
import {BackgroundTransferStatus, type Conditions} from '../../src/index.ts'
import {makeDirectory, makeWorld, reaches} from '../integration/harness.ts'
import {startChild} from '../support/child-program.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {startBus, startNetworkManager, startService, startUPower} from './fake-bus.ts'
import {CONNECTED, fakeFiles, LOOPBACK_ONLY} from './fake-machine.ts'

const NO_BUS = 'unix:path=/nowhere/bus'
const QUICK = {intervalMs: 10, settleMs: 10, interfaces: () => CONNECTED, ...fakeFiles({})}

/** The first that is so. */
function until(conditions$: Observable<Conditions>, isSo: (conditions: Conditions) => boolean): Promise<Conditions> {
  return firstValueFrom(conditions$.pipe(filter(isSo)))
}

describe('a machine without a bus', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  async function watch(options: {readonly files?: Record<string, string>} = {}) {
    let interfaces: Interfaces = CONNECTED
    const files = {...options.files}
    const source = await createMachineConditions({
      busAddress: NO_BUS,
      interfaces: () => interfaces,
      read: (path) => fakeFiles(files).read(path),
      list: (path) => fakeFiles(files).list(path),
    })
    const told: string[] = []
    const subscription = source.conditions$
      .pipe(map(({connectivity, batterySaver}) => `${connectivity}${batterySaver ? ', saving' : ''}`))
      .subscribe((each) => told.push(each))
    return {
      told,
      gone$: source.addressesGone$ ?? EMPTY,
      files,
      stop: () => subscription.unsubscribe(),
      become: (next: Interfaces) => {
        interfaces = next
      },
    }
  }

  it('8.1. tells the present at once, and a change within five seconds and the two that it must last', async () => {
    const {told, become, stop} = await watch()
    expect(told).toEqual(['internet'])
    become(LOOPBACK_ONLY)
    vi.advanceTimersByTime(6_999)
    expect(told).toEqual(['internet'])
    vi.advanceTimersByTime(1)
    expect(told).toEqual(['internet', 'none'])
    become(CONNECTED)
    vi.advanceTimersByTime(10_000)
    expect(told).toEqual(['internet', 'none', 'internet'])
    stop()
  })

  it('a network that is away for a moment is never told of', async () => {
    const {told, become, stop} = await watch()
    for (let turn = 0; turn < 3; turn++) {
      become(LOOPBACK_ONLY)
      vi.advanceTimersByTime(5_000)
      become(CONNECTED)
      vi.advanceTimersByTime(5_000)
    }
    expect(told).toEqual(['internet'])
    stop()
  })

  it('an address that another one has replaced is told as gone when it has been so for two looks', async () => {
    const source = await watch()
    const gone: (readonly string[])[] = []
    source.gone$.subscribe((addresses) => gone.push(addresses))
    source.become({...CONNECTED, eth0: [{address: '192.0.2.9', internal: false}]})
    vi.advanceTimersByTime(9_999)
    expect(gone).toEqual([])
    vi.advanceTimersByTime(1)
    expect(gone).toEqual([['192.0.2.2']])
    expect(source.told).toEqual(['internet'])
    source.stop()
  })

  it('of an interface that is down nothing is gone, and of one that is not there any more everything', async () => {
    const source = await watch({files: {'/sys/class/net/lo/x': '', '/sys/class/net/eth0/x': ''}})
    const gone: (readonly string[])[] = []
    source.gone$.subscribe((addresses) => gone.push(addresses))
    source.become(LOOPBACK_ONLY)
    vi.advanceTimersByTime(30_000)
    expect(gone).toEqual([])
    delete source.files['/sys/class/net/eth0/x']
    vi.advanceTimersByTime(10_000)
    expect(gone).toEqual([['192.0.2.2']])
    source.stop()
  })

  it('8.3. the power supply is looked at with the rest', async () => {
    const supply = '/sys/class/power_supply'
    const {told, files, stop} = await watch({
      files: {
        [`${supply}/BAT0/type`]: 'Battery',
        [`${supply}/BAT0/status`]: 'Discharging',
        [`${supply}/BAT0/capacity`]: '21',
      },
    })
    files[`${supply}/BAT0/capacity`] = '20'
    vi.advanceTimersByTime(10_000)
    expect(told).toEqual(['internet', 'internet, saving'])
    files[`${supply}/AC/type`] = 'Mains'
    files[`${supply}/AC/online`] = '1'
    vi.advanceTimersByTime(10_000)
    expect(told.at(-1)).toBe('internet')
    stop()
  })

  it('nothing is looked at when nobody listens, and a later subscriber hears the present', async () => {
    const interfaces = vi.fn(() => CONNECTED)
    const {conditions$} = await createMachineConditions({busAddress: NO_BUS, interfaces, ...fakeFiles({})})
    conditions$.subscribe().unsubscribe()
    interfaces.mockClear()
    vi.advanceTimersByTime(60_000)
    expect(interfaces).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
    interfaces.mockReturnValue(LOOPBACK_ONLY)
    const told: Conditions[] = []
    conditions$.subscribe((each) => told.push(each)).unsubscribe()
    expect(told).toMatchObject([{connectivity: 'none'}])
  })

  it('a system that forbids to look at its interfaces is taken for connected', async () => {
    const interfaces = () => {
      throw new Error('EACCES')
    }
    const {conditions$} = await createMachineConditions({busAddress: NO_BUS, interfaces, ...fakeFiles({})})
    conditions$.subscribe(({connectivity}) => expect(connectivity).toBe('internet')).unsubscribe()
  })
})

describe('a machine with a bus', () => {
  it('8.2. knows before anybody subscribes that the network is metered, and hears of it when it is not any more', async () => {
    const bus = await startBus()
    const manager = await startNetworkManager(bus, {Connectivity: 4, Metered: 1})
    const {conditions$} = await createMachineConditions({...QUICK, intervalMs: 1e9, busAddress: bus.address})
    const types: string[] = []
    const subscription = conditions$.subscribe(({cost}) => types.push(cost.type))
    expect(types).toEqual(['variable'])
    // By its signal alone: the next look is days away.
    const later = until(conditions$, ({cost}) => cost.type === 'unrestricted')
    const repeat = setInterval(() => manager.set('Metered', 2), 20)
    await later
    clearInterval(repeat)
    subscription.unsubscribe()
  })

  it('8.3. hears of UPower and of the power profiles, under the name that they have', async () => {
    const bus = await startBus()
    const power = await startUPower(bus, {OnBattery: false})
    const profiles = await startService(
      bus,
      'net.hadess.PowerProfiles',
      '/net/hadess/PowerProfiles',
      {ActiveProfile: 's'},
      {ActiveProfile: 'power-saver'},
    )
    const {conditions$} = await createMachineConditions({...QUICK, busAddress: bus.address})
    const subscription = conditions$.subscribe()
    expect((await firstValueFrom(conditions$)).batterySaver).toBe(false)
    const saving = until(conditions$, ({batterySaver}) => batterySaver)
    const repeat = setInterval(() => power.set('OnBattery', true), 20)
    expect((await saving).basis?.power).toBe('UPower')
    clearInterval(repeat)
    profiles.set('ActiveProfile', 'balanced')
    await until(conditions$, ({batterySaver}) => !batterySaver)
    subscription.unsubscribe()
  })

  it('a service that comes later is heard, and one that goes is forgotten', async () => {
    const bus = await startBus()
    const {conditions$} = await createMachineConditions({...QUICK, busAddress: bus.address})
    const subscription = conditions$.subscribe()
    expect((await firstValueFrom(conditions$)).basis?.cost).toBe('assumed')
    const manager = await startNetworkManager(bus, {Connectivity: 4, Metered: 3})
    const repeat = setInterval(() => manager.set('Metered', 3), 20)
    expect((await until(conditions$, ({cost}) => cost.type === 'variable')).basis?.cost).toBe('NetworkManager, guessed')
    clearInterval(repeat)
    manager.stop()
    await until(conditions$, ({cost}) => cost.type === 'unknown')
    subscription.unsubscribe()
  })

  it('a bus that goes is forgotten, and found again when it is back', async () => {
    const bus = await startBus()
    await startNetworkManager(bus, {Connectivity: 4, Metered: 1})
    const {conditions$} = await createMachineConditions({...QUICK, intervalMs: 2, busAddress: bus.address})
    const subscription = conditions$.subscribe()
    expect((await firstValueFrom(conditions$)).cost.type).toBe('variable')
    // Once more by the connection that watches.
    await until(conditions$, ({basis}) => basis?.network === 'NetworkManager')
    bus.stop()
    await until(conditions$, ({cost}) => cost.type === 'unknown')
    const again = await startBus(bus.socket)
    await startNetworkManager(again, {Connectivity: 4, Metered: 1})
    await until(conditions$, ({cost}) => cost.type === 'variable')
    subscription.unsubscribe()
  })
})

describe('an engine on the machine’s conditions', () => {
  it('O31. reaches this machine where there is no interface but the loopback', async () => {
    const conditions = await createMachineConditions({
      busAddress: NO_BUS,
      interfaces: () => LOOPBACK_ONLY,
      ...fakeFiles({}),
    })
    const world = await makeWorld({conditions})
    world.server.route('/a', {content: Buffer.from('here')})
    const downloader = world.engine.createDownloader()
    await downloader.createDownload(world.server.url('/a'), world.file('a')).startAsync()
    const elsewhere = downloader.createDownload('http://files.example/b', world.file('b'))
    elsewhere.startAsync()
    await reaches(elsewhere, BackgroundTransferStatus.pausedNoNetwork)
  })

  it.each([
    ['no source', {}],
    ['another word', 'yes'],
    ['an array', []],
  ])('%s is refused', async (_, wrong) => {
    await expect(makeWorld({conditions: wrong as unknown as 'good'})).rejects.toMatchObject({code: 'INVALID_ARGUMENT'})
  })

  it('holds the process alive while something waits for other conditions, and not otherwise', async () => {
    const program = await compiledProgram(new URL('./lonely.ts', import.meta.url))
    const directory = await makeDirectory()
    const run = async (mode: string) => {
      const child = startChild(program, [mode, join(directory, mode), join(directory, 'file')])
      const exit = once(child.process, 'exit')
      const lines: string[] = []
      for await (const line of child.lines) lines.push(line)
      return {lines, exitCode: (await exit)[0]}
    }
    expect(await run('idle')).toEqual({lines: ['opened'], exitCode: 0})
    expect(await run('waiting')).toEqual({lines: ['opened', 'paused', 'CONNECTION_REFUSED'], exitCode: 0})
  })
})
