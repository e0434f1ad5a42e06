/** What handles follow of one operation: a subject that says when the first one comes, and when the last one has gone. */

import {Observable, type Subscriber} from 'rxjs'
import type {OperationNotice} from './operation-entry.ts'

type End = {readonly kind: 'completed'} | {readonly kind: 'failed'; readonly error: unknown}

export class FollowedNotices extends Observable<OperationNotice> {
  /** Copied when it changes: whoever is told may come and go meanwhile. */
  #followers: readonly Subscriber<OperationNotice>[] = []
  #end: End | undefined

  /** `onFollowed`: somebody follows now, or nobody any more. */
  constructor(onFollowed: () => void) {
    super((follower) => {
      if (this.#end !== undefined) {
        endOne(follower, this.#end)
        return undefined
      }
      this.#followers = [...this.#followers, follower]
      if (this.#followers.length === 1) onFollowed()
      return () => {
        const left = this.#followers.filter((each) => each !== follower)
        if (left.length === this.#followers.length) return
        this.#followers = left
        if (left.length === 0) onFollowed()
      }
    })
  }

  get isFollowed(): boolean {
    return this.#followers.length > 0
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

  #endAll(end: End): void {
    if (this.#end !== undefined) return
    this.#end = end
    for (const follower of this.#followers) endOne(follower, end)
  }
}

function endOne(follower: Subscriber<OperationNotice>, end: End): void {
  if (end.kind === 'completed') follower.complete()
  else follower.error(end.error)
}
