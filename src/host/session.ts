/**
 * One client of a host: its stream, its calls in their order, the answers that it may ask for again, and what it holds. Ends a
 * while after the client is gone; the transfers that it started do not.
 */

import type {ServerResponse} from 'node:http'
import type {Subscription} from 'rxjs'
import {createActor} from 'xstate'
import {type HostSessionActor, hostSessionMachine} from '../../machines/host-session.machine.ts'
import {toTold} from '../domain/error-chain.ts'
import {invalidArgument, TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import type {Engine} from '../engine/engine.ts'
import type {EngineEvent} from '../engine/events.ts'
import type {ByteSource} from '../ports/byte-source.ts'
import type {Clock} from '../ports/clock.ts'
import type {Bodies, CallContext} from './call-context.ts'
import {carryOut, isVisible} from './calls.ts'
import type {FollowedOperations} from './followed-operation.ts'
import type {Frames} from './frames.ts'
import {HeldOperations} from './held-operations.ts'
import {Outbox} from './outbox.ts'
import type {ProgressTurns} from './progress-turns.ts'
import {CALLS, type CallBatch, type CallInput, type CallName, type HostMessage} from './protocol.ts'
import {messageOf, ToldSteps} from './told-steps.ts'

type Answer = HostMessage & {readonly type: 'result'}

export interface SessionOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly app: string | undefined
  /** Its client waits for the store, to be a host itself. */
  readonly isHeir: boolean
  /** ms that it outlives its stream. */
  readonly graceMs: number
  /** ms that bodies which it sent outlive that. */
  readonly absenceMs: number
  /** Operations to come that it sent bodies for, under this id, since the client last said goodbye, each by its last try. */
  readonly bodies: Bodies
  /** Of all sessions. */
  readonly frames: Frames
  readonly turns: ProgressTurns
  readonly followed: FollowedOperations
  readonly inspectors: CallContext['inspectors']
  readonly tellAll: (message: HostMessage) => void
  readonly tellTasks: () => void
  readonly onEnded: () => void
  /** The client came or went. */
  readonly onPresence: () => void
}

export class HostSession {
  readonly app: string | undefined
  readonly isHeir: boolean
  readonly bodies: Bodies
  readonly #engine: Engine
  readonly #actor: HostSessionActor
  readonly #context: CallContext
  readonly #onPresence: () => void
  readonly #held: HeldOperations
  readonly #sources = new Map<string, Promise<ByteSource>>()
  /** By the ids of their calls; undefined while the call is under way. */
  readonly #answers = new Map<number, Answer | undefined>()
  /** Settles when the session holds again what its client held. */
  #refreshing: Promise<void> | undefined
  readonly #frames: Frames
  readonly #outbox: Outbox
  #stream: ServerResponse | undefined
  #watching: Subscription | undefined

  constructor(options: SessionOptions) {
    const {engine, clock, app, isHeir, graceMs, absenceMs, bodies, frames, turns, followed, inspectors} = options
    const {tellAll, tellTasks, onEnded, onPresence} = options
    this.app = app
    this.isHeir = isHeir
    this.bodies = bodies
    this.#onPresence = onPresence
    this.#engine = engine
    this.#frames = frames
    this.#outbox = new Outbox({frames, turns})
    this.#held = new HeldOperations({engine, frames, followed, outbox: this.#outbox})
    this.#context = {
      engine,
      app,
      held: this.#held,
      inspectors,
      tellAll,
      tellTasks,
      watch: (events) => this.#watch(events),
      closeBytes: (source) => this.#closeBytes(source),
      expected: new Map(),
      notified: new Map(),
      groupTurns: new Map(),
      isGone: () => this.#isGone,
      bodies,
      exempted: new Set(),
      startTurn: Promise.resolve(),
    }
    const chart = hostSessionMachine().provide({actions: {letGo: () => this.#letGo()}})
    this.#actor = createActor(chart, {input: {graceMs, absenceMs}, clock})
    this.#actor.subscribe({
      complete: () => {
        this.#letGo()
        onEnded()
      },
    })
    this.#actor.start()
  }

