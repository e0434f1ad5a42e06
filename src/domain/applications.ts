/** What a host lets each application do: rules that whoever runs the host wrote, by the names that its clients say. */

import {TransferError} from './errors.ts'

export interface ApplicationRules {
  /**
   * Absolute paths: what the application downloads goes below one of these, and the files that it uploads come from there.
   * Symbolic links are followed first. Anywhere by default.
   */
  readonly directories?: readonly string[]
  /**
   * Absolute paths: where the modules of its background tasks may be. Such a module has all the rights of the host: with
   * `directories` none is allowed by default, without them any.
   */
  readonly modules?: readonly string[]
  /** Operations that have not ended, at once. More reject with LIMIT_REACHED. 1 to 1,000,000; no limit by default. */
  readonly maxOperations?: number
  /** Operations with traffic at once; others wait in their lines. 1 to 10,000; no limit by default. */
  readonly maxConcurrentTransfers?: number
  /** Bytes per second of all its operations together. No limit by default. */
  readonly maxBytesPerSecond?: number
  /**
   * Bytes of bodies that are received and sent in one day (UTC). When they are spent, new operations reject with LIMIT_REACHED,
   * and downloads wait until the next day. No limit by default.
   */
  readonly maxBytesPerDay?: number
}

export interface Applications {
  /** By the name that a client says. */
  readonly apps?: Readonly<Record<string, ApplicationRules>>
  /** For each name that is not among them; without these rules it is refused. */
  readonly others?: ApplicationRules
  /** For who says no name, the process that has the engine included; without these rules it may do everything. */
  readonly unnamed?: ApplicationRules
}

/** Bytes that an application used in a day. */
export interface DayUse {
  /** Days since 1970-01-01, UTC. */
  readonly day: number
  readonly bytes: number
}

const DAY_MS = 86_400_000

const NO_RULES: ApplicationRules = {}

/** Undefined: such an application is refused. */
export function rulesOf(applications: Applications | undefined, app: string | undefined): ApplicationRules | undefined {
  if (applications === undefined) return NO_RULES
  const {apps = {}, others, unnamed = NO_RULES} = applications
  if (app === undefined) return unnamed
  return Object.hasOwn(apps, app) ? apps[app] : others
}

/** What it may do whose rules have gone since it was accepted: it goes on by nobody's rules but the engine's. */
export function rulesOfAccepted(applications: Applications | undefined, app: string | undefined): ApplicationRules {
  return rulesOf(applications, app) ?? NO_RULES
}

/** How people name it. */
export function applicationName(app: string | undefined): string {
  return app === undefined ? 'clients without a name' : `the application ${app}`
}

/** The name of its gate among those of origins, which are none like it. */
export function applicationGate({app}: {readonly app?: string | undefined}): string {
  return `app:${app ?? ''}`
}

export function applicationOfGate(gate: string): string | undefined {
  return gate.slice('app:'.length) || undefined
}

export function dayOf(epochMs: number): number {
  return Math.floor(epochMs / DAY_MS)
}

/** ms until the next day, UTC. */
export function untilNextDay(epochMs: number): number {
  return DAY_MS - (epochMs % DAY_MS)
}

/** `known` with so many bytes more, of today alone. */
export function used(known: DayUse | undefined, bytes: number, epochMs: number): DayUse {
  const day = dayOf(epochMs)
  return {day, bytes: (known?.day === day ? known.bytes : 0) + bytes}
}

/** Both as the file system knows them, absolute and without links: whether one is the other, or lies below it. */
export function isWithin(path: string, directory: string, separator = '/'): boolean {
  if (path === directory) return true
  return path.startsWith(directory.endsWith(separator) ? directory : directory + separator)
}

export function isAbsolutePath(path: string): boolean {
  return /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(path) && !path.includes('\0')
}

export function outOfBounds(app: string | undefined, path: string, what: 'write' | 'read' | 'run'): TransferError {
  return new TransferError('FILE_ACCESS', `${applicationName(app)} may not ${what} this file`, {
    where: path,
    advice: 'name a file below a directory that the host allows it',
  })
}

/** One more operation, or one more byte, is too much. */
export function quotaReached(app: string | undefined, rule: 'maxOperations' | 'maxBytesPerDay', most: number) {
  const [message, advice] =
    rule === 'maxOperations'
      ? [`${applicationName(app)} has ${most} unfinished operations already`, 'wait until one of them ended']
      : [`${applicationName(app)} has used its ${most} bytes of this day`, 'try again tomorrow (UTC)']
  return new TransferError('LIMIT_REACHED', message, {where: `applications.${app ?? 'unnamed'}.${rule}`, advice})
}
