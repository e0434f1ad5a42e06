/**
 * How many connections one try has: more as long as they pay, fewer where they do not, none more where a server refused one. What
 * is found out of the operation's own server is remembered for all tries; of a mirror, for this one.
 */

import {firstGrowth, type Growth, grown} from '../domain/connection-growth.ts'
import {liveSources} from '../domain/mirrors.ts'
import {acceptsRanges} from '../domain/random-access.ts'
import type {Evidence, OperationFacts} from '../domain/record.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {RateAllowance} from '../ports/rate-limiter.ts'

export interface WidthHost {
  readonly facts: OperationFacts
  readonly origins: OriginMemory
  readonly rate: RateAllowance
  /** Which of the file's addresses the try's own connection asks. */
  readonly source: number
}

/** What was measured of all connections together. */
export interface Flow {
  /** Bytes a second. */
  readonly rate: number
  /** How many move bytes. */
  readonly flowing: number
  /** Bytes that have not come. */
  readonly missing: number
  /** It was a whole interval, in which nobody came or went. */
  readonly isWhole: boolean
}

export class Width {
  readonly #host: WidthHost
  #growth: Growth | undefined
  /** The most that were wanted at once. */
  #widest = 1
  /** More were refused in this try. */
  #limit: number
  #hasRanges = false
  /** Mirrors that failed in this try, or have another file. */
  readonly #left = new Set<number>()

  constructor(host: WidthHost) {
    this.#host = host
    this.#limit = this.#most
  }

  /** The answer to the try’s own connection. */
  noteAnswer(head: ResponseFacts): void {
    this.#hasRanges = head.status === 206 || acceptsRanges(head)
  }

  /** Nothing was measured yet. */
  get isUnknown(): boolean {
    return this.#growth === undefined
  }

  get isWidening(): boolean {
    return this.#growth?.phase === 'widening'
  }

  /** Connections that there are to be, the try's own included. */
  get target(): number {
    return this.#growth?.target ?? 1
  }

  /** Only what can be asked for in parts, of a version that can be told from another. */
  maySplit({validator}: Evidence): boolean {
    const {facts, origins} = this.#host
    const {request} = facts
    if (request.method !== 'GET' || request.body !== undefined || validator === undefined) return false
    const {ranges} = origins.recall(request.url)
    return ranges !== 'ignored' && ranges !== 'unreliable' && (this.#hasRanges || ranges === 'honoured')
  }

  /** Finds out whether more pay, or fewer. */
  grow({rate, flowing, missing, isWhole}: Flow): void {
    const {facts, rate: allowance} = this.#host
    const useful = this.#useful
    const before = this.#growth ?? this.#firstGrowth
    this.#growth = grown(before, {
      rate,
      flowing,
      most: this.#mirrors.length === 0 ? Math.min(this.#limit, useful ?? this.#limit) : this.#most,
      restMs: (missing / rate) * 1000,
      isWhole,
    })
    const {phase, target} = this.#growth
    const hasFoundFewer = before.phase === 'narrowing' && phase === 'settled' && target < this.#widest
    // Of a limit, or of mirrors, it says nothing about the server.
    if (hasFoundFewer && allowance.isUnlimited && facts.request.mirrors === undefined) this.#teach(target)
    this.#widest = Math.max(this.#widest, target)
  }

  /** Of the addresses that take one more, that with the fewest connections. `asked`: the addresses that parts ask now. */
  nextSource(asked: Iterable<number>): number {
    const {source} = this.#host
    const open = this.#mirrors.map((each) => ({source: each, connections: 0}))
    const own = {source, connections: 1}
    for (const one of asked) {
      for (const each of [own, ...open]) if (each.source === one) each.connections += 1
    }
    const useful = Math.min(this.#limit, this.#useful ?? this.#limit)
    const candidates = own.connections < useful ? [own, ...open] : open
    return candidates.toSorted((a, b) => a.connections - b.connections)[0]?.source ?? source
  }

  /** One more was refused: of a mirror none is asked any more in this try. `flowing`: how many move bytes. */
  refused(source: number, flowing: number): void {
    if (source === this.#host.source) this.#limitTo(this.#withoutOne(flowing))
    else this.leave(source)
  }

  /** The same for good, as an answer says it. */
  refusedForGood(flowing: number): void {
    this.#teach(this.#withoutOne(flowing))
  }

  /** More than one bring nothing here. */
  onlyOne(): void {
    this.#limitTo(1)
    this.#teach(1)
  }

  /** A mirror is not asked any more in this try. */
  leave(source: number): void {
    this.#left.add(source)
  }

  get #firstGrowth(): Growth {
    return this.#mirrors.length === 0 ? firstGrowth(this.#limit, this.#useful) : firstGrowth(this.#most, undefined)
  }

  get #most(): number {
    return this.#host.facts.policy.connections ?? 1
  }

  /** The other addresses that may bring something. */
  get #mirrors(): readonly number[] {
    const {facts, source} = this.#host
    return liveSources(facts).filter((each) => each !== source && !this.#left.has(each))
  }

  /** How many pay at the server of its own address, as tries found out. */
  get #useful(): number | undefined {
    return this.#host.origins.recall(this.#host.facts.request.url).usefulConnections
  }

  /** How many there can be when one is refused: fewer each time, and not fewer than move. */
  #withoutOne(flowing: number): number {
    return Math.max(1, flowing, Math.min(this.#growth?.paying ?? 1, this.#limit - 1))
  }

  /** Of this try. */
  #limitTo(connections: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, connections))
  }

  /** Of all tries: what was found out holds for the origin. */
  #teach(useful: number): void {
    const {facts, origins} = this.#host
    origins.learn(facts.request.url, {kind: 'connectionsLimited', useful})
  }
}
