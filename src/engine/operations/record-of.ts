/** From an operation's snapshot to its record, and which changes are worth a write. */

import type {OperationSnapshot} from '../../../machines/operation.machine.ts'
import type {Member} from '../../domain/admission.ts'
import type {SerializedError} from '../../domain/errors.ts'
import {extended} from '../../domain/extended.ts'
import type {OperationFacts, OperationRecord, TransferRequest} from '../../domain/record.ts'
import {isTerminal, LIFE_STATES, type LifeState} from '../../domain/status.ts'

const NAMES: ReadonlySet<string> = new Set(LIFE_STATES)

/** The life state that a snapshot's tags name; every state of the chart has exactly one. */
export function lifeStateOf({tags}: OperationSnapshot): LifeState {
  for (const tag of tags) if (NAMES.has(tag)) return tag as LifeState
  return 'queued'
}

/** An operation's standing in its group; undefined when it neither runs nor keeps a place. */
function phaseOf(snapshot: OperationSnapshot): Member['phase'] | undefined {
  if (snapshot.hasTag('moving')) return 'running'
  if (snapshot.hasTag('returning')) return 'returning'
  return snapshot.hasTag('holding') ? 'holding' : undefined
}

/** Where an operation stands after a step, whoever took it: its own chart, or the batch that carries it. */
export interface ChartStep {
  /** Path of the state; see pathOf. */
  readonly path: string
  readonly state: LifeState
  readonly facts: OperationFacts
  /** undefined when it neither runs nor keeps a place; nor has a small file a slot that has all its bytes. */
  readonly phase: Member['phase'] | undefined
  /** It may be put away. */
  readonly isPassive: boolean
  /** Why the present try failed. */
  readonly failure?: SerializedError | undefined
}

export function stepOf(snapshot: OperationSnapshot): ChartStep {
  const {facts, failure} = snapshot.context
  return {
    path: pathOf(snapshot.value),
    state: lifeStateOf(snapshot),
    facts,
    phase: phaseOf(snapshot),
    isPassive: snapshot.hasTag('passive'),
    failure,
  }
}

/** The record that a step means, and whose journal goes to `journalled`, if it has one. Secrets end with the operation. */
export function recordOf(
  {facts, state}: Pick<ChartStep, 'facts' | 'state'>,
  now: number,
  journalled = 0,
): OperationRecord {
  // One copy: this runs at each step of each operation.
  const standing = journalled === 0 ? {state} : {state, journalled}
  if (!isTerminal(state)) return extended(facts, standing)
  const {request, endedAt = now} = facts
  return extended(facts, {...standing, request: withoutSecrets(request), endedAt})
}

/** The same object where there are none: a store that wrote it before need not write it anew. */
function withoutSecrets(request: TransferRequest): TransferRequest {
  if (request.sealed === undefined && request.credentials === undefined) return request
  const {sealed: _, credentials: __, ...rest} = request
  return rest
}

/**
 * A running operation is written only when its durable bytes, its generation, or the application's wishes changed: that it
 * runs need not be known after a crash, because it queues again.
 */
export function isWorthSaving(saved: OperationRecord, next: OperationRecord): boolean {
  if (next.state === 'running' || next.state === 'returning') {
    const {evidence} = saved
    return (
      next.evidence.generation !== evidence.generation ||
      next.evidence.ranges !== evidence.ranges ||
      next.request !== saved.request ||
      next.sending !== saved.sending ||
      next.policy !== saved.policy
    )
  }
  return next.state !== saved.state || !sameFacts(saved, next)
}

function sameFacts(a: OperationRecord, b: OperationRecord): boolean {
  return (
    a.request === b.request &&
    a.policy === b.policy &&
    a.evidence === b.evidence &&
    a.sending === b.sending &&
    a.attempts === b.attempts &&
    a.sequence === b.sequence &&
    a.error === b.error &&
    a.retryAt === b.retryAt &&
    a.delivered === b.delivered &&
    a.publishing === b.publishing
  )
}

/** The chart's position as one path, without the regions of a parallel state. */
export function pathOf(value: unknown): string {
  let path = ''
  let rest = value
  while (typeof rest === 'object' && rest !== null) {
    const keys = Object.keys(rest)
    const [key] = keys
    if (key === undefined || keys.length > 1) return path
    path = path === '' ? key : `${path}.${key}`
    rest = (rest as Record<string, unknown>)[key]
  }
  return typeof rest === 'string' ? (path === '' ? rest : `${path}.${rest}`) : path
}
