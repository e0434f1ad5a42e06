/**
 * In whose turn the next free slot is, among any number of groups: the order of src/domain/admission.ts, kept in heaps, so that a
 * choice among a hundred thousand costs as little as one among ten.
 */

import {chooseOffer, compareTurns, countTurn, type GroupOffer, type PassedOver} from '../../domain/admission.ts'
import {Heap} from '../../domain/heap.ts'
import {PRIORITY_CLASSES} from '../../domain/priority.ts'

/** What a group offers. */
export interface Offer extends GroupOffer {
  /** Where all that it offers would go, as far as that is known of a group that is asleep. */
  readonly origin?: string | undefined
}

/** The offers of one kind: a heap for each class. */
type Lane = readonly [Heap<Offer>, Heap<Offer>, Heap<Offer>]

export class Rotation {
  readonly #offers = new Map<string, Offer>()
  #lane: Lane = createLane()
  /** Offers whose turn came while their origin took nobody: they are looked at again when it does. */
  readonly #parked = new Map<string, Lane>()
  /** Heaps keep what was withdrawn until it comes to their top. */
  #withdrawn = 0
  #passedOver: PassedOver = [0, 0, 0]
  #turn = 0

  /** The newest turn that any group got: who comes now stands behind those that wait for theirs. */
  get turn(): number {
    return this.#turn
  }

  /** How many entries its heaps have: what is offered, and what of the withdrawn is still to be cleared away. */
  get held(): number {
    return [this.#lane, ...this.#parked.values()].flat().reduce((sum, {size}) => sum + size, 0)
  }

  /** One group offers something, and no other. */
  get hasOneOffer(): boolean {
    return this.#offers.size === 1
  }

  offerOf(group: string): Offer | undefined {
    return this.#offers.get(group)
  }

  /** Whether an offer waits for this origin. */
  isParked(origin: string): boolean {
    return this.#parked.get(origin)?.some((heap) => heap.first !== undefined) === true
  }

  /** In the place of what the group offered before. */
  offer(offer: Offer): void {
    const known = this.#offers.get(offer.group)
    if (known !== undefined) {
      const {priorityClass, lastServed, origin} = known
      if (priorityClass === offer.priorityClass && lastServed === offer.lastServed && origin === offer.origin) return
      this.#withdrawn += 1
    }
    this.#offers.set(offer.group, offer)
    this.#lane[offer.priorityClass].push(offer)
    if (this.#withdrawn > this.#offers.size + 64) this.#rebuild()
  }

  withdraw(group: string): void {
    if (this.#offers.delete(group)) this.#withdrawn += 1
  }

  /** Whose turn it is. `closed`: origins that take nobody now. */
  choose(closed: ReadonlySet<string>): Offer | undefined {
    return chooseOffer(this.#firsts(closed), this.#passedOver)
  }

  /** The first of those whose turn comes, in order, at most `count`. */
  next(count: number, closed: ReadonlySet<string>): readonly Offer[] {
    const offers: Offer[] = []
    while (offers.length < count) {
      const offer = this.choose(closed)
      if (offer === undefined) break
      offers.push(offer)
      this.withdraw(offer.group)
    }
    // So that no heap still holds the last of them, when it comes back.
    this.choose(closed)
    for (const offer of offers) {
      this.#offers.set(offer.group, offer)
      this.#lane[offer.priorityClass].push(offer)
    }
    return offers
  }

  /** A turn of this offer's; the number of the turn. */
  take(offer: Offer, closed: ReadonlySet<string>): number {
    const offering = this.#firsts(closed).map(({priorityClass}) => priorityClass)
    this.#passedOver = countTurn(this.#passedOver, offering, offer.priorityClass)
    this.#turn += 1
    return this.#turn
  }

  /** The first of each class. */
  #firsts(closed: ReadonlySet<string>): readonly Offer[] {
    const firsts: Offer[] = []
    for (const priorityClass of PRIORITY_CLASSES) {
      const first = this.#first(this.#lane[priorityClass], closed)
      if (first !== undefined) firsts.push(first)
    }
    for (const [origin, lane] of this.#parked) {
      if (closed.has(origin)) continue
      const ofLane = lane.flatMap((heap) => this.#first(heap, closed) ?? [])
      if (ofLane.length === 0) this.#parked.delete(origin)
      firsts.push(...ofLane)
    }
    return firsts
  }

  /** The first of a heap that still holds; those whose origin is closed are put where they wait for it. */
  #first(heap: Heap<Offer>, closed: ReadonlySet<string>): Offer | undefined {
    for (let first = heap.first; first !== undefined; first = heap.first) {
      const holds = this.#offers.get(first.group) === first
      if (holds && (first.origin === undefined || !closed.has(first.origin))) return first
      heap.pop()
      if (holds && first.origin !== undefined) this.#laneOf(first.origin)[first.priorityClass].push(first)
      else this.#withdrawn = Math.max(0, this.#withdrawn - 1)
    }
    return undefined
  }

  #laneOf(origin: string): Lane {
    const known = this.#parked.get(origin)
    if (known !== undefined) return known
    const lane = createLane()
    this.#parked.set(origin, lane)
    return lane
  }

  #rebuild(): void {
    this.#withdrawn = 0
    this.#parked.clear()
    this.#lane = createLane()
    for (const offer of this.#offers.values()) this.#lane[offer.priorityClass].push(offer)
  }
}

function createLane(): Lane {
  const heap = () => new Heap<Offer>(compareTurns)
  return [heap(), heap(), heap()]
}
