/** Header fields as lists of name and value: look-up, the namespace's way of adding, and which ones are secret. */

import {invalidArgument} from './errors.ts'

/** A header as it goes over the wire: name in the caller's spelling, value. */
export type HeaderField = readonly [name: string, value: string]

/** Set by the engine itself; an application's value would break resuming or framing (spec O18). */
const RESERVED: ReadonlySet<string> = new Set([
  'range',
  'if-range',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
])

/** Each asks a connection for what ours do not do. */
const UNSUPPORTED: ReadonlySet<string> = new Set(['expect', 'keep-alive', 'upgrade'])

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** Compared with hyphens and underscores taken out. Too many are masked rather than one too few. */
const SECRET_WORDS =
  /auth|token|secret|cookie|passw|passphrase|session|credential|signature|jwt|bearer|(?:api|access|private|license)key/
const SECRET_ENDING = /(?:^|[-_])(?:key|pwd|sig|sid|otp|pin)$/

/** All values of a name, joined by ', '; names compare without regard to case. */
export function headerValue(fields: readonly HeaderField[], name: string): string | undefined {
  const wanted = name.toLowerCase()
  let found: string | undefined
  for (const field of fields) {
    if (!isNamed(field, wanted)) continue
    found = found === undefined ? field[1] : `${found}, ${field[1]}`
  }
  return found
}

export function headerValues(fields: readonly HeaderField[], name: string): readonly string[] {
  const wanted = name.toLowerCase()
  return fields.filter((field) => isNamed(field, wanted)).map(([, value]) => value)
}

/** `wanted` is ASCII in lower case. Each answer is asked for a dozen names: most differ in their length already. */
function isNamed(field: HeaderField, wanted: string): boolean {
  return field[0].length === wanted.length && field[0].toLowerCase() === wanted
}

/** Adds a value; one that is there already keeps its spelling and is continued, by '; ' for Cookie and else by ', '. */
export function withHeader(fields: readonly HeaderField[], name: string, value: string): readonly HeaderField[] {
  if (!TOKEN.test(name)) throw invalidArgument('headerName', 'must be a token of RFC 9110, and not empty')
  const wanted = name.toLowerCase()
  if (RESERVED.has(wanted)) throw invalidArgument('headerName', `must not be ${name}: the engine sets it`)
  if (UNSUPPORTED.has(wanted)) throw invalidArgument('headerName', `must not be ${name}: it is not supported`)
  // The value is not quoted here: it may be a secret.
  if (typeof value !== 'string' || !FIELD_VALUE.test(value))
    throw invalidArgument('headerValue', 'must hold no control characters and only Latin-1')
  const trimmed = withoutSpaceAround(value)
  const at = fields.findIndex(([each]) => each.toLowerCase() === wanted)
  if (at === -1) return [...fields, [name, trimmed]]
  const separator = wanted === 'cookie' ? '; ' : ', '
  return fields.map((field, index) => (index === at ? [field[0], `${field[1]}${separator}${trimmed}`] : field))
}

export function withoutHeader(fields: readonly HeaderField[], name: string): readonly HeaderField[] {
  const unwanted = name.toLowerCase()
  return fields.filter(([each]) => each.toLowerCase() !== unwanted)
}

/**
 * A value without the spaces and tabs around it (RFC 9112 5.1). Not by a pattern: one that is anchored at the end takes quadratic time
 * on spaces in the middle, of which a server may send many.
 */
export function withoutSpaceAround(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isSpaceAt(value, start)) start += 1
  while (end > start && isSpaceAt(value, end - 1)) end -= 1
  return value.slice(start, end)
}

export function isSpaceAt(text: string, at: number): boolean {
  const unit = text.charCodeAt(at)
  return unit === 0x20 || unit === 0x09
}

/** The names that were asked about: servers send the same few with each answer. Bounded, as anybody may invent some. */
const verdicts = new Map<string, boolean>()
const MOST_VERDICTS = 500
const LONGEST_NAME = 64

/** Whether a header's value may identify or authorise somebody: never stored in clear, shown, or sent to another origin. */
export function isSecretHeader(name: string): boolean {
  const known = verdicts.get(name)
  if (known !== undefined) return known
  const lower = name.toLowerCase()
  const isSecret = SECRET_WORDS.test(lower.replace(/[-_]/g, '')) || SECRET_ENDING.test(lower)
  if (verdicts.size < MOST_VERDICTS && name.length <= LONGEST_NAME) verdicts.set(name, isSecret)
  return isSecret
}

/** A field value arrives as Latin-1; where its bytes are UTF-8 (which servers do send) it is read as that. */
export function decodeFieldText(value: string): string {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(Uint8Array.from(value, (char) => char.charCodeAt(0)))
  } catch {
    return value
  }
}
