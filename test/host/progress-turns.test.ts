/** What is only progress is told in turns: often enough, in order, never too much at once, and to the last. */

import {Writable} from 'node:stream'
import fc from 'fast-check'
import {Subject} from 'rxjs'
import {describe, expect, it, onTestFinished, vi} from 'vitest'
import type {Engine} from '../../src/engine/engine.ts'
import {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import {FollowedOperations} from '../../src/host/followed-operation.ts'
import {Frames} from '../../src/host/frames.ts'
import {HeldOperations} from '../../src/host/held-operations.ts'
import {Outbox} from '../../src/host/outbox.ts'
import {MOST_TOLD_A_TICK, ProgressTurns} from '../../src/host/progress-turns.ts'
import type {HostMessage} from '../../src/host/protocol.ts'
import {makeDirectory, openEngine, startServer} from '../integration/harness.ts'
import {queuedRecord} from '../support/records.ts'
import {openSession, socketOf} from './raw-session.ts'

const OPERATIONS = 4

/** An operation of an engine, as far as its counters go. */
class Operation {
  readonly entry: OperationEntry
  /** As of each tick so far. */
  readonly history: number[] = []
  isOver = false

  constructor(n: number) {
    this.entry = new OperationEntry(queuedRecord(n), () => {})
  }

  get id() {
    return this.entry.record.id
  }

  get received(): number {
    return this.entry.counts.received
  }

  grow(bytes: number): void {
    if (!this.isOver) this.entry.observe({...this.entry.counts, received: this.received + bytes})
  }

  /** What has come is durable: another record, and nothing to tell of. */
  checkpoint(): void {
    const {record, counts} = this.entry
    const {received} = counts
    const evidence = {...record.evidence, ranges: received === 0 ? [] : ([[0, received]] as const)}
    this.entry.tell({...record, evidence, attempts: {...record.attempts, highWater: received}})
  }

  /** Begins anew, as the engine has it: the record, then the event, then the notice. */
  restart(sayEvent: () => void): void {
    const {record} = this.entry
    const {generation} = record.evidence
    const notice = this.entry.tell({...record, evidence: {...record.evidence, generation: generation + 1, ranges: []}})
    this.history.fill(0)
    sayEvent()
    this.entry.notices.next(notice)
  }

  end(): void {
    this.isOver = true
    this.entry.notices.complete()
  }
}

/** An engine reduced to its ticks, and clients that write down what they are told. */
function world() {
  const ticks = new Subject<void>()
  const state = {isWanted: false, ticks: 0, progressWrites: 0}
  const operations = Array.from({length: OPERATIONS}, (_, n) => new Operation(n))
  const frames = new Frames()
  const wantTick = () => {
    state.isWanted = true
  }
  const turns = new ProgressTurns({ticks$: ticks, wantTick})
  const followed = new FollowedOperations()
  const engine = {
    countsOf: ({counts}: OperationEntry) => counts,
    explain: () => ({}),
    release: () => {},
  } as unknown as Engine

  class Client {
    readonly outbox = new Outbox({frames, turns})
    readonly held = new HeldOperations({engine, frames, followed, outbox: this.outbox})
    /** The newest that it was told, by counts and by events. */
    readonly counts = new Map<string, number>()
    readonly events = new Map<string, number>()
    readonly ended = new Set<string>()
    readonly generations = new Map<string, number>()
    since = 0

    readonly follows: readonly Operation[]

    constructor(follows: readonly Operation[] = operations) {
      this.follows = follows
      for (const {entry} of follows) this.held.hold(entry)
      this.come()
    }

    come(): void {
      this.counts.clear()
      this.events.clear()
      // It asks how things stand.
      for (const {id} of this.follows) this.generations.set(id, this.held.snapshotOf(id)?.counts.generation ?? 0)
      this.since = state.ticks
      const write = (bytes: Buffer, _: unknown, done: () => void) => {
        const said: HostMessage[] = bytes
          .toString()
          .split('\n\n')
          .filter(Boolean)
          .map((frame) => JSON.parse(frame.slice(6)))
        const isOnlyProgress = said.every(({type}) => type === 'counts' || type === 'event')
        if (isOnlyProgress) state.progressWrites += 1
        for (const message of said) this.hear(message)
        done()
      }
      this.outbox.open(new Writable({write}))
    }

    hear(message: HostMessage): void {
      const note = (told: Map<string, number>, id: string, received: number) => {
        expect(received).toBeGreaterThanOrEqual(told.get(id) ?? 0)
        expect(this.ended.has(id)).toBe(false)
        told.set(id, received)
      }
      if (message.type === 'notice') {
        const {snapshot} = message
        const id = 'record' in snapshot ? snapshot.record.id : snapshot.id
        expect([message.hasRestarted, snapshot.counts.received]).toEqual([true, 0])
        this.generations.set(id, snapshot.counts.generation)
        this.counts.set(id, 0)
      }
      if (message.type === 'counts') {
        expect(message.counts.generation).toBe(this.generations.get(message.id))
        note(this.counts, message.id, message.counts.received)
      }
      if (message.type === 'ended') this.ended.add(message.id)
      if (message.type === 'event' && message.event.type === 'operation.restarted') this.events.set(message.event.id, 0)
      if (message.type === 'event' && message.event.type === 'progress') {
        for (const {id, bytesReceived} of message.event.changes) note(this.events, id, bytesReceived)
      }
    }
  }

  /** As the engine has it: first the tick, then what has moved, then whoever follows. */
  const tick = async (clients: readonly Client[], moved: readonly Operation[]) => {
    state.isWanted = false
    state.progressWrites = 0
    ticks.next()
    state.ticks += 1
    const changes = moved.map(({id, received}) => ({id, bytesReceived: received, totalBytesToReceive: 0}))
    const event = {type: 'progress', at: state.ticks, changes} as const
    if (moved.length > 0) for (const {outbox} of clients) outbox.progressed(event)
    for (const {entry} of moved) entry.notices.listener?.moved()
    for (const each of operations) each.history.push(moved.includes(each) ? each.received : (each.history.at(-1) ?? 0))
    await settled()
  }
  return {state, operations, frames, Client, tick}
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

const anOperation = fc.nat({max: OPERATIONS - 1})
const step = fc.oneof(
  {weight: 6, arbitrary: fc.record({kind: fc.constant('tick'), moved: fc.uniqueArray(anOperation)})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('grow'), which: anOperation})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('end'), which: anOperation})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('restart'), which: anOperation})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('say'), client: fc.nat({max: 200})})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('return'), client: fc.nat({max: 200})})},
)

