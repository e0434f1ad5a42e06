/**
 * Where an address leads: scheme, host and port. Asked at every turn of every operation, of few servers and many files: what
 * stands before the path says it all, and is parsed once.
 */

interface Authority {
  readonly origin: string
  readonly hostname: string
}

const MOST_KNOWN = 256

const known = new Map<string, Authority>()

/** Of a list most are at the server of the one before. `front`: with the slash behind it. */
let last: {readonly front: string; readonly authority: Authority} | undefined

/** As of URL.origin: `https://host:port`, without a port that is the scheme's own. Throws for what is no absolute URL. */
export function originOf(url: string): string {
  return authorityOf(url).origin
}

/** As of URL.hostname. Throws for what is no absolute URL. */
export function hostOf(url: string): string {
  return authorityOf(url).hostname
}

/** No segment of it is `.` or `..`, and nothing in it is, or would be, percent-encoded. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[\w~.,;:=+@()!$&'*-]*)+$/

/**
 * The path of an http or https address that is nothing but origin and path, as the URL parser would write it: of a list nearly all
 * are. Undefined for any other, of which only the parser knows.
 */
export function plainPathOf(url: string): string | undefined {
  if (!url.startsWith('http')) return undefined
  let origin: string
  try {
    origin = originOf(url)
  } catch {
    return undefined
  }
  const path = url.startsWith(origin) ? url.slice(origin.length) : ''
  return PLAIN_PATH.test(path) ? path : undefined
}

function authorityOf(url: string): Authority {
  if (last !== undefined && url.startsWith(last.front)) return last.authority
  const scheme = url.indexOf('://')
  const path = scheme < 0 ? -1 : url.indexOf('/', scheme + 3)
  const front = path < 0 ? url : url.slice(0, path)
  const authority = known.get(front) ?? learn(front)
  if (path >= 0) last = {front: `${front}/`, authority}
  return authority
}

function learn(front: string): Authority {
  const {origin, hostname} = new URL(front)
  const authority = {origin, hostname}
  // Whoever sends us from server to server must not cost memory.
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(front, authority)
  return authority
}
