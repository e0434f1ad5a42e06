/** Off a terminal: one line on stderr for each change of state. */

import {errorLine, type Io, say} from '../io.ts'
import {fileText, happeningText, summaryLines} from './phrases.ts'
import type {Reporter} from './reporter.ts'

export function createPlainReporter(io: Io): Reporter {
  return {
    tellsQueued: false,
    tell: (notice) => {
      const text = happeningText(notice)
      if (text !== undefined) say(io, `${fileText(notice.transfer.file)}: ${text}`)
    },
    progress: () => {},
    note: (text) => say(io, text),
    fail: (error) => io.stderr.write(`${errorLine(error)}\n`),
    end: (totals) => {
      for (const line of totals === undefined ? [] : summaryLines(totals)) say(io, line)
    },
  }
}
