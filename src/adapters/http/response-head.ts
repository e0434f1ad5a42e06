/** What a response's head says: its fields as they came, and how the end of its body will be known (RFC 9112 6.3). */

import {TransferError} from '../../domain/errors.ts'
import {type HeaderField, withoutSpaceAround} from '../../domain/header-fields.ts'

export type Framing =
  | {readonly kind: 'none'}
  | {readonly kind: 'length'; readonly length: number}
  | {readonly kind: 'chunked'}
  | {readonly kind: 'close'}

/** Raw spelling and order; values as latin1 text, which loses no byte, without the whitespace around them (RFC 9112 5.1). */
export function fieldsOf(rawHeaders: unknown): readonly HeaderField[] {
  if (!Array.isArray(rawHeaders)) return []
  const fields: HeaderField[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    fields.push([asText(rawHeaders[index]), withoutSpaceAround(asText(rawHeaders[index + 1]))])
  }
  return fields
}

/** Throws INVALID_RESPONSE where two readers could understand the length differently. */
export function framingOf(method: string, status: number, fields: readonly HeaderField[], where: string): Framing {
  const codings = valuesOf(fields, 'transfer-encoding')
  const lengths = valuesOf(fields, 'content-length')
  if (codings.length > 0 && lengths.length > 0)
    throw invalid('both Content-Length and Transfer-Encoding are given', where)
  if (lengths.some((length) => !isSafeLength(length))) throw invalid('the Content-Length is not a usable number', where)
  if (new Set(lengths.map(Number)).size > 1) throw invalid('there are different Content-Lengths', where)
  if (method === 'HEAD' || status === 204 || status === 304) return {kind: 'none'}
  if (codings.length > 0) {
    // Nobody asked for another coding, and bytes decoded by nobody must not reach a file.
    if (codings.join().toLowerCase() !== 'chunked') throw invalid('the Transfer-Encoding is not just chunked', where)
    return {kind: 'chunked'}
  }
  const [length] = lengths
  return length === undefined ? {kind: 'close'} : {kind: 'length', length: Number(length)}
}

function valuesOf(fields: readonly HeaderField[], name: string): readonly string[] {
  const values: string[] = []
  for (const [each, value] of fields) {
    if (each.length === name.length && each.toLowerCase() === name) {
      values.push(...value.split(',').map((part) => part.trim()))
    }
  }
  return values
}

function isSafeLength(text: string): boolean {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text))
}

function asText(raw: unknown): string {
  return Buffer.isBuffer(raw) ? raw.toString('latin1') : String(raw)
}

function invalid(message: string, where: string): TransferError {
  return new TransferError('INVALID_RESPONSE', message, {where})
}
