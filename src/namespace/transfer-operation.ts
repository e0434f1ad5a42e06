/**
 * What a DownloadOperation and an UploadOperation have in common (spec 4.3, 4.4): the application's handle of one transfer. One
 * object per operation and process.
 */

import {concat, defer, distinctUntilChanged, firstValueFrom, map, merge, type Observable, of} from 'rxjs'
import type {BackgroundTransferCostPolicy} from '../domain/cost-policy.ts'
import {invalidArgument, TransferError} from '../domain/errors.ts'
import type {Explanation} from '../domain/explain.ts'
import {assertOptions, assertSignal, shown} from '../domain/given.ts'
import {type HeaderField, withHeader, withoutHeader} from '../domain/header-fields.ts'
import {type LineMove, parseLineMove} from '../domain/line-move.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {BackgroundTransferPriority} from '../domain/priority.ts'
import type {OperationRecord, TransferPolicy, TransferRequest} from '../domain/record.ts'
import {type BackgroundTransferStatus, isTerminal, type LifeState, statusOf} from '../domain/status.ts'
import {changeCredentials, changeRequestHeaders, isFtp} from '../engine/bytes/transfer-request.ts'
import type {EngineApi, HeldOperation, OperationDraft} from '../engine/engine-api.ts'
import {OPERATION_LIMITS} from '../engine/known-limits.ts'
import {byteRate, limitsOf, type OperationLimits} from '../engine/options.ts'
import {BackgroundTransferGroup} from './background-transfer-group.ts'
import {HandleNotices} from './handle-notices.ts'
import {rememberHandle} from './handles.ts'
import {ifPossible} from './if-possible.ts'
import type {IBackgroundTransferOperation, IBackgroundTransferOperationPriority} from './interfaces.ts'
import {OperationStage, type Origin} from './operation-stage.ts'
import {type OperationSummary, summaryOf} from './operation-summary.ts'
import {credentialOf, type PasswordCredential} from './password-credential.ts'
import {ResponseInformation} from './response-information.ts'
import type {RunningTransfer, WaitOptions} from './running-transfer.ts'
import {waitForTransfer} from './transfer-wait.ts'
import {untilEnd} from './until-end.ts'

/** What may still be changed of an unfinished transfer; takes effect with its next try. Our addition to the namespace. */
export type ChangeableOptions = Omit<OperationLimits, 'maxBytesPerSecond'>

const {maxBytesPerSecond: _, ...CHANGEABLE} = OPERATION_LIMITS

/** By this name Node.js asks for it. */
const PRINTED: unique symbol = Symbol.for('nodejs.util.inspect.custom')

export abstract class TransferOperation implements IBackgroundTransferOperation, IBackgroundTransferOperationPriority {
  protected readonly engine: EngineApi
  readonly #stage: OperationStage
  /** That of the stage, one object nearer: whoever follows progress reads it at each tick. */
  #entry: HeldOperation | undefined
  protected readonly notices: HandleNotices
  #response: {readonly facts: OperationRecord['response']; readonly information: ResponseInformation} | undefined