describe('progress', () => {
  it('reaches every client within its turns, in order, so many writes a tick, and nothing of it is left', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({min: 1, max: 110}),
        fc.boolean(),
        fc.array(step, {maxLength: 30}),
        async (count, areApart, steps) => {
          const {state, operations, frames, Client, tick} = world()
          // Apart, the followers of an operation may all be far behind in the line.
          const followedBy = (client: number) =>
            areApart
              ? operations.filter((_, n) => n === Math.floor(client / (MOST_TOLD_A_TICK + 2)) % OPERATIONS)
              : operations
          const clients = Array.from({length: count}, (_, n) => new Client(followedBy(n)))
          const turnsToWait = Math.ceil(count / MOST_TOLD_A_TICK)
          const at = <T>(list: readonly T[], n: number) => list[n % list.length] as T
          const demandNews = (age: number) => {
            for (const {since, counts, events, follows} of clients) {
              for (const operation of operations) {
                const {id, history} = operation
                const due = history.length - 1 - age
                // Who came back asks how things stand; what is due is what moved since.
                if (due < since || history[due] === (history[since - 1] ?? 0)) continue
                if (follows.includes(operation)) expect(counts.get(id)).toBeGreaterThanOrEqual(history[due] ?? 0)
                expect(events.get(id)).toBeGreaterThanOrEqual(history[due] ?? 0)
              }
            }
          }
          for (const each of steps) {
            if (each.kind === 'tick') {
              const moved = each.moved.map((n) => at(operations, n)).filter(({isOver}) => !isOver)
              for (const operation of moved) operation.grow(10)
              await tick(clients, moved)
              expect(state.progressWrites).toBeLessThanOrEqual(MOST_TOLD_A_TICK)
              demandNews(turnsToWait - 1)
            } else if (each.kind === 'grow') {
              // Counted, and not told yet.
              at(operations, each.which).grow(1)
              at(operations, each.which).checkpoint()
            } else if (each.kind === 'end') {
              at(operations, each.which).end()
              await settled()
            } else if (each.kind === 'restart') {
              const operation = at(operations, each.which)
              if (operation.isOver) continue
              const event = {
                type: 'operation.restarted',
                at: state.ticks,
                id: operation.id,
                record: operation.entry.record,
              } as const
              const frame = frames.of({type: 'event', event})
              operation.restart(() => {
                for (const {outbox} of clients) outbox.say(frame)
              })
              await settled()
            } else if (each.kind === 'say') {
              const client = at(clients, each.client)
              client.outbox.say(frames.of({type: 'result', id: 1}))
              await settled()
              // It has nothing to wait for any more.
              for (const {id, history} of client.follows) {
                if (client.since === 0) expect(client.counts.get(id) ?? 0).toBeGreaterThanOrEqual(history.at(-1) ?? 0)
              }
            } else {
              at(clients, each.client).come()
            }
          }
          // Nothing moves any more: as many ticks as somebody wants.
          let ticks = 0
          while (state.isWanted) {
            await tick(clients, [])
            expect(state.progressWrites).toBeLessThanOrEqual(MOST_TOLD_A_TICK)
            ticks += 1
          }
          expect(ticks).toBeLessThanOrEqual(turnsToWait)
          demandNews(0)
        },
      ),
      {numRuns: 60},
    )
  })

  it('is put into words once for all whose turn it is, and each of them is told of it in one write', async () => {
    const {state, operations, Client, tick} = world()
    const clients = Array.from({length: MOST_TOLD_A_TICK * 3}, () => new Client())
    const words = vi.spyOn(JSON, 'stringify')
    onTestFinished(() => words.mockRestore())
    await tick(clients, operations)
    expect([words.mock.calls.length, state.progressWrites]).toEqual([OPERATIONS + 1, MOST_TOLD_A_TICK])
  })

  it('of a transfer that stalls reaches each of many clients of a host', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    const content = Buffer.alloc(100_000, 1)
    server.route('/a', {content, cutAfter: 40_000, cut: 'stall', pieceBytes: 4_000, pieceDelayMs: 40})
    const engine = await openEngine(directory, {control: true})
    const sessions = await Promise.all(
      Array.from({length: MOST_TOLD_A_TICK * 2 + 1}, () => openSession(socketOf(directory))),
    )
    const download = engine.createDownloader().createDownload(server.url('/a'), `${directory}/a`)
    const running = download.startAsync()
    running.catch(() => undefined)
    await running.accepted
    await Promise.all(
      sessions.map(async ({call, messages}) => {
        const {value} = await call('find', {id: download.guid})
        if (value.counts.received === 40_000) return
        for await (const {type, counts, snapshot} of messages) {
          if (type === 'counts' && counts.received === 40_000) return
          if (type === 'notice' && snapshot.counts.received === 40_000) return
        }
      }),
    )
  })
})
