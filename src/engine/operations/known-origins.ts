/**
 * The origin memory of an engine: in this process alone, bounded, and forgotten after a day, because servers are mended. What
 * is lost costs one request of each origin to learn again.
 */

import {originOf} from '../../domain/origin.ts'
import {learned, type OriginFacts, type OriginLesson, UNKNOWN_ORIGIN} from '../../domain/origin-memory.ts'
import type {Clock} from '../../ports/clock.ts'
import type {OriginMemory} from '../../ports/origin-memory.ts'

const MOST_ORIGINS = 1000
const FORGOTTEN_AFTER_MS = 86_400_000

interface Known {
  readonly facts: OriginFacts
  /** Epoch ms of the last lesson. */
  readonly at: number
}

export class KnownOrigins implements OriginMemory {
  readonly #clock: Clock
  /** The one used last stands last. */
  readonly #known = new Map<string, Known>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  recall(url: string): OriginFacts {
    return this.#recall(originOf(url))
  }

  learn(url: string, lesson: OriginLesson): void {
    const origin = originOf(url)
    const before = this.#recall(origin)
    const facts = learned(before, lesson)
    this.#known.delete(origin)
    this.#known.set(origin, {facts, at: this.#clock.now()})
    const [oldest] = this.#known.keys()
    if (this.#known.size > MOST_ORIGINS && oldest !== undefined) this.#known.delete(oldest)
  }

  #recall(origin: string): OriginFacts {
    const known = this.#known.get(origin)
    if (known === undefined) return UNKNOWN_ORIGIN
    this.#known.delete(origin)
    if (this.#clock.now() - known.at >= FORGOTTEN_AFTER_MS) return UNKNOWN_ORIGIN
    this.#known.set(origin, known)
    return known.facts
  }
}
