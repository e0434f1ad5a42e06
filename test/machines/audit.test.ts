/**
 * The audit of every machine in machines/, found by reading the directory: what the type checker lets through and XState
 * finds out at run time only, or never.
 */

import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {type AnyMachineSnapshot, type AnyStateMachine, createActor, getNextSnapshot} from 'xstate'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {DEFAULT_RETRY} from '../../src/domain/retry.ts'
import {LIFE_STATES} from '../../src/domain/status.ts'
import {emptyTally} from '../../src/domain/tally.ts'
import {loadMachines} from '../../visualizations/machines.ts'
import {operationId, queuedRecord} from '../support/records.ts'
import {allStates, leaves, lineage, reachable, withoutEnd} from '../support/state-graph.ts'

const LISTED = {uris: ['http://files.example/1'], indirect: 'http://files.example/index'}

/** What each machine may be born with; a new machine adds its own. */
const SAMPLE_INPUTS: Readonly<Record<string, unknown>> = {
  engine: {conditions: GOOD_CONDITIONS, drainTimeoutMs: 10_000},
  group: {name: 'episodes', behavior: 1},
  operation: {
    record: queuedRecord(1),
    conditions: GOOD_CONDITIONS,
    settings: {
      connectTimeoutMs: 300_000,
      responseTimeoutMs: 120_000,
      stallTimeoutMs: 120_000,
      yieldTimeoutMs: 5_000,
      beforeAttemptTimeoutMs: 1_000,
      checkpointIntervalMs: 1_000,
      retry: DEFAULT_RETRY,
    },
  },
  application: {gate: 'app:films', limit: 2},
  smallFiles: {patienceMs: 2000},
  hostIdle: {idleMs: 60_000},
  hostLink: {patienceMs: 300_000, firstPatienceMs: 0, address: '/store/control.sock'},
  hostSession: {graceMs: 30_000, absenceMs: 3_600_000},
  part: {
    operation: operationId(1),
    part: 'part-1',
    settings: {
      connectTimeoutMs: 300_000,
      responseTimeoutMs: 120_000,
      stallTimeoutMs: 120_000,
      yieldTimeoutMs: 5_000,
      checkpointIntervalMs: 1_000,
      retry: DEFAULT_RETRY,
    },
    recoverable: [],
  },
  origin: {origin: 'http://files.example', limit: 2},
  upload: {
    record: {...queuedRecord(1), direction: 'upload'},
    conditions: GOOD_CONDITIONS,
    settings: {
      connectTimeoutMs: 300_000,
      responseTimeoutMs: 120_000,
      stallTimeoutMs: 120_000,
      yieldTimeoutMs: 5_000,
      beforeAttemptTimeoutMs: 1_000,
      checkpointIntervalMs: 1_000,
      retry: DEFAULT_RETRY,
    },
    session: 'this one',
  },
  prefetch: {
    record: {wish: LISTED},
    conditions: GOOD_CONDITIONS,
    running: 0,
    settings: {intervalMs: 1_000, retryDelayMs: 1_000, idleMs: 10_000, fetchTimeoutMs: 1_000},
  },
  completionGroup: {
    tally: emptyTally({id: operationId(900), purpose: 'completionGroup'}),
    runTimeoutMs: 600_000,
    cancelGraceMs: 5_000,
  },
  notificationBatch: {id: operationId(901), showTimeoutMs: 5_000},
}

const DUE_BATCH = {
  ...emptyTally({id: operationId(901), purpose: 'notification', notices: {successToast: {content: '<toast/>'}}}),
  state: 'due',
  completed: 1,
}
const UNCLAIMED_TALLY = {...emptyTally({id: operationId(900), purpose: 'completionGroup'}), state: 'due'}
const DUE_TALLY = {...UNCLAIMED_TALLY, task: {timeoutMs: 1_000}}
const CANDIDATE = {id: operationId(2), priorityClass: 1}
const OFFLINE = {...GOOD_CONDITIONS, connectivity: 'none'}
const FULL_EVIDENCE = {generation: 1, ranges: [[0, 9]], total: 9}
const HEAD = {status: 200, url: 'http://127.0.0.1/1', headers: []}
const ERROR = {code: 'CONNECTION_RESET', message: 'the connection was reset'}

