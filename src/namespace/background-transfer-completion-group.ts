/** BackgroundTransferCompletionGroup (spec 2.2): operations that run one background task once all of them have ended. */

import {invalidArgument} from '../domain/errors.ts'
import {isOperationId, type TallyId} from '../domain/operation-id.ts'
import {assertEngine, defaultEngine} from '../engine/default-engine.ts'
import type {EngineApi} from '../engine/engine-api.ts'
import {WeakValues} from './weak-values.ts'

/** What a task is registered with (IBackgroundTrigger). It fires once. */
export interface CompletionTrigger {
  readonly completionGroup: BackgroundTransferCompletionGroup
}

/** One object per engine and group. */
const known = new WeakMap<EngineApi, WeakValues<TallyId, BackgroundTransferCompletionGroup>>()

const lettingGo = new FinalizationRegistry<() => void>((letGo) => letGo())

export class BackgroundTransferCompletionGroup {
  readonly #engine: EngineApi
  /** The same in every session: `engine.getCompletionGroupAsync(id)` gives a group back that was never enabled. */
  readonly id: string
  /** Never null, and the same at each read. One task can be registered with it. */
  readonly trigger: CompletionTrigger

  /** A new group of the default engine. Throws CLOSED when no engine is open. */
  constructor(engine: EngineApi = defaultEngine(), id: TallyId = newGroupOf(engine)) {
    this.#engine = engine
    this.id = id
    this.trigger = Object.freeze({completionGroup: this})
    const groups = known.get(engine) ?? new WeakValues()
    known.set(engine, groups)
    groups.set(id, this)
    lettingGo.register(this, () => {
      // Another handle may have been made of the same.
      if (groups.get(id) === undefined) engine.completionGroups.letGo(id)
    })
  }

  /** The group of this id. */
  static of(engine: EngineApi, id: TallyId): BackgroundTransferCompletionGroup {
    return known.get(engine)?.get(id) ?? new BackgroundTransferCompletionGroup(engine, id)
  }

  /** A group of an earlier session; `undefined` when nothing is known of it. */
  static async find(engine: EngineApi, id: string): Promise<BackgroundTransferCompletionGroup | undefined> {
    if (!isOperationId(id)) throw invalidArgument('id', 'must be the id of a completion group')
    return (await engine.completionGroups.revive(id)) ? BackgroundTransferCompletionGroup.of(engine, id) : undefined
  }

  /** True for good once enable was called. */
  get isEnabled(): boolean {
    return this.#engine.completionGroups.isEnabled(this.id as TallyId)
  }

  /**
   * Closes membership: without it the task never runs. May be called before or after the operations are started, and only once:
   * throws ILLEGAL_STATE the second time, CLOSED. Operations that were created and not started keep the group from firing.
   */
  enable(): void {
    // Rejects only when the engine closes before a failing store took it; that was logged.
    this.enableAsync().catch(() => undefined)
  }

  /**
   * The same; resolves when it is durable. Our addition to the namespace. Throws ILLEGAL_STATE, CLOSED; rejects with CLOSED when the
   * engine closes first.
   */
  enableAsync(): Promise<void> {
    return this.#engine.completionGroups.enable(this.id as TallyId)
  }

  belongsTo(engine: EngineApi): boolean {
    return this.#engine === engine
  }

  /** The engine whose operations it takes. */
  static engineOf(group: BackgroundTransferCompletionGroup): EngineApi {
    return group.#engine
  }
}

function newGroupOf(engine: EngineApi): TallyId {
  assertEngine('engine', 'is none', engine, 'createCompletionGroup')
  return engine.completionGroups.create()
}
