/**
 * The XML document behind IndirectContentUri (spec 2.9): a root `prefetchUris` (or, as the schema spells it, `PrefetchUris`) whose
 * children `uri` hold one absolute address each. Read strictly as XML 1.0, and nothing is expanded: a document type is refused.
 */

import {SaxesParser} from 'saxes'
import type {IndexReading} from '../../ports/index-reader.ts'

const ROOTS: ReadonlySet<string> = new Set(['prefetchUris', 'PrefetchUris'])
const ENCODINGS: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii'])

/** The list is flat; what lies this deep is meant to harm. */
const MOST_DEPTH = 16

/** The texts of its `uri` children, trimmed, in their order. They may be anything. */
export function readIndex(bytes: Uint8Array): IndexReading {
  let text: string
  try {
    text = new TextDecoder(encodingOf(bytes), {fatal: true}).decode(bytes)
  } catch {
    return {kind: 'ignored', reason: 'the index is not in UTF-8'}
  }
  const listed: string[] = []
  let fault: string | undefined
  let depth = 0
  let uri: string | undefined
  const refuse = (reason: string) => {
    fault ??= reason
  }
  const parser = new SaxesParser({xmlns: false, position: false})
  parser.on('error', (error) => refuse(`the index is not well formed: ${firstLine(error.message)}`))
  parser.on('doctype', () => refuse('the index has a document type, which is not read'))
  parser.on('xmldecl', ({encoding}) => {
    if (encoding !== undefined && !isReadable(encoding)) refuse(`the index is in ${encoding}, and not in UTF-8`)
  })
  parser.on('opentag', ({name}) => {
    depth += 1
    if (depth > MOST_DEPTH) refuse('the index is nested too deeply')
    if (depth === 1 && !ROOTS.has(name)) refuse(`the index has the root ${name}, and not prefetchUris`)
    if (depth === 2 && name === 'uri') uri = ''
  })
  const add = (more: string) => {
    if (uri !== undefined && depth === 2) uri += more
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.on('closetag', () => {
    if (depth === 2 && uri !== undefined) {
      listed.push(uri.trim())
      uri = undefined
    }
    depth -= 1
  })
  try {
    // Piece by piece, so that what is refused is not read to its end.
    for (let at = 0; at < text.length && fault === undefined; at += PIECE) parser.write(text.slice(at, at + PIECE))
    if (fault === undefined) parser.close()
  } catch (error) {
    refuse(`the index is not well formed: ${firstLine(String(error))}`)
  }
  return fault === undefined ? {kind: 'read', listed} : {kind: 'ignored', reason: fault}
}

const PIECE = 4096

/** UTF-16 names itself by its mark. */
function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  return 'utf-8'
}

function isReadable(encoding: string): boolean {
  const lower = encoding.toLowerCase()
  return ENCODINGS.has(lower) || /^utf-16(le|be)?$/.test(lower)
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/^undefined: |^\d+:\d+: /, '')
}