/** Events that lead a machine about; each is sent in every state that the others reach. */
const SAMPLE_EVENTS: Readonly<Record<string, readonly {readonly type: string; readonly [key: string]: unknown}[]>> = {
  engine: [
    {type: 'xstate.done.actor.store'},
    {type: 'xstate.error.actor.store', error: ERROR},
    {type: 'xstate.done.actor.recovery'},
    {type: 'addresses.gone', addresses: ['192.0.2.2']},
    {type: 'xstate.done.actor.drain'},
    {type: 'xstate.done.actor.closing'},
    {type: 'engine.close'},
  ],
  smallFiles: [
    {type: 'wire.taken'},
    {type: 'files.arrived'},
    {type: 'xstate.done.actor.storing'},
    {type: 'xstate.done.actor.committing'},
    {type: 'xstate.done.actor.publishing'},
    {type: 'wire.free'},
  ],
  group: [
    {type: 'line.changed', line: [CANDIDATE]},
    {type: 'line.changed', line: []},
    {type: 'member.changed', member: {id: operationId(1), priority: 0, phase: 'running'}},
    {type: 'members.left', ids: [operationId(1)]},
    {type: 'member.madeCurrent', id: operationId(2)},
    {type: 'group.suspend'},
    {type: 'group.resume'},
  ],
  operation: [
    {type: 'operation.admit'},
    {type: 'operation.pause'},
    {type: 'operation.resume', sequence: 7},
    {type: 'operation.displace'},
    {type: 'operation.suspend'},
    {type: 'operation.cancel'},
    {type: 'operation.retry'},
    {type: 'retry.due'},
    {type: 'conditions.changed', conditions: OFFLINE},
    {type: 'conditions.changed', conditions: GOOD_CONDITIONS},
    {type: 'attempt.connected'},
    {type: 'attempt.responded', response: HEAD, evidence: FULL_EVIDENCE},
    {type: 'attempt.restarted', response: HEAD, evidence: {generation: 2, ranges: []}},
    {type: 'attempt.finished', evidence: FULL_EVIDENCE},
    {type: 'attempt.yielded', evidence: FULL_EVIDENCE},
    {type: 'attempt.failed', error: ERROR, evidence: FULL_EVIDENCE},
    {type: 'xstate.done.actor.weighing', output: {kind: 'waitUntil', at: 5_000}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'pauseForStorage', at: 5_000}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'pauseRecoverable'}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'end', error: ERROR}},
    {type: 'xstate.done.actor.verification', output: {device: 1, inode: 2, size: 9}},
    {type: 'xstate.done.actor.publishCommit'},
    {type: 'xstate.done.actor.publication', output: '/downloads/1'},
    {type: 'xstate.done.actor.removal'},
  ],
  part: [
    {type: 'part.connected'},
    {type: 'part.responded'},
    {type: 'part.progressed'},
    {type: 'part.continuing'},
    {type: 'part.broken', error: ERROR},
    {type: 'part.finished'},
    {type: 'part.counted', counts: {total: 1, failures: 1, highWater: 0, continued: false}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'retry', afterMs: 100}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'end'}},
  ],
  origin: [
    {type: 'connection.taken', id: operationId(1)},
    {type: 'connection.taken', id: operationId(2)},
    {type: 'connection.given', id: operationId(1)},
    {type: 'origin.overloaded', id: operationId(1), quietMs: 5_000},
    {type: 'origin.answered', id: operationId(1)},
  ],
  application: [
    {type: 'slot.taken', id: operationId(1)},
    {type: 'slot.taken', id: operationId(2)},
    {type: 'slot.given', id: operationId(1)},
    {type: 'budget.spent', restMs: 5_000},
  ],
  hostIdle: [{type: 'host.busy'}, {type: 'host.idle'}],
  hostLink: [
    {type: 'link.welcomed'},
    {type: 'link.lost', error: ERROR},
    {type: 'link.refused', error: ERROR},
    {type: 'client.leave'},
    {type: 'xstate.done.actor.attention'},
    {type: 'xstate.done.actor.assurance'},
    {type: 'client.close'},
    {type: 'xstate.done.actor.goodbye'},
  ],
  hostSession: [{type: 'stream.attached'}, {type: 'stream.broken'}, {type: 'session.end'}],
  upload: [
    {type: 'operation.admit'},
    {type: 'operation.displace'},
    {type: 'operation.suspend'},
    {type: 'operation.cancel'},
    {type: 'operation.retry'},
    {type: 'retry.due'},
    {type: 'conditions.changed', conditions: OFFLINE},
    {type: 'conditions.changed', conditions: GOOD_CONDITIONS},
    {type: 'xstate.done.actor.preparation', output: {content: {length: 9, files: []}}},
    {type: 'xstate.done.actor.preparation', output: {content: {length: 9, files: []}, step: 'create'}},
    {type: 'xstate.error.actor.preparation', error: ERROR},
    {type: 'xstate.done.actor.refreshment'},
    {type: 'xstate.error.actor.refreshment', error: ERROR},
    {type: 'xstate.done.actor.sendingCommit'},
    {type: 'attempt.connected'},
    {type: 'attempt.sent'},
    {type: 'attempt.responded', response: HEAD, evidence: FULL_EVIDENCE},
    {type: 'attempt.finished', evidence: FULL_EVIDENCE},
    {type: 'attempt.failed', error: ERROR, evidence: FULL_EVIDENCE},
    {type: 'attempt.stepped', next: 'append', resumable: {url: 'http://127.0.0.1/1'}, evidence: FULL_EVIDENCE},
    {type: 'attempt.lost', error: ERROR},
    {type: 'xstate.done.actor.weighing', output: {kind: 'atOnce'}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'waitUntil', at: 5_000}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'pauseForStorage', at: 5_000}},
    {type: 'xstate.done.actor.weighing', output: {kind: 'end', error: ERROR}},
    {type: 'xstate.done.actor.removal'},
  ],
  prefetch: [
    {type: 'wish.changed', wish: {uris: []}},
    {type: 'wish.changed', wish: LISTED},
    {type: 'conditions.changed', conditions: OFFLINE},
    {type: 'conditions.changed', conditions: {...GOOD_CONDITIONS, cost: {...GOOD_CONDITIONS.cost, roaming: true}}},
    {type: 'conditions.changed', conditions: {...GOOD_CONDITIONS, onBattery: true}},
    {type: 'conditions.changed', conditions: GOOD_CONDITIONS},
    {type: 'load.changed', running: 1},
    {type: 'load.changed', running: 0},
    {type: 'prefetch.due'},
    {type: 'prefetch.demand'},
    {type: 'xstate.done.actor.index', output: ['http://files.example/2']},
    {type: 'xstate.done.actor.fetching', output: {kind: 'fresh'}},
    {type: 'xstate.error.actor.fetching', error: ERROR},
    {type: 'xstate.done.actor.recording', output: {wish: LISTED, ranFor: LISTED, dueAt: 5_000}},
    {type: 'xstate.done.actor.recording', output: {wish: LISTED, ranFor: LISTED, dueAt: 5_000, failures: 1}},
    {type: 'engine.draining'},
  ],
  completionGroup: [
    {type: 'member.created'},
    {type: 'member.started'},
    {type: 'member.ended'},
    {type: 'member.withdrawn'},
    {type: 'group.enable'},
    {type: 'xstate.done.actor.enabling'},
    {type: 'xstate.done.actor.releasing'},
    {type: 'xstate.done.actor.consultation', output: {...DUE_TALLY}},
    {type: 'xstate.done.actor.consultation', output: {...UNCLAIMED_TALLY}},
    {type: 'xstate.done.actor.consultation'},
    {type: 'xstate.done.actor.dropping'},
    {type: 'xstate.done.actor.beginning'},
    {type: 'task.changed'},
    {type: 'engine.draining'},
    {type: 'task.failed', error: ERROR},
    {type: 'task.through'},
    {type: 'xstate.done.actor.weighing', output: {retryAt: 5_000}},
    {type: 'xstate.done.actor.weighing', output: {}},
    {type: 'xstate.done.actor.success'},
    {type: 'xstate.error.actor.releasing', error: ERROR},
    {type: 'retry.due'},
  ],
  notificationBatch: [
    {type: 'member.created'},
    {type: 'member.started'},
    {type: 'member.withdrawn'},
    {type: 'member.ended'},
    {type: 'xstate.done.actor.consultation', output: {...DUE_BATCH}},
    {type: 'xstate.done.actor.consultation', output: {...DUE_BATCH, canceled: 1}},
    {type: 'xstate.done.actor.consultation'},
    {type: 'xstate.done.actor.beginning'},
    {type: 'xstate.done.actor.notice', output: true},
    {type: 'xstate.done.actor.finishing'},
    {type: 'xstate.done.actor.skipping'},
    {type: 'engine.draining'},
  ],
}

