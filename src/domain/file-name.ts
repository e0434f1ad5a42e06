/** File names from strangers, reduced to something that names a plain file in one folder on every platform. */

import {attachmentName} from './content-disposition.ts'
import {headerValues} from './header-fields.ts'
import type {ResponseFacts} from './response-facts.ts'

const FALLBACK = 'download'
const MAX_BYTES = 200
/** A longer ending is no extension worth saving when a name has to be cut. */
const MAX_EXTENSION_BYTES = 32

/** Controls, line and paragraph separators, lone surrogates, bidirectional controls, zero-width space, byte order mark. */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu
/** What Windows forbids; the colon also opens alternate streams and drives. */
const FORBIDDEN = /[<>:"|?*]/g
const DOT_OR_SPACE = /[.\s]/
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\.|$)/i

/** The candidate's last segment, made harmless: never empty, '.', '..', or longer than 200 bytes of UTF-8. */
export function safeFileName(candidate: string, fallback: string = FALLBACK): string {
  return harmless(candidate) || harmless(fallback) || FALLBACK
}

/**
 * The name in the Content-Disposition of the answer, else the last segment of the first address whose path has one, else
 * 'download'. Always safe. `urls`: where redirects led to, before what was asked for.
 */
export function fileNameFromResponse(head: ResponseFacts, ...urls: readonly string[]): string {
  const [disposition] = headerValues(head.headers, 'content-disposition')
  const attached = disposition === undefined ? undefined : attachmentName(disposition)
  const name = attached === undefined ? '' : harmless(attached)
  if (name !== '') return name
  for (const url of urls) {
    const last = harmless(lastSegment(url))
    if (last !== '') return last
  }
  return FALLBACK
}

/** The last segment of the URL's path, else 'download'. Always safe. */
export function fileNameFromUrl(url: string | URL): string {
  return safeFileName(lastSegment(url))
}

function harmless(candidate: string): string {
  const segment = candidate.slice(Math.max(candidate.lastIndexOf('/'), candidate.lastIndexOf('\\')) + 1)
  const name = cut(trimmed(segment.replace(INVISIBLE, '').replace(FORBIDDEN, '_')), MAX_BYTES)
  return RESERVED.test(name) ? cut(`_${name}`, MAX_BYTES) : name
}

/** Leading dots hide a file, Windows drops trailing dots and spaces. */
function trimmed(name: string): string {
  let start = 0
  let end = name.length
  // Not by a pattern: one that is anchored at the end takes quadratic time on a name of dots.
  while (start < end && DOT_OR_SPACE.test(name.charAt(start))) start += 1
  while (end > start && DOT_OR_SPACE.test(name.charAt(end - 1))) end -= 1
  return name.slice(start, end)
}

/** At most `limit` bytes of UTF-8, whole characters, the extension kept. */
function cut(name: string, limit: number): string {
  // No character takes more than three bytes for each of its units.
  if (3 * name.length <= limit || byteLength(name) <= limit) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 ? name.slice(dot) : ''
  const kept = byteLength(extension) <= MAX_EXTENSION_BYTES ? extension : ''
  const stem = name.slice(0, name.length - kept.length)
  return trimmed(leadingBytes(stem, limit - byteLength(kept))) + kept
}

function leadingBytes(text: string, limit: number): string {
  let used = 0
  let length = 0
  for (const character of text) {
    used += byteLength(character)
    if (used > limit) break
    length += character.length
  }
  return text.slice(0, length)
}

const ENCODER = new TextEncoder()

function byteLength(text: string): number {
  return ENCODER.encode(text).length
}

const SLASH = 0x2f

function lastSegment(url: string | URL): string {
  let path: string
  try {
    path = (typeof url === 'string' ? new URL(url) : url).pathname
  } catch {
    return ''
  }
  let end = path.length
  while (end > 0 && path.charCodeAt(end - 1) === SLASH) end -= 1
  const segment = path.slice(path.lastIndexOf('/', end - 1) + 1, end)
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
