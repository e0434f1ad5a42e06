/**
 * Reads the params of a guard or an action without running the machine: a params function is called with stand-ins that
 * remember how they were reached, so that `({event}) => ({error: event.error})` reads as {error: from event.error}.
 */

import type {ParamRecord, ParamValue, Reference} from './statechart.ts'

/** A function that computes with its arguments, rather than handing them on, is beyond this. */
const COMPUTED: Reference = {from: 'computed'}

const paths = new WeakMap<object, string>()

function standIn(path: string): object {
  const proxy = new Proxy(
    {},
    {get: (_, property) => (typeof property === 'symbol' ? undefined : standIn(`${path}.${property}`))},
  )
  paths.set(proxy, path)
  return proxy
}

function toValue(value: unknown): ParamValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  if (typeof value !== 'object') return COMPUTED
  const path = paths.get(value)
  if (path !== undefined) return {from: path}
  if (Array.isArray(value)) return value.map(toValue)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toValue(inner)]))
}

export function readParams(params: unknown): ParamRecord | Reference | undefined {
  if (params === undefined) return undefined
  let value = params
  if (typeof params === 'function') {
    try {
      value = params({context: standIn('context'), event: standIn('event'), self: standIn('self')})
    } catch {
      return COMPUTED
    }
  }
  const read = toValue(value)
  return typeof read === 'object' && read !== null && !Array.isArray(read)
    ? (read as ParamRecord | Reference)
    : COMPUTED
}