/** Actors that end with the state that invoked them, and not by themselves. */
const ENDLESS = new Set([
  'transferBytes',
  'movePart',
  'sendContent',
  'performStep',
  'watchConditions',
  'keepAlarm',
  'tellProgress',
  'runTask',
  'followStream',
  'holdTurn',
])

/** Waits that a crash may lose, by state; every other wait stands in a record. */
const MAY_BE_LOST = [
  /^(operation|upload)\.running\.exchanging\./,
  /^(operation|upload)\.running\.refreshing$/,
  /^upload\.running\.stepping\./,
  /^upload\.(running\.abandoning|canceling)\.terminating$/,
  /^engine\.draining$/,
  /^origin\.(cooling|probing\.choosing)$/,
  /^part\./,
  /^application\.spent$/,
  /^completionGroup\.firing\.running\./,
  /^notificationBatch\.showing$/,
  /^(host(Idle|Link|Session)|smallFiles)\./,
  /^prefetch\.(settling$|running\.)/,
]

/** What every non-final leaf of a machine has to answer, if only by saying why not. */
const ALWAYS_HANDLED: Readonly<Record<string, string>> = {
  operation: 'operation.cancel',
  upload: 'operation.cancel',
  engine: 'engine.close',
  hostLink: 'client.close',
  prefetch: 'engine.draining',
  hostSession: 'session.end',
}

