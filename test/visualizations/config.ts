/** What a machine's source says, read from its config and not from XState's nodes: the yardstick for the walk over those. */

import type {AnyStateMachine} from 'xstate'

type Config = Readonly<Record<string, unknown>>

function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

function entriesOf(value: unknown): [string, unknown][] {
  return Object.entries((value ?? {}) as Config)
}

function guardOf(transition: unknown): string {
  if (typeof transition !== 'object' || transition === null || !('guard' in transition)) return ''
  const {guard} = transition
  return typeof guard === 'string' ? guard : String((guard as Config).type)
}

/** `state | trigger | guard`, one for each transition. */
export interface Said {
  readonly states: readonly string[]
  readonly transitions: readonly string[]
}

function readState(id: string, config: Config): Said {
  const invokes = toList(config.invoke) as readonly Config[]
  const triggers: [string, unknown][] = [
    ...entriesOf(config.on).map(([event, value]): [string, unknown] => [`event ${event}`, value]),
    ...entriesOf(config.after).map(([delay, value]): [string, unknown] => [`after ${delay}`, value]),
    ...invokes.flatMap(({id: actor, onDone, onError, onSnapshot}): [string, unknown][] => [
      [`done ${actor}`, onDone],
      [`error ${actor}`, onError],
      [`snapshot ${actor}`, onSnapshot],
    ]),
    ['stateDone ', config.onDone],
    ['always ', config.always],
  ]
  const own = triggers.flatMap(([trigger, value]) =>
    toList(value).map((transition) => `${id} | ${trigger} | ${guardOf(transition)}`),
  )
  const inner = entriesOf(config.states).map(([key, child]) => readState(`${id}.${key}`, child as Config))
  return {
    states: [id, ...inner.flatMap(({states}) => states)],
    transitions: [...own, ...inner.flatMap(({transitions}) => transitions)],
  }
}

export function readConfig(machine: AnyStateMachine): Said {
  return readState(machine.id, machine.config as Config)
}
