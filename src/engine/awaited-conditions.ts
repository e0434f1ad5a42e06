/** Whether any operation waits for other conditions, told to their source at each change. */

import type {OperationId} from '../domain/operation-id.ts'
import type {LifeState} from '../domain/status.ts'
import type {ConditionsSource} from '../ports/conditions.ts'

/**
 * Each that waits has an actor. With so many of them nobody else is admitted to wait beside them: a queue of a million that is
 * opened without a network stays a queue.
 */
const MOST = 1_000

const WAITING: ReadonlySet<LifeState> = new Set(['pausedNoNetwork', 'pausedCostedNetwork', 'pausedSystemPolicy'])

export class AwaitedConditions {
  readonly #source: ConditionsSource
  readonly #waiting = new Set<OperationId>()

  constructor(source: ConditionsSource) {
    this.#source = source
  }

  /** As many wait as may. */
  get isFull(): boolean {
    return this.#waiting.size >= MOST
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
