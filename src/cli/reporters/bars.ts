/**
 * On a terminal: a line for each active file, redrawn in place at most ten times a second; what has ended scrolls
 * away above, with the next of these. Whatever stops or kills the process leaves the terminal as it should be: the cursor is hidden
 * while a frame is drawn, and no longer.
 */

import {basename} from 'node:path'
import {printable} from '../../domain/printable.ts'
import {errorLine, type Io} from '../io.ts'
import {bytesText, durationText, percentText, rateText} from '../text.ts'
import type {Transfer} from '../transfer.ts'
import {fileText, happeningText, skippedText, summaryLines} from './phrases.ts'
import type {Reporter} from './reporter.ts'
import {cutToWidth, widthOf} from './width.ts'

const REDRAW_MS = 100
const NAME_COLUMNS = 28
const BAR_COLUMNS = 24
const MIN_COLUMNS = 8
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_LINE = '\u001b[2K'
const CLEAR_BELOW = '\u001b[0J'

/** `active` gives those that started and have not ended, at any time. */
export function createBarsReporter({stderr, env}: Io, active: () => readonly Transfer[]): Reporter {
  const inColor = (env.NO_COLOR ?? '') === ''
  const paint = (text: string, code: number) => (inColor ? `\u001b[${code}m${text}\u001b[39m` : text)
  let shown: readonly string[] = []
  /** Lines that wait to be shown above the bars: to draw these anew for each of a long list would cost more than its files. */
  let above = ''

  /** Puts the lines of the bars where the old ones stood, below what waits to be shown. */
  const draw = (lines: readonly string[]) => {
    const back = shown.length === 0 ? '' : `\r\u001b[${shown.length}A`
    const body = lines.map((line) => `${CLEAR_LINE}${line}\n`).join('')
    stderr.write(
      `${HIDE_CURSOR}${back}${above === '' ? '' : `${CLEAR_BELOW}${above}`}${body}${CLEAR_BELOW}${SHOW_CURSOR}`,
    )
    shown = lines
    above = ''
  }
  const showAbove = (line: string) => {
    above += `${line}\n`
  }

  const frame = () => linesOf(active(), Date.now(), stderr.columns || 80, stderr.rows || 24)
  const timer = setInterval(() => {
    const lines = frame()
    if (above !== '' || lines.length !== shown.length || lines.some((line, index) => line !== shown[index])) draw(lines)
  }, REDRAW_MS)
  timer.unref()
  const leave = () => stderr.write(above)
  process.once('exit', leave)

  return {
    tellsQueued: false,
    tell: (notice) => {
      const {happening, transfer} = notice
      // What goes on is told by its bar.
      if (happening === 'started' || happening === 'joined' || happening === 'resumed' || happening === 'retrying')
        return
      const text = happeningText(notice)
      if (text === undefined) return
      showAbove(`${printable(fileText(transfer.file))}: ${happening === 'completed' ? paint(text, 32) : text}`)
    },
    skip: (file) => showAbove(printable(skippedText(file))),
    progress: () => {},
    note: (text) => showAbove(printable(text)),
    fail: (error) => {
      showAbove(paint(errorLine(error), 31))
      draw(frame())
    },
    end: (totals) => {
      clearInterval(timer)
      draw([])
      for (const line of totals === undefined ? [] : summaryLines(totals)) stderr.write(`${line}\n`)
      leave()
      process.off('exit', leave)
    },
  }
}

function linesOf(transfers: readonly Transfer[], now: number, columns: number, rows: number): readonly string[] {
  const onScreen = transfers.filter(({started}) => started)
  const room = Math.max(1, rows - 2)
  // A line that fills the last column would wrap on some terminals.
  const lines = onScreen.slice(0, room).map((transfer) => lineOf(transfer, now, columns - 1))
  return onScreen.length > room ? [...lines.slice(0, -1), `… and ${onScreen.length - room + 1} more`] : lines
}

/** Numbers first: the name and the bar take what they leave. */
export function lineOf(transfer: Transfer, now: number, columns: number): string {
  const numbers = numbersOf(transfer, now)
  const room = columns - widthOf(numbers)
  const nameColumns = Math.max(MIN_COLUMNS, Math.min(NAME_COLUMNS, Math.floor(room / 2)))
  const name = cutToWidth(printable(basename(fileText(transfer.file))), nameColumns)
  const barColumns = Math.min(BAR_COLUMNS, room - nameColumns - 4)
  const bar = barColumns < MIN_COLUMNS ? '' : ` ${barOf(transfer, barColumns)}`
  return cutToWidth(`${name}${' '.repeat(nameColumns - widthOf(name))}${bar} ${numbers}`, columns)
}

function barOf({bytes, total}: Transfer, columns: number): string {
  const filled = total > 0 ? Math.min(columns, Math.floor((bytes / total) * columns)) : 0
  return `[${'='.repeat(filled)}${' '.repeat(columns - filled)}]`
}

function numbersOf(transfer: Transfer, now: number): string {
  const {bytes, total} = transfer
  const size = total > 0 ? `${bytesText(bytes)} of ${bytesText(total)}` : bytesText(bytes)
  return `${percentText(bytes, total).padStart(4)} ${size}  ${paceOf(transfer, now)}`
}

function paceOf({bytes, total, rate, state, error, retryAt}: Transfer, now: number): string {
  if (state === 'waitingToRetry') {
    const seconds = Math.max(0, Math.ceil(((retryAt ?? now) - now) / 1000))
    return `retrying in ${durationText(seconds * 1000)}: ${printable(error?.message ?? 'the try failed')}`
  }
  if (state === 'publishing' || (total > 0 && bytes >= total)) return 'finishing'
  if (state.startsWith('paused')) return 'paused'
  const eta = total > 0 ? rate.etaMs(total - bytes, now) : undefined
  return `${rateText(rate.at(now))}${eta === undefined ? '' : `  ETA ${durationText(eta)}`}`
}
