/** An application of a host: begins its downloads and is gone at once, or finds those of an earlier run and hears how they ended. */

import {writeSync} from 'node:fs'
import {BackgroundTransferEngine, TransferError} from '../../src/index.ts'

export interface AppPlan {
  readonly directory: string
  readonly app: string
  /** Downloads to begin; without any it attaches to those that are there. */
  readonly downloads?: readonly (readonly [url: string, file: string])[]
}

/** One line of its standard output. */
export type AppLine =
  | {readonly type: 'begun'; readonly guids: readonly string[]}
  | {readonly type: 'outcome'; readonly guid: string; readonly file: string; readonly outcome: string}

function say(line: AppLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const {directory, app, downloads}: AppPlan = JSON.parse(process.argv[2] ?? '')
const engine = await BackgroundTransferEngine.connect({directory, app})
if (downloads !== undefined) {
  const downloader = engine.createDownloader()
  const operations = downloads.map(([url, file]) => downloader.createDownload(url, file))
  await Promise.all(operations.map((operation) => operation.startAsync().accepted))
  say({type: 'begun', guids: operations.map(({guid}) => guid)})
  process.exit(0)
}
for (const operation of await engine.getCurrentDownloadsAsync()) {
  const outcome = await operation.attachAsync().then(
    () => 'completed',
    (error) => (error instanceof TransferError ? error.code : String(error)),
  )
  say({type: 'outcome', guid: operation.guid, file: operation.resultFile, outcome})
}
await engine.close()
