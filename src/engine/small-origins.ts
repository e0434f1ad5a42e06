/** Servers that proved to send small files plainly: what a batch may be trusted with. In this process alone, and bounded. */

import {originOf} from '../domain/origin.ts'
import type {OperationRecord} from '../domain/record.ts'

const MOST_ORIGINS = 1000

/**
 * Bytes of a file that speaks for its server. Less than a batch carries: a server whose files are near that limit would send some
 * that are beyond it, and these are asked for twice.
 */
const TYPICAL_BYTES = 4 * 1024 * 1024

/** After each failure a server has to prove itself so many times as long. */
const CAUTION = 4

interface Proof {
  /** Plain small files in a row. */
  readonly streak: number
  /** So many are wanted. */
  readonly wanted: number
}

export class SmallOrigins {
  readonly #trustedAfter: number
  readonly #proofs = new Map<string, Proof>()

  constructor(trustedAfter: number) {
    this.#trustedAfter = trustedAfter
  }

  isTrusted(url: string): boolean {
    const {streak, wanted} = this.#proofOf(originOf(url))
    return streak >= wanted
  }

  /** How a download ended, carried or not: its bytes speak for the server that was asked, wherever that redirected to. */
  learn({direction, state, request, source = 0, attempts, evidence}: OperationRecord): void {
    if (direction !== 'download') return
    const {total = Number.POSITIVE_INFINITY, coded} = evidence
    // A provider's address, or a mirror, was asked in its place.
    const isAsked = request.provider === undefined && source === 0
    const isAnswered = isAsked && state === 'completed' && attempts.total === 1
    const isPlain = isAnswered && total <= TYPICAL_BYTES && coded === undefined
    const origin = originOf(request.url)
    const {streak, wanted} = this.#proofOf(origin)
    this.#set(origin, {streak: isPlain ? streak + 1 : 0, wanted})
  }

  /** What a batch was trusted with was not plain: its files were asked for twice. */
  distrust(url: string): void {
    const origin = originOf(url)
    const {wanted} = this.#proofOf(origin)
    // Of several that it meets at once, the first counts.
    this.#set(origin, {streak: 0, wanted: this.isTrusted(url) ? wanted * CAUTION : wanted})
  }

  /** It is so slow that whoever is carried would be let go of, and ask again: for good. */
  avoid(url: string): void {
    this.#set(originOf(url), {streak: 0, wanted: Number.POSITIVE_INFINITY})
  }

  #proofOf(origin: string): Proof {
    return this.#proofs.get(origin) ?? {streak: 0, wanted: this.#trustedAfter}
  }

  #set(origin: string, proof: Proof): void {
    if (this.#proofs.size >= MOST_ORIGINS && !this.#proofs.has(origin)) this.#proofs.clear()
    this.#proofs.set(origin, proof)
  }
}
