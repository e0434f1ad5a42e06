/**
 * The jar in memory that the engine makes itself: one of tough-cookie, and what that leaves to whoever has it. Max-Age counts from the
 * setting of a cookie, and not from when it was sent last; and servers fill it as far as they fill a browser (RFC 6265 5.3 and 6.1), so
 * that memory stays flat, and nobody has to send more than a server reads.
 */

import {Cookie, MemoryCookieStore, pathMatch, CookieJar as ToughJar} from 'tough-cookie'

export const MOST_COOKIES = 3_000
export const MOST_OF_A_DOMAIN = 180
/** Name and value together, in bytes. */
export const LONGEST_COOKIE = 4_096
/** In bytes; a longer one counts as not said (RFC 6265bis 5.6). */
export const LONGEST_PATH = 1_024

export class MemoryJar {
  readonly #store = new NamedHosts()
  readonly #jar = new ToughJar(this.#store)
  /** Taken since all were counted, and those that there were then: as many as there may be at most. */
  #taken = 0

  getCookieString(url: string): Promise<string> {
    return this.#jar.getCookieString(url)
  }

  async setCookie(text: string, url: string, options: {readonly ignoreError: true}): Promise<void> {
    const given = Cookie.parse(text)
    if (given === undefined || Buffer.byteLength(given.key + given.value) > LONGEST_COOKIE) return
    if (!keepsPromise(given)) return
    const cookie = await this.#jar.setCookie(dated(bare(given)), url, options)
    if (cookie === undefined) return
    // It took the place of the one that it ends, unless another answer took that meanwhile.
    if (isOver(cookie)) await this.#remove(cookie)
    else await this.#boundDomain(cookie.domain ?? '')
    // Also of one that is over the store keeps the place.
    this.#taken += 1
    if (this.#taken > MOST_COOKIES) await this.#boundAll()
  }

  async #boundDomain(domain: string): Promise<void> {
    const own = this.#store.of(domain)
    if (own.length > MOST_OF_A_DOMAIN) for (const each of excess(own, MOST_OF_A_DOMAIN)) await this.#remove(each)
  }

  async #remove(cookie: Cookie): Promise<void> {
    const {domain, path, key} = cookie
    if (this.#store.has(cookie)) await this.#store.removeCookie(domain ?? '', path ?? '', key)
  }

  /** They are put in anew, as the store keeps the places of those that are gone; in one turn, since others ask and tell meanwhile. */
  async #boundAll(): Promise<void> {
    const all = Object.keys(this.#store.idx).flatMap((domain) => this.#store.of(domain))
    const live = all.filter((each) => !isOver(each))
    const gone = new Set(excess(live, MOST_COOKIES))
    const kept = live.filter((each) => !gone.has(each))
    this.#taken = kept.length
    await Promise.all([this.#store.removeAllCookies(), ...kept.map((each) => this.#store.putCookie(each))])
  }
}

/**
 * Tough-cookie’s, for names without a dot, too: `test`, `local` and `example` are suffixes to it of which nobody has anything, and
 * fail, but names of machines to who made them. Only they themselves set their cookies.
 */
class NamedHosts extends MemoryCookieStore {
  of(domain: string): readonly Cookie[] {
    return Object.values(this.idx[domain] ?? {}).flatMap((keys) => Object.values(keys ?? {}))
  }

  /** This one, and not another one in its place. */
  has(cookie: Cookie): boolean {
    return this.idx[cookie.domain ?? '']?.[cookie.path ?? '']?.[cookie.key] === cookie
  }

  override findCookies(
    domain: string,
    path: string,
    allowSpecialUseDomain?: boolean,
    callback?: (error: null, found: Cookie[]) => void,
  ): Promise<Cookie[]> {
    const found = domain.includes('.')
      ? super.findCookies(domain, path, allowSpecialUseDomain)
      : Promise.resolve(this.of(domain).filter((each) => pathMatch(path, each.path ?? '/')))
    if (callback !== undefined) void found.then((cookies) => callback(null, cookies))
    return found
  }
}

/**
 * What a name promises to whoever gets the cookie (RFC 6265bis 4.1.3), in letters of any case: there are servers that take `__host-` for
 * `__Host-`, which tough-cookie does not.
 */
function keepsPromise({key, secure, domain, path}: Cookie): boolean {
  const name = key.toLowerCase()
  if (name.startsWith('__host-')) return secure && domain === null && path === '/'
  return secure || !name.startsWith('__secure-')
}

/** The same without what is of no use to anybody, and would be kept as well. */
function bare(cookie: Cookie): Cookie {
  cookie.extensions = null
  if (Buffer.byteLength(cookie.path ?? '') > LONGEST_PATH) cookie.path = null
  return cookie
}

/** The same with the time at which it ends in the place of its age, which goes before a time that it names itself. */
function dated(cookie: Cookie): Cookie {
  const {maxAge} = cookie
  if (typeof maxAge !== 'number') return cookie
  // Beyond the calendar there is no date: it lasts as long as the jar.
  const endsAt = maxAge > 0 ? Date.now() + maxAge * 1000 : 0
  cookie.expires = endsAt <= 8.64e15 ? new Date(endsAt) : 'Infinity'
  cookie.maxAge = null
  return cookie
}

/** What is to go so that nine tenths of the most are left, and it is seldom done: those first that were used longest ago. */
function excess(cookies: readonly Cookie[], most: number): readonly Cookie[] {
  const count = Math.max(0, cookies.length - 0.9 * most)
  return [...cookies]
    .sort((one, other) => usedAt(one) - usedAt(other) || one.creationIndex - other.creationIndex)
    .slice(0, count)
}

function usedAt(cookie: Cookie): number {
  const {lastAccessed} = cookie
  return lastAccessed instanceof Date && !isOver(cookie) ? lastAccessed.getTime() : 0
}

function isOver(cookie: Cookie): boolean {
  return (cookie.expiryTime() ?? Number.POSITIVE_INFINITY) <= Date.now()
}
