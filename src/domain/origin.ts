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
