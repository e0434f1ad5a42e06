/**
 * What handles follow of one operation. Changes are told as notices, to subscribers. That counters have moved is told apart, ten times
 * a second, to the listeners themselves: with thousands of operations what a tick waits for is memory, and whatever stood between the
 * ticker and a listener would be one more object to fetch.
 */

import {Observable, type Subscriber} from 'rxjs'
import type {OperationRecord} from '../../domain/record.ts'

/** One notification to the application (O12). The flags hold for this notification only. */
export interface OperationNotice {
  readonly record: OperationRecord
  readonly hasResponseChanged: boolean
  readonly hasRestarted: boolean
}

type End = {readonly kind: 'completed'} | {readonly kind: 'failed'; readonly error: unknown}

/** Hears that counters have moved. Never once the operation has ended. */
export interface MoveListener {
  moved(): void
}

export interface FollowedNoticesOptions {
  /** Somebody subscribes now, or nobody any more. */
  readonly onFollowed?: () => void
  /** `listener` has become another one. */
  readonly onListened?: () => void
}

export class FollowedNotices extends Observable<OperationNotice> {
  /** Copied when it changes: whoever is told may come and go meanwhile. */
  #followers: readonly Subscriber<OperationNotice>[] = []
  #listeners: readonly MoveListener[] = []
  #listener: MoveListener | undefined
  #end: End | undefined
  readonly #options: FollowedNoticesOptions

  constructor(options: FollowedNoticesOptions) {
    super((follower) => {
      if (this.#end !== undefined) {
        endOne(follower, this.#end)
        return undefined
      }
      this.#followers = [...this.#followers, follower]
      if (this.#followers.length === 1) options.onFollowed?.()
      return () => {
        const left = this.#followers.filter((each) => each !== follower)
        if (left.length === this.#followers.length) return
        this.#followers = left
        if (left.length === 0) options.onFollowed?.()
      }
    })
    this.#options = options
  }

  get isFollowed(): boolean {
    return this.#followers.length > 0
  }

  /** Whom to tell that counters have moved, who may be several; undefined where nobody wants to know. */
  get listener(): MoveListener | undefined {
    return this.#listener
  }

  /** Until the returned function is called; that may be within a move, which may then be heard still. */
  listen(listener: MoveListener): () => void {
    this.#setListeners([...this.#listeners, listener])
    return () => {
      const left = this.#listeners.filter((each) => each !== listener)
      if (left.length < this.#listeners.length) this.#setListeners(left)
    }
  }

  next(notice: OperationNotice): void {
    for (const follower of this.#followers) follower.next(notice)
  }

  complete(): void {
    this.#endAll({kind: 'completed'})
  }

  error(error: unknown): void {
    this.#endAll({kind: 'failed', error})
  }

  #setListeners(listeners: readonly MoveListener[]): void {
    this.#listeners = listeners
    this.#listener = listeners.length > 1 ? new Listeners(listeners) : listeners[0]
    this.#options.onListened?.()
  }

  #endAll(end: End): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#setListeners([])
    for (const follower of this.#followers) endOne(follower, end)
  }
}

class Listeners implements MoveListener {
  readonly #all: readonly MoveListener[]

  constructor(all: readonly MoveListener[]) {
    this.#all = all
  }

  moved(): void {
    for (const listener of this.#all) listener.moved()
  }
}

function endOne(follower: Subscriber<OperationNotice>, end: End): void {
  if (end.kind === 'completed') follower.complete()
  else follower.error(end.error)
}