/** What is told to a parent, which a machine that walks by itself has none of. */
const MUTED: Readonly<Record<string, Readonly<Record<string, () => void>>>> = {
  part: {tellFailure: () => undefined, tellEnd: () => undefined},
  smallFiles: {letGoOfSlow: () => undefined},
}

/** Config keys that hold data made from context and event, not behaviour. */
const DYNAMIC_DATA = new Set(['params', 'input', 'context', 'output'])

const machines: readonly AnyStateMachine[] = await loadMachines()

it('finds the machines', () => {
  expect(machines.map(({id}) => id).sort()).toEqual(Object.keys(SAMPLE_INPUTS).sort())
  expect(new Set(machines.map(({id}) => id)).size).toBe(machines.length)
})

describe.each(machines.map((machine) => [machine.id, machine] as const))('the machine %s', (id, machine) => {
  const states = allStates(machine)
  const {actions, guards, actors, delays} = machine.implementations

  it('invokes with an id, a known source, onError, and onDone unless endless', () => {
    const invokes = states.flatMap((state) => state.invoke.map((invoke) => ({state, invoke})))
    for (const {state, invoke} of invokes) {
      const config = [state.config.invoke].flat().find((each) => each?.id === invoke.id)
      const where = `${state.id} invokes ${String(invoke.src)}`
      expect(config?.id, `${where} without an id`).toBeTypeOf('string')
      expect(invoke.src, where).toBeTypeOf('string')
      expect(Object.keys(actors), where).toContain(invoke.src)
      expect(config?.onError, `${where} without onError`).toBeDefined()
      if (!ENDLESS.has(String(invoke.src))) expect(config?.onDone, `${where} without onDone`).toBeDefined()
    }
    const ids = invokes.map(({invoke}) => invoke.id)
    expect(new Set(ids).size, 'invoke ids are unique').toBe(ids.length)
  })

  it('waits by named delays that exist, where a crash may lose the wait', () => {
    for (const state of states) {
      for (const delay of Object.keys(state.config.after ?? {})) {
        expect(Object.keys(delays), `${state.id} waits for ${delay}`).toContain(delay)
        expect(
          MAY_BE_LOST.some((allowed) => allowed.test(state.id)),
          `${state.id} waits with a timer that a crash loses`,
        ).toBe(true)
      }
    }
  })

  it('starts from a sample input', () => {
    for (const state of states) if (state.type === 'compound') expect(state.initial.target, state.id).toHaveLength(1)
    const actor = createActor(machine, {input: SAMPLE_INPUTS[id]})
    expect(actor.getSnapshot().status).toBe('active')
  })

  it('names its behaviour: no inline functions, and an implementation for each name', () => {
    for (const state of states) expect(inlineFunctions(state.config, state.id)).toEqual([])
    for (const state of states) {
      const names = namesIn(ownConfig(state.config))
      for (const name of names.actions) expect(Object.keys(actions), state.id).toContain(name)
      for (const name of names.guards) expect(Object.keys(guards), state.id).toContain(name)
    }
  })

  it('describes every state and tags every leaf', () => {
    for (const state of states) expect(state.config.description, `${state.id} has no description`).toBeTruthy()
    for (const leaf of leaves(machine)) {
      expect(tagsOf(leaf), `${leaf.id} has no tag`).not.toEqual([])
    }
  })

  it('can reach every state, and from each an end if there is one', () => {
    const found = reachable(machine)
    expect(states.filter((state) => !found.has(state)).map((state) => state.id)).toEqual([])
    if (leaves(machine).some(({type}) => type === 'final')) {
      expect(withoutEnd(machine).map((state) => state.id)).toEqual([])
    }
  })

  it('answers what must always be answered', () => {
    const event = ALWAYS_HANDLED[id]
    if (event === undefined) return
    const deaf = leaves(machine).filter(
      (leaf) => leaf.type !== 'final' && !lineage(leaf).some((node) => node.transitions.has(event)),
    )
    expect(deaf.map((leaf) => leaf.id)).toEqual([])
  })

  it('keeps a context that JSON can carry, in every state that samples reach', () => {
    const snapshots = walk(machine.provide({actions: MUTED[id] ?? {}}), SAMPLE_INPUTS[id], SAMPLE_EVENTS[id] ?? [])
    expect(snapshots.length).toBeGreaterThan(1)
    for (const {context, status} of snapshots) {
      expect(status).not.toBe('error')
      expect(JSON.parse(JSON.stringify(context))).toEqual(context)
    }
  })
})

