/** What is fetched ahead of need by the host, as a client sees it: its own wish holds until the host has answered. */

import {TransferError} from '../domain/errors.ts'
import {NO_WISH, type PrefetchCounts, type PrefetchWish} from '../domain/prefetch.ts'
import type {PrefetchApi} from '../engine/engine-api.ts'
import type {PrefetchState} from '../host/protocol.ts'
import type {CallQueue} from './call-queue.ts'

export class RemotePrefetcher implements PrefetchApi {
  readonly #calls: CallQueue
  /** Undefined: the host said nothing of it, so that it has none, or none for this application. */
  #state: PrefetchState | undefined
  /** Wishes that the host has not answered. What it says of an earlier one is old news. */
  #unanswered = 0

  constructor(calls: CallQueue) {
    this.#calls = calls
  }

  get wish(): PrefetchWish {
    return this.#state?.wish ?? NO_WISH
  }

  get lastSuccessAt(): number | undefined {
    return this.#state?.lastSuccessAt
  }

  /** Throws NOT_SUPPORTED. */
  setWish(wish: PrefetchWish): Promise<void> {
    if (this.#state === undefined) {
      throw new TransferError('NOT_SUPPORTED', 'the host has no prefetching for this client', {
        advice: 'connect without the name of an application, to a host of this version',
      })
    }
    this.#state = {...this.#state, wish}
    this.#unanswered += 1
    const {uris, indirect} = wish
    const answered = this.#calls.call('setPrefetch', {
      wish: {uris: [...uris], ...(indirect === undefined ? {} : {indirect})},
    })
    return answered.then(
      (state) => this.#answered(state),
      (error) => {
        this.#unanswered -= 1
        throw error
      },
    )
  }

  run(): Promise<PrefetchCounts> {
    return this.#calls.call('prefetch', {})
  }

  told(state: PrefetchState | undefined): void {
    if (this.#unanswered === 0 || state === undefined) this.#state = state
    else this.#state = {...state, wish: this.wish}
  }

  #answered(state: PrefetchState): void {
    this.#unanswered -= 1
    this.told(state)
  }
}
