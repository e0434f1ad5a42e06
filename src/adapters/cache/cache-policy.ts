/** RFC 9111 for one stored answer, as http-cache-semantics reads it, in the engine's words and on its clock. */

import CachePolicy from 'http-cache-semantics'
import {type HeaderField, headerValue, headerValues, withoutHeader} from '../../domain/header-fields.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import type {CacheableRequest} from '../../ports/response-cache.ts'

type Headers = Record<string, string>

/** An answer in the cache: its head as it came, and what the rules know of it. */
export interface StoredHead {
  readonly status: number
  /** As they came, spelling and order. */
  readonly headers: readonly HeaderField[]
  /** Of http-cache-semantics. */
  readonly policy: object
}

export type Use =
  | {readonly kind: 'fresh'; readonly head: ResponseFacts; readonly ttlSeconds: number}
  /** `reason` as RFC 9211 names it. */
  | {readonly kind: 'ask'; readonly headers: readonly HeaderField[]; readonly reason: 'stale' | 'vary-miss' | 'request'}

export type Revalidation =
  | {readonly kind: 'current'; readonly stored: StoredHead; readonly isKept: boolean}
  | {readonly kind: 'replaced'}
  /** A 304 for something else. */
  | {readonly kind: 'unknown'}

/** What is kept: bodies that a download wants, and the ways to them. */
const KEPT: ReadonlySet<number> = new Set([200, 203, 301, 302, 303, 307, 308])

/** Nothing of one client's state, and nothing of one connection. */
const NOT_KEPT = ['set-cookie', 'set-cookie2', 'connection', 'keep-alive', 'transfer-encoding', 'trailer', 'upgrade']

/** Private: it belongs to one user of one machine. */
const OPTIONS = {shared: false}

export class CacheRules {
  readonly #Policy: typeof CachePolicy

  constructor(now: () => number) {
    this.#Policy = class extends CachePolicy {
      now(): number {
        return now()
      }

      /** s, as RFC 9111, 4.2.3 has it: the library asks Age alone, which not every cache on the way says. */
      override age(): number {
        const {t: came, resh} = this.toObject()
        const resident = (now() - came) / 1000
        // The clock was set back: nobody knows how long it has been here.
        if (resident < 0) return Number.POSITIVE_INFINITY
        const apparent = (came - Date.parse(String(resh.date))) / 1000
        return Math.max(super.age(), Number.isNaN(apparent) ? 0 : apparent + resident)
      }
    }
  }

  /** Undefined when it must not be stored, or would never be used. */
  store(request: CacheableRequest, head: ResponseFacts): StoredHead | undefined {
    if (!KEPT.has(head.status)) return undefined
    // No request would ever match.
    if (headerValue(head.headers, 'vary')?.includes('*')) return undefined
    const headers = NOT_KEPT.reduce(withoutHeader, head.headers)
    const policy = this.#policy(request, head.status, headers)
    if (!policy.storable() || (policy.stale() && !hasValidator(headers))) return undefined
    return {status: head.status, headers, policy: policy.toObject()}
  }

  use(request: CacheableRequest, stored: StoredHead): Use {
    const policy = this.#of(stored)
    const {revalidation} = this.#whileFresh(stored).evaluateRequest(requestOf(request))
    // Whoever would take something stale gets what is right instead.
    if (revalidation === undefined && !policy.stale()) {
      const ttlSeconds = Math.floor(policy.maxAge() - policy.age())
      return {kind: 'fresh', head: this.headOf(request.url, stored), ttlSeconds}
    }
    const fields = Object.entries(policy.revalidationHeaders(requestOf(request)) as Headers)
    const added = fields.filter(([name]) => /^if-(none-match|modified-since)$/.test(name))
    const varies = added.length === 0 && hasValidator(stored.headers)
    return {
      kind: 'ask',
      headers: [...request.headers, ...added.map(spelled)],
      reason: varies ? 'vary-miss' : policy.stale() ? 'stale' : 'request',
    }
  }

  /** The answer to a request with the conditions of `use`. */
  revalidate(request: CacheableRequest, stored: StoredHead, head: ResponseFacts): Revalidation {
    if (head.status !== 304) return {kind: 'replaced'}
    const {matches} = this.#of(stored).revalidatedPolicy(requestOf(request), {
      status: head.status,
      headers: mapOf(head.headers),
    }) as {matches?: boolean}
    // A server that says no validator with its 304 means the one that it was asked about.
    if (matches !== true && hasValidator(head.headers)) return {kind: 'unknown'}
    const headers = updated(stored.headers, head.headers)
    const policy = this.#policy(request, stored.status, headers)
    return {kind: 'current', stored: {...stored, headers, policy: policy.toObject()}, isKept: policy.storable()}
  }

  /** The head as it may be said again, with its age. */
  headOf(url: string, stored: StoredHead): ResponseFacts {
    const said = this.#of(stored).responseHeaders() as Headers
    const own = stored.headers.filter(([name]) => {
      const lower = name.toLowerCase()
      return lower in said && lower !== 'age' && lower !== 'date'
    })
    const added = (['date', 'age'] as const).flatMap((name): HeaderField[] => {
      const value = said[name]
      return value === undefined ? [] : [spelled([name, value])]
    })
    return {status: stored.status, url, headers: [...own, ...added]}
  }

  #policy(request: CacheableRequest, status: number, headers: readonly HeaderField[]): CachePolicy {
    return new this.#Policy(requestOf(request), {status, headers: mapOf(headers)}, OPTIONS)
  }

  #of({policy}: StoredHead): CachePolicy {
    return this.#Policy.fromObject(policy as CachePolicy.CachePolicyObject)
  }

  /** must-revalidate forbids what is stale; the library asks the server while it is fresh, too. */
  #whileFresh({policy}: StoredHead): CachePolicy {
    const {rescc, ...rest} = policy as CachePolicy.CachePolicyObject
    const {'must-revalidate': _, ...directives} = rescc
    return this.#Policy.fromObject({...rest, rescc: directives})
  }
}

function hasValidator(headers: readonly HeaderField[]): boolean {
  return ['etag', 'last-modified'].some((name) => headerValue(headers, name) !== undefined)
}

function requestOf({url, headers}: CacheableRequest): CachePolicy.HttpRequest {
  return {url, method: 'GET', headers: mapOf(headers)}
}

/** Directives compare without regard to case; the library takes them as they come. */
function mapOf(fields: readonly HeaderField[]): Headers {
  const map: Headers = {}
  for (const [name] of fields) {
    const lower = name.toLowerCase()
    const value = headerValues(fields, lower).join(', ')
    map[lower] = lower === 'cache-control' || lower === 'pragma' ? value.toLowerCase() : value
  }
  return map
}

/** What a 304 says takes the place of what was said before, but for what describes the body (RFC 9111, 3.2). */
function updated(stored: readonly HeaderField[], said: readonly HeaderField[]): readonly HeaderField[] {
  // Without its own Date a 304 is as old as its coming.
  let headers = withoutHeader(withoutHeader(stored, 'age'), 'date')
  for (const name of new Set(said.map(([each]) => each.toLowerCase()))) {
    if (NOT_KEPT.includes(name) || /^content-(length|encoding|range|type)$/.test(name)) continue
    const fields = said.filter(([each]) => each.toLowerCase() === name)
    headers = [...withoutHeader(headers, name), ...fields]
  }
  return headers
}

function spelled([name, value]: HeaderField): HeaderField {
  return [name.replace(/(?:^|-)[a-z]/g, (letters) => letters.toUpperCase()), value]
}
