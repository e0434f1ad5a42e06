/** Whether any operation waits for other conditions, told to their source at each change. */

import {MOST_WAITING} from '../../domain/conditions.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {LifeState} from '../../domain/status.ts'
import type {ConditionsSource} from '../../ports/conditions.ts'

const WAITING: ReadonlySet<LifeState> = new Set(['pausedNoNetwork', 'pausedCostedNetwork', 'pausedSystemPolicy'])

export class AwaitedConditions {
  readonly #source: ConditionsSource
  readonly #waiting = new Set<OperationId>()

  constructor(source: ConditionsSource) {
    this.#source = source
  }

  /** As many wait as may, each with an actor: a queue of a million that is opened without a network stays a queue. */
  get isFull(): boolean {
    return this.#waiting.size >= MOST_WAITING
  }

  /** An operation's chart is in this state; undefined when it has none any more. */
  note(id: OperationId, state: LifeState | undefined): void {
    const before = this.#waiting.size
    if (state !== undefined && WAITING.has(state)) this.#waiting.add(id)
    else this.#waiting.delete(id)
    if (before === 0 && this.#waiting.size > 0) this.#source.awaited?.(true)
    if (before > 0 && this.#waiting.size === 0) this.#source.awaited?.(false)
  }

  /** The engine stops: nobody waits any more. */
  stop(): void {
    if (this.#waiting.size > 0) this.#source.awaited?.(false)
    this.#waiting.clear()
  }
}
