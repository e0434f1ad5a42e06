/**
 * What a handle passes on of the notices of its entry, to which it is connected only while somebody listens: then the entry keeps
 * alive who listens, and that the handle. Otherwise the application alone does, so that both can go when it lets go. Errors when
 * nothing more will come.
 */

import {type Observable, Subscription} from 'rxjs'
import type {HeldOperation} from '../engine/engine-api.ts'
import {FollowedNotices, type MoveListener, type OperationNotice} from '../engine/operations/followed-notices.ts'

type Flags = Pick<OperationNotice, 'hasResponseChanged' | 'hasRestarted'>

const NO_FLAGS: Flags = {hasResponseChanged: false, hasRestarted: false}

export class HandleNotices extends FollowedNotices {
  readonly #entered$: Observable<HeldOperation>
  #flags = NO_FLAGS
  #following: Subscription | undefined
  #listening: Subscription | undefined

  /** `entered$`: the entry, once there is one. */
  constructor(entered$: Observable<HeldOperation>) {
    super({
      onFollowed: () => {
        this.#following?.unsubscribe()
        this.#following = this.isFollowed ? this.#follow() : undefined
      },
      onListened: () => {
        this.#listening?.unsubscribe()
        this.#listening = this.listener === undefined ? undefined : this.#listen(this.listener)
      },
    })
    this.#entered$ = entered$
  }

  /** They hold while a notice is told. */
  get flags(): Flags {
    return this.#flags
  }

  #follow(): Subscription {
    return this.#connect(({notices}) =>
      notices.subscribe({
        next: (notice) => {
          const {hasResponseChanged, hasRestarted} = notice
          this.#flags = hasResponseChanged || hasRestarted ? {hasResponseChanged, hasRestarted} : NO_FLAGS
          this.next(notice)
          this.#flags = NO_FLAGS
        },
        error: (error) => this.error(error),
      }),
    )
  }

  /** The entry tells the listener itself. */
  #listen(listener: MoveListener): Subscription {
    return this.#connect(({notices}) => notices.listen(listener))
  }

  #connect(to: (entry: HeldOperation) => Subscription | (() => void)): Subscription {
    const connection = new Subscription()
    connection.add(this.#entered$.subscribe((entry) => connection.add(to(entry))))
    return connection
  }
}
