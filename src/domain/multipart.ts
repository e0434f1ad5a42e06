/** Multipart bodies (RFC 2046 5.1, RFC 7578): their pieces, with everything but the payloads already in text. */

import type {ContentPiece} from './request-content.ts'

/** One part: its header lines in order, and what it carries. */
export interface MultipartPart {
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly payload: ContentPiece
}

const CRLF = '\r\n'

export function multipartPieces(parts: readonly MultipartPart[], boundary: string): readonly ContentPiece[] {
  const pieces: ContentPiece[] = []
  let text = ''
  for (const {headers, payload} of parts) {
    text += `--${boundary}${CRLF}`
    for (const [name, value] of headers) text += `${name}: ${value}${CRLF}`
    text += CRLF
    if (payload.kind === 'text') {
      text += payload.text
    } else {
      pieces.push({kind: 'text', text}, payload)
      text = ''
    }
    text += CRLF
  }
  pieces.push({kind: 'text', text: `${text}--${boundary}--${CRLF}`})
  return pieces
}

/** RFC 2046: 1 to 70 legal characters, and no space at the end. */
export function isBoundary(text: string): boolean {
  return /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/.test(text)
}

/** Whoever reads such a text would find the end of its part in it. (Some take a line feed alone for the end of a line.) */
export function isDelimiterIn({payload}: MultipartPart, boundary: string): boolean {
  return payload.kind === 'text' && `\n${payload.text}`.includes(`\n--${boundary}`)
}

export function multipartType(subType: string, boundary: string): string {
  const parameter = /^[0-9A-Za-z'+_\-.]+$/.test(boundary) ? boundary : `"${boundary}"`
  return `multipart/${subType}; boundary=${parameter}`
}

/** As browsers write it: a quotation mark or a line break would end the parameter. */
export function formDisposition(name: string, fileName: string | undefined): string {
  const file = fileName === undefined ? '' : `; filename="${escaped(fileName)}"`
  return `form-data; name="${escaped(name)}"${file}`
}

function escaped(text: string): string {
  return text.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
}
