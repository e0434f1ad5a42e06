/** What the machine shows, turned into conditions: every source by itself, with made-up files and answers. */

import {describe, expect, it} from 'vitest'
import {hasDefaultRoute} from '../../src/adapters/conditions/default-route.ts'
import {isInForeground} from '../../src/adapters/conditions/foreground.ts'
import {connectivityOf, type Interfaces} from '../../src/adapters/conditions/interfaces.ts'
import {readPowerSupply} from '../../src/adapters/conditions/power-supply.ts'
import {conditionsOf, type LocalReading} from '../../src/adapters/conditions/reading.ts'
import type {BusReading} from '../../src/adapters/conditions/system-bus.ts'
import {fakeFiles} from './fake-machine.ts'

const LO = {address: '127.0.0.1', internal: true}
const ETH = {address: '192.0.2.2', internal: false}
const LINK_LOCAL_4 = {address: '169.254.7.1', internal: false}
const LINK_LOCAL_6 = {address: 'fe80::1', internal: false}
const GLOBAL_6 = {address: '2001:db8::1', internal: false}

describe('connectivity by the interfaces', () => {
  it.each<[string, Interfaces, string]>([
    ['no interface at all', {}, 'none'],
    ['loopback alone', {lo: [LO]}, 'none'],
    ['an interface without addresses', {lo: [LO], eth0: undefined}, 'none'],
    ['an address of its own', {lo: [LO], eth0: [ETH]}, 'internet'],
    ['link-local addresses alone', {lo: [LO], eth0: [LINK_LOCAL_6], eth1: [LINK_LOCAL_4]}, 'local'],
    ['a link-local one beside a global one', {lo: [LO], eth0: [LINK_LOCAL_6, GLOBAL_6]}, 'internet'],
    ['an address that only begins like a link-local one', {eth0: [{address: 'fec0::1', internal: false}]}, 'internet'],
  ])('%s', (_, interfaces, expected) => {
    expect(connectivityOf(interfaces)).toBe(expected)
  })
})

describe('a default route', () => {
  const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n'
  const LAN = 'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n'
  const DEFAULT = 'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n'
  const DOWN = 'eth0\t00000000\t010200C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n'
  const zeros = '0'.repeat(32)
  const six = (flags: string, name: string, prefix = '00') =>
    `${zeros} ${prefix} ${zeros} 00 ${zeros} 00000400 00000001 00000000 ${flags} ${name.padStart(8)}\n`

  it.each<[string, Record<string, string>, boolean]>([
    ['no tables', {}, false],
    ['an empty table', {'/proc/net/route': HEAD}, false],
    ['a network without a way out', {'/proc/net/route': HEAD + LAN}, false],
    ['a default of IPv4', {'/proc/net/route': HEAD + LAN + DEFAULT}, true],
    ['a default that is down', {'/proc/net/route': HEAD + DOWN}, false],
    ['a default of IPv6', {'/proc/net/ipv6_route': six('00450003', 'eth0')}, true],
    ['the unreachable default of IPv6', {'/proc/net/ipv6_route': six('00200200', 'lo')}, false],
    ['a network of IPv6', {'/proc/net/ipv6_route': six('00450003', 'eth0', '40')}, false],
    ['nonsense', {'/proc/net/route': 'x\n\n0 0', '/proc/net/ipv6_route': `${zeros}\n`}, false],
  ])('%s', (_, files, expected) => {
    expect(hasDefaultRoute(fakeFiles(files).read)).toBe(expected)
  })
})

describe('the power supply in /sys', () => {
  const BAT = {type: 'Battery', status: 'Discharging', capacity: '15', present: '1'}
  const AC = {type: 'Mains', online: '1'}

  it.each<[string, Record<string, Record<string, string>>, object | undefined]>([
    ['a machine without supplies', {}, undefined],
    ['mains alone', {AC}, undefined],
    ['the battery of a mouse', {hid: {...BAT, scope: 'Device'}}, undefined],
    ['a bay without its battery', {BAT0: {...BAT, present: '0'}}, undefined],
    ['on battery', {AC: {...AC, online: '0'}, BAT0: BAT}, {onBattery: true, percentage: 15}],
    ['on mains', {AC, BAT0: {...BAT, status: 'Charging'}}, {onBattery: false, percentage: 15}],
    ['plugged in, and draining all the same', {AC, BAT0: BAT}, {onBattery: false, percentage: 15}],
    ['plugged in by USB', {usb: {type: 'USB', online: '1'}, BAT0: BAT}, {onBattery: false, percentage: 15}],
    ['full and idle', {BAT0: {...BAT, status: 'Not charging', capacity: '80'}}, {onBattery: false, percentage: 80}],
    ['two batteries', {BAT0: BAT, BAT1: {...BAT, capacity: '45'}}, {onBattery: true, percentage: 30}],
    ['a battery that does not say how full it is', {BAT0: {...BAT, capacity: 'x'}}, {onBattery: true}],
    ['a battery that says nonsense', {BAT0: {...BAT, capacity: '400'}}, {onBattery: true}],
    [
      'a mouse on the charger beside a battery',
      {m: {...AC, scope: 'Device'}, BAT0: BAT},
      {onBattery: true, percentage: 15},
    ],
  ])('%s', (_, supplies, expected) => {
    const files = Object.entries(supplies).flatMap(([name, fields]) =>
      Object.entries(fields).map(([key, value]) => [`/sys/class/power_supply/${name}/${key}`, `${value}\n`]),
    )
    const {list, read} = fakeFiles(Object.fromEntries(files))
    expect(readPowerSupply(list, read)).toEqual(expected)
  })
})

