/** Where cookies are kept: the jar that a caller gives, one over the store that a caller gives, or one of ours in memory. */

import {type Store, CookieJar as ToughJar} from 'tough-cookie'
import {invalidArgument} from '../../domain/errors.ts'
import {MemoryJar} from './memory-jar.ts'

/** What is asked of a jar; a CookieJar of tough-cookie is one. */
export interface CookieJar {
  /** The value of a Cookie field for this address; '' for none. */
  getCookieString(url: string): Promise<string>
  /** Takes the value of one Set-Cookie field of an answer from this address, or leaves it where it breaks the rules. */
  setCookie(cookie: string, url: string, options: {readonly ignoreError: true}): Promise<unknown>
}

/** true: a jar in memory. A jar, or a Store of tough-cookie, of the caller's: it is the caller's to keep, and to share. */
export type Cookies = boolean | CookieJar | Store

/** Undefined where none are wanted. Throws INVALID_ARGUMENT. */
export function jarOf(cookies: Cookies): CookieJar | undefined {
  if (cookies === false) return undefined
  if (cookies === true) return new MemoryJar()
  if (isJar(cookies)) return cookies
  if (isStore(cookies)) return new ToughJar(cookies)
  throw invalidArgument('cookies', 'must be true, false, or a CookieJar or Store of tough-cookie')
}

/** By what it does: the caller may have another copy of tough-cookie. */
function isJar(value: Exclude<Cookies, boolean>): value is CookieJar {
  const {getCookieString, setCookie} = (value ?? {}) as Partial<CookieJar>
  return typeof getCookieString === 'function' && typeof setCookie === 'function'
}

function isStore(value: Exclude<Cookies, boolean | CookieJar>): boolean {
  const {findCookies, putCookie} = (value ?? {}) as Partial<Store>
  return typeof findCookies === 'function' && typeof putCookie === 'function'
}
