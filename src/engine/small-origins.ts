/** Servers that proved to send small files plainly: what a batch may be trusted with. In this process alone, and bounded. */

import {originOf} from '../domain/origin.ts'
import type {OperationRecord} from '../domain/record.ts'

const MOST_ORIGINS = 1000

/**
 * Bytes of a file that speaks for its server. Far less than a batch carries: a server whose files are near that limit would send some
 * that are beyond it, and these are asked for twice.
 */
const TYPICAL_BYTES = 64 * 1024

export class SmallOrigins {
  readonly #trustedAfter: number
  /** Plain small files in a row, by origin. */
  readonly #streaks = new Map<string, number>()

  constructor(trustedAfter: number) {
    this.#trustedAfter = trustedAfter
  }

  isTrusted(url: string): boolean {
    return (this.#streaks.get(originOf(url)) ?? 0) >= this.#trustedAfter
  }

  /** How a download ended, carried or not. */
  learn({direction, state, request, attempts, evidence}: OperationRecord): void {
    if (direction !== 'download') return
    const {total = Number.POSITIVE_INFINITY} = evidence
    const isPlain = state === 'completed' && attempts.total === 1 && total <= TYPICAL_BYTES
    if (!isPlain) {
      this.distrust(request.url)
      return
    }
    const origin = originOf(request.url)
    const streak = this.#streaks.get(origin) ?? 0
    if (streak === 0 && this.#streaks.size >= MOST_ORIGINS) this.#streaks.clear()
    this.#streaks.set(origin, streak + 1)
  }

  /** It is so slow that whoever is carried would be let go of, and ask again: for good. */
  avoid(url: string): void {
    this.#streaks.set(originOf(url), Number.NEGATIVE_INFINITY)
  }

  /** Something else came. */
  distrust(url: string): void {
    const origin = originOf(url)
    if (this.#streaks.get(origin) !== Number.NEGATIVE_INFINITY) this.#streaks.delete(origin)
  }
}
