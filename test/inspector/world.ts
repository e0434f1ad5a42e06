/** A server, an engine and an inspector for each test, put away after it. */

import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach} from 'vitest'
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

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export interface InspectedWorld {
  readonly directory: string
  readonly server: FaultyServer
  readonly engine: BackgroundTransferEngine
  readonly inspector: Inspector
  /** Creates and starts; resolves when the operation is durable. */
  start(url: string, name: string, options?: DownloadOptions & {readonly group?: string}): Promise<DownloadOperation>
  stream(options?: {lastEventId?: number; after?: number; keep?: boolean}): Promise<StreamReader>
}

export async function inspectedWorld(
  options: Partial<BackgroundTransferEngineOptions> & {readonly page?: InspectOptions} = {},
): Promise<InspectedWorld> {
  const {page, ...engineOptions} = options
  const directory = await mkdtemp(join(tmpdir(), 'inspected-'))
  cleanups.push(() => rm(directory, {recursive: true, force: true}))
  const server = await startFaultyServer()
  cleanups.push(() => server.close())
  const engine = await BackgroundTransferEngine.open({
    directory: join(directory, '.store'),
    durability: 'process',
    conditions: 'good',
    retryDelayMs: 5,
    drainTimeoutMs: 2_000,
    ...engineOptions,
  })
  cleanups.push(() => engine.close())
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
      cleanups.push(() => reader.close())
      return reader
    },
  }
}
