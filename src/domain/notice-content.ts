/** The XML of toasts and tiles: whether it is what it should be, what it says in words, and one made of words. */

import {SaxesParser} from 'saxes'

/** It stands in the record of each operation that it is about. */
export const MOST_CONTENT_CHARACTERS = 5_120

/** Why it cannot be taken; undefined when it can. A document type is refused: nothing is expanded. */
export function contentFault(content: unknown, root: 'toast' | 'tile'): string | undefined {
  if (typeof content !== 'string') return 'must be XML as a text'
  if (content.length > MOST_CONTENT_CHARACTERS) return `must not be longer than ${MOST_CONTENT_CHARACTERS} characters`
  let fault: string | undefined
  let depth = 0
  const parser = new SaxesParser({xmlns: false, position: false})
  parser.on('error', ({message}) => {
    fault ??= `must be well-formed XML: ${message.split('\n')[0]}`
  })
  parser.on('doctype', () => {
    fault ??= 'must not have a document type'
  })
  parser.on('opentag', ({name}) => {
    depth += 1
    if (depth === 1 && name !== root) fault ??= `must have the root ${root}, not ${name}`
  })
  parser.on('closetag', () => {
    depth -= 1
  })
  parser.write(content).close()
  return fault
}

/** The texts that a person reads: those of its first `binding` that has any. */
export function textsOf(content: string): readonly string[] {
  const texts: string[] = []
  let binding = 0
  let chosen: number | undefined
  let text: string | undefined
  const parser = new SaxesParser({xmlns: false, position: false})
  // What was taken is well formed.
  parser.on('error', () => undefined)
  parser.on('opentag', ({name}) => {
    if (name === 'binding') binding += 1
    if (name === 'text' && (chosen ?? binding) === binding) text = ''
  })
  const add = (more: string) => {
    if (text !== undefined) text += more
  }
  parser.on('text', add)
  parser.on('cdata', add)
  parser.on('closetag', ({name}) => {
    if (name !== 'text' || text === undefined) return
    if (text.trim() !== '') {
      chosen = binding
      texts.push(text.trim())
    }
    text = undefined
  })
  parser.write(content).close()
  return texts
}

export function toastOf(lines: readonly string[]): string {
  const texts = lines.map((line) => `<text>${escaped(line)}</text>`).join('')
  return `<toast><visual><binding template="ToastGeneric">${texts}</binding></visual></toast>`
}

const ESCAPES: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;'}

export function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => ESCAPES[character] ?? character)
}
