/**
 * Moves single members of a waiting line: whom they pass is read from the store, since all but the heads of a line are nowhere else.
 * One move after another: each counts from the order that the last one left.
 */

import {TransferError} from '../../domain/errors.ts'
import type {LineMove} from '../../domain/line-move.ts'
import {lineRanges, moveBeside, type Place} from '../../domain/line-order.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {priorityClass} from '../../domain/priority.ts'
import type {LineRange, OperationFacts} from '../../domain/record.ts'
import type {LineEntry, RecordStore} from '../../ports/record-store.ts'

/** So many are read at once: most of them are waiting, and one is enough. */
const PAGE = 16

export interface LineMovesOptions {
  readonly store: Pick<RecordStore, 'line' | 'get'>
  /** Whoever has an actor has left the line, or is about to, whatever the index says. */
  readonly isLive: (id: OperationId) => boolean
  readonly front: (group: string) => readonly LineRange[]
  /** Resolves when the new order is durable. */
  readonly reorder: (group: string, front: readonly LineRange[]) => Promise<void>
}

/** Beside whom a move leads: on which side of the first, or the last, of those in the stretches that it looks through. */
const WAYS = {
  up: {side: 'before', isBackwards: true},
  down: {side: 'behind', isBackwards: false},
  first: {side: 'before', isBackwards: false},
  last: {side: 'behind', isBackwards: true},
} as const

interface Beside {
  readonly anchor: Place
  readonly side: 'before' | 'behind'
}

export class LineMoves {
  readonly #options: LineMovesOptions
  #last: Promise<void> = Promise.resolve()

  constructor(options: LineMovesOptions) {
    this.#options = options
  }

  /**
   * Resolves when it is durable. Rejects with ILLEGAL_STATE when there is nobody to pass, or the one named does not wait there: of those
   * of `app` alone, where it is given.
   */
  move(facts: OperationFacts, to: LineMove, app: string | undefined): Promise<void> {
    const moved = this.#last.then(() => this.#move(facts, to, app))
    this.#last = moved.catch(() => undefined)
    return moved
  }

  async #move(facts: OperationFacts, to: LineMove, app: string | undefined): Promise<void> {
    const place = placeOf(facts)
    const beside = await this.#besideWhom(facts, place, to, app)
    if (beside === undefined) return
    const {front, reorder} = this.#options
    const {group} = facts.policy
    await reorder(group, moveBeside(front(group), place, beside.anchor, beside.side))
  }

  /** Undefined when it stands there already. */
  async #besideWhom(
    facts: OperationFacts,
    place: Place,
    to: LineMove,
    app: string | undefined,
  ): Promise<Beside | undefined> {
    const {group} = facts.policy
    if (typeof to === 'object') return this.#before(facts, to.before, app)
    const {side, isBackwards} = WAYS[to]
    const stretches = stretchesOf(this.#options.front(group), place, to)
    const anchor = await this.#firstWaiting(group, stretches, isBackwards, facts.id)
    if (anchor === undefined) {
      if (to === 'first' || to === 'last') return undefined
      throw refused(facts.id, `it is the ${to === 'up' ? 'first' : 'last'} that waits in its line`)
    }
    return anchor.id === facts.id ? undefined : {anchor, side}
  }

  async #before(
    {id, policy}: OperationFacts,
    before: OperationId,
    app: string | undefined,
  ): Promise<Beside | undefined> {
    if (before === id) return undefined
    const other = await this.#options.store.get(before)
    const isOfOthers = app !== undefined && other?.app !== app
    if (
      isOfOthers ||
      other?.state !== 'queued' ||
      other.policy.group !== policy.group ||
      this.#options.isLive(before)
    ) {
      throw refused(id, 'the one to stand before does not wait in its line')
    }
    return {anchor: placeOf(other), side: 'before'}
  }

  /** The first of those that wait in these stretches, which are looked through from their ends if `isBackwards`. */
  async #firstWaiting(
    group: string,
    stretches: readonly LineRange[],
    isBackwards: boolean,
    own: OperationId,
  ): Promise<LineEntry | undefined> {
    const {store, isLive} = this.#options
    for (let stretch of stretches) {
      for (;;) {
        const page = await store.line(group, stretch, PAGE, isBackwards)
        const found = page.find(({id}) => id === own || !isLive(id))
        if (found !== undefined) return found
        const last = page.at(-1)
        if (last === undefined || page.length < PAGE) break
        stretch = isBackwards ? {...stretch, to: last.sequence - 1} : {...stretch, from: last.sequence + 1}
      }
    }
    return undefined
  }
}

/** Where to look for the one to stand beside, the nearest stretch first. */
function stretchesOf(
  front: readonly LineRange[],
  {priorityClass: own, sequence}: Place,
  to: keyof typeof WAYS,
): readonly LineRange[] {
  const order = lineRanges(front)
  if (to === 'first') return order
  if (to === 'last') return order.toReversed()
  const at = order.findIndex((each) => each.priorityClass === own && each.from <= sequence && sequence <= each.to)
  const range = order[at]
  if (range === undefined) return []
  return to === 'up'
    ? [...order.slice(0, at), {...range, to: sequence - 1}].toReversed()
    : [{...range, from: sequence + 1}, ...order.slice(at + 1)]
}

function placeOf({sequence, policy}: OperationFacts): Place {
  return {sequence, priorityClass: priorityClass(policy.priority)}
}

function refused(where: OperationId, what: string): TransferError {
  return new TransferError('ILLEGAL_STATE', what, {where})
}
