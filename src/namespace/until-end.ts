/** What is told of an operation ends with it, or with its engine: without an error, since promises say how it ended. */

import {Observable, type Subscription} from 'rxjs'

export interface Told {
  /** Those of the engine: they complete when it is closed. */
  readonly ticks$: Observable<void>
  /** It was accepted: from then on what is told of it says when nothing more will come. */
  readonly isEntered: () => boolean
  /** Its end was told. */
  readonly isOver: () => boolean
}

export function untilEnd<T>(source: Observable<T>, told: Told): Observable<T> {
  return new Observable<T>((subscriber) => {
    const following = source.subscribe({
      next: (value) => {
        const over = told.isOver()
        subscriber.next(value)
        if (over) subscriber.complete()
      },
      error: () => subscriber.complete(),
      complete: () => subscriber.complete(),
    })
    if (!told.isEntered()) following.add(watchDraft(told, () => subscriber.complete()))
    return following
  })
}

/** Of a draft nothing is told, nor that its engine is closed. */
function watchDraft({ticks$, isEntered}: Told, onClosed: () => void): Subscription {
  const watch = ticks$.subscribe({
    next: () => {
      if (isEntered()) watch.unsubscribe()
    },
    complete: () => {
      if (!isEntered()) onClosed()
    },
  })
  return watch
}
