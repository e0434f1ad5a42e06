/** What a chart would do: its pure transition, asked of a copy. Nothing is sent, nothing is started. */

import {createActor, fromCallback, transition} from 'xstate'
import {type OperationSnapshot, operationMachine} from '../../machines/operation.machine.ts'
import type {OperationEvent} from '../../machines/transfer.vocabulary.ts'
import {uploadMachine} from '../../machines/upload.machine.ts'
import {type Conditions, GOOD_CONDITIONS} from '../domain/conditions.ts'
import {invalidArgument} from '../domain/errors.ts'
import type {OperationSettings} from '../domain/operation-settings.ts'
import type {OperationRecord} from '../domain/record.ts'
import type {LifeState} from '../domain/status.ts'
import {pathOfState, snapshotAt} from './operations/position.ts'
import {lifeStateOf, pathOf} from './operations/record-of.ts'

export interface Supposed {
  /** Where it would stand, such as running.weighing. */
  readonly path: string
  readonly state: LifeState
  /** What it would do on the way, such as "start attempt", in order. */
  readonly actions: readonly string[]
  /** False where the chart would take no notice. */
  readonly isTaken: boolean
}

export interface Supposition {
  readonly record: OperationRecord
  /** The chart as it is, where it is live. */
  readonly snapshot: OperationSnapshot | undefined
  readonly conditions: Conditions
  readonly settings: OperationSettings
  /** Another position than the present one: a state path, as the journal has it. */
  readonly path?: string
}

/** Names of suppositions that are more than the type of an event. */
const CONDITIONS: ReadonlyMap<string, Conditions> = new Map<string, Conditions>([
  ['conditions.offline', {...GOOD_CONDITIONS, connectivity: 'none'}],
  ['conditions.metered', {...GOOD_CONDITIONS, cost: {...GOOD_CONDITIONS.cost, type: 'variable'}}],
  ['conditions.good', GOOD_CONDITIONS],
])

const PLAIN: ReadonlySet<string> = new Set([
  'operation.admit',
  'operation.displace',
  'operation.suspend',
  'operation.pause',
  'operation.retry',
  'operation.cancel',
  'retry.due',
])

type OperationMachine = ReturnType<typeof operationMachine>

/** Throws INVALID_ARGUMENT for an event that cannot be supposed, and for a path that is none of its chart. */
export function whatIf({record, snapshot, conditions, settings, path}: Supposition, event: string): Supposed {
  const machine = (record.direction === 'upload' ? uploadMachine() : operationMachine()) as OperationMachine
  const present =
    snapshot !== undefined && path === undefined
      ? snapshot
      : withChildren(snapshotAt(path ?? pathOfState(record.state), record, conditions, settings))
  const sent = eventOf(event, record)
  const isTaken = present.can(sent)
  const [next, actions] = transition(machine, present, sent)
  return {
    path: pathOf(next.value),
    state: lifeStateOf(next),
    actions: actions.flatMap((action) => wordsFor(action as Action)),
    isTaken,
  }
}

function eventOf(name: string, record: OperationRecord): OperationEvent {
  const conditions = CONDITIONS.get(name)
  if (conditions !== undefined) return {type: 'conditions.changed', conditions}
  // The delays of the chart itself.
  if (PLAIN.has(name) || name.startsWith('xstate.after.')) return {type: name} as OperationEvent
  if (name === 'operation.resume') return {type: name, sequence: record.sequence}
  if (name === 'attempt.failed') {
    const error = {code: 'CONNECTION_RESET', message: 'the connection was reset'} as const
    return {type: name, error, evidence: record.evidence}
  }
  throw invalidArgument(
    'event',
    'must be a command, a delay of the chart, attempt.failed or conditions.offline, metered or good',
  )
}

/** A chart that is not live has no try to speak to, and XState wants one before it says what it would be told. */
function withChildren(snapshot: OperationSnapshot): OperationSnapshot {
  const attempt = createActor(fromCallback(() => {}))
  return {...snapshot, children: {attempt}} as unknown as OperationSnapshot
}

interface Action {
  readonly type: string
  readonly params?: {
    readonly id?: string
    readonly src?: string
    readonly targetId?: string
    readonly event?: {readonly type: string}
  }
}

function wordsFor({type, params = {}}: Action): string[] {
  switch (type) {
    case 'xstate.spawnChild':
      return [`start ${params.id ?? params.src}`]
    case 'xstate.stopChild':
      // Its parameter is the actor itself.
      return params.id === undefined ? [] : [`stop ${params.id}`]
    case 'xstate.sendTo':
      return [`tell ${params.targetId ?? 'attempt'}: ${params.event?.type}`]
    case 'xstate.raise': {
      const delay = /^xstate\.after\.([^.]+)/.exec(params.id ?? '')?.[1]
      return delay === undefined ? [] : [`count ${delay}`]
    }
    case 'xstate.cancel':
      return []
    default:
      return [type]
  }
}
