/** BackgroundTransferGroup (spec 2.6): a named group that outlives sessions. */

import {BackgroundTransferBehavior} from '../domain/behavior.ts'
import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'
import {MOST_GROUP_NAME} from '../domain/query-bounds.ts'
import {defaultEngine} from '../engine/default-engine.ts'
import type {EngineApi} from '../engine/engine-api.ts'
import {WeakValues} from './weak-values.ts'

/** One object per engine and name, so that two references to a group are the same. */
const known = new WeakMap<EngineApi, WeakValues<string, BackgroundTransferGroup>>()

export class BackgroundTransferGroup {
  readonly #engine: EngineApi
  readonly name: string

  private constructor(engine: EngineApi, name: string) {
    this.#engine = engine
    this.name = name
  }

  /**
   * The group of this name in the default engine; the same one at each call (case-sensitive). Throws INVALID_ARGUMENT for an
   * empty name or one of over 256 characters, CLOSED when no engine is open.
   */
  static createGroup(name: string): BackgroundTransferGroup {
    return BackgroundTransferGroup.of(defaultEngine(), name)
  }

  /** The same, in a given engine. */
  static of(engine: EngineApi, name: string): BackgroundTransferGroup {
    if (typeof name !== 'string' || name === '' || name.length > MOST_GROUP_NAME) {
      throw invalidArgument('name', `must have 1 to ${MOST_GROUP_NAME} characters`)
    }
    const groups = known.get(engine) ?? new WeakValues()
    known.set(engine, groups)
    const present = groups.get(name)
    if (present !== undefined) return present
    engine.limits.addGroup(name)
    const group = new BackgroundTransferGroup(engine, name)
    groups.set(name, group)
    return group
  }

  /**
   * Parallel by default. A change holds at once and is kept with the group; running members are not interrupted by it. Throws
   * INVALID_ARGUMENT, CLOSED.
   */
  get transferBehavior(): BackgroundTransferBehavior {
    return this.#engine.group(this.name).behavior
  }

  set transferBehavior(behavior: BackgroundTransferBehavior) {
    if (!Object.values(BackgroundTransferBehavior).includes(behavior)) {
      throw invalidArgument('transferBehavior', `must be 0 (parallel) or 1 (serialized), not ${shown(behavior)}`)
    }
    // Rejects only when the engine closes before a failing store took it; that was logged.
    this.#engine.setBehavior(this.name, behavior).catch(() => undefined)
  }

  /** Bytes per second of all members together; `undefined` lifts the limit. Kept with the group, changeable at any time. */
  setRateLimitAsync(bytesPerSecond: number | undefined): Promise<void> {
    return this.#engine.limitGroupRate(this.name, bytesPerSecond)
  }

  /**
   * Pauses every unfinished member that can be paused. Resolves when that is durable; rejects with CLOSED when the engine closes
   * first.
   */
  pauseAllAsync(): Promise<void> {
    return this.#engine.pauseGroup(this.name)
  }

  /**
   * Resumes every member that the application paused. Resolves when that is durable; rejects with CLOSED when the engine closes
   * first.
   */
  resumeAllAsync(): Promise<void> {
    return this.#engine.resumeGroup(this.name)
  }

  /** Cancels every unfinished member. Resolves when that is durable; rejects with CLOSED when the engine closes first. */
  cancelAllAsync(): Promise<void> {
    return this.#engine.cancelGroup(this.name)
  }

  belongsTo(engine: EngineApi): boolean {
    return this.#engine === engine
  }
}
