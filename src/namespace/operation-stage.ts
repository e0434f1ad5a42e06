/**
 * How far a handle's operation is: a draft until startAsync, then on its way onto the record, and an entry of the engine from
 * then on. What is asked of it on the way waits until it has arrived.
 */

import {type Observable, ReplaySubject} from 'rxjs'
import type {OperationRecord} from '../domain/record.ts'
import type {LifeState} from '../domain/status.ts'
import type {HeldOperation, OperationDraft} from '../engine/engine-api.ts'
import {ifPossible} from './if-possible.ts'

/** What a handle is made of. */
export type Origin = {readonly draft: OperationDraft} | {readonly entry: HeldOperation}

type Asked = (entry: HeldOperation) => void

type Stage =
  | {readonly kind: 'draft'; readonly draft: OperationDraft}
  | {
      readonly kind: 'starting'
      readonly draft: OperationDraft
      readonly accepted: Promise<void>
      /** What was asked of it before it was accepted. */
      readonly then: Asked[]
      /** Where that leaves it. */
      readonly state: LifeState
    }
  | {readonly kind: 'entered'; readonly entry: HeldOperation}

export class OperationStage {
  #stage: Stage
  readonly #onEntered: Asked
  readonly #entries = new ReplaySubject<HeldOperation>(1)

  /** `onEntered` hears of the entry before everybody else; at once where there is one already. */
  constructor(origin: Origin, onEntered: Asked) {
    this.#onEntered = onEntered
    if ('draft' in origin) {
      this.#stage = {kind: 'draft', draft: origin.draft}
    } else {
      this.#stage = {kind: 'entered', entry: origin.entry}
      this.#arrived(origin.entry, [])
    }
  }

  get kind(): Stage['kind'] {
    return this.#stage.kind
  }

  get state(): LifeState | 'new' {
    const stage = this.#stage
    if (stage.kind === 'entered') return stage.entry.state
    return stage.kind === 'starting' ? stage.state : 'new'
  }

  /** The entry, once it is there: one value, which whoever comes later hears too. */
  get entered$(): Observable<HeldOperation> {
    return this.#entries
  }

  /** Undefined until it was accepted. */
  get entry(): HeldOperation | undefined {
    return this.#stage.kind === 'entered' ? this.#stage.entry : undefined
  }

  /** What was told last. */
  get told(): OperationDraft & Pick<OperationRecord, 'error' | 'response'> {
    return this.#stage.kind === 'entered' ? this.#stage.entry.record : this.#stage.draft
  }

  /** As the chart has it, told or not yet. */
  get present(): OperationDraft & Pick<OperationRecord, 'response'> {
    return this.#stage.kind === 'entered' ? this.#stage.entry.facts : this.#stage.draft
  }

  /** Resolves when it is accepted; undefined while nobody has started it. */
  get accepted(): Promise<void> | undefined {
    const stage = this.#stage
    if (stage.kind === 'draft') return undefined
    return stage.kind === 'starting' ? stage.accepted : Promise.resolve()
  }

  /**
   * Of a draft only; `accept` says of the entry as soon as there is one, so that what was asked meanwhile comes before it runs. What
   * cannot be put on record is a draft again, and may be started once more.
   */
  start(accept: (draft: OperationDraft, onHeld: Asked) => Promise<unknown>): Promise<void> {
    const draft: OperationDraft = this.present
    const then: Asked[] = []
    const onHeld = (entry: HeldOperation) => {
      this.#stage = {kind: 'entered', entry}
      this.#arrived(entry, then)
    }
    const accepted = accept(draft, onHeld).then(
      () => undefined,
      (error) => {
        if (this.#stage.kind === 'starting') this.#stage = {kind: 'draft', draft: this.#stage.draft}
        throw error
      },
    )
    this.#stage = {kind: 'starting', draft, accepted, then, state: 'queued'}
    return accepted
  }

  /**
   * Now, or when its record is durable, if it is possible then still; of a draft there is nobody to ask. `state`: where that leaves
   * one that is on its way, if anywhere else.
   */
  onceAccepted(ask: Asked, state?: LifeState): void {
    const stage = this.#stage
    if (stage.kind === 'entered') ask(stage.entry)
    if (stage.kind !== 'starting') return
    stage.then.push((entry) => ifPossible(() => ask(entry)))
    if (state !== undefined) this.#stage = {...stage, state}
  }

  /** What is not on record yet is changed here; what is, or will be, by `tell`. */
  change(change: Partial<Pick<OperationDraft, 'policy' | 'request'>>, tell: Asked): void {
    const stage = this.#stage
    if (stage.kind !== 'entered') this.#stage = {...stage, draft: {...stage.draft, ...change}}
    this.onceAccepted(tell)
  }

  /** What was asked of it meanwhile comes before whatever is asked by those who hear of it. */
  #arrived(entry: HeldOperation, then: readonly Asked[]): void {
    this.#onEntered(entry)
    for (const ask of then) ask(entry)
    this.#entries.next(entry)
  }
}
