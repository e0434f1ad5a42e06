/** One operation that a batch of small files carries: where it stands, and what it needs to go on by itself. */

import type {Refusal, SmallExchange, SmallExchangeListener, SmallOutcome} from '../../actors/small-exchange.ts'
import {deservesCleanRestart, deservesFreshAnswer, isOfTheFile} from '../../domain/clean-restart.ts'
import {type SerializedError, TransferError} from '../../domain/errors.ts'
import {
  withCleanRestart,
  withEvidence,
  withFailure,
  withLength,
  withNextGeneration,
  withResponse,
} from '../../domain/life-facts.ts'
import {PLAIN_LIFE, type PlainStep} from '../../domain/plain-life.ts'
import type {Evidence, OperationFacts, OperationRecord, PublishedFile} from '../../domain/record.ts'
import type {Redirect} from '../../domain/redirect.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import type {LifeState} from '../../domain/status.ts'
import type {Carrier, LetGo, OperationEntry} from '../operations/operation-entry.ts'
import type {ChartStep} from '../operations/record-of.ts'

/** The batch, as one of its files sees it. */
export interface Batch {
  /** Epoch ms. */
  now(): number
  exchange(facts: OperationFacts, listener: SmallExchangeListener): SmallExchange
  /** It has gone a step; resolves when its record is durable. */
  take(entry: OperationEntry, step: ChartStep): Promise<void> | undefined
  /** It is carried no more. */
  left(carried: CarriedFile): void
}

export class CarriedFile implements Carrier, SmallExchangeListener {
  readonly entry: OperationEntry
  readonly #batch: Batch
  /** As it was admitted: what its own chart begins with. */
  readonly #record: OperationRecord
  #facts: OperationFacts
  #state: LifeState
  #since: number | undefined
  #exchange: SmallExchange | undefined
  #stage: 'onWire' | 'filing' | 'writing' | 'publishing' | 'left' | 'ended' = 'onWire'
  /** Its slot is its place in the order of its group, and not for traffic alone. */
  #keepsSlot = false
  /** What failed of it, which its own chart weighs; `event`: what that would have heard. */
  #failure: {readonly error: SerializedError; readonly event: string} | undefined
  #yielding: Promise<void> | undefined
  /** What is durable of it. */
  #kept: Evidence | undefined
  /** Its part, once that is whole and durable. */
  verified: PublishedFile | undefined

  constructor(entry: OperationEntry, batch: Batch) {
    this.entry = entry
    this.#batch = batch
    this.#record = entry.record
    const {state, ...facts} = entry.record
    this.#state = state
    this.#facts = facts
  }

  get state(): LifeState {
    return this.#state
  }

  get facts(): OperationFacts {
    return this.#facts
  }

  /**
   * It waits so long for the address that it asks now: its own chart gives each of them its time. For as long as it waits for the disk it
   * asks none. Where the clock was set back nobody knows how long it is, and it begins anew.
   */
  hasWaited(ms: number): boolean {
    if (this.#since === undefined) return false
    const now = this.#batch.now()
    this.#since = Math.min(this.#since, now)
    return now - this.#since >= ms
  }

  /** No command reaches it any more. */
  get isTooLate(): boolean {
    return this.#stage === 'publishing'
  }

  /** Nothing more is done for it here. */
  get hasLeft(): boolean {
    return this.#stage === 'left' || this.#stage === 'ended'
  }

  get hasEnded(): boolean {
    return this.#stage === 'ended'
  }

  /** Takes the next step of its plain life; resolves when its record is durable. */
  step({event, to, state, isMoving}: PlainStep, facts: OperationFacts, redirect?: Redirect): Promise<void> | undefined {
    this.#facts = facts
    this.#state = state
    const {entry} = this
    entry.cause = redirect === undefined ? {type: event} : {type: event, redirect}
    const phase = isMoving && this.#hasSlot ? ('running' as const) : undefined
    return this.#batch.take(entry, {path: to, state, facts, phase, isPassive: !isMoving})
  }

  get #hasSlot(): boolean {
    return this.#stage === 'onWire' || this.#keepsSlot
  }

  async fetch(): Promise<SmallOutcome> {
    this.#since = this.#batch.now()
    this.#exchange = this.#batch.exchange(this.#facts, this)
    try {
      return await this.#exchange.run()
    } finally {
      if (this.hasLeft) this.#exchange.free()
    }
  }

