/**
 * An application of a host that is killed at any moment, as its host is: begins each of its downloads once, or finds it again, and
 * says on its standard output, a JSON object a line, what it was told.
 */

import {writeSync} from 'node:fs'
import {BackgroundTransferEngine, type DownloadOperation, TransferError} from '../../src/index.ts'

export interface ClientPlan {
  readonly directory: string
  readonly downloads: readonly (readonly [url: string, file: string])[]
}

export type ClientLine =
  | {readonly type: 'accepted'; readonly file: string; readonly guid: string}
  | {readonly type: 'done'; readonly file: string; readonly guid: string}
  | {readonly type: 'finished'}

function say(line: ClientLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const {directory, downloads}: ClientPlan = JSON.parse(process.argv[2] ?? '')

/** The host may be on its way. */
async function connect(): Promise<BackgroundTransferEngine> {
  for (;;) {
    try {
      return await BackgroundTransferEngine.connect({directory, app: 'killed'})
    } catch (error) {
      if (!(error instanceof TransferError) || error.code !== 'HOST_UNREACHABLE') throw error
    }
  }
}

const engine = await connect()

/** An earlier life of this program may have begun it, and died before it heard so. */
async function begunOf(url: string, file: string): Promise<DownloadOperation> {
  for (;;) {
    const found = await engine.findByFileAsync(file)
    if (found !== undefined) return found
    const operation = engine.createDownloader().createDownload(url, file)
    const running = operation.startAsync()
    running.catch(() => undefined)
    try {
      await running.accepted
      return operation
    } catch (error) {
      // That life's call was under way still.
      if (!(error instanceof TransferError) || error.code !== 'DESTINATION_BUSY') throw error
    }
  }
}

await Promise.all(
  downloads.map(async ([url, file]) => {
    const operation = await begunOf(url, file)
    say({type: 'accepted', file, guid: operation.guid})
    await operation.attachAsync()
    say({type: 'done', file, guid: operation.guid})
  }),
)
await engine.close()
say({type: 'finished'})
