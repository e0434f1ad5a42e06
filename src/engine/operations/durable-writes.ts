/** What must succeed: a store that refuses a write, or a read, is asked again until it does it or the engine closes. */

import type {Clock} from '../../ports/clock.ts'

/** How soon a store that refused is asked again. */
const RETRY_MS = 5_000

export class DurableWrites {
  readonly #clock: Clock
  /** The pause that everybody who was refused waits for, and what ends it. */
  #pause: {readonly over: Promise<void>; readonly end: () => void} | undefined
  #stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * `write` is called anew for each try, so that it can offer the newest. Rejects when the engine closes first, and with what no
   * further try would change.
   */
  async persist<T>(
    write: () => Promise<T>,
    onRefused: (error: unknown) => void,
    isFinal: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    for (;;) {
      try {
        return await write()
      } catch (error) {
        if (this.#stopped || isFinal(error)) throw error
        onRefused(error)
        this.#pause ??= this.#begin()
        await this.#pause.over
        if (this.#stopped) throw error
      }
    }
  }

  /** Nobody waits any longer. */
  stop(): void {
    this.#stopped = true
    this.#pause?.end()
  }

  #begin() {
    let end = () => {}
    const over = new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(() => end(), RETRY_MS)
      end = () => {
        this.#pause = undefined
        this.#clock.clearTimeout(timer)
        resolve()
      }
    })
    return {over, end: () => end()}
  }
}
