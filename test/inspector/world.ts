/** A server, an engine and an inspector, put away after the test, or after all tests of a describe that share them. */

import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, onTestFinished} from 'vitest'
import {
  BackgroundTransferEngine,
  type BackgroundTransferEngineOptions,
  type DownloadOperation,
  type DownloadOptions,
  type InspectOptions,
  type Inspector,
} from '../../src/index.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'
import {StreamReader} from './harness.ts'

export interface InspectedWorld {
  readonly directory: string
  readonly server: FaultyServer
  readonly engine: BackgroundTransferEngine
  readonly inspector: Inspector
  /** Creates and starts; resolves when the operation is durable. */
  start(url: string, name: string, options?: DownloadOptions & {readonly group?: string}): Promise<DownloadOperation>
  stream(options?: {lastEventId?: number; after?: number; keep?: boolean}): Promise<StreamReader>
}

type WorldOptions = Partial<BackgroundTransferEngineOptions> & {readonly page?: InspectOptions}

export function inspectedWorld(options: WorldOptions = {}): Promise<InspectedWorld> {
  return openWorld(options, (cleanup) => onTestFinished(async () => void (await cleanup())))
}

/** One for all tests of the describe that calls this. */
export function sharedWorld(options: WorldOptions = {}): () => InspectedWorld {
  const inTheEnd: (() => unknown)[] = []
  let world: InspectedWorld | undefined
  beforeAll(async () => {
    world = await openWorld(options, (cleanup) => inTheEnd.push(cleanup))
  })
  afterAll(async () => {
    for (const cleanup of inTheEnd.reverse()) await cleanup()
  })
  return () => {
    if (world === undefined) throw new Error('the world is not open')
    return world
  }
}

async function openWorld(
  {page, ...engineOptions}: WorldOptions,
  later: (cleanup: () => unknown) => void,
): Promise<InspectedWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'inspected-'))
  later(() => rm(directory, {recursive: true, force: true}))
  const server = await startFaultyServer()
  later(() => server.close())
  const engine = await BackgroundTransferEngine.open({
    directory: join(directory, '.store'),
    durability: 'process',
    conditions: 'good',
    retryDelayMs: 5,
    drainTimeoutMs: 2_000,
    ...engineOptions,
  })
  later(() => engine.close())
  const inspector = await engine.inspect(page)
  return {
    directory,
    server,
    engine,
    inspector,
    start: async (url, name, {group, ...wish} = {}) => {
      const downloader = engine.createDownloader()
      if (group !== undefined) downloader.transferGroup = engine.createGroup(group)
      const operation = downloader.createDownload(url, join(directory, name), wish)
      const running = operation.startAsync()
      running.catch(() => {})
      await running.accepted
      return operation
    },
    stream: async (how) => {
      const reader = await StreamReader.open(inspector, how)
      onTestFinished(() => reader.close())
      return reader
    },
  }
}
