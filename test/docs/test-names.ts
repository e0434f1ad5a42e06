/**
 * The names of the tests, read from their sources: each `it` and `test` with the titles of the `describe`s around it. A small
 * scanner, not a compiler: it relies on the formatter for nothing but balanced brackets.
 */

import {COMMENT, modulesBelow, QUOTED, REGEX, sourceOf} from '../layers/module-graph.ts'

export interface TestName {
  /** Path from the repository's root. */
  readonly file: string
  /** Titles of the describes around it, the outermost first. */
  readonly within: readonly string[]
  readonly title: string
}

/** A title that a row of a table gives: it begins with items of the checklist, or is a row of a transition table. */
const TELLING_CELL = /^(?:\d+(?:, \d+)*\. .|[DU]\d+$)/

const CALL = /(?<![\w$.'"`])(describe|it|test)(?:\.\w+)*/y

export function testNames(): readonly TestName[] {
  return modulesBelow('test')
    .filter((file) => /\.(?:test|contract)\.ts$/.test(file))
    .flatMap((file) => namesIn(file, sourceOf(file)))
}

export function namesIn(file: string, source: string): readonly TestName[] {
  const names: TestName[] = []
  scan(file, source, 0, source.length, [], names)
  return names
}

function scan(
  file: string,
  source: string,
  from: number,
  to: number,
  within: readonly string[],
  names: TestName[],
): void {
  let at = from
  while (at < to) {
    const skipped = skipText(source, at)
    if (skipped > at) {
      at = skipped
      continue
    }
    const call = callAt(source, at)
    if (call === undefined) {
      at += 1
      continue
    }
    for (const title of titlesOf(call, source)) {
      if (call.kind === 'describe') scan(file, source, call.bodyFrom, call.end, [...within, title], names)
      else names.push({file, within, title})
    }
    at = call.end
  }
}

interface Call {
  readonly kind: string
  /** The argument of `.each`, as written. */
  readonly rows: string | undefined
  readonly title: string
  readonly bodyFrom: number
  readonly end: number
}

function callAt(source: string, at: number): Call | undefined {
  CALL.lastIndex = at
  const match = CALL.exec(source)
  if (match === null) return undefined
  let open = afterTypes(source, CALL.lastIndex)
  if (source[open] !== '(') return undefined
  let rows: string | undefined
  const first = closingOf(source, open)
  const next = afterSpace(source, first + 1)
  // describe.skipIf(…)('title', …), it.each<…>(rows)('title', …)
  if (match[0].includes('.') && source[next] === '(') {
    if (match[0].endsWith('.each')) rows = source.slice(open + 1, first)
    open = next
  }
  const titleFrom = afterSpace(source, open + 1)
  const titleTo = skipText(source, titleFrom)
  if (titleTo === titleFrom || !`'"\``.includes(source[titleFrom] ?? ' ')) return undefined
  const title = source.slice(titleFrom + 1, titleTo - 1).replace(/\\(.)/gs, '$1')
  return {kind: match[1] ?? '', rows, title, bodyFrom: titleTo, end: closingOf(source, open)}
}

/** One title, or one for each row that says in its first cell what it shows. */
function titlesOf({rows, title}: Call, source: string): readonly string[] {
  if (rows === undefined || !title.startsWith('%s')) return [title]
  const table = /^\s*\w+\s*$/.test(rows) ? constantOf(source, rows.trim()) : rows
  const cells = [...table.matchAll(/'((?:[^'\\\n]|\\.)*)'/g)].map(([, cell = '']) => cell)
  const telling = cells.filter((cell) => TELLING_CELL.test(cell))
  return telling.length === 0 ? [title] : telling.map((cell) => title.replace('%s', cell))
}

function constantOf(source: string, name: string): string {
  const at = new RegExp(`const ${name}\\b[^=]*= `).exec(source)
  if (at === null) return ''
  const open = source.indexOf('[', at.index + at[0].length)
  return source.slice(open, closingOf(source, open))
}

/** Type arguments, such as those of it.each<…>. */
function afterTypes(source: string, at: number): number {
  if (source[at] !== '<') return at
  let depth = 0
  for (let i = at; i < source.length; i++) {
    if (source[i] === '<') depth += 1
    if (source[i] === '>' && source[i - 1] !== '=') depth -= 1
    if (depth === 0) return i + 1
  }
  return at
}

function afterSpace(source: string, at: number): number {
  let i = at
  while (/\s/.test(source[i] ?? '')) i += 1
  return i
}

const OPENING = '([{'
const CLOSING = ')]}'

/** Of the bracket at `open`; the end of the source if there is none. */
function closingOf(source: string, open: number): number {
  let depth = 0
  let at = open
  while (at < source.length) {
    const skipped = skipText(source, at)
    if (skipped > at) {
      at = skipped
      continue
    }
    const char = source[at] ?? ''
    if (OPENING.includes(char)) depth += 1
    if (CLOSING.includes(char)) depth -= 1
    if (depth === 0) return at
    at += 1
  }
  return source.length
}

const TEXT = new RegExp(`${COMMENT}|${QUOTED}|${REGEX}`, 'y')

/** Where a comment, a text or a pattern that begins at `at` ends; `at` if none does. */
function skipText(source: string, at: number): number {
  if (source[at] === '`') return endOfTemplate(source, at)
  TEXT.lastIndex = at
  return TEXT.test(source) ? TEXT.lastIndex : at
}

function endOfTemplate(source: string, from: number): number {
  let at = from + 1
  while (at < source.length && source[at] !== '`') {
    if (source[at] === '\\') at += 2
    else if (source.startsWith('${', at)) at = closingOf(source, at + 1) + 1
    else at += 1
  }
  return at + 1
}
