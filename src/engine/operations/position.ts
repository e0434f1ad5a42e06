/** Where an operation stands in its chart, with or without an actor: for pictures and for whoever asks what is possible. */

import {getNextTransitions} from 'xstate'
import {type OperationSnapshot, operationMachine} from '../../../machines/operation.machine.ts'
import {uploadMachine} from '../../../machines/upload.machine.ts'
import type {Conditions} from '../../domain/conditions.ts'
import {invalidArgument} from '../../domain/errors.ts'
import type {OperationSettings} from '../../domain/operation-settings.ts'
import type {OperationRecord} from '../../domain/record.ts'
import {LIFE_STATES, type LifeState} from '../../domain/status.ts'
import {pathOf} from './record-of.ts'

export interface ChartPosition {
  /** State paths such as running.exchanging.active.transferring. */
  readonly path: string
  /** Ids of the active states, such as operation.running.exchanging. */
  readonly activeStates: readonly string[]
  /** Types of the events that the chart would take now. */
  readonly availableEvents: readonly string[]
}

/** The state of the chart that a record's life state names. */
const VALUES: Readonly<Record<LifeState, OperationSnapshot['value']>> = {
  queued: 'queued',
  running: {running: {exchanging: {active: 'connecting'}}},
  returning: {running: 'returning'},
  waitingToRetry: {running: 'waitingToRetry'},
  publishing: {running: {finishing: 'publishing'}},
  canceling: 'canceling',
  pausedByApplication: {paused: 'byApplication'},
  pausedNoNetwork: {paused: 'noNetwork'},
  pausedCostedNetwork: {paused: 'costedNetwork'},
  pausedSystemPolicy: {paused: 'systemPolicy'},
  pausedForStorage: {paused: 'forStorage'},
  pausedRecoverableWebErrorStatus: {paused: 'recoverableWebErrorStatus'},
  completed: 'completed',
  canceled: 'canceled',
  failed: 'failed',
}

/** Events whose guards can be asked without more than their type. */
const COMMANDS: ReadonlySet<string> = new Set([
  'operation.admit',
  'operation.displace',
  'operation.suspend',
  'operation.pause',
  'operation.resume',
  'operation.cancel',
  'operation.retry',
  'retry.due',
])

export function pathOfState(state: LifeState): string {
  return pathOf(VALUES[state])
}

const statesOfPaths = new Map<string, LifeState>()

/** The life state that a state path of the chart belongs to. */
export function stateOfPath(path: string): LifeState {
  const known = statesOfPaths.get(path)
  if (known !== undefined) return known
  const tags: string[] = []
  for (let node = nodeOf(path); node !== undefined; node = node.parent) tags.push(...node.tags)
  const state = LIFE_STATES.find((each) => tags.includes(each)) ?? 'queued'
  statesOfPaths.set(path, state)
  return state
}

interface Node {
  readonly parent: Node | undefined
  readonly tags: readonly string[]
}

/** What the two charts call the same means the same. */
function nodeOf(path: string): Node | undefined {
  try {
    return operationMachine().getStateNodeById(`operation.${path}`) as Node
  } catch {
    return uploadMachine().getStateNodeById(`upload.${path}`) as Node
  }
}

export function positionOf(snapshot: OperationSnapshot): ChartPosition {
  const types = new Set(getNextTransitions(snapshot).map(({eventType}) => eventType))
  const isTaken = (type: string) => !COMMANDS.has(type) || snapshot.can({type} as Parameters<typeof snapshot.can>[0])
  return {
    path: pathOf(snapshot.value),
    activeStates: snapshot._nodes.map(({id}) => id),
    // Eventless transitions are nobody's to send.
    availableEvents: [...types].filter((type) => type !== '' && isTaken(type)).sort(),
  }
}

/** The position of an operation that has no actor, which nothing but its record says. */
export function positionOfRecord(
  record: OperationRecord,
  conditions: Conditions,
  settings: OperationSettings,
): ChartPosition {
  return positionOf(snapshotOf(VALUES[record.state], record, conditions, settings))
}

/** A chart that stands at `path` with what the record holds. Throws INVALID_ARGUMENT when its chart has no such state. */
export function snapshotAt(
  path: string,
  record: OperationRecord,
  conditions: Conditions,
  settings: OperationSettings,
): OperationSnapshot {
  const machine = record.direction === 'upload' ? uploadMachine() : operationMachine()
  try {
    if (!/^\w+(\.\w+)*$/.test(path)) throw new Error('no path')
    // By the members that objects are born with, such as constructor, it finds what is no state.
    const id = `${machine.id}.${path}`
    if (machine.getStateNodeById(id).id !== id) throw new Error('no state')
  } catch {
    throw invalidArgument('path', `must be a state of ${machine.id}`)
  }
  const [leaf = '', ...parents] = path.split('.').reverse()
  const value = parents.reduce<unknown>((inner, parent) => ({[parent]: inner}), leaf)
  return snapshotOf(value as OperationSnapshot['value'], record, conditions, settings)
}

type UploadMachine = ReturnType<typeof uploadMachine>

function snapshotOf(
  value: OperationSnapshot['value'],
  record: OperationRecord,
  conditions: Conditions,
  settings: OperationSettings,
): OperationSnapshot {
  const {state, ...facts} = record
  const context = {facts, restoredFrom: state, conditions, settings}
  if (record.direction === 'download') return operationMachine().resolveState({value, context})
  return uploadMachine().resolveState({
    value: value as Parameters<UploadMachine['resolveState']>[0]['value'],
    context: {...context, session: ''},
  }) as unknown as OperationSnapshot
}
