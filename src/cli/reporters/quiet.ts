/** `--quiet`: errors only. */

import {errorLine, type Io} from '../io.ts'
import type {Reporter} from './reporter.ts'

export function createQuietReporter({stderr}: Io): Reporter {
  return {
    tellsQueued: false,
    tell: () => {},
    skip: () => {},
    progress: () => {},
    note: () => {},
    fail: (error) => stderr.write(`${errorLine(error)}\n`),
    end: () => {},
  }
}
