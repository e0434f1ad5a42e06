/** From what the sources say to conditions: pure, defensive, and slow to forbid. */

import type {Conditions} from '../../domain/conditions.ts'
import type {PowerReading} from './power-supply.ts'
import type {BusReading, Properties} from './system-bus.ts'

/** What was looked at on this machine itself. */
export interface LocalReading {
  /** By the network interfaces; absent when the system does not show them. */
  readonly connectivity?: Conditions['connectivity']
  readonly hasDefaultRoute: boolean
  readonly power?: PowerReading
  readonly foreground: boolean
}

type Basis = NonNullable<Conditions['basis']>

const NETWORK_MANAGER = 'NetworkManager'
const ASSUMED = 'assumed'

/** NMConnectivityState */
const NM_NONE = 1
const NM_PORTAL = 2
const NM_LIMITED = 3
const NM_FULL = 4

/** NMMetered: a guess is taken for the thing itself. */
const NM_COST: Readonly<Record<number, readonly [type: Conditions['cost']['type'], basis: string]>> = {
  1: ['variable', NETWORK_MANAGER],
  2: ['unrestricted', NETWORK_MANAGER],
  3: ['variable', `${NETWORK_MANAGER}, guessed`],
  4: ['unrestricted', `${NETWORK_MANAGER}, guessed`],
}

/** UpDeviceLevel: low, critical, action. */
const UPOWER_LOW = 3

/** Where Windows turns its battery saver on by itself, and where UPower begins to call a battery low by default. */
const SAVING_PERCENTAGE = 20

export function conditionsOf(local: LocalReading, bus: BusReading): Conditions {
  const network = connectivity(local, bus.network)
  const [type, cost] = NM_COST[numberOf(bus.network, 'Metered') ?? 0] ?? (['unknown', ASSUMED] as const)
  const power = saving(local, bus)
  return {
    connectivity: network.value,
    cost: {type, roaming: false, approachingDataLimit: false, overDataLimit: false},
    batterySaver: power.value,
    ...(power.onBattery === undefined ? {} : {onBattery: power.onBattery}),
    foreground: local.foreground,
    basis: {network: network.basis, cost, power: power.basis},
  }
}

/**
 * NetworkManager's word counts for what it manages: it knows nothing of interfaces that others set up, so that its "none" holds
 * only where there is no way out either. A limited network may be a company's own, and a portal may let the request through.
 */
function connectivity(
  {connectivity: byInterfaces, hasDefaultRoute}: LocalReading,
  manager: Properties | undefined,
): {readonly value: Conditions['connectivity']; readonly basis: Basis['network']} {
  const state = numberOf(manager, 'Connectivity')
  if (byInterfaces === undefined && state === undefined) return {value: 'internet', basis: ASSUMED}
  if (byInterfaces === 'none' || byInterfaces === 'local') return {value: byInterfaces, basis: 'interfaces'}
  switch (state) {
    case NM_NONE:
      if (hasDefaultRoute) break
      return {value: 'none', basis: NETWORK_MANAGER}
    case NM_PORTAL:
    case NM_LIMITED:
      return {value: 'constrained', basis: NETWORK_MANAGER}
    case NM_FULL:
      return {value: 'internet', basis: NETWORK_MANAGER}
  }
  return {value: byInterfaces ?? 'internet', basis: byInterfaces === undefined ? ASSUMED : 'interfaces'}
}

/** On battery, and the user asked to save it or it is low. Nothing is saved on mains power. */
function saving(
  local: LocalReading,
  {power, display, profiles}: BusReading,
): {readonly value: boolean; readonly onBattery?: boolean; readonly basis: Basis['power']} {
  const byUPower = power?.OnBattery
  const onBattery = typeof byUPower === 'boolean' ? byUPower : local.power?.onBattery
  if (onBattery === undefined) return {value: false, basis: ASSUMED}
  const basis = typeof byUPower === 'boolean' ? 'UPower' : 'sysfs'
  const wishes = profiles?.ActiveProfile === 'power-saver'
  return {value: onBattery && (wishes || isLow(local, display)), onBattery, basis}
}

function isLow({power}: LocalReading, display: Properties | undefined): boolean {
  const level = numberOf(display, 'WarningLevel')
  if (display?.IsPresent === true && level !== undefined && level >= UPOWER_LOW) return true
  const byUPower = display?.IsPresent === true ? numberOf(display, 'Percentage') : undefined
  const percentage = byUPower ?? power?.percentage
  return percentage !== undefined && percentage <= SAVING_PERCENTAGE
}

function numberOf(properties: Properties | undefined, name: string): number | undefined {
  const value = properties?.[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
