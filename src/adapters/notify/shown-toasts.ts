/**
 * Which notification the desktop has for a tag of an application: the next one of the tag replaces it. Whoever makes a tag for each of
 * its batches would have them all remembered: those of longest ago are forgotten, and a desktop has closed them by then.
 */

import type {ToastNotice} from '../../domain/notice.ts'

const MOST_SHOWN = 1000

type Tagged = Pick<ToastNotice, 'tag' | 'group'>

export class ShownToasts {
  /** Ids that the desktop gave, by tag and group; those shown last stand last. */
  readonly #ids = new Map<string, number>()

  /** 0, which replaces none, where nothing is known of its tag. */
  idOf(toast: Tagged): number {
    const key = keyOf(toast)
    return (key === undefined ? undefined : this.#ids.get(key)) ?? 0
  }

  remember(toast: Tagged, id: number): void {
    const key = keyOf(toast)
    if (key === undefined) return
    this.#ids.delete(key)
    this.#ids.set(key, id)
    if (this.#ids.size <= MOST_SHOWN) return
    const oldest = this.#ids.keys().next()
    if (!oldest.done) this.#ids.delete(oldest.value)
  }
}

function keyOf({tag, group}: Tagged): string | undefined {
  return tag === undefined ? undefined : JSON.stringify([tag, group])
}
