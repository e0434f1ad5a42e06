/** Speed over a sliding window of new bytes: what was here before, or is fetched again, does not count. */

const WINDOW_MS = 5_000
/** An estimate from less than this would jump about. */
const SETTLED_MS = 3_000

interface Sample {
  readonly at: number
  readonly bytes: number
}

export class RateWindow {
  #samples: Sample[] = []
  #first: number | undefined
  #total = 0

  add(at: number, bytes: number): void {
    this.#total += bytes
    const [oldest] = this.#samples
    if (this.#first === undefined || (oldest !== undefined && at < oldest.at)) {
      // The clock was set back: what the other time said is nothing to measure by.
      this.#samples = []
      this.#first = at
    }
    this.#samples.push({at, bytes: this.#total})
    // One sample stands at or before the window's beginning, so that the window is covered.
    const start = at - WINDOW_MS
    const kept = this.#samples.findLastIndex((sample) => sample.at <= start)
    if (kept > 0) this.#samples.splice(0, kept)
  }

  /** Bytes a second. */
  at(now: number): number {
    const [oldest] = this.#samples
    const newest = this.#samples.at(-1)
    if (oldest === undefined || newest === undefined || now <= oldest.at) return 0
    return ((newest.bytes - oldest.bytes) / (now - oldest.at)) * 1000
  }

  /** ms until `missing` bytes are here; nothing while it cannot be told. */
  etaMs(missing: number, now: number): number | undefined {
    const rate = this.at(now)
    if (this.#first === undefined || now - this.#first < SETTLED_MS || rate <= 0) return undefined
    return (missing / rate) * 1000
  }
}