  protected constructor(engine: EngineApi, origin: Origin) {
    this.engine = engine
    this.#stage = new OperationStage(origin, (entry) => {
      this.#entry = entry
      rememberHandle(engine, entry, this)
    })
    this.notices = new HandleNotices(this.#stage.entered$)
  }

  /** Whether an operation is of this engine. */
  static isOf(engine: EngineApi, operation: TransferOperation): boolean {
    return operation.engine === engine
  }

  /** From now on it does not pause to save power (the requestUnconstrained calls). */
  static exempt(engine: EngineApi, operation: TransferOperation): void {
    if (TransferOperation.isOf(engine, operation)) ifPossible(() => operation.changePolicy({unconstrained: true}))
  }

  /** Lower case, without braces; the same in every session. */
  get guid(): OperationId {
    return this.facts.id
  }

  /** The address that it was asked for, which redirects do not change; a fresh copy. */
  get requestedUri(): URL {
    return new URL(this.wishes.request.url)
  }

  /** The HTTP method; case as it was given. */
  get method(): string {
    return this.wishes.request.method
  }

  /** The name of its transfer group; '' without one. */
  get group(): string {
    return this.wishes.policy.group
  }

  /**
   * Other limits, or another expected digest, for what is still to come. Throws INVALID_ARGUMENT, and ILLEGAL_STATE on a
   * terminal one.
   */
  changeOptions(options: ChangeableOptions): void {
    assertOptions('options', options, CHANGEABLE)
    this.changePolicy(limitsOf(options))
  }

  /** The group of that name; null without one. */
  get transferGroup(): BackgroundTransferGroup | null {
    return this.group === '' ? null : BackgroundTransferGroup.of(this.engine, this.group)
  }

  /** Its class in line. */
  get priority(): BackgroundTransferPriority {
    return this.wishes.policy.priority
  }

  /** Queued operations move to the end of their new class; a terminal one throws ILLEGAL_STATE (O37). */
  set priority(priority: BackgroundTransferPriority) {
    assertPriority(priority)
    this.changePolicy({priority})
  }

  /** What it may cost: it pauses where it would cost more. */
  get costPolicy(): BackgroundTransferCostPolicy {
    return this.wishes.policy.costPolicy
  }

  /** Takes effect at once; a terminal operation throws ILLEGAL_STATE. */
  set costPolicy(costPolicy: BackgroundTransferCostPolicy) {
    if (costPolicy !== 0 && costPolicy !== 1 && costPolicy !== 2) {
      throw invalidArgument('costPolicy', `must be 0, 1 or 2, not ${shown(costPolicy)}`)
    }
    this.changePolicy({costPolicy})
  }

  /** Bytes per second of this operation alone; undefined is no limit. Takes effect at once; kept with the operation. */
  get maxBytesPerSecond(): number | undefined {
    return this.wishes.policy.maxBytesPerSecond
  }

  set maxBytesPerSecond(bytesPerSecond: number | undefined) {
    const {maxBytesPerSecond: _, ...policy} = this.wishes.policy
    const limit = byteRate('maxBytesPerSecond', bytesPerSecond)
    this.#replacePolicy(limit === undefined ? policy : {...policy, maxBytesPerSecond: limit})
  }

  /** The present status, then each change; completes with the terminal one, or when the engine is closed. */
  get status$(): Observable<BackgroundTransferStatus> {
    const present = defer(() => of(this.status))
    // It may be on its way already when the handle hears that it was accepted.
    const changes = merge(
      this.#stage.entered$.pipe(map(() => this.status)),
      this.notices.pipe(map(({record}) => statusOf(record.state))),
    )
    return this.untilEnd(concat(present, changes)).pipe(distinctUntilChanged())
  }

  /** The newest response, or null before any; the same object until a newer one arrives. Always null over FTP. */
  getResponseInformation(): ResponseInformation | null {
    const facts = this.facts.response
    if (facts === undefined || isFtp(this.wishes.request.url)) return null
    if (this.#response?.facts !== facts) {
      this.#response = {
        facts,
        information: new ResponseInformation(facts, this.method, this.wishes.request.body === undefined),
      }
    }
    return this.#response.information
  }

  abstract getResultStreamAt(position: number): ReadableStream<Uint8Array>

  /** The operation as plain data: redacted, JSON-safe, with the durable counters. */
  describe(): OperationSummary {
    return summaryOf({sequence: 0, state: 'queued', ...this.facts})
  }

  /** What JSON.stringify makes of it: describe(). */
  toJSON(): OperationSummary {
    return this.describe()
  }

  /** What console.log shows of it: describe(). */
  [PRINTED](_depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    return `${this.constructor.name} ${inspect(this.describe(), options)}`
  }

  /** Why it is not moving, and what would move it. */
  explain(): Explanation {
    const {entry} = this.#stage
    if (entry !== undefined) return this.engine.explain(entry)
    return this.#stage.kind === 'draft'
      ? {why: 'it was never started', next: 'call startAsync'}
      : {why: 'it is being put on record, and stands in line then'}
  }

  /**
   * Starts the transfer. Resolves with this object when the file is whole and durable, or the server has it; rejects with a TransferError, CANCELED
   * and CLOSED included. Throws INVALID_ARGUMENT, and ILLEGAL_STATE when it was started before.
   */
  startAsync(options: WaitOptions = {}): RunningTransfer<this> {
    if (this.#stage.kind !== 'draft') throw this.illegal('startAsync')
    assertWait(options)
    if (options.signal?.aborted === true) return this.#running(Promise.reject(options.signal.reason), options)
    return this.#running(
      this.#stage.start((draft, onHeld) => this.engine.start([draft], onHeld)),
      options,
    )
  }

  /**
   * Connects to an operation of an earlier session, or again to one of this. Settles at once when it has ended. Throws
   * INVALID_ARGUMENT, ILLEGAL_STATE when it was never started, CLOSED.
   */
  attachAsync(options: WaitOptions = {}): RunningTransfer<this> {
    const {accepted, entry} = this.#stage
    if (accepted === undefined) throw this.illegal('attachAsync')
    assertWait(options)
    if (entry !== undefined) this.engine.attach(entry)
    return this.#running(accepted, options)
  }

  /**
   * Ends the wait before the next try at once, and that for room on the disk; what a server asked of everybody (Retry-After) is
   * still kept. Our addition to the namespace. Throws ILLEGAL_STATE when it does not wait, CLOSED.
   */
  retryNow(): void {
    this.engine.retry(this.#demandEntry('retryNow'))
  }

  /** Moves this transfer, and those behind it in its group, to the front. Without a group nothing happens. Throws CLOSED. */
  makeCurrentInTransferGroup(): void {
    this.onceAccepted((entry) => {
      // Rejects only when the engine closes before a failing store took it; that was logged.
      this.engine.makeCurrent(entry).catch(() => undefined)
    })
  }

  /**
   * Moves this transfer alone to another place among those that wait in its group: one `up` or `down`, `first`, `last`, or before
   * another, by its guid. It passes priorities too, and nobody that runs gives way. Our addition to the namespace. Resolves when
   * it is durable; rejects with ILLEGAL_STATE when it does not wait, or has nobody to pass. Throws ILLEGAL_STATE before
   * it is accepted, INVALID_ARGUMENT, CLOSED.
   */
  moveInTransferGroupAsync(to: LineMove): Promise<void> {
    return this.engine.move(this.#demandEntry('moveInTransferGroupAsync'), parseLineMove('to', to))
  }

  /** From the next request on; repeated calls concatenate. ILLEGAL_STATE on a terminal operation. */
  setRequestHeader(name: string, value: string): void {
    this.#changeHeaders(name, (fields) => withHeader(fields, name, value))
  }

  /** Case-insensitive; removing an absent header does nothing. */
  removeRequestHeader(name: string): void {
    this.#changeHeaders(name, (fields) => withoutHeader(fields, name))
  }

  /**
   * Other credentials, from the next request on; null takes one away, and what is not named stays. Our addition to the
   * namespace. Throws INVALID_ARGUMENT, and ILLEGAL_STATE on a terminal operation.
   */
  setCredentials(given: {
    readonly server?: PasswordCredential | null
    readonly proxy?: PasswordCredential | null
  }): void {
    assertOptions('given', given, {server: true, proxy: true})
    const change = {
      ...(given.server === undefined ? {} : {server: credentialOf(given.server, 'server')}),
      ...(given.proxy === undefined ? {} : {proxy: credentialOf(given.proxy, 'proxy')}),
    }
    this.#changeRequest(changeCredentials(this.engine, this.wishes.request, change))
  }

  /** What was told last. */
  protected get facts(): OperationDraft & Pick<OperationRecord, 'error' | 'response'> {
    return this.#stage.told
  }

  /** What the application asked for last, told or not yet. */
  protected get wishes(): Pick<OperationDraft, 'request' | 'policy'> {
    return this.present
  }

  /** As the chart has it, told or not yet: for what is read beside live bytes. */
  protected get present(): OperationDraft & Pick<OperationRecord, 'response'> {
    return this.#stage.present
  }

  /** Now, or when its record is durable, if it is possible then still. `state`: where that leaves it, if anywhere else. */
  protected onceAccepted(ask: (entry: HeldOperation) => void, state?: LifeState): void {
    this.#stage.onceAccepted(ask, state)
  }

  /** Undefined until it was accepted. */
  protected get entered(): HeldOperation | undefined {
    return this.#entry
  }

  protected get status(): BackgroundTransferStatus {
    return statusOf(this.entered?.record.state ?? 'queued')
  }

  /** Resolves when it is accepted, also if it is not started yet. Rejects with CLOSED when the engine closes first. */
  protected async untilEntered(): Promise<HeldOperation> {
    const entry = await firstValueFrom(this.untilEnd(this.#stage.entered$), {defaultValue: undefined})
    if (entry !== undefined) return entry
    throw new TransferError('CLOSED', 'the engine was closed before the operation was started', {where: this.guid})
  }

  /** Resolves when it is accepted, at once when it was. */
  protected async untilAccepted(): Promise<HeldOperation> {
    await this.#stage.accepted
    return this.#demandEntry('use')
  }

  /** Throws ILLEGAL_STATE until it was accepted. */
  #demandEntry(call: string): HeldOperation {
    if (this.#entry === undefined) throw this.illegal(call)
    return this.#entry
  }

  protected get state(): LifeState | 'new' {
    return this.#stage.state
  }

  protected illegal(call: string): TransferError {
    return new TransferError('ILLEGAL_STATE', `cannot ${call}: the operation is ${this.state}`, {where: this.guid})
  }

  #running(accepted: Promise<void>, options: WaitOptions): RunningTransfer<this> {
    const {engine, notices} = this
    const waited = {operation: this, engine, notices, entry: () => this.#demandEntry('use'), isOver: () => this.isOver}
    return waitForTransfer(waited, accepted, options)
  }

  /** Its end was told. */
  protected get isOver(): boolean {
    return this.#entry !== undefined && isTerminal(this.#entry.record.state)
  }

  protected changePolicy(change: Partial<TransferPolicy>): void {
    this.#replacePolicy({...this.wishes.policy, ...change})
  }

  #replacePolicy(policy: TransferPolicy): void {
    this.#assertUnfinished('change its policy')
    this.#stage.change({policy}, (entry) => this.engine.changePolicy(entry, policy))
  }

  #changeHeaders(name: string, change: (fields: readonly HeaderField[]) => readonly HeaderField[]): void {
    this.#changeRequest(changeRequestHeaders(this.engine, this.wishes.request, name, change))
  }

  #changeRequest(request: TransferRequest): void {
    this.#assertUnfinished('change its request')
    this.#stage.change({request}, (entry) => this.engine.changeRequest(entry, request))
  }

  #assertUnfinished(call: string): void {
    const {state} = this
    if (state !== 'new' && isTerminal(state)) throw this.illegal(call)
  }

  protected untilEnd<T>(source: Observable<T>): Observable<T> {
    return untilEnd(source, {
      ticks$: this.engine.ticks$,
      isEntered: () => this.#entry !== undefined,
      isOver: () => this.isOver,
    })
  }
}

/** Before anything is started. */
function assertWait(options: WaitOptions): void {
  assertOptions('options', options, {signal: true, cancelSignal: true})
  assertSignal('signal', options.signal)
  assertSignal('cancelSignal', options.cancelSignal)
}

export function assertPriority(priority: BackgroundTransferPriority): void {
  if (!Object.values(BackgroundTransferPriority).includes(priority)) {
    throw invalidArgument('priority', `must be 0, 1 or 2, not ${shown(priority)}`)
  }
}
