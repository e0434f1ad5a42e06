/** Which addresses of a machine count as gone, look by look. */

import {expect, it} from 'vitest'
import type {Interfaces} from '../../src/adapters/conditions/interfaces.ts'
import {OwnAddresses} from '../../src/adapters/conditions/own-addresses.ts'

const SETTLE_MS = 2_000
const info = (address: string) => ({address, internal: false})
const HOME: Interfaces = {wlan0: [info('192.0.2.2'), info('fe80::1')], tun0: [info('10.8.0.2')]}
const CAFE: Interfaces = {wlan0: [info('198.51.100.7'), info('fe80::1')], tun0: [info('10.8.0.2')]}
const OFF: Interfaces = {tun0: [info('10.8.0.2')]}

/** Looks as they come, 5 s apart, on a machine whose interfaces never disappear but for `missing`. */
function looks(
  ...seen: readonly (Interfaces | readonly [Interfaces, missing: string])[]
): readonly (readonly string[])[] {
  const addresses = new OwnAddresses(SETTLE_MS)
  return seen.map((look, index) => {
    const [interfaces, missing] = Array.isArray(look) ? look : [look as Interfaces, undefined]
    return addresses.look(interfaces, (name) => name !== missing, index * 5_000)
  })
}

it('an address is gone when its interface has had another one for two looks, and is told once', () => {
  expect(looks(HOME, CAFE, CAFE, CAFE)).toEqual([[], [], ['192.0.2.2'], []])
})

it('one that comes back in between is not gone', () => {
  expect(looks(HOME, CAFE, HOME, CAFE, HOME)).toEqual([[], [], [], [], []])
})

it('two looks right after each other are one', () => {
  const addresses = new OwnAddresses(SETTLE_MS)
  const at = (interfaces: Interfaces, now: number) => addresses.look(interfaces, () => true, now)
  at(HOME, 0)
  expect(at(CAFE, 5_000)).toEqual([])
  expect(at(CAFE, 6_999)).toEqual([])
  expect(at(CAFE, 7_000)).toEqual(['192.0.2.2'])
})

it('an interface that is off keeps its addresses, until another network gives it others', () => {
  expect(looks(HOME, OFF, OFF, OFF, HOME)).toEqual([[], [], [], [], []])
  expect(looks(HOME, OFF, OFF, CAFE, CAFE)).toEqual([[], [], [], [], ['192.0.2.2']])
})

it('those of an interface that is no more are gone', () => {
  const without: Interfaces = {wlan0: HOME.wlan0}
  expect(looks(HOME, [without, 'tun0'], [without, 'tun0'])).toEqual([[], [], ['10.8.0.2']])
})

it('another address of the other kind replaces nothing', () => {
  const dual: Interfaces = {eth0: [info('192.0.2.2'), info('2001:db8::1')]}
  const six: Interfaces = {eth0: [info('2001:db8::2')]}
  expect(looks(dual, six, six)).toEqual([[], [], ['2001:db8::1']])
})

it('an address that moved to another interface is there', () => {
  const moved: Interfaces = {wlan0: [info('198.51.100.7')], eth0: [info('192.0.2.2')]}
  expect(looks({wlan0: [info('192.0.2.2')]}, moved, moved)).toEqual([[], [], []])
})
