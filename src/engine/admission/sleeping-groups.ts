/**
 * The transfer groups that are asleep: of each no more than whose turn it is and which members hold their places, so that a hundred
 * thousand of them may wait at once. What they want stands in the rotation.
 */

import type {Member} from '../../domain/admission.ts'
import type {PriorityClass} from '../../domain/priority.ts'
import type {WaitingGroup} from '../../ports/record-store.ts'
import type {Offer, Rotation} from './rotation.ts'

/** A group of which no more than this is in memory. */
export interface SleepingGroup {
  readonly lastServed: number
  /** Members that hold their places. */
  readonly members: readonly Member[]
  /** It waits for a change of origins, and of more than one. */
  readonly isStuck: boolean
}

export class SleepingGroups {
  readonly #rotation: Rotation
  readonly #groups = new Map<string, SleepingGroup>()

  constructor(rotation: Rotation) {
    this.#rotation = rotation
  }

  has(name: string): boolean {
    return this.#groups.has(name)
  }

  names(): Iterable<string> {
    return this.#groups.keys()
  }

  members(name: string): readonly Member[] {
    return this.#groups.get(name)?.members ?? []
  }

  /** As its chart would say it; undefined for a group that does not sleep. */
  stateOf(name: string): 'wanting' | 'satisfied' | undefined {
    if (!this.#groups.has(name)) return undefined
    return this.#rotation.offerOf(name) === undefined ? 'satisfied' : 'wanting'
  }

  /** Somebody of this class waits in the group; it is not known who. */
  meet({name, priorityClass}: WaitingGroup, origin: string | undefined): void {
    const sleeping = this.#groups.get(name)
    if (sleeping === undefined) this.#groups.set(name, {lastServed: this.#rotation.turn, members: [], isStuck: false})
    const known = this.#rotation.offerOf(name)
    const lastServed = sleeping?.lastServed ?? this.#rotation.turn
    const isSame = sleeping === undefined || (known !== undefined && known.origin === origin)
    const highest = Math.min(priorityClass, known?.priorityClass ?? priorityClass) as PriorityClass
    this.#rotation.offer({group: name, priorityClass: highest, lastServed, origin: isSame ? origin : undefined})
  }

  /** `offer`: what it wants while it sleeps. */
  lay(name: string, sleeping: SleepingGroup, offer: Offer | undefined): void {
    this.#groups.set(name, sleeping)
    if (offer !== undefined) this.#rotation.offer(offer)
  }

  /** It sleeps no longer; its offer stands until it makes another one. */
  rouse(name: string): SleepingGroup | undefined {
    const sleeping = this.#groups.get(name)
    this.#groups.delete(name)
    return sleeping
  }

  /** A member that holds its place needs no actor of its group; false for a group that does not sleep. */
  hold(name: string, member: Member): boolean {
    const sleeping = this.#groups.get(name)
    if (sleeping === undefined) return false
    const others = sleeping.members.filter(({id}) => id !== member.id)
    this.#groups.set(name, {...sleeping, members: [...others, member]})
    return true
  }

  /** Those that waited for it take their turns, and look. */
  originsChanged(): void {
    for (const [name, sleeping] of this.#groups) {
      if (!sleeping.isStuck) continue
      this.#groups.set(name, {...sleeping, isStuck: false})
      this.#rotation.offer({group: name, priorityClass: 1, lastServed: sleeping.lastServed})
    }
  }

  /** Whether one of them may wait for this origin. */
  mayAwait(origin: string): boolean {
    return this.#rotation.isParked(origin) || [...this.#groups.values()].some(({isStuck}) => isStuck)
  }
}
