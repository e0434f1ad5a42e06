/** The rules of applications as somebody wrote them, in code or in a file: checked member by member. */

import {APPLICATION_NAME_RULE, isApplicationName} from '../../domain/application-name.ts'
import {type ApplicationRules, type Applications, isAbsolutePath} from '../../domain/applications.ts'
import {invalidArgument} from '../../domain/errors.ts'
import {shortened, shown, unknownMember} from '../../domain/given.ts'

const NUMBERS = {
  maxOperations: 1_000_000,
  maxConcurrentTransfers: 10_000,
  maxBytesPerSecond: Number.MAX_SAFE_INTEGER,
  maxBytesPerDay: Number.MAX_SAFE_INTEGER,
} as const satisfies Partial<Record<keyof ApplicationRules, number>>

const PATHS = ['directories', 'modules'] as const

/** Throws INVALID_ARGUMENT: a rule that is not understood must not look like one that holds. */
export function checkedApplications(given: unknown): Applications {
  const {apps, others, unnamed} = membersOf('applications', given, ['apps', 'others', 'unnamed'])
  const named = apps === undefined ? undefined : Object.entries(membersOf('applications.apps', apps))
  return {
    ...(named === undefined ? {} : {apps: Object.fromEntries(named.map(namedRules))}),
    ...(others === undefined ? {} : {others: rules('applications.others', others)}),
    ...(unnamed === undefined ? {} : {unnamed: rules('applications.unnamed', unnamed)}),
  }
}

function namedRules([name, given]: readonly [string, unknown]): readonly [string, ApplicationRules] {
  const where = `applications.apps.${shortened(name)}`
  if (!isApplicationName(name)) throw invalidArgument(where, `must be named by ${APPLICATION_NAME_RULE}`)
  return [name, rules(where, given)]
}

function rules(where: string, given: unknown): ApplicationRules {
  const members = membersOf(where, given, [...PATHS, ...Object.keys(NUMBERS)])
  const checked: Record<string, unknown> = {}
  for (const name of PATHS) {
    if (members[name] !== undefined) checked[name] = paths(`${where}.${name}`, members[name])
  }
  for (const [name, most] of Object.entries(NUMBERS)) {
    if (members[name] !== undefined) checked[name] = whole(`${where}.${name}`, members[name], most)
  }
  return checked
}

function membersOf(where: string, given: unknown, known?: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalidArgument(where, `must be an object, not ${shown(given)}`)
  }
  const unknown = Object.keys(given).find((name) => known?.includes(name) === false)
  if (known !== undefined && unknown !== undefined) throw unknownMember(where, unknown, known)
  return given as Readonly<Record<string, unknown>>
}

function paths(where: string, given: unknown): readonly string[] {
  const isList = Array.isArray(given) && given.every((path) => typeof path === 'string' && isAbsolutePath(path))
  if (!isList) throw invalidArgument(where, 'must be a list of absolute paths')
  return [...given]
}

function whole(where: string, given: unknown, most: number): number {
  if (!Number.isSafeInteger(given) || Number(given) < 1 || Number(given) > most) {
    throw invalidArgument(where, `must be a whole number from 1 to ${most}, not ${shown(given)}`)
  }
  return Number(given)
}
