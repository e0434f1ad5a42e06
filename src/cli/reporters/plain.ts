/** Off a terminal: one line on stderr for each change of state. */

import {printable} from '../../domain/printable.ts'
import {errorLine, type Io} from '../io.ts'
import {GatheredLines} from './gathered-lines.ts'
import {fileText, happeningText, skippedText, summaryLines} from './phrases.ts'
import type {Reporter} from './reporter.ts'

export function createPlainReporter({stderr}: Pick<Io, 'stderr'>): Reporter {
  const lines = new GatheredLines(stderr)
  const say = (text: string) => lines.add(printable(text))
  return {
    tellsQueued: false,
    tell: (notice) => {
      const text = happeningText(notice)
      if (text !== undefined) say(`${fileText(notice.transfer.file)}: ${text}`)
    },
    skip: (file) => say(skippedText(file)),
    progress: () => {},
    note: say,
    fail: (error) => {
      lines.add(errorLine(error))
      lines.flush()
    },
    end: (totals) => {
      for (const line of totals === undefined ? [] : summaryLines(totals)) say(line)
      lines.end()
    },
  }
}
