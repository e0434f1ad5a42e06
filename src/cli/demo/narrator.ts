/** Tells the demo's story: one line for each thing that happened. Colours only where they are wanted. */

import type {Mishap, ServerEvent} from './flaky-server.ts'
import type {Move} from './worker.ts'

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

const NAME_WIDTH = 9
const MOVE_WIDTH = 36

export interface Narrator {
  chapter(title: string): void
  /** `who` did or suffered something. */
  event(who: string, what: string, style?: Style): void
  server(event: ServerEvent): void
  move(move: Move): void
  /** A line without a time. */
  line(text: string, style?: Style): void
}

export function createNarrator(write: (text: string) => void, color: boolean): Narrator {
  const startedAt = Date.now()
  const paint = (text: string, style: Style | undefined) => {
    if (!color || style === undefined) return text
    const [on, off] = CODES[style]
    return `\u001b[${on}m${text}\u001b[${off}m`
  }
  const stamp = () => paint(`${((Date.now() - startedAt) / 1000).toFixed(2).padStart(6)} s`, 'dim')
  const event = (who: string, what: string, style?: Style) =>
    write(`${stamp()}  ${paint(who.padEnd(NAME_WIDTH), 'bold')}  ${paint(what, style)}\n`)

  return {
    chapter: (title) => write(`\n${paint(title, 'bold')}\n`),
    event,
    server(served) {
      const line = serverLine(served)
      if (line !== undefined) event('server', `${served.name}: ${line}`, served.type === 'mishap' ? 'red' : 'dim')
    },
    move(move) {
      const from = shortName(move.from)
      const to = shortName(move.to)
      if (from === to) return
      const path = `${from} → ${to}`.padEnd(MOVE_WIDTH)
      event(move.name, `${paint(path, styleOf(to))}  ${paint(reasonOf(move, to), 'dim')}`)
    },
    line: (text, style) => write(`${paint(text, style)}\n`),
  }
}

export function inMib(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`
}

/** The last word of a state's path, spaced: running.exchanging.active.awaitingResponse is "awaiting response". */
function shortName(path: string): string {
  const words = path.split('.')
  const last = (words.at(-1) ?? path).replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words[0] === 'paused' ? `paused ${last}` : last
}

function styleOf(state: string): Style | undefined {
  switch (state) {
    case 'transferring':
      return 'cyan'
    case 'completed':
      return 'green'
    case 'weighing':
    case 'waiting to retry':
      return 'yellow'
    case 'failed':
      return 'red'
    default:
      return undefined
  }
}

const REASONS: Readonly<Record<string, string>> = {
  'operation.admit': 'its group lets it run',
  'attempt.connected': 'the connection stands',
  'attempt.failed': 'the try failed; the retry table decides',
  'attempt.finished': 'every byte has arrived',
  'retry.due': 'the wait is over',
  'xstate.done.actor.verification': 'length and SHA-256 are right, the bytes are on the disk',
  'xstate.done.actor.publishCommit': 'the intent to publish is on the disk',
  'xstate.done.actor.publication': 'the file has taken its name',
}

/** What the event, and the state that it led to, mean to a reader. */
function reasonOf(move: Move, to: string): string {
  const {because, error, httpStatus} = move
  if (because.startsWith('xstate.after.stallTimeout')) return 'no byte came for too long'
  if (because === 'attempt.responded') {
    return httpStatus === 206
      ? 'the server answered 206: it goes on where it stood'
      : `the server answered ${httpStatus}`
  }
  if (because === 'xstate.done.actor.weighing') {
    if (to === 'waiting to retry') {
      return `${error ?? 'it failed'}: next try in ${((move.retryInMs ?? 0) / 1000).toFixed(1)} s`
    }
    return to === 'failed' ? (error ?? 'it failed') : 'a cut in mid-body: ask for the rest at once'
  }
  return REASONS[because] ?? because.replace(/^xstate\./, '')
}

function serverLine(event: ServerEvent): string | undefined {
  switch (event.type) {
    case 'answered':
      return event.from === 0 ? 'sends it from the start' : `Range request, sends it from ${inMib(event.from)} on`
    case 'mishap':
      return mishapLine(event.mishap)
    case 'sent':
      return undefined
  }
}

function mishapLine(mishap: Mishap): string {
  switch (mishap.kind) {
    case 'cut':
      return `CUTS the connection after ${inMib(mishap.at)}`
    case 'stall':
      return `STALLS after ${inMib(mishap.at)}: the connection stays, nothing comes`
    case 'busy':
      return `503, Retry-After: ${mishap.retryAfterSeconds} s`
  }
}
