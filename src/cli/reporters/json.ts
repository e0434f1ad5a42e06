/** `--json`: one object a line on stdout. The schema is in docs/reference/cli.md; members are only ever added. */

import {statusName, statusOf} from '../../domain/status.ts'
import {errorLine, type Io} from '../io.ts'
import type {Happening, Transfer} from '../transfer.ts'
import type {Reporter} from './reporter.ts'

export function createJsonReporter({stdout, stderr}: Io): Reporter {
  const write = (event: Happening | 'progress', at: number, transfer: Transfer) => {
    const {guid, direction, url, file, bytes, total, state, error, retryAt} = transfer
    const counts =
      direction === 'upload'
        ? {direction, bytesReceived: 0, totalBytesToReceive: 0, bytesSent: bytes, totalBytesToSend: total}
        : {bytesReceived: bytes, totalBytesToReceive: total}
    const line = {
      v: 1,
      time: new Date(at).toISOString(),
      event,
      guid,
      url,
      file,
      ...counts,
      status: statusName(statusOf(state)),
      ...(error === undefined ? {} : {error}),
      ...(retryAt === undefined ? {} : {retryAt: new Date(retryAt).toISOString()}),
    }
    if (!stdout.destroyed) stdout.write(`${JSON.stringify(line)}\n`)
  }
  return {
    tell: ({happening, at, transfer}) => write(happening, at, transfer),
    progress: (changed, at) => {
      for (const transfer of changed) write('progress', at, transfer)
    },
    note: () => {},
    fail: (error) => stderr.write(`${errorLine(error)}\n`),
    end: () => {},
  }
}
