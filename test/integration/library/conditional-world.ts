/** A world whose conditions the test sets. Loopback is exempt from most of them, so its server goes by another name. */

import {BehaviorSubject} from 'rxjs'
import {createHttpTransport} from '../../../src/adapters/http/http-transport.ts'
import {
  type BackgroundTransferEngineOptions,
  type Conditions,
  type ConditionsSource,
  GOOD_CONDITIONS,
} from '../../../src/index.ts'
import type {Transport} from '../../../src/ports/transport.ts'
import {makeWorld} from '../harness.ts'

export const METERED: Conditions = {
  ...GOOD_CONDITIONS,
  cost: {type: 'variable', roaming: false, approachingDataLimit: false, overDataLimit: false},
}
export const NEAR_CAP: Conditions = {...METERED, cost: {...METERED.cost, approachingDataLimit: true}}
export const ROAMING: Conditions = {...METERED, cost: {...METERED.cost, roaming: true}}
export const OFFLINE: Conditions = {...GOOD_CONDITIONS, connectivity: 'none'}
export const SAVING: Conditions = {...GOOD_CONDITIONS, batterySaver: true, foreground: false}

const NAME = 'files.example'

/** The same address by a name that is not this machine's. */
export function byName(url: string): string {
  return url.replace('127.0.0.1', NAME)
}

/** Speaks to this machine when that name is asked for. */
export function renamed(): Transport {
  const inner = createHttpTransport()
  return {
    exchange: (request, receiver, signal) =>
      inner.exchange({...request, url: request.url.replace(NAME, '127.0.0.1')}, receiver, signal),
    addressesGone: (addresses) => inner.addressesGone?.(addresses),
    close: () => inner.close(),
  }
}

export async function makeConditionalWorld(
  initial: Conditions,
  options: Partial<BackgroundTransferEngineOptions> = {},
) {
  const subject = new BehaviorSubject(initial)
  const conditions = {conditions$: subject}
  const {world} = await makeWorldOn(conditions, options)
  return {world, conditions, set: (next: Conditions) => subject.next(next)}
}

/** A world on any source of conditions. */
export async function makeWorldOn(
  conditions: ConditionsSource,
  options: Partial<BackgroundTransferEngineOptions> = {},
) {
  const world = await makeWorld({...options, conditions, transport: renamed()})
  return {world, url: (path: string) => byName(world.server.url(path))}
}
