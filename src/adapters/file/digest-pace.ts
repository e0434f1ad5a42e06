/**
 * Whether a digest of what is written is worth its time. Digests guard a part against what a power cut or a bad disk does to
 * it; fetching bytes again costs nothing to speak of where they come at hundreds of MiB a second, and there the digests would
 * cost a quarter of the transfer. Such bytes go without, and are fetched again if the machine went down. So they need not be on the
 * disk before a checkpoint names them; and a disk that keeps bytes waiting for it does not make them slow ones.
 */

/** Bytes a second from which on a digest costs more than it saves. */
const FAST = 192 * 1024 * 1024

/** A rate of less than this many bytes is a burst, and says nothing; of as many it says enough, however soon they came. */
const LEAST_BYTES = 32 * 1024 * 1024

const WINDOW_MS = 100

/** At most this share of a time counts as spent on waiting for the disk: beyond, the bytes are slow whatever held them up. */
const MOST_WAITED = 1 / 3

export class DigestPace {
  readonly #now: () => number
  #since: number
  #bytes = 0
  /** ms of this window in which the disk was waited for. */
  #waited = 0
  #isFast = false

  /** `now`: ms of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now
    this.#since = now()
  }

  /** So many bytes are written now. */
  isWorthIt(bytes: number): boolean {
    this.#bytes += bytes
    const elapsed = this.#now() - this.#since
    if (elapsed >= WINDOW_MS || this.#bytes >= LEAST_BYTES) {
      const flowing = elapsed - Math.min(this.#waited, elapsed * MOST_WAITED)
      const isFast = this.#bytes >= (FAST * flowing) / 1000
      // Of what may be a burst more is awaited.
      if (!isFast || this.#bytes >= LEAST_BYTES) {
        this.#isFast = isFast
        this.#since += elapsed
        this.#bytes = 0
        this.#waited = 0
      }
    }
    return !this.#isFast
  }

  /** So many ms passed in a sync, which the next bytes may have waited for. */
  waited(ms: number): void {
    this.#waited += ms
  }
}