describe('an upload’s life states', () => {
  it('are one for each leaf, and none that only the application could ask for (U16, U17)', () => {
    const upload = machines.find(({id}) => id === 'upload')
    if (upload === undefined) throw new Error('there is no upload machine')
    const words = new Set<string>(LIFE_STATES)
    for (const leaf of leaves(upload))
      expect(
        tagsOf(leaf).filter((tag) => words.has(tag)),
        leaf.id,
      ).toHaveLength(1)
    const used = new Set(leaves(upload).flatMap(tagsOf))
    expect(used.has('pausedByApplication')).toBe(false)
    expect(used.has('pausedRecoverableWebErrorStatus')).toBe(false)
  })
})

describe('the operation’s life states', () => {
  const operation = machines.find(({id}) => id === 'operation')
  const persisted: {readonly lifeStates: readonly string[]} = JSON.parse(
    readFileSync(new URL('persisted-names.json', import.meta.url), 'utf8'),
  )

  it('are one for each leaf', () => {
    if (operation === undefined) throw new Error('there is no operation machine')
    const words = new Set<string>(LIFE_STATES)
    for (const leaf of leaves(operation)) {
      expect(
        tagsOf(leaf).filter((tag) => words.has(tag)),
        leaf.id,
      ).toHaveLength(1)
    }
    const used = new Set(leaves(operation).flatMap(tagsOf))
    expect(LIFE_STATES.filter((state) => !used.has(state))).toEqual([])
  })

  it('are for ever: a name that was persisted once is never taken away', () => {
    expect([...LIFE_STATES].sort()).toEqual([...persisted.lifeStates].sort())
  })
})

function tagsOf(leaf: (typeof machines)[number]['root']): readonly string[] {
  return [...new Set(lineage(leaf).flatMap(({tags}) => tags as readonly string[]))]
}

/** The config of one state without those of its children. */
function ownConfig(config: object): object {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== 'states'))
}

function inlineFunctions(value: unknown, path: string): readonly string[] {
  if (typeof value === 'function') return [path]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) =>
    key === 'states' || DYNAMIC_DATA.has(key) ? [] : inlineFunctions(child, `${path}.${key}`),
  )
}

/** Names of actions and guards anywhere in a config. */
function namesIn(config: unknown): {actions: readonly string[]; guards: readonly string[]} {
  if (typeof config !== 'object' || config === null) return {actions: [], guards: []}
  const found = Object.entries(config).map(([key, value]) => {
    if (['actions', 'entry', 'exit'].includes(key)) return {actions: [value].flat().map(nameOf), guards: []}
    if (key === 'guard') return {actions: [], guards: [nameOf(value)]}
    return namesIn(value)
  })
  return {actions: found.flatMap(({actions}) => actions), guards: found.flatMap(({guards}) => guards)}
}

function nameOf(reference: unknown): string {
  if (typeof reference === 'string') return reference
  if (typeof reference === 'object' && reference !== null && 'type' in reference) return String(reference.type)
  return String(reference)
}

/** Snapshots that the sample events lead to, one for each state value. */
function walk(
  machine: AnyStateMachine,
  input: unknown,
  events: readonly {readonly type: string}[],
): readonly AnyMachineSnapshot[] {
  const first: AnyMachineSnapshot = createActor(machine, {input}).getSnapshot()
  const found = new Map([[JSON.stringify(first.value), first]])
  for (const snapshot of found.values()) {
    if (snapshot.status !== 'active') continue
    for (const event of events) {
      const next: AnyMachineSnapshot = getNextSnapshot(machine, snapshot, event)
      const key = JSON.stringify(next.value)
      if (!found.has(key)) found.set(key, next)
    }
  }
  return [...found.values()]
}
