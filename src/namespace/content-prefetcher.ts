/** ContentPrefetcher (spec 2.9): what an application would like to have at hand before it asks for it. */

import {invalidArgument, TransferError} from '../domain/errors.ts'
import {MOST_LISTED, type PrefetchCounts, type PrefetchWish, prefetchAddress} from '../domain/prefetch.ts'
import {defaultEngine} from '../engine/default-engine.ts'
import type {EngineApi, PrefetchApi} from '../engine/engine-api.ts'

/** A list of addresses that tells of each change: an array, with the words of the namespace's vectors beside its own. */
export class UriList extends Array<URL> {
  /** Adds one at the end. Throws INVALID_ARGUMENT. */
  append(uri: URL): void {
    this.push(uri)
  }

  clear(): void {
    this.length = 0
  }

  /** What is made of it is an array. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }
}

/** The numbers of one run. */
export type PrefetchReport = Omit<PrefetchCounts, 'retryAfterMs'>

const faces = new WeakMap<EngineApi, ContentPrefetcher>()

export class ContentPrefetcher {
  readonly #prefetcher: PrefetchApi
  readonly #target = new UriList()
  readonly #list: UriList
  /** What the list was made of last, or said itself. */
  #told: readonly string[] = []

  private constructor({prefetcher}: EngineApi) {
    this.#prefetcher = prefetcher
    this.#list = this.#watched(this.#target)
  }

  /** That of the default engine. Throws CLOSED when none is open. */
  static get contentUris(): UriList {
    return ContentPrefetcher.of(defaultEngine()).contentUris
  }

  /** That of the default engine. Throws CLOSED when none is open. */
  static get indirectContentUri(): URL | null {
    return ContentPrefetcher.of(defaultEngine()).indirectContentUri
  }

  static set indirectContentUri(uri: URL | null) {
    ContentPrefetcher.of(defaultEngine()).indirectContentUri = uri
  }

  /** That of the default engine. Throws CLOSED when none is open. */
  static get lastSuccessfulPrefetchTime(): Date | null {
    return ContentPrefetcher.of(defaultEngine()).lastSuccessfulPrefetchTime
  }

  /** The one of an engine. */
  static of(engine: EngineApi): ContentPrefetcher {
    const known = faces.get(engine)
    if (known !== undefined) return known
    const face = new ContentPrefetcher(engine)
    faces.set(engine, face)
    return face
  }

  /**
   * Addresses to fetch ahead of need, http or https: a live list, the same for all users of the engine, and kept with it. The first
   * 40 of them count, each once, before those of indirectContentUri. Changing it throws INVALID_ARGUMENT for what is no such
   * address, LIMIT_REACHED beyond 1,000, CLOSED.
   */
  get contentUris(): UriList {
    this.#refresh()
    return this.#list
  }

  /**
   * Of an XML document (application/xml) that lists more addresses, fetched at the beginning of each run; null for none. Setting it
   * throws INVALID_ARGUMENT, CLOSED.
   */
  get indirectContentUri(): URL | null {
    const {indirect} = this.#prefetcher.wish
    return indirect === undefined ? null : new URL(indirect)
  }

  set indirectContentUri(uri: URL | null) {
    const indirect = uri === null || uri === undefined ? undefined : prefetchAddress('indirectContentUri', uri)
    const {uris} = this.#prefetcher.wish
    this.#wish({uris, ...(indirect === undefined ? {} : {indirect})})
  }

  /** End of the last run in which something that is listed was fetched, or found to be current; null before the first. */
  get lastSuccessfulPrefetchTime(): Date | null {
    const {lastSuccessAt} = this.#prefetcher
    return lastSuccessAt === undefined ? null : new Date(lastSuccessAt)
  }

  /**
   * Fetches what is listed now, whatever the time, the network or the power supply: for tests, and for whoever knows better.
   * Resolves with what came of it. Rejects with CLOSED, and with ILLEGAL_STATE where the option `prefetch` is false.
   */
  async prefetchAsync(): Promise<PrefetchReport> {
    const {retryAfterMs: _, ...report} = await this.#prefetcher.run()
    return report
  }

  /** Somebody else may have changed it: another process, by way of a host. */
  #refresh(): void {
    const {uris} = this.#prefetcher.wish
    if (uris === this.#told) return
    this.#told = uris
    this.#target.splice(0, this.#target.length, ...uris.map((uri) => new URL(uri)))
  }

  /** Every write comes through here, `push` and its like included. */
  #watched(target: UriList): UriList {
    return new Proxy(target, {
      defineProperty: (_, key, descriptor) => {
        const isElement = typeof key === 'string' && /^\d+$/.test(key)
        if (!isElement) return this.#changed(() => Reflect.defineProperty(target, key, descriptor))
        if (Number(key) >= MOST_LISTED) {
          throw new TransferError('LIMIT_REACHED', `at most ${MOST_LISTED} addresses can be listed`, {
            where: 'contentUris',
          })
        }
        if (!(descriptor.value instanceof URL)) throw invalidArgument('contentUris', 'holds URLs')
        const value = new URL(prefetchAddress('contentUris', descriptor.value))
        return this.#changed(() => Reflect.defineProperty(target, key, {...descriptor, value}))
      },
      deleteProperty: (_, key) => this.#changed(() => Reflect.deleteProperty(target, key)),
    })
  }

  #changed(change: () => boolean): boolean {
    const isDone = change()
    // Without the holes that a deletion leaves for a moment.
    const uris = this.#target.filter(() => true).map(({href}) => href)
    const {wish} = this.#prefetcher
    if (uris.length === wish.uris.length && uris.every((uri, index) => uri === wish.uris[index])) return isDone
    this.#told = uris
    this.#wish({...wish, uris})
    return isDone
  }

  #wish(wish: PrefetchWish): void {
    // Rejects only when the engine closes before a failing store took it; that was logged.
    this.#prefetcher.setWish(wish).catch(() => undefined)
  }
}