  get isAttached(): boolean {
    return this.#actor.getSnapshot().hasTag('attached')
  }

  /** Nothing is left of it but the bodies that it sent. */
  get isAway(): boolean {
    return this.#actor.getSnapshot().hasTag('away')
  }

  get #isGone(): boolean {
    const snapshot = this.#actor.getSnapshot()
    return snapshot.hasTag('away') || snapshot.hasTag('over')
  }

  /** The response becomes this session's stream; an earlier one is closed. */
  attach(response: ServerResponse, welcome: HostMessage): void {
    this.#stream?.destroy()
    this.#stream = response
    response.flushHeaders()
    // Past node:http once the head is out: many clients make many writes.
    this.#outbox.open(response.socket ?? response)
    response.on('close', () => {
      if (this.#stream !== response) return
      this.#stream = undefined
      this.#outbox.close()
      this.#actor.send({type: 'stream.broken'})
      this.#onPresence()
    })
    this.#actor.send({type: 'stream.attached'})
    this.#onPresence()
    this.send(welcome)
  }

  send(message: HostMessage): void {
    if (this.#outbox.isOpen) this.#outbox.say(this.#frames.of(message))
  }

  /** Carries the calls out in their order; none of them twice. */
  handle({settled, calls}: CallBatch): void {
    for (const id of this.#answers.keys()) if (id < settled) this.#answers.delete(id)
    for (const call of calls) {
      if (this.#answers.has(call.id)) {
        const answer = this.#answers.get(call.id)
        if (answer !== undefined) this.#sendAnswer(answer)
        continue
      }
      this.#answers.set(call.id, undefined)
      this.#answer(call.id, this.#inOrder(call))
    }
  }

  /** What a client asks behind a refresh is of what it holds: that may have to be read first. */
  #inOrder({name, input}: CallBatch['calls'][number]): Promise<unknown> {
    const carryOut = () => this.#carryOut(name, input)
    const done = this.#refreshing === undefined ? carryOut() : this.#refreshing.then(carryOut)
    if (name !== 'refresh') return done
    const refreshing = done.then(
      () => undefined,
      () => undefined,
    )
    this.#refreshing = refreshing
    // Heard before those that wait: what is called then goes behind them.
    void refreshing.then(() => {
      if (this.#refreshing === refreshing) this.#refreshing = undefined
    })
    return done
  }

  /** The body of an operation to come. Goes when the client says goodbye, unless the operation is started. */
  async takeBody(guid: OperationId, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<ContentPiece> {
    const {bodies} = this
    bodies.set(guid, signal)
    try {
      const piece = await this.#engine.takeBody(guid, chunks, signal)
      if (bodies.get(guid) === signal) return piece
    } catch (error) {
      if (bodies.get(guid) === signal) bodies.delete(guid)
      throw error
    }
    if (!bodies.has(guid)) this.#engine.dropBody(guid)
    // Where the host ends, its client gives the stream to the next one.
    throw new TransferError('CLOSED', 'the session ended before the stream did')
  }

  /** Bytes of a result, as soon as there is one; `source` names the reader, which the client closes. */
  async read(guid: OperationId, source: string, position: number, into: Uint8Array, signal: AbortSignal) {
    let opened = this.#sources.get(source)
    if (opened === undefined) {
      opened = this.#openBytes(guid)
      this.#sources.set(source, opened)
      opened.catch(() => this.#sources.delete(source))
    }
    const bytes = await opened
    const count = await bytes.read(into, position, signal)
    const generation = this.#held.entryOf(guid)?.counts.generation ?? 0
    return {count, size: bytes.size, generation}
  }

  /** The operation, if this client may see it. Rejects with OPERATION_UNKNOWN. */
  async assertVisible(guid: OperationId): Promise<void> {
    const entry = await this.#engine.find(guid)
    const isMine = entry !== undefined && isVisible(entry.record, this.app)
    if (entry !== undefined) this.#engine.release(entry)
    if (!isMine) throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: guid})
  }

  /** Its client said goodbye, or the host ends, and the client is told if it is there; or it came back after it was away. */
  close(): void {
    this.send({type: 'bye'})
    this.#outbox.flush()
    this.#outbox.close()
    const stream = this.#stream
    this.#stream = undefined
    stream?.end()
    this.#actor.send({type: 'session.end'})
  }

  async #carryOut(name: CallName, input: unknown): Promise<unknown> {
    const parsed = CALLS[name].safeParse(input)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      throw invalidArgument(`${name}.${issue?.path.join('.') ?? ''}`, issue?.message ?? 'is not what it should be')
    }
    return carryOut(this.#context, name, parsed.data as CallInput<typeof name>)
  }

  #answer(id: number, promise: Promise<unknown>): void {
    const tell = (message: Answer) => {
      if (this.#answers.has(id)) this.#answers.set(id, message)
      this.#sendAnswer(message)
    }
    promise.then(
      (value) => tell({type: 'result', id, value}),
      (error) => tell({type: 'result', id, error: toTold(error)}),
    )
  }

  #sendAnswer(answer: Answer): void {
    if (this.#outbox.isOpen) this.#outbox.answer(this.#frames.of({...answer, value: this.#held.afresh(answer.value)}))
  }

  async #openBytes(guid: OperationId): Promise<ByteSource> {
    const entry = await this.#engine.find(guid)
    if (entry === undefined || !isVisible(entry.record, this.app)) {
      if (entry !== undefined) this.#engine.release(entry)
      throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: guid})
    }
    try {
      return this.#engine.bytesOf(entry)
    } finally {
      this.#engine.release(entry)
    }
  }

  #closeBytes(source: string): void {
    this.#sources.get(source)?.then(
      (bytes) => bytes.close(),
      () => undefined,
    )
    this.#sources.delete(source)
  }

  #watch(events: boolean): void {
    this.#watching?.unsubscribe()
    this.#watching = undefined
    // What was asked behind a refresh may have outlived the session.
    if (!events || this.#isGone) return
    const steps = new ToldSteps(this.#engine, this.#outbox)
    this.#watching = this.#engine.events$.subscribe((event) => {
      const shown = this.#shown(event)
      if (shown === undefined || !this.#outbox.isOpen) return
      if (shown.type === 'progress') {
        this.#outbox.progressed(shown)
        return
      }
      const before = shown.type === 'operation.moved' ? steps.next(shown) : undefined
      this.#outbox.say(this.#frames.shared(shown, 0, () => messageOf(shown, before), before))
    })
  }

  /** What this client may see of an event. */
  #shown(event: EngineEvent): EngineEvent | undefined {
    const {app} = this
    if (app === undefined) return event
    const isMine = (id: OperationId) => this.#engine.live(id)?.record.app === app
    switch (event.type) {
      case 'operation.started':
      case 'operation.moved':
      case 'operation.restarted':
        return event.record.app === app ? event : undefined
      case 'progress': {
        const changes = event.changes.filter(({id}) => isMine(id))
        return changes.length === 0 ? undefined : {...event, changes}
      }
      case 'store.failed':
        return isMine(event.id) ? event : undefined
      case 'notification.raised':
      case 'task.launched':
      case 'task.progressed':
      case 'task.completed':
      case 'task.failed':
      case 'completion.dropped':
        return event.app === app ? event : undefined
      case 'operation.forgotten': {
        // Whose they were is not known any more; a guid alone tells nothing.
        return event
      }
      case 'prefetch.changed':
      case 'prefetch.started':
      case 'prefetch.indexIgnored':
      case 'prefetch.fetched':
      case 'prefetch.ended':
        return undefined
      default:
        return event
    }
  }

  #letGo(): void {
    this.#watch(false)
    this.#held.releaseAll()
    for (const source of this.#sources.keys()) this.#closeBytes(source)
    const {expected, notified, engine, inspectors} = this.#context
    void inspectors.closeAll(this.#context)
    // Nobody can start them any more.
    for (const [completionGroup, count] of expected) engine.completionGroups.withdrawSome(completionGroup, count)
    engine.notifications.withdraw([...notified.values()].map((id) => ({notificationBatch: {id, notices: {}}})))
    expected.clear()
    notified.clear()
    this.#answers.clear()
  }
}
