/** A ResponseCache in memory, by the rules of the real one: for simulations, whose disk is in memory, too. */

import {CacheRules, type StoredHead} from '../../src/adapters/cache/cache-policy.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import type {Clock} from '../../src/ports/clock.ts'
import type {
  CacheableRequest,
  CacheEntryWriter,
  CacheQuestion,
  CacheVerdict,
  ResponseCache,
} from '../../src/ports/response-cache.ts'

/** By address. */
export type CachedBodies = Map<string, StoredHead & {readonly body: Buffer}>

export class MemoryCache implements ResponseCache {
  readonly maxBodyBytes = 1024 * 1024
  readonly #rules: CacheRules
  readonly #bodies: CachedBodies

  constructor(clock: Clock, bodies: CachedBodies) {
    this.#rules = new CacheRules(() => clock.now())
    this.#bodies = bodies
  }

  async ask(request: CacheableRequest): Promise<CacheQuestion> {
    const entry = this.#bodies.get(request.url)
    if (entry === undefined) return {kind: 'ask', headers: request.headers}
    const use = this.#rules.use(request, entry)
    return use.kind === 'fresh' ? {kind: 'fresh', head: use.head} : {kind: 'ask', headers: use.headers}
  }

  answered(request: CacheableRequest, head: ResponseFacts): CacheVerdict {
    const entry = this.#bodies.get(request.url)
    if (head.status === 304) {
      const answer = entry && this.#rules.revalidate(request, entry, head)
      if (entry === undefined || answer?.kind !== 'current') return {kind: 'lost'}
      this.#bodies.set(request.url, {...entry, ...answer.stored})
      return {kind: 'validated', head: this.#rules.headOf(request.url, answer.stored), kept: Promise.resolve()}
    }
    const stored = this.#rules.store(request, head)
    if (stored === undefined) return {kind: 'refused', reason: 'it may not be kept'}
    return {kind: 'storable', begin: () => this.#begin(request.url, stored)}
  }

  async close(): Promise<void> {
    // Nothing is under way.
  }

  #begin(url: string, stored: StoredHead): CacheEntryWriter {
    const pieces: Buffer[] = []
    return {
      file: Promise.resolve({
        write: async (buffer, length) => {
          pieces.push(Buffer.from(buffer.subarray(0, length)))
        },
        sync: async () => undefined,
        close: async () => undefined,
      }),
      commit: async () => {
        this.#bodies.set(url, {...stored, body: Buffer.concat(pieces)})
      },
      discard: async () => undefined,
    }
  }
}
