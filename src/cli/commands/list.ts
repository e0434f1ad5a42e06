/** `bgt list`: every operation of the store, a page at a time. */

import type {OperationId} from '../../domain/operation-id.ts'
import {printable} from '../../domain/printable.ts'
import type {BackgroundTransferEngine, OperationSummary} from '../../index.ts'
import {type Io, printJson, printResult, say} from '../io.ts'
import {leftOut, movedOf} from '../operations.ts'
import {holdsStore, storeDirectory} from '../store-directory.ts'
import {withStore} from '../stored.ts'
import {bytesText, percentText} from '../text.ts'

export interface ListFlags {
  readonly store?: string
  readonly json?: boolean
}

export async function list(io: Io, flags: ListFlags): Promise<number> {
  const directory = storeDirectory(flags.store, io.env)
  const isThere = await holdsStore(directory)
  const work = async (engine: BackgroundTransferEngine) => ({
    count: await printAll(io, flags, engine),
    damaged: await engine.damagedAsync(),
  })
  const {count, damaged} = isThere ? await withStore(directory, work) : {count: 0, damaged: 0}
  if (damaged > 0) throw leftOut(damaged, directory)
  if (count === 0 && flags.json !== true) say(io, `there are no operations in ${directory}`)
  return 0
}

const PAGE = 1000

async function printAll(
  io: Io,
  flags: ListFlags,
  engine: Pick<BackgroundTransferEngine, 'queryAsync'>,
): Promise<number> {
  let count = 0
  for (let after: OperationId | undefined; ; ) {
    const page = await engine.queryAsync({limit: PAGE, ...(after === undefined ? {} : {after})})
    for (const summary of page) {
      if (flags.json === true) {
        await printJson(io, summary)
        continue
      }
      if (count === 0) await printResult(io, row('GUID', 'STATUS', 'BYTES', '', 'FILE', 'URL'))
      count += 1
      await printResult(io, rowOf(summary))
    }
    after = page.at(-1)?.guid
    if (after === undefined || io.stdout.destroyed) return count
  }
}

function rowOf(summary: OperationSummary): string {
  const {guid, status, file, url} = summary
  const {bytes, total} = movedOf(summary)
  return printable(row(guid, status, bytesText(bytes), percentText(bytes, total), file, url))
}

function row(guid: string, status: string, bytes: string, percent: string, file: string, url: string): string {
  return [guid.padEnd(36), status.padEnd(19), bytes.padStart(10), percent.padStart(4), file, url].join('  ')
}
