/** What the page knows of the engine. One signal per operation: a byte that moves redraws one row. */

import {batch, type Signal, signal} from '@preact/signals'
import type {Conditions} from '../../../src/domain/conditions.ts'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import type {GroupView, InspectorMessage, InspectorState, OperationView} from '../../../src/inspector/protocol.ts'
import {type LogLine, lineOf} from '../model/log-lines.ts'
import {NO_SAMPLES, type Samples, withSample} from '../model/samples.ts'
import {type Mood, moodOf, networkWords, wordsForState} from '../model/words.ts'

export interface EngineFacts {
  readonly version: string
  readonly readOnly: boolean
  readonly engine: InspectorState['engine']
  readonly maxConcurrentTransfers: number
  /** So many of the ended ones were told of at first, where there were more. */
  readonly newestEnded: number | undefined
  /** The same of the unfinished ones, those that go first. */
  readonly firstUnfinished: number | undefined
}

export interface Totals {
  /** Bytes per second. */
  readonly rates: Readonly<Record<OperationView['direction'], number>>
  readonly operations: number
  readonly moods: Readonly<Record<Mood, number>>
}

const LOG_LINES = 1000
/** Lists and sums are worked out anew at most this often, however fast messages come. */
const SETTLE_MS = 100
const NO_MOODS: Readonly<Record<Mood, number>> = {active: 0, waiting: 0, queued: 0, failed: 0, done: 0, stopped: 0}

export const engine = signal<EngineFacts | undefined>(undefined)
export const conditions = signal<Conditions | undefined>(undefined)
export const operations = new Map<OperationId, Signal<OperationView>>()
export const groups = signal<ReadonlyMap<string, GroupView>>(new Map())
export const totals = signal<Totals>({rates: {download: 0, upload: 0}, operations: 0, moods: NO_MOODS})
export const log = signal<readonly LogLine[]>([])
/** Rises when the list may have other rows or another order. */
export const structure = signal(0)
export const now = signal(Date.now())
/** The newest state change, in words for those who listen. */
export const announcement = signal('')

let seq = 0
let settling = false
let listChanged = false
const samples = new Map<OperationId, Samples>()
const watchers = new Set<Set<OperationId>>()

export function seenSeq(): number {
  return seq
}

export function samplesOf(guid: OperationId): Samples {
  return samples.get(guid) ?? NO_SAMPLES
}

export function applyState(state: InspectorState): void {
  batch(() => {
    seq = state.seq
    engine.value = {
      version: state.version,
      readOnly: state.readOnly,
      engine: state.engine,
      maxConcurrentTransfers: state.maxConcurrentTransfers,
      newestEnded: state.newestEnded,
      firstUnfinished: state.firstUnfinished,
    }
    conditions.value = state.conditions
    groups.value = new Map(state.groups.map((group) => [group.name, group]))
    const present = new Set(state.operations.map(({guid}) => guid))
    for (const guid of operations.keys()) if (!present.has(guid)) forget(guid)
    for (const operation of state.operations) put(operation)
    settle(true)
  })
}

/**
 * Those that are removed from now on, until `stop`: an answer that is on its way was read before, and would bring them back, with nobody
 * to take them away again.
 */
export function watchRemoved(): {readonly removed: ReadonlySet<OperationId>; readonly stop: () => void} {
  const removed = new Set<OperationId>()
  watchers.add(removed)
  return {removed, stop: () => void watchers.delete(removed)}
}

/** Lists what the state left out; what is known of others is newer. Returns those that were not listed. */
export function listAlso(views: readonly OperationView[]): readonly OperationId[] {
  const others = views.filter(({guid}) => !operations.has(guid))
  batch(() => {
    for (const operation of others) put(operation)
  })
  return others.map(({guid}) => guid)
}

/** Messages that the state already holds are dropped. The counters that a resumed stream begins with bear the last number. */
export function applyMessage(messageSeq: number, message: InspectorMessage): void {
  if (messageSeq < seq || (messageSeq === seq && message.type !== 'progress')) return
  seq = messageSeq
  batch(() => apply(message))
}

function apply(message: InspectorMessage): void {
  switch (message.type) {
    case 'progress':
      noteProgress(message.changes)
      break
    case 'operation':
      put(message.operation)
      break
    case 'transition':
      put(message.operation)
      report(lineOf(message.operation.name, message.guid, message.entry))
      break
    case 'removed':
      for (const removed of watchers) removed.add(message.guid)
      forget(message.guid)
      settle(true)
      break
    case 'group':
      groups.value = new Map(groups.value).set(message.group.name, message.group)
      settle(true)
      break
    case 'conditions':
      conditions.value = message.conditions
      report({at: Date.now(), level: 'info', text: `Network: ${networkWords(message.conditions)}`})
      break
    case 'log':
      report(message)
      break
    case 'resync':
      break
  }
}

function report(line: LogLine): void {
  log.value = [line, ...log.value].slice(0, LOG_LINES)
}

function noteProgress(changes: Extract<InspectorMessage, {type: 'progress'}>['changes']): void {
  const at = Date.now()
  for (const [guid, bytesReceived, totalBytesToReceive, rate] of changes) {
    const known = operations.get(guid)
    if (known === undefined) continue
    known.value = {...known.peek(), bytesReceived, totalBytesToReceive, rate}
    samples.set(guid, withSample(samplesOf(guid), {at, rate}))
  }
  settle(false)
}

function put(operation: OperationView): void {
  const known = operations.get(operation.guid)
  if (known === undefined) operations.set(operation.guid, signal(operation))
  else {
    const before = known.peek()
    if (before.state !== operation.state) announcement.value = `${operation.name}: ${wordsForState(operation.state)}`
    known.value = operation
  }
  settle(true)
}

function forget(guid: OperationId): void {
  operations.delete(guid)
  samples.delete(guid)
}

function settle(list: boolean): void {
  listChanged ||= list
  if (settling) return
  settling = true
  setTimeout(() => {
    settling = false
    batch(() => {
      totals.value = sum()
      if (listChanged) structure.value++
      listChanged = false
    })
  }, SETTLE_MS)
}

function sum(): Totals {
  const moods = {...NO_MOODS}
  const rates = {download: 0, upload: 0}
  for (const {value} of operations.values()) {
    moods[moodOf(value.state)]++
    rates[value.direction] += value.rate
  }
  return {rates, operations: operations.size, moods}
}
