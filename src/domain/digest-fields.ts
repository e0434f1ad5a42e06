/**
 * What a server says of the bytes: Repr-Digest and Content-Digest (RFC 9530), and Digest, which they replaced (RFC 3230).
 * sha-256 is taken where there is one, else sha-512; other algorithms, and fields that do not parse, say nothing.
 */

import {type Dictionary, parseDictionary} from 'structured-headers'
import {headerValue} from './header-fields.ts'
import type {Checksum} from './record.ts'
import type {ResponseFacts} from './response-facts.ts'

type ServerAlgorithm = 'sha256' | 'sha512'

/** In the order of preference: the first is the cheaper one on today's processors. */
const ALGORITHMS: readonly (readonly [name: string, algorithm: ServerAlgorithm, bytes: number])[] = [
  ['sha-256', 'sha256', 32],
  ['sha-512', 'sha512', 64],
]

/**
 * The digest of the whole resource, as it is stored: with the content coding that it came in. An answer that brings the whole
 * may say it as that of its content.
 */
export function serverDigest(head: ResponseFacts, isWhole: boolean): Checksum | undefined {
  const fields = isWhole ? ['repr-digest', 'content-digest'] : ['repr-digest']
  for (const field of fields) {
    const digest = structured(headerValue(head.headers, field))
    if (digest !== undefined) return digest
  }
  return legacy(headerValue(head.headers, 'digest'))
}

/** Both speak of the same algorithm, and not of the same bytes. */
export function contradicts(a: Checksum | undefined, b: Checksum | undefined): boolean {
  return a !== undefined && b !== undefined && a.algorithm === b.algorithm && a.hex !== b.hex
}

function structured(value: string | undefined): Checksum | undefined {
  if (value === undefined) return undefined
  const dictionary = parsed(value)
  if (dictionary === undefined) return undefined
  for (const [name, algorithm, length] of ALGORITHMS) {
    const [bytes] = dictionary.get(name) ?? []
    if (bytes instanceof ArrayBuffer && bytes.byteLength === length)
      return {algorithm, hex: hexOf(new Uint8Array(bytes))}
  }
  return undefined
}

/** A field that is not well formed is as good as none (RFC 9651, 4.2). */
function parsed(value: string): Dictionary | undefined {
  try {
    return parseDictionary(value)
  } catch {
    return undefined
  }
}

/** `SHA-256=<base64>,MD5=…`: no structured field, because its base64 is not in colons. */
function legacy(value: string | undefined): Checksum | undefined {
  if (value === undefined) return undefined
  const members = value.split(',').map((member) => member.trim())
  for (const [name, algorithm, length] of ALGORITHMS) {
    const member = members.find((each) => each.toLowerCase().startsWith(`${name}=`))
    const bytes = member === undefined ? undefined : bytesOf(member.slice(name.length + 1))
    if (bytes?.length === length) return {algorithm, hex: hexOf(bytes)}
  }
  return undefined
}

function bytesOf(base64: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
