/**
 * The program that is killed: opens an engine, takes up the downloads of its plan where they stand, or starts them, and says
 * on its standard output, a JSON object a line, what the library told it. Obeys `pause N` and `resume N` on its standard input.
 */

import {writeSync} from 'node:fs'
import {createInterface} from 'node:readline'
import {
  BackgroundTransferBehavior,
  BackgroundTransferEngine,
  type BackgroundTransferEngineOptions,
  BackgroundTransferStatus,
  type DownloadOperation,
  type DownloadOptions,
  type LifeState,
  TransferError,
} from '../../src/index.ts'

export interface PlannedDownload {
  readonly url: string
  readonly file: string
  /** A serialized group; none by default. */
  readonly group?: string
  readonly options?: DownloadOptions
}

export interface Plan {
  readonly engine: BackgroundTransferEngineOptions
  readonly downloads: readonly PlannedDownload[]
  /** Accept all with one createDownloads, and take the handles from the store. */
  readonly bulk?: boolean
}

/** `n` counts the plan's downloads from 0. */
export type Line =
  | {readonly type: 'opened'}
  | {readonly type: 'found'; readonly n: number; readonly status: number}
  | {readonly type: 'accepted'; readonly n: number}
  | {readonly type: 'status'; readonly n: number; readonly status: number}
  /** The life state that was told, which is durable where it outlives the process. */
  | {readonly type: 'state'; readonly n: number; readonly state: LifeState}
  | {readonly type: 'progress'; readonly n: number; readonly bytesReceived: number}
  | {readonly type: 'outcome'; readonly n: number; readonly outcome: string; readonly file: string}
  | {readonly type: 'finished'}

/** Synchronous: what was said must not wait in a buffer of this process. */
function say(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const plan: Plan = JSON.parse(process.argv[2] ?? '')
const engine = await BackgroundTransferEngine.open({conditions: 'good', ...plan.engine})
const operations: DownloadOperation[] = []
say({type: 'opened'})
engine.operations$.subscribe(({file, state}) => {
  say({type: 'state', n: plan.downloads.findIndex((planned) => planned.file === file), state})
})

createInterface({input: process.stdin}).on('line', (command) => {
  const [verb, n] = command.split(' ')
  const operation = operations[Number(n)]
  if (verb === 'pause') operation?.pause()
  if (verb === 'resume') operation?.resume()
})

async function follow(operation: DownloadOperation, n: number, isNew: boolean): Promise<void> {
  operations[n] = operation
  const running = isNew ? operation.startAsync() : operation.attachAsync()
  if (!isNew) say({type: 'found', n, status: operation.progress.status})
  running.accepted.then(
    () => say({type: 'accepted', n}),
    () => undefined,
  )
  operation.status$.subscribe((status) => say({type: 'status', n, status}))
  running.progress$.subscribe(({progress}) => {
    if (progress.status === BackgroundTransferStatus.running) {
      say({type: 'progress', n, bytesReceived: progress.bytesReceived})
    }
  })
  try {
    await running
    say({type: 'outcome', n, outcome: 'completed', file: operation.resultFile})
  } catch (error) {
    const outcome = error instanceof TransferError ? error.code : String(error)
    say({type: 'outcome', n, outcome, file: operation.resultFile})
  }
}

async function findOrCreate(): Promise<void> {
  const known = await Promise.all(plan.downloads.map(({file}) => engine.findByFileAsync(file)))
  const downloader = engine.createDownloader()
  if (plan.bulk === true) {
    const missing = plan.downloads.filter((_, n) => known[n] === undefined)
    await downloader.createDownloads(missing.map(({url, file, options}) => [url, file, options ?? {}] as const))
    const found = await Promise.all(plan.downloads.map(({file}) => engine.findByFileAsync(file)))
    await Promise.all(found.map((operation, n) => operation && follow(operation, n, false)))
    return
  }
  const groups = new Set(plan.downloads.flatMap(({group}) => group ?? []))
  for (const name of groups) engine.createGroup(name).transferBehavior = BackgroundTransferBehavior.serialized
  await Promise.all(
    plan.downloads.map(({url, file, group, options}, n) => {
      const found = known[n]
      if (found !== undefined) return follow(found, n, false)
      downloader.group = group ?? ''
      return follow(downloader.createDownload(url, file, options), n, true)
    }),
  )
}

await findOrCreate()
await engine.close()
say({type: 'finished'})
process.exit(0)