describe('the foreground', () => {
  it.each<[string, string, boolean]>([
    ['the terminal’s foreground group', '77 (node) S 1 77 50 34816 77 4194304', true],
    ['a job in the background', '77 (node) S 1 77 50 34816 50 4194304', false],
    ['a service', '77 (node) S 1 77 77 0 -1 4194304', false],
    ['a name that means to confuse', '77 (a) S 1 5 5 5 5) S 1 77 77 0 -1 4194304', false],
    ['nonsense', 'x', false],
  ])('%s', (_, stat, expected) => {
    expect(isInForeground(fakeFiles({'/proc/self/stat': stat}).read)).toBe(expected)
  })
})

describe('8.1 connectivity by all that is known', () => {
  const LOCAL: LocalReading = {connectivity: 'internet', hasDefaultRoute: true, foreground: false}

  it.each<[string, Partial<LocalReading>, number | undefined, string, string]>([
    ['interfaces alone', {}, undefined, 'internet', 'interfaces'],
    ['no interfaces', {connectivity: 'none'}, undefined, 'none', 'interfaces'],
    ['no interfaces, whatever the manager says', {connectivity: 'none'}, 4, 'none', 'interfaces'],
    ['link-local addresses', {connectivity: 'local'}, undefined, 'local', 'interfaces'],
    ['a manager that knows the internet', {}, 4, 'internet', 'NetworkManager'],
    ['a manager that has not looked', {}, 0, 'internet', 'interfaces'],
    ['a portal', {}, 2, 'constrained', 'NetworkManager'],
    ['a limited network', {}, 3, 'constrained', 'NetworkManager'],
    ['a manager without network, and no way out', {hasDefaultRoute: false}, 1, 'none', 'NetworkManager'],
    ['a manager without network, and a way out that others made', {}, 1, 'internet', 'interfaces'],
    ['a manager of the future', {}, 99, 'internet', 'interfaces'],
  ])('%s', (_, local, Connectivity, connectivity, network) => {
    const bus = Connectivity === undefined ? {} : {network: {Connectivity}}
    expect(conditionsOf({...LOCAL, ...local}, bus)).toMatchObject({connectivity, basis: {network}})
  })

  it('a system that shows nothing is taken for connected', () => {
    const {connectivity: _, ...blind} = LOCAL
    expect(conditionsOf(blind, {})).toEqual({
      connectivity: 'internet',
      cost: {type: 'unknown', roaming: false, approachingDataLimit: false, overDataLimit: false},
      batterySaver: false,
      foreground: false,
      basis: {network: 'assumed', cost: 'assumed', power: 'assumed'},
    })
  })
})

describe('8.2 cost by NetworkManager', () => {
  const LOCAL: LocalReading = {connectivity: 'internet', hasDefaultRoute: true, foreground: false}

  it.each<[unknown, string, string]>([
    [0, 'unknown', 'assumed'],
    [1, 'variable', 'NetworkManager'],
    [2, 'unrestricted', 'NetworkManager'],
    [3, 'variable', 'NetworkManager, guessed'],
    [4, 'unrestricted', 'NetworkManager, guessed'],
    [5, 'unknown', 'assumed'],
    ['1', 'unknown', 'assumed'],
    [undefined, 'unknown', 'assumed'],
  ])('Metered %j is %s, by %s', (Metered, type, cost) => {
    expect(conditionsOf(LOCAL, {network: {Metered}})).toMatchObject({cost: {type}, basis: {cost}})
  })
})

const SAVER = {ActiveProfile: 'power-saver'}

describe('8.3 battery saver by the supply and the services', () => {
  const ON_BATTERY = {onBattery: true, percentage: 60}
  const LOW = {onBattery: true, percentage: 20}

  it.each<[string, LocalReading['power'] | undefined, BusReading, boolean, string]>([
    ['nothing known', undefined, {}, false, 'assumed'],
    ['on battery, half full', ON_BATTERY, {}, false, 'sysfs'],
    ['on battery, low', LOW, {}, true, 'sysfs'],
    ['low, on mains', {...LOW, onBattery: false}, {}, false, 'sysfs'],
    ['a battery that does not say how full it is', {onBattery: true}, {}, false, 'sysfs'],
    ['UPower: on mains', LOW, {power: {OnBattery: false}}, false, 'UPower'],
    [
      'UPower: on battery, low by its level',
      undefined,
      upower(true, {IsPresent: true, WarningLevel: 3}),
      true,
      'UPower',
    ],
    ['UPower: on battery, at 20 %', undefined, upower(true, {IsPresent: true, Percentage: 20}), true, 'UPower'],
    ['UPower: on battery, at 21 %', undefined, upower(true, {IsPresent: true, Percentage: 21}), false, 'UPower'],
    [
      'UPower: a battery that is not there',
      undefined,
      upower(true, {IsPresent: false, Percentage: 0}),
      false,
      'UPower',
    ],
    ['UPower: nonsense', LOW, {power: {OnBattery: 'yes'}}, true, 'sysfs'],
    ['the profile that saves, on battery', ON_BATTERY, {profiles: {ActiveProfile: 'power-saver'}}, true, 'sysfs'],
    ['the profile that saves, on mains', undefined, {...upower(false), profiles: SAVER}, false, 'UPower'],
    ['another profile', ON_BATTERY, {profiles: {ActiveProfile: 'performance'}}, false, 'sysfs'],
  ])('%s', (_, power, bus, batterySaver, basis) => {
    const local: LocalReading = {hasDefaultRoute: true, foreground: false, ...(power === undefined ? {} : {power})}
    expect(conditionsOf(local, bus)).toMatchObject({batterySaver, basis: {power: basis}})
  })
})

function upower(OnBattery: boolean, display?: Record<string, unknown>): BusReading {
  return {power: {OnBattery}, ...(display === undefined ? {} : {display})}
}
