/**
 * Servers that proved to send small files plainly: what a batch may be trusted with. Where as many servers in a row did as one has to
 * send files, others that nobody asked yet are trusted as well: a list may have one file of each. In this process alone, and bounded.
 */

import {ERROR_CODES} from '../../domain/error-codes.ts'
import {originOf} from '../../domain/origin.ts'
import type {OperationRecord} from '../../domain/record.ts'

const MOST_ORIGINS = 1000

/**
 * Bytes of a file that speaks for its server. Less than a batch carries: a server whose files are near that limit would send some
 * that are beyond it, and these are asked for twice.
 */
const TYPICAL_BYTES = 4 * 1024 * 1024

/** After each failure a server has to prove itself so many times as long. */
const CAUTION = 4

interface Proof {
  /** Plain small files in a row; of strangers, servers that began with one. */
  readonly streak: number
  /** So many are wanted. */
  readonly wanted: number
}

export class SmallOrigins {
  readonly #unproven: Proof
  readonly #proofs = new Map<string, Proof>()
  /** Of all servers that nothing is known of. */
  #strangers: Proof

  constructor(trustedAfter: number) {
    this.#unproven = {streak: 0, wanted: trustedAfter}
    this.#strangers = this.#unproven
  }

  isTrusted(url: string): boolean {
    return isProven(this.#proofs.get(originOf(url)) ?? this.#strangers)
  }

  /** How a download ended, carried or not: its bytes speak for the server that was asked, wherever that redirected to. */
  learn(record: OperationRecord): void {
    const {direction, state, request, source = 0, attempts, evidence} = record
    if (direction !== 'download' || saysNothing(record)) return
    const {total = Number.POSITIVE_INFINITY, coded} = evidence
    // A provider's address, or a mirror, was asked in its place.
    const isAsked = request.provider === undefined && source === 0
    const isAnswered = isAsked && state === 'completed' && attempts.total === 1
    const isPlain = isAnswered && total <= TYPICAL_BYTES && coded === undefined
    const origin = originOf(request.url)
    const isStranger = !this.#proofs.has(origin)
    const {streak, wanted} = this.#proofOf(origin)
    this.#set(origin, {streak: isPlain ? streak + 1 : 0, wanted})
    // One that failed says nothing of others, and nobody was asked for it a second time.
    if (isStranger && isAnswered)
      this.#strangers = {...this.#strangers, streak: isPlain ? this.#strangers.streak + 1 : 0}
  }

  /** What a batch was trusted with was not plain: its files were asked for twice. */
  distrust(url: string): void {
    const origin = originOf(url)
    const proof = this.#proofOf(origin)
    if (!this.#proofs.has(origin)) this.#strangers = doubted(this.#strangers)
    this.#set(origin, doubted(proof))
  }

  /**
   * It is so slow that whoever is carried would be let go of, and ask again: for good. `isComing`: it had answered, so that the line may
   * be what is slow, and each stranger would be asked twice.
   */
  avoid(url: string, isComing: boolean): void {
    const origin = originOf(url)
    if (isComing && !this.#proofs.has(origin)) this.#strangers = doubted(this.#strangers)
    this.#set(origin, {streak: 0, wanted: Number.POSITIVE_INFINITY})
  }

  #proofOf(origin: string): Proof {
    const known = this.#proofs.get(origin)
    if (known !== undefined) return known
    // Whoever was trusted as a stranger has nothing more to prove.
    return isProven(this.#strangers) ? {...this.#unproven, streak: this.#unproven.wanted} : this.#unproven
  }

  #set(origin: string, proof: Proof): void {
    // Behind all others: who was learnt of longest ago is forgotten first.
    this.#proofs.delete(origin)
    this.#proofs.set(origin, proof)
    if (this.#proofs.size <= MOST_ORIGINS) return
    const oldest = this.#proofs.keys().next()
    if (!oldest.done) this.#proofs.delete(oldest.value)
  }
}

/** Its server did not come to answer: it ended before that, by a command or for what is wrong with the disk. */
function saysNothing({state, attempts, response, error}: OperationRecord): boolean {
  if (response !== undefined) return false
  if (state === 'canceled') return attempts.failures === 0
  return error !== undefined && ERROR_CODES[error.code].kind === 'storage'
}

function isProven({streak, wanted}: Proof): boolean {
  return streak >= wanted
}

/** Of several files that come at once and are not plain, the first counts. */
function doubted(proof: Proof): Proof {
  return {streak: 0, wanted: isProven(proof) ? proof.wanted * CAUTION : proof.wanted}
}
