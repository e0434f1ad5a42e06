/** The ResponseCache over a directory beside the store, loaded when it is first asked and not before. */

import {stat} from 'node:fs/promises'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import type {Clock} from '../../ports/clock.ts'
import type {
  CacheableRequest,
  CacheEntryWriter,
  CacheQuestion,
  CacheVerdict,
  ResponseCache,
} from '../../ports/response-cache.ts'
import type {CacheEntry} from './cache-entry.ts'
import {CacheFiles} from './cache-files.ts'
import type {CacheRules, StoredHead} from './cache-policy.ts'

export interface HttpCacheOptions {
  readonly directory: string
  readonly durability: 'power' | 'process'
  readonly clock: Clock
  readonly maxBytes: number
  readonly maxBodyBytes: number
}

/** What is needed to look anything up. */
export interface LoadedCache {
  readonly files: CacheFiles
  readonly rules: CacheRules
}

export class HttpCache implements ResponseCache {
  readonly maxBodyBytes: number
  readonly #options: HttpCacheOptions
  readonly #files: CacheFiles
  #isEmpty: boolean
  #loading: Promise<LoadedCache> | undefined
  #loaded: LoadedCache | undefined

  private constructor(options: HttpCacheOptions, isEmpty: boolean) {
    this.#options = options
    this.maxBodyBytes = Math.min(options.maxBodyBytes, options.maxBytes)
    this.#files = new CacheFiles({...options, now: () => options.clock.now()})
    this.#isEmpty = isEmpty
  }

  /** Looks whether there is a directory, and no further. */
  static async at(options: HttpCacheOptions): Promise<HttpCache> {
    const isThere = await stat(options.directory).then(
      () => true,
      () => false,
    )
    return new HttpCache(options, !isThere)
  }

  /** False: nothing that is asked for is in here. True: it may be. */
  mayHave(url: string): boolean {
    if (this.#loaded !== undefined) return this.#files.get(url) !== undefined
    return !this.#isEmpty
  }

  /** Idempotent. Most engines never have a cache: the rules are loaded with the first that does. */
  load(): Promise<LoadedCache> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async ask(request: CacheableRequest): Promise<CacheQuestion> {
    const {files, rules} = await this.load()
    const entry = files.get(request.url)
    if (entry === undefined) return {kind: 'ask', headers: request.headers}
    if (!(await files.isThere(entry))) {
      await files.remove(entry)
      return {kind: 'ask', headers: request.headers}
    }
    const use = rules.use(request, entry)
    return use.kind === 'fresh' ? {kind: 'fresh', head: use.head} : {kind: 'ask', headers: use.headers}
  }

  answered(request: CacheableRequest, head: ResponseFacts): CacheVerdict {
    const {files, rules} = this.#mustBeLoaded()
    const entry = files.get(request.url)
    if (head.status === 304) {
      if (entry === undefined) return {kind: 'lost'}
      const now = this.#revalidated(request, entry, head)
      if (now === undefined) {
        void files.remove(entry)
        return {kind: 'lost'}
      }
      return {kind: 'validated', head: rules.headOf(request.url, now.stored), kept: now.kept}
    }
    const stored = rules.store(request, head)
    if (stored !== undefined) return {kind: 'storable', begin: () => this.#begin(request.url, stored)}
    // What was stored before is outdated by a good answer, and by one that says that there is nothing.
    if (entry !== undefined && (head.status < 400 || head.status === 404 || head.status === 410)) {
      void files.remove(entry)
    }
    return {kind: 'refused', reason: refusalOf(head)}
  }

  /** What was stored of an address is outdated. */
  async forget(url: string): Promise<void> {
    const {files} = await this.load()
    const entry = files.get(url)
    if (entry !== undefined) await files.remove(entry)
  }

  /** The head of what is stored, by a 304 to a condition on it; undefined when that is for something else. */
  validate(request: CacheableRequest, entry: CacheEntry, head: ResponseFacts): ResponseFacts | undefined {
    const now = this.#revalidated(request, entry, head)
    return now && this.#mustBeLoaded().rules.headOf(request.url, now.stored)
  }

  #revalidated(
    request: CacheableRequest,
    entry: CacheEntry,
    head: ResponseFacts,
  ): {readonly stored: StoredHead; readonly kept: Promise<void>} | undefined {
    const {files, rules} = this.#mustBeLoaded()
    const answer = rules.revalidate(request, entry, head)
    if (answer.kind !== 'current') return undefined
    const {stored, isKept} = answer
    const kept = isKept ? files.replaceHead(entry, {...entry, ...stored}) : files.remove(entry)
    // Without it the next one asks again.
    return {stored, kept: kept.catch(() => undefined)}
  }

  async close(): Promise<void> {
    await this.#files.settled()
  }

  async #load(): Promise<LoadedCache> {
    const {CacheRules} = await import('./cache-policy.ts')
    if (!this.#isEmpty) await this.#files.load()
    this.#loaded = {files: this.#files, rules: new CacheRules(() => this.#options.clock.now())}
    return this.#loaded
  }

  #mustBeLoaded(): LoadedCache {
    if (this.#loaded === undefined) throw new Error('the cache is asked before it answers')
    return this.#loaded
  }

  #begin(url: string, stored: StoredHead): CacheEntryWriter {
    const body = this.#files.begin()
    return {
      file: body.file,
      commit: async () => {
        try {
          const {name, size} = body
          await this.#files.add({...stored, url, body: name, size, sha256: body.digest()})
          this.#isEmpty = false
        } catch (thrown) {
          await body.discard()
          throw thrown
        }
      },
      discard: () => body.discard(),
    }
  }
}

function refusalOf({status}: ResponseFacts): string {
  return status < 400 ? `the server does not let its answer (${status}) be kept` : `the server answered ${status}`
}
