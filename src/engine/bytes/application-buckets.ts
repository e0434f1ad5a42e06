/**
 * The levels of applications with a rate. Rules may hold for any name (`others`), so that a level is kept only while it says something:
 * one that has filled up again is as a new one.
 */

import type {OperationFacts} from '../../domain/record.ts'
import {createBucket, isFull, refilled, spent, type TokenBucket} from '../../domain/token-bucket.ts'

export type Application = Pick<OperationFacts, 'app'>

export class ApplicationBuckets {
  readonly #buckets = new Map<string | undefined, TokenBucket>()

  /** How many are not known to be full. */
  get size(): number {
    return this.#buckets.size
  }

  isOpen({app}: Application, now: number): boolean {
    const bucket = this.#buckets.get(app)
    return bucket === undefined || refilled(bucket, now).tokens > 0
  }

  spend({app}: Application, bytesPerSecond: number, bytes: number, now: number): void {
    const bucket = this.#buckets.get(app)
    const filled = bucket === undefined ? createBucket(bytesPerSecond, now) : refilled(bucket, now)
    this.#buckets.set(app, spent(filled, bytes))
  }

  forgetFull(now: number): void {
    for (const [app, bucket] of this.#buckets) if (isFull(refilled(bucket, now))) this.#buckets.delete(app)
  }
}
