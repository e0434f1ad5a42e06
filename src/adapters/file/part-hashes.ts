/**
 * Which parts are being hashed as they grow. A hash knows the bytes from the start up to some place; when a byte before that
 * place is written anew, it is of no use and begins again.
 */

import {prefixLength, type RangeSet} from '../../domain/range-set.ts'
import type {ChecksumAlgorithm} from '../../domain/record.ts'
import type {HashJob, HashPool} from './hash-pool.ts'

/** Below it a thread costs more than the hash. */
const WORTH_A_THREAD_BYTES = 16 * 1024 * 1024

/** How much has to be new before the thread is told. */
const STEP_BYTES = 1024 * 1024

/** Parts beyond this number are hashed when they are whole: paused ones keep their hashes, and cannot be without end. */
const MOST_PARTS = 64

interface Following {
  readonly jobs: Map<ChecksumAlgorithm, HashJob | undefined>
  /** Bytes from the start that the jobs were told of. */
  told: number
}

export class PartHashes {
  readonly #pool: HashPool
  readonly #parts = new Map<string, Following>()

  constructor(pool: HashPool) {
    this.#pool = pool
  }

  /** The part at `path` is to have a digest. `present`: what is in it now. */
  follow(path: string, algorithm: ChecksumAlgorithm, present: RangeSet): void {
    const following = this.#parts.get(path) ?? {jobs: new Map<ChecksumAlgorithm, HashJob | undefined>(), told: 0}
    if (following.jobs.has(algorithm)) return
    following.jobs.set(algorithm, undefined)
    // A job that comes later must hear of everything.
    following.told = 0
    this.#parts.delete(path)
    this.#parts.set(path, following)
    const [oldest] = this.#parts.keys()
    if (this.#parts.size > MOST_PARTS && oldest !== undefined) this.forget(oldest)
    this.grown(path, present)
  }

  grown(path: string, present: RangeSet): void {
    const following = this.#parts.get(path)
    if (following === undefined) return
    const prefix = prefixLength(present)
    if (prefix < WORTH_A_THREAD_BYTES || prefix < following.told + STEP_BYTES) return
    following.told = prefix
    for (const [algorithm, job] of following.jobs) {
      const running = job ?? this.#pool.start(path, algorithm)
      following.jobs.set(algorithm, running)
      running.grow(prefix)
    }
  }

  /** Bytes from `position` on are not, or not for long, what they were. */
  changed(path: string, position: number): void {
    const following = this.#parts.get(path)
    if (following === undefined || position >= following.told) return
    for (const [algorithm, job] of following.jobs) {
      job?.drop()
      following.jobs.set(algorithm, undefined)
    }
    following.told = 0
  }

  /** Takes over the hash of a part that is whole; undefined when it is not worth a thread. */
  take(path: string, algorithm: ChecksumAlgorithm, size: number): HashJob | undefined {
    const running = this.#parts.get(path)?.jobs.get(algorithm)
    this.#parts.get(path)?.jobs.delete(algorithm)
    if (running !== undefined) return running
    return size < WORTH_A_THREAD_BYTES ? undefined : this.#pool.start(path, algorithm)
  }

  forget(path: string): void {
    for (const job of this.#parts.get(path)?.jobs.values() ?? []) job?.drop()
    this.#parts.delete(path)
  }

  async close(): Promise<void> {
    this.#parts.clear()
    await this.#pool.close()
  }
}
