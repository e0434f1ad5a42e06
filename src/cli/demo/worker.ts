/**
 * The demo's downloading process: an engine on the store that it is given, told what to fetch by its parent, telling each
 * transition back. It is killed without notice and started again; nothing here prepares for that.
 */

import {basename} from 'node:path'
import type {LifeState} from '../../domain/status.ts'
import {
  BackgroundTransferBehavior,
  BackgroundTransferEngine,
  type BackgroundTransferPriority,
  type EngineEvent,
  type InspectOptions,
} from '../../index.ts'
import {ENGINE, GROUP} from './script.ts'

export interface DemoDownload {
  readonly url: string
  readonly file: string
  readonly priority: BackgroundTransferPriority
  /** SHA-256 in hexadecimal. */
  readonly digest: string
}

export type WorkerCommand =
  | {readonly type: 'download'; readonly downloads: readonly DemoDownload[]}
  /** Absent: any port, a fresh token. */
  | {readonly type: 'inspect'; readonly options: InspectOptions}
  | {readonly type: 'close'}

/** One transition of an operation's chart, with what helps to explain it. */
export interface Move {
  readonly name: string
  readonly from: string
  readonly to: string
  /** The event that the chart took. */
  readonly because: string
  readonly state: LifeState
  /** HTTP status of the newest response. */
  readonly httpStatus?: number
  readonly error?: string
  /** Milliseconds until the next try. */
  readonly retryInMs?: number
}

export type WorkerReport =
  | {readonly type: 'opened'}
  /** An unfinished operation of the store, as it was found. */
  | {readonly type: 'found'; readonly name: string; readonly durableBytes: number}
  | {readonly type: 'accepted'; readonly name: string; readonly why: string}
  | ({readonly type: 'moved'} & Move)
  /** The inspector's page is served there. */
  | {readonly type: 'inspected'; readonly url: string; readonly options: InspectOptions}
  | {readonly type: 'broken'; readonly message: string}

const [directory = ''] = process.argv.slice(2)

function report(what: WorkerReport): void {
  process.send?.(what)
}

function nameOf(file: string): string {
  return basename(file, '.bin')
}

function tellMove(event: EngineEvent): void {
  if (event.type !== 'operation.moved') return
  const {from, to, because, state, record} = event
  report({
    type: 'moved',
    name: nameOf(record.target.file),
    ...{from, to, because, state},
    ...(record.response === undefined ? {} : {httpStatus: record.response.status}),
    ...(record.error === undefined ? {} : {error: record.error.message}),
    ...(record.retryAt === undefined ? {} : {retryInMs: record.retryAt - event.at}),
  })
}

/** Outcomes are told as transitions; the promises need no other listener here. */
function ignoreOutcome(): void {}

async function download(engine: BackgroundTransferEngine, downloads: readonly DemoDownload[]): Promise<void> {
  const downloader = engine.createDownloader()
  const group = engine.createGroup(GROUP)
  group.transferBehavior = BackgroundTransferBehavior.serialized
  downloader.transferGroup = group
  for (const {url, file, priority, digest} of downloads) {
    const checksum = {algorithm: 'sha256', hex: digest} as const
    const operation = downloader.createDownload(url, file, {priority, checksum})
    const running = operation.startAsync()
    running.catch(ignoreOutcome)
    await running.accepted
    report({type: 'accepted', name: nameOf(file), why: operation.explain().why})
  }
}

async function goOn(engine: BackgroundTransferEngine): Promise<void> {
  for (const operation of await engine.getCurrentDownloadsForTransferGroupAsync(engine.createGroup(GROUP))) {
    const {bytesReceived} = operation.progress
    report({type: 'found', name: nameOf(operation.resultFile), durableBytes: bytesReceived})
    operation.attachAsync().catch(ignoreOutcome)
  }
}

async function main(): Promise<void> {
  const engine = await BackgroundTransferEngine.open({directory, ...ENGINE})
  engine.events$.subscribe(tellMove)
  process.on('message', (command: WorkerCommand) => {
    obey(engine, command).catch(giveUp)
  })
  await goOn(engine)
  report({type: 'opened'})
}

function obey(engine: BackgroundTransferEngine, command: WorkerCommand): Promise<void> {
  switch (command.type) {
    case 'download':
      return download(engine, command.downloads)
    case 'inspect':
      return inspect(engine, command.options)
    case 'close':
      return close(engine)
  }
}

async function inspect(engine: BackgroundTransferEngine, options: InspectOptions): Promise<void> {
  const {url, origin, token} = await engine.inspect(options)
  report({type: 'inspected', url, options: {port: Number(new URL(origin).port), token}})
}

async function close(engine: BackgroundTransferEngine): Promise<void> {
  await engine.close()
  process.disconnect()
}

function giveUp(error: unknown): void {
  report({type: 'broken', message: error instanceof Error ? error.message : String(error)})
  process.disconnect()
}

// A parent that is gone leaves nobody to download for.
process.on('disconnect', () => process.exit())
// Ctrl-C reaches both processes; the parent decides.
process.on('SIGINT', () => {})
main().catch(giveUp)
