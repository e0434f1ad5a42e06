/**
 * Plays a journal through the operation's chart, without any of the parts that act: each entry's event, its payload made
 * of what the entry says, goes through the pure transition function at its moment of a virtual clock.
 */

import {type EventFromLogic, initialTransition, transition} from 'xstate'
import {type OperationSnapshot, operationMachine} from '../../machines/operation.machine.ts'
import {type Conditions, GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {JournalEntry} from '../../src/domain/journal.ts'
import type {Evidence, OperationRecord} from '../../src/domain/record.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import {DEFAULT_RETRY, type RetryDecision} from '../../src/domain/retry.ts'
import {LIFE_STATES, type LifeState} from '../../src/domain/status.ts'
import {pathOfState} from '../../src/engine/operations/position.ts'
import {pathOf} from '../../src/engine/operations/record-of.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const SETTINGS = {
  connectTimeoutMs: 1,
  responseTimeoutMs: 1,
  stallTimeoutMs: 1,
  yieldTimeoutMs: 1,
  beforeAttemptTimeoutMs: 1_000,
  checkpointIntervalMs: 1,
  retry: DEFAULT_RETRY,
}

const CONDITIONS: Readonly<Record<string, Conditions>> = {
  'paused.noNetwork': {...GOOD_CONDITIONS, connectivity: 'none'},
  'paused.costedNetwork': {...GOOD_CONDITIONS, cost: {...GOOD_CONDITIONS.cost, roaming: true, type: 'variable'}},
  'paused.systemPolicy': {...GOOD_CONDITIONS, batterySaver: true, foreground: false},
}

export interface Replayed {
  /** Where the chart went, entry by entry. */
  readonly path: readonly string[]
  /** How often the process died in between: the chart was born again from the record. */
  readonly rebirths: number
}

export function replay(record: OperationRecord, journal: readonly JournalEntry[]): Replayed {
  const clock = new SimulatedClock(journal[0]?.at ?? 0)
  const path: string[] = []
  let rebirths = -1
  let snapshot: OperationSnapshot | undefined
  for (const [index, entry] of journal.entries()) {
    clock.advanceBy(entry.at - clock.now())
    const conditions = conditionsFor(journal.slice(index))
    if (snapshot === undefined || pathOf(snapshot.value) !== entry.from) {
      rebirths += 1
      snapshot = born(record, entry, conditions)
      if (entry.event === 'restored') {
        path.push(pathOf(snapshot.value))
        continue
      }
    }
    const event = eventOf(record, entry, conditions)
    if (event.type === 'operation.admit' || event.type === 'attempt.yielded') {
      // What the conditions were stands in no entry; where the chart went tells.
      snapshot = {...snapshot, context: {...snapshot.context, conditions}} as OperationSnapshot
    }
    const [next] = transition(operationMachine(), snapshot, event)
    snapshot = next
    path.push(pathOf(snapshot.value))
  }
  return {path, rebirths}
}

function born(record: OperationRecord, entry: JournalEntry, conditions: Conditions): OperationSnapshot {
  const state = stateAt(entry.from)
  const attempts = {...record.attempts, total: Math.max(0, entry.attempts - 1), failures: entry.failures}
  const {cleanRestart: _, ...facts} = record
  const input = {record: {...facts, state, attempts}, conditions, settings: SETTINGS}
  const [snapshot] = initialTransition(operationMachine(), input)
  return snapshot
}

function stateAt(path: string): LifeState {
  const state = LIFE_STATES.find((each) => pathOfState(each) === path)
  if (state === undefined) throw new Error(`no record names ${path}`)
  return state
}

/** Of an entry that goes, or leads, to a pause of the system: what that pause is for. */
function conditionsFor(entries: readonly JournalEntry[]): Conditions {
  const pause = entries.find(({to}) => to !== 'running.exchanging.yieldingToConditions')?.to ?? ''
  return CONDITIONS[pause] ?? GOOD_CONDITIONS
}

type ReplayEvent = EventFromLogic<ReturnType<typeof operationMachine>>

function eventOf(record: OperationRecord, entry: JournalEntry, conditions: Conditions): ReplayEvent {
  const evidence: Evidence = {
    ...record.evidence,
    generation: entry.generation,
    ranges: entry.bytes === 0 ? [] : [[0, entry.bytes]],
  }
  const response: ResponseFacts = {status: entry.status ?? 200, url: record.request.url, headers: []}
  const {event: type, to} = entry
  const startOver = to === 'running.startingOver'
  const output: Readonly<Record<string, unknown>> = {
    'xstate.done.actor.weighing': decisionFor(entry),
    'xstate.done.actor.verification': {device: 1, inode: 1, size: entry.bytes},
    'xstate.done.actor.publication': record.resultFile ?? record.target.file,
  }
  if (type in output) return {type, output: output[type]} as unknown as ReplayEvent
  if (type.startsWith('xstate.error.')) {
    return {
      type,
      error: new TransferError(startOver ? 'PART_LOST' : 'DISK_FAILED', 'replayed'),
    } as unknown as ReplayEvent
  }
  const error = new TransferError('CONNECTION_RESET', 'replayed', {
    details: startOver ? {startOver} : {},
  }).toSerialized()
  return {type, evidence, response, error, conditions, sequence: record.sequence} as unknown as ReplayEvent
}

function decisionFor({to, at}: JournalEntry): RetryDecision {
  switch (to) {
    case 'running.exchanging.active.connecting':
      return {kind: 'atOnce'}
    case 'running.waitingToRetry':
      return {kind: 'waitUntil', at}
    case 'paused.forStorage':
      return {kind: 'pauseForStorage', at}
    case 'paused.recoverableWebErrorStatus':
      return {kind: 'pauseRecoverable'}
    default:
      return {kind: 'end', error: new TransferError('CONNECTION_RESET', 'replayed').toSerialized()}
  }
}
