/** `--json`: one object a line on stdout. The schema is in docs/reference/cli.md; members are only ever added. */

import {printableJson} from '../../domain/printable.ts'
import {statusName, statusOf} from '../../domain/status.ts'
import {errorLine, type Io} from '../io.ts'
import type {Happening, Transfer} from '../transfer.ts'
import {GatheredLines} from './gathered-lines.ts'
import type {Reporter} from './reporter.ts'

export function createJsonReporter({stdout, stderr}: Io): Reporter {
  let lastAt = Number.NaN
  let lastTime = ''
  const timeOf = (at: number) => {
    if (at !== lastAt) lastTime = new Date(at).toISOString()
    lastAt = at
    return lastTime
  }
  const lines = new GatheredLines(stdout)
  const write = (event: Happening | 'progress', at: number, transfer: Transfer) => {
    const {guid, direction, url, file, bytes, total, state, error, retryAt} = transfer
    const isUpload = direction === 'upload'
    const line: Record<string, unknown> = {v: 1, time: timeOf(at), event, guid, url, file}
    if (isUpload) line.direction = direction
    line.bytesReceived = isUpload ? 0 : bytes
    line.totalBytesToReceive = isUpload ? 0 : total
    if (isUpload) line.bytesSent = bytes
    if (isUpload) line.totalBytesToSend = total
    line.status = statusName(statusOf(state))
    if (error !== undefined) line.error = error
    if (retryAt !== undefined) line.retryAt = timeOf(retryAt)
    lines.add(printableJson(line))
  }
  return {
    tellsQueued: true,
    tell: ({happening, at, transfer}) => write(happening, at, transfer),
    skip: (file, url, at) => lines.add(printableJson({v: 1, time: timeOf(at), event: 'skipped', url, file})),
    progress: (changed, at) => {
      for (const transfer of changed) write('progress', at, transfer)
    },
    note: () => {},
    fail: (error) => {
      lines.flush()
      stderr.write(`${errorLine(error)}\n`)
    },
    end: () => lines.end(),
  }
}