  connected(): void {
    if (!this.hasLeft) this.step(PLAIN_LIFE.connected, this.#facts)
  }

  redirected(redirect: Redirect): void {
    this.#since = this.#batch.now()
    if (!this.hasLeft) this.step(PLAIN_LIFE.redirected, this.#facts, redirect)
  }

  responded(response: ResponseFacts, evidence: Evidence): void {
    if (!this.hasLeft) this.step(PLAIN_LIFE.responded, withResponse(this.#facts, response, evidence))
  }

  /** All its bytes are here, and it is about to become a file: that needs no slot, unless one of its group waits for another. */
  beginFiling(isSerialized: boolean): void {
    if (this.#stage !== 'onWire') return
    this.#stage = 'filing'
    this.#keepsSlot = isSerialized
    const {length} = this.#exchange ?? {}
    this.step(PLAIN_LIFE.finished, length === undefined ? this.#facts : withLength(this.#facts, length))
  }

  /** Makes its part of what came, and gives the memory of that back. */
  async store(): Promise<PublishedFile> {
    if (this.#exchange === undefined) throw new TransferError('INTERNAL', 'nothing came that could be stored')
    this.#stage = 'writing'
    try {
      return await this.#exchange.store(this.#facts)
    } catch (thrown) {
      if (thrown instanceof TransferError && isOfTheFile(thrown)) this.#failVerification(thrown)
      throw thrown
    } finally {
      if (this.#stage === 'writing') this.#stage = 'filing'
      this.#exchange.free()
    }
  }

  /** Stops, and makes durable what came so far: its own chart goes on from there. Resolves when it may be let go of. */
  yield(): Promise<void> {
    this.#yielding ??= this.#keep()
    return this.#yielding
  }

  async #keep(): Promise<void> {
    try {
      this.#kept = await this.#exchange?.keep(this.#facts)
    } catch {
      // Then nothing may be claimed.
    }
  }

  /** From here on its record may say that it is publishing. */
  beginPublishing(): void {
    this.#stage = 'publishing'
  }

  /** Its part did not take its name: its own chart finds out why. */
  failPublishing(): void {
    if (this.#stage === 'publishing') this.#stage = 'filing'
  }

  /** Its own chart weighs that, or asks the server where our cache answered. */
  fail({error, response}: Refusal): void {
    if (deservesFreshAnswer(error, response, this.#facts)) {
      this.#facts = withNextGeneration(withCleanRestart(withFailure(this.#facts)))
      return
    }
    this.#failure = {error: error.toSerialized(), event: 'attempt.failed'}
    this.#facts = withFailure(this.#facts, response)
  }

  /** What its own chart would conclude: to fetch it afresh, for which it waits for a slot, or to weigh that. */
  #failVerification(error: TransferError): void {
    if (deservesCleanRestart(error, this.#facts)) {
      this.#facts = withNextGeneration(withCleanRestart(this.#facts))
    } else {
      this.#failure = {error: error.toSerialized(), event: 'xstate.error.actor.verification'}
      this.#facts = withFailure(this.#facts)
    }
  }

  /** It has its name. It is held to that until its end is durable: nobody may give it a second life meanwhile. */
  end(): void {
    this.#stage = 'ended'
    this.#batch.left(this)
  }

  letGo(): LetGo | undefined {
    if (this.isTooLate || this.hasLeft) return undefined
    const {entry} = this
    const isWriting = this.#stage === 'writing'
    const hasSlot = this.#hasSlot
    this.#stage = 'left'
    entry.carrier = undefined
    this.#batch.left(this)
    this.#exchange?.stop()
    if (!isWriting) this.#exchange?.free()
    const failure = this.#failure
    entry.cause = {type: failure?.event ?? 'batch.left'}
    // What only has to take its name, or to be weighed, goes on at once; anything else that has no slot waits in the line for one.
    if (this.#facts.publishing !== undefined) return {record: {...this.#facts, state: 'publishing'}, carried: {}}
    if (failure !== undefined) return {record: {...this.#facts, state: 'running'}, carried: {failure: failure.error}}
    if (!hasSlot) return {record: {...this.#facts, state: 'queued'}}
    if (this.#facts.cleanRestart === true) return {record: {...this.#facts, state: 'running'}, carried: {}}
    const kept = this.#kept
    if (kept !== undefined && kept.ranges.length > 0)
      return {record: {...withEvidence(this.#facts, kept), state: 'running'}, carried: {}}
    // As it was admitted, where nothing came of that; what was changed since holds.
    const {policy, request} = this.#facts
    return {record: {...this.#record, policy, request}, carried: {}}
  }

  change(changes: Partial<Pick<OperationFacts, 'policy' | 'request'>>): boolean {
    if (this.#stage === 'onWire' || this.hasLeft) return false
    this.#facts = {...this.#facts, ...changes}
    const {entry} = this
    const step = {
      path: entry.path,
      state: this.#state,
      facts: this.#facts,
      phase: entry.phase,
      isPassive: false,
    } as const
    void this.#batch.take(entry, step)
    return true
  }
}
