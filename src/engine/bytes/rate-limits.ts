/**
 * The byte-rate limits of the engine, its groups, its applications and its operations. Buckets are filled by the clock when they are asked;
 * who has to wait is woken by the progress ticker, in turn, so that no limit needs a timer of its own.
 */

import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationFacts} from '../../domain/record.ts'
import {createBucket, refilled, spent, type TokenBucket, withRate} from '../../domain/token-bucket.ts'
import type {Clock} from '../../ports/clock.ts'
import type {RateAllowance, RateLimiter} from '../../ports/rate-limiter.ts'
import {type Application, ApplicationBuckets} from './application-buckets.ts'

/** Who is ahead of another by no more than this is as far: one read of a socket. */
const QUANTUM = 64 * 1024

/** What somebody got before others came is held against them up to here, so that a newcomer cannot shut them out. */
const MOST_LEAD = 1024 * 1024

/** One that shares the limits. */
interface Flow {
  /** Bytes it got, counted from where those stood who waited when it came: who has the least is next. */
  served: number
}

interface Waiter {
  readonly flow: Flow
  readonly isOpen: () => boolean
  readonly resume: () => void
}

/** Which limit that was set: of the engine, of a group by name, of an operation by id. */
type Key = 'engine' | `group:${string}` | `operation:${OperationId}`

/** What applications may have: a rate, the same as long as the engine lives, and bytes that are counted. */
export interface ApplicationMeter {
  rateOf(application: Application): number | undefined
  counts(application: Application): boolean
  spend(application: Application, bytes: number): void
}

const NO_METER: ApplicationMeter = {rateOf: () => undefined, counts: () => false, spend: () => {}}

export class RateLimits implements RateLimiter {
  readonly #clock: Clock
  readonly #meter: ApplicationMeter
  readonly #buckets = new Map<Key, TokenBucket>()
  readonly #applications: ApplicationBuckets
  #waiting: Waiter[] = []
  /** The least that anybody had got who could be let go at the last wake. */
  #least = 0

  constructor(clock: Clock, meter: ApplicationMeter = NO_METER, applications = new ApplicationBuckets()) {
    this.#clock = clock
    this.#meter = meter
    this.#applications = applications
  }

  /** `undefined` lifts the limit. */
  limitEngine(bytesPerSecond: number | undefined): void {
    this.#limit('engine', bytesPerSecond)
  }

  limitGroup(name: string, bytesPerSecond: number | undefined): void {
    this.#limit(`group:${name}`, bytesPerSecond)
  }

  limitOperation(id: OperationId, bytesPerSecond: number | undefined): void {
    this.#limit(`operation:${id}`, bytesPerSecond)
  }

  allowanceOf(facts: Pick<OperationFacts, 'id' | 'policy' | 'app'>): RateAllowance {
    const keys = this.#keysOf(facts)
    const counts = this.#meter.counts(facts)
    const rate = this.#meter.rateOf(facts)
    const isOpen = () =>
      keys.every((key) => this.#isOpen(key)) &&
      (rate === undefined || this.#applications.isOpen(facts, this.#clock.now()))
    const flow: Flow = {served: this.#least}
    const applies = () => counts || rate !== undefined || keys.some((key) => this.#buckets.has(key))
    return {
      get isUnlimited() {
        return !applies()
      },
      isOpen,
      spend: (bytes) => {
        flow.served += bytes
        for (const key of keys) this.#spend(key, bytes)
        if (rate !== undefined) this.#applications.spend(facts, rate, bytes, this.#clock.now())
        if (counts) this.#meter.spend(facts, bytes)
      },
      whenOpen: (resume) => {
        this.#waiting.push({flow, isOpen, resume})
      },
    }
  }

  isUnlimited(facts: Pick<OperationFacts, 'id' | 'policy' | 'app'>): boolean {
    if (this.#meter.counts(facts) || this.#meter.rateOf(facts) !== undefined) return false
    return !this.#keysOf(facts).some((key) => this.#buckets.has(key))
  }

  /** At each tick: lets go who may go on, those who got the least first; who is ahead of them waits for another tick. */
  wake(): void {
    this.#applications.forgetFull(this.#clock.now())
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting.toSorted((a, b) => a.flow.served - b.flow.served)
    this.#waiting = []
    const first = waiting.find(({isOpen}) => isOpen())
    // Who was held up by a limit of its own has no claim to what the others got meanwhile.
    if (first !== undefined) this.#least = Math.max(this.#least, first.flow.served)
    for (const each of waiting) {
      each.flow.served = Math.min(Math.max(each.flow.served, this.#least), this.#least + MOST_LEAD)
      if (each.flow.served <= this.#least + QUANTUM && each.isOpen()) each.resume()
      else this.#waiting.push(each)
    }
  }

  #keysOf({id, policy}: Pick<OperationFacts, 'id' | 'policy'>): readonly Key[] {
    return ['engine', `group:${policy.group}`, `operation:${id}`]
  }

  #limit(key: Key, bytesPerSecond: number | undefined): void {
    const now = this.#clock.now()
    const known = this.#buckets.get(key)
    if (bytesPerSecond === undefined) this.#buckets.delete(key)
    else
      this.#buckets.set(
        key,
        known === undefined ? createBucket(bytesPerSecond, now) : withRate(known, bytesPerSecond, now),
      )
  }

  #isOpen(key: Key): boolean {
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return true
    const filled = refilled(bucket, this.#clock.now())
    this.#buckets.set(key, filled)
    return filled.tokens > 0
  }

  #spend(key: Key, bytes: number): void {
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) this.#buckets.set(key, spent(bucket, bytes))
  }
}
