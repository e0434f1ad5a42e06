/** Masks what may be secret before anything is logged, shown, journalled or put into an error. */

import {type HeaderField, isSecretHeader} from './header-fields.ts'

const MASK = '***'

/** Nothing in it can be secret: most addresses are like this, and they are shown with each event. */
const OPEN_URL = /^https?:\/\/[a-z0-9.-]+(?::\d+)?\/[A-Za-z0-9_./~-]*$/

/** Shorter values stand in too many texts by chance. */
const SHORTEST_SECRET = 4

/** Without user information and fragment, every query value masked. Never throws; what is no URL is cut short. */
export function redactUrl(url: string): string {
  if (OPEN_URL.test(url)) return url
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    return redactLoosely(url)
  }
  // Schemes without an authority (data:, mailto:) can hold anything.
  if (parsed.host === '') return `${parsed.protocol}${MASK}`
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${redactQuery(parsed.search)}`
}

export function redactHeaders(fields: readonly HeaderField[]): readonly HeaderField[] {
  return fields.map(([name, value]) => (isSecretHeader(name) ? [name, MASK] : [name, value]))
}

/** Of an address that stands in a text, what stands before this and behind it. */
const SCHEME_END = '://'
const IN_SCHEME = /[a-z0-9+.-]/i
const LETTER = /[a-z]/i
const REST_OF_ADDRESS = /[^\s"'<>,;]+/y

/** A query of a relative address, in the headers that hold addresses. */
const QUERY_IN_TEXT = /\?[^\s"'<>,;]+/g
const ADDRESS_HEADERS: ReadonlySet<string> = new Set(['location', 'content-location', 'referer', 'refresh', 'link'])

/** Headers as they came, with the addresses in them masked too. */
export function redactAnswerHeaders(fields: readonly HeaderField[]): readonly HeaderField[] {
  return fields.map((field) => {
    const [name, value] = field
    const shown = isSecretHeader(name) ? MASK : redactAnswerValue(name, value)
    return shown === value ? field : [name, shown]
  })
}

function redactAnswerValue(name: string, value: string): string {
  const text = redactAddresses(value)
  if (!text.includes('?') || !ADDRESS_HEADERS.has(name.toLowerCase())) return text
  return text.replace(QUERY_IN_TEXT, `?${MASK}`)
}

/**
 * Every absolute address that stands in a text, masked. Not by one pattern: that would read the same letters again from each of them, and
 * a server may send thousands.
 */
export function redactAddresses(text: string): string {
  let shown = ''
  let done = 0
  for (let at = text.indexOf(SCHEME_END); at !== -1; at = text.indexOf(SCHEME_END, at + 1)) {
    if (at < done) continue
    const start = schemeStart(text, at, done)
    REST_OF_ADDRESS.lastIndex = at + SCHEME_END.length
    if (start === at || !REST_OF_ADDRESS.test(text)) continue
    const end = REST_OF_ADDRESS.lastIndex
    shown += text.slice(done, start) + redactUrl(text.slice(start, end))
    done = end
  }
  return shown + text.slice(done)
}

/** Where the scheme begins that ends there; the end itself where there is none. */
function schemeStart(text: string, end: number, from: number): number {
  let start = end
  for (let at = end - 1; at >= from && IN_SCHEME.test(text.charAt(at)); at--) {
    if (LETTER.test(text.charAt(at))) start = at
  }
  return start
}

/** `text` with every occurrence of a secret masked, also where it stands percent-encoded. */
export function redactText(text: string, secrets: readonly string[]): string {
  return textMask(secrets)(text)
}

/**
 * The same for many texts. A server may name thousands of secrets in an address, and send thousands of fields, or a text of which each
 * letter begins one of each: so a text is read once for all secrets, and of those that begin at a letter only the longest matters.
 */
export function textMask(secrets: readonly string[]): (text: string) => string {
  const sought = new Set(secrets.flatMap((secret) => [secret, percentEncoded(secret)]))
  const lengths = lengthsByStart(sought)
  return lengths.size === 0 ? (text) => text : (text) => masked(text, (at) => longestAt(text, at, sought, lengths))
}

/** Of those that begin with the same code unit each length, the longest first. */
function lengthsByStart(sought: ReadonlySet<string>): ReadonlyMap<number, readonly number[]> {
  const byStart = new Map<number, Set<number>>()
  for (const secret of sought) {
    if (secret === '') continue
    const start = secret.charCodeAt(0)
    byStart.set(start, (byStart.get(start) ?? new Set()).add(secret.length))
  }
  return new Map([...byStart].map(([start, lengths]) => [start, [...lengths].sort((one, other) => other - one)]))
}

/** How long the secret is that stands there; 0 for none. */
function longestAt(
  text: string,
  at: number,
  sought: ReadonlySet<string>,
  lengths: ReadonlyMap<number, readonly number[]>,
): number {
  const left = text.length - at
  const found = lengths
    .get(text.charCodeAt(at))
    ?.find((length) => length <= left && sought.has(text.slice(at, at + length)))
  return found ?? 0
}

/** What overlaps, or touches, makes one mask. */
function masked(text: string, lengthAt: (at: number) => number): string {
  let result = ''
  let shownFrom = 0
  for (let at = 0; at < text.length; at++) {
    const length = lengthAt(at)
    if (length === 0) continue
    if (at > shownFrom || result === '') result += text.slice(shownFrom, at) + MASK
    shownFrom = Math.max(shownFrom, at + length)
  }
  return result + text.slice(shownFrom)
}

/** What of a URL may be a secret, for redactText: user information and query values, each also decoded. */
export function secretsInUrl(url: string): readonly string[] {
  if (!URL.canParse(url)) return []
  const {username, password, search} = new URL(url)
  const values = search
    .slice(1)
    .split('&')
    .map((pair) => pair.slice(pair.indexOf('=') + 1))
  const all = [username, password, ...values].flatMap((value) => [value, percentDecoded(value)])
  return [...new Set(all)].filter((value) => value.length >= SHORTEST_SECRET)
}

function redactQuery(search: string): string {
  if (search === '') return ''
  const masked = search
    .slice(1)
    .split('&')
    // A bare word may itself be the token.
    .map((pair) => (pair.includes('=') ? `${pair.slice(0, pair.indexOf('='))}=${MASK}` : MASK))
  return `?${masked.join('&')}`
}

function redactLoosely(text: string): string {
  const head = text.replace(/[?#].*$/s, '')
  const tail = head.length < text.length ? `?${MASK}` : ''
  return head.replace(/^.*@/s, `${MASK}@`) + tail
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function percentEncoded(secret: string): string {
  try {
    return encodeURIComponent(secret)
  } catch {
    // A lone surrogate has no encoding.
    return secret
  }
}
