/** Conditions of the machine, and which pause they mean for an operation (spec section 8). */

import {BackgroundTransferCostPolicy} from './cost-policy.ts'
import {hostOf} from './origin.ts'
import type {OperationFacts} from './record.ts'

export interface Conditions {
  /** With 'none' and 'local' only this machine can be reached. */
  readonly connectivity: 'none' | 'local' | 'constrained' | 'internet'
  /** What bytes cost; which operations pause for it is their costPolicy’s to say. */
  readonly cost: {
    readonly type: 'unknown' | 'unrestricted' | 'fixed' | 'variable'
    readonly roaming: boolean
    readonly approachingDataLimit: boolean
    readonly overDataLimit: boolean
    /** The user restricts data in the background; over the limit nothing runs then. Taken for true when absent. */
    readonly backgroundDataUsageRestricted?: boolean
  }
  /** The machine saves power: operations that are not exempt pause, unless somebody sits before the process. */
  readonly batterySaver: boolean
  /** Whatever is left in the battery: what nobody waits for is not fetched then. Taken for false when absent. */
  readonly onBattery?: boolean
  /** Somebody does. */
  readonly foreground: boolean
  /** Who says so, for people: such as 'NetworkManager', 'NetworkManager, guessed' or 'assumed'. Decides nothing. */
  readonly basis?: {readonly network: string; readonly cost: string; readonly power: string}
}

const CONNECTIVITIES: readonly unknown[] = [
  'none',
  'local',
  'constrained',
  'internet',
] satisfies Conditions['connectivity'][]
const COST_TYPES: readonly unknown[] = [
  'unknown',
  'unrestricted',
  'fixed',
  'variable',
] satisfies Conditions['cost']['type'][]

/** Whether that is what a source of an application's own is to tell. */
export function areConditions(told: unknown): told is Conditions {
  const {connectivity, cost, batterySaver, onBattery = false, foreground} = (told ?? {}) as Partial<Conditions>
  const {
    type,
    roaming,
    approachingDataLimit,
    overDataLimit,
    backgroundDataUsageRestricted = true,
  } = (cost ?? {}) as Partial<Conditions['cost']>
  const flags: readonly unknown[] = [
    ...[batterySaver, onBattery, foreground],
    ...[roaming, approachingDataLimit, overDataLimit, backgroundDataUsageRestricted],
  ]
  return (
    CONNECTIVITIES.includes(connectivity) &&
    COST_TYPES.includes(type) &&
    flags.every((flag) => typeof flag === 'boolean')
  )
}

export const GOOD_CONDITIONS: Conditions = {
  connectivity: 'internet',
  cost: {type: 'unrestricted', roaming: false, approachingDataLimit: false, overDataLimit: false},
  batterySaver: false,
  foreground: true,
}

/** So many operations wait for other conditions at a time; with them, nobody is admitted to wait beside them. */
export const MOST_WAITING = 1_000

export type Blockage = 'noNetwork' | 'costedNetwork' | 'systemPolicy'

/** What an operation brings to the question. */
export interface ConditionalTransfer {
  readonly costPolicy: BackgroundTransferCostPolicy
  /** The target is this machine: connectivity and cost do not matter (O31). */
  readonly loopback: boolean
  /** Exempt from battery-motivated pauses (requestUnconstrainedDownloadsAsync). */
  readonly unconstrained: boolean
}

/** Every reason that holds, in the order in which one is reported (8.4). */
export function blockages(transfer: ConditionalTransfer, conditions: Conditions): readonly Blockage[] {
  const reasons: Blockage[] = []
  const offline = conditions.connectivity === 'none' || conditions.connectivity === 'local'
  if (offline && !transfer.loopback) reasons.push('noNetwork')
  if (!transfer.loopback && !costAllows(transfer.costPolicy, conditions.cost)) reasons.push('costedNetwork')
  if (conditions.batterySaver && !conditions.foreground && !transfer.unconstrained) reasons.push('systemPolicy')
  return reasons
}

/** The first of what forbids an operation to be on the wire. */
export function blockageOf(
  {policy, request}: Pick<OperationFacts, 'policy' | 'request'>,
  conditions: Conditions,
): Blockage | undefined {
  return blockages(
    {
      costPolicy: policy.costPolicy,
      loopback: isLoopbackUrl(request.url),
      unconstrained: policy.unconstrained === true,
    },
    conditions,
  )[0]
}

/**
 * The guide's table (8.2): over the limit nothing runs where the user restricts data in the background, and elsewhere what runs
 * near it. An unknown cost counts as not metered (O32).
 */
function costAllows(policy: BackgroundTransferCostPolicy, cost: Conditions['cost']): boolean {
  const metered = cost.type === 'fixed' || cost.type === 'variable'
  if (!metered && !cost.roaming) return true
  if (cost.overDataLimit && cost.backgroundDataUsageRestricted !== false) return false
  if (policy === BackgroundTransferCostPolicy.always) return true
  if (policy === BackgroundTransferCostPolicy.unrestrictedOnly) return false
  return !cost.roaming && !cost.approachingDataLimit && !cost.overDataLimit
}

/** localhost, 127.0.0.0/8 and ::1, by name or literal. */
export function isLoopbackUrl(url: string): boolean {
  const host = hostOf(url)
  return host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
