/** The file name in a Content-Disposition (RFC 6266), its extended form (RFC 8187) preferred. Not yet a safe name. */

import {decodeFieldText} from './header-fields.ts'

/** One parameter from `lastIndex` on: name, then a quoted string or whatever stands before the next semicolon. */
const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/sy
const EXTENDED = /^(utf-8|iso-8859-1)'[^']*'((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-Fa-f]{2})*)$/i

export function attachmentName(disposition: string): string | undefined {
  const parameters = parametersOf(disposition)
  const extended = parameters.get('filename*')
  const decoded = extended === undefined ? undefined : decodeExtended(extended)
  if (decoded !== undefined) return decoded
  const plain = parameters.get('filename')
  return plain === undefined ? undefined : decodeFieldText(plain)
}

function parametersOf(disposition: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  let at = disposition.indexOf(';')
  while (at !== -1) {
    PARAMETER.lastIndex = at
    const match = PARAMETER.exec(disposition)
    if (match === null) {
      at = disposition.indexOf(';', at + 1)
      continue
    }
    const name = (match[1] ?? '').toLowerCase()
    const value = match[2]?.replace(/\\(.)/gs, '$1') ?? (match[3] ?? '').trim()
    // The first of a repeated name counts.
    if (!parameters.has(name)) parameters.set(name, value)
    at = disposition.indexOf(';', PARAMETER.lastIndex)
  }
  return parameters
}

function decodeExtended(value: string): string | undefined {
  const match = EXTENDED.exec(value)
  if (match === null) return undefined
  const text = match[2] ?? ''
  if (match[1]?.toLowerCase() === 'iso-8859-1') {
    return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
