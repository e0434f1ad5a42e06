/** What the integration tests share: a server, a disk and engines that are cleaned up after each test, and questions to them. */

import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {filter, firstValueFrom} from 'rxjs'
import {onTestFinished} from 'vitest'
import {listenForClients} from '../../src/control.ts'
import {Engine} from '../../src/engine/engine.ts'
import {
  BackgroundTransferEngine,
  type BackgroundTransferEngineOptions,
  type BackgroundTransferStatus,
  type DownloadOperation,
  type RunningDownload,
  TransferError,
} from '../../src/index.ts'
import {EngineTaskHost} from '../../src/namespace/task-host.ts'
import {createPlatform} from '../../src/platform.ts'
import {sha256} from '../support/content.ts'
import type {ReceivedRequest} from '../support/faulty-script.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'

/** When the running test has ended: the last that was asked for first. */
export function onCleanup(cleanup: () => Promise<void>): void {
  onTestFinished(cleanup)
}

export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'integration-'))
  onCleanup(() => rm(directory, {recursive: true, force: true}))
  return directory
}

export async function startServer(options?: Parameters<typeof startFaultyServer>[0]): Promise<FaultyServer> {
  const server = await startFaultyServer(options)
  onCleanup(() => server.close())
  return server
}

/** An engine whose retries come quickly; its store is a hidden directory. */
export async function openEngine(
  directory: string,
  options: Partial<BackgroundTransferEngineOptions> = {},
): Promise<BackgroundTransferEngine> {
  const engine = await openEither({
    directory: join(directory, '.store'),
    // Whatever the machine is like that runs the tests.
    conditions: 'good',
    retryDelayMs: 5,
    drainTimeoutMs: 2_000,
    ...options,
  })
  onCleanup(() => engine.close())
  return engine
}

let isHosted = false

/** From now on the engines of this file are those of hosts, and what the tests have of them is a client's. */
export function useHosts(): void {
  isHosted = true
}

/** What an engine tells while it opens or closes, a client of its host does not hear: it is not there. */
export function areHosted(): boolean {
  return isHosted
}

async function openEither(options: BackgroundTransferEngineOptions): Promise<BackgroundTransferEngine> {
  if (!isHosted) return BackgroundTransferEngine.open(options)
  const closeHost = await openHost(options)
  const client = await BackgroundTransferEngine.connect({directory: options.directory})
  const close = client.close.bind(client)
  return Object.assign(client, {
    close: async () => {
      await close()
      await closeHost()
    },
  })
}

/** By its parts: as in a process of its own, it is not the default engine of this one. */
async function openHost(options: BackgroundTransferEngineOptions): Promise<() => Promise<void>> {
  const engine = new Engine(await createPlatform(options), options)
  engine.serveTasks(() => new EngineTaskHost(engine))
  await engine.open()
  const server = await listenForClients(engine, options.directory)
  return async () => {
    await server.close()
    await engine.close()
  }
}

/** A directory with an engine of its own, and a server. */
export interface World {
  readonly directory: string
  readonly server: FaultyServer
  readonly engine: BackgroundTransferEngine
  file(name: string): string
  /** Everything in the directory but the store. */
  names(): Promise<readonly string[]>
}

export async function makeWorld(options: Partial<BackgroundTransferEngineOptions> = {}): Promise<World> {
  const directory = await makeDirectory()
  const server = await startServer()
  const engine = await openEngine(directory, options)
  return {
    directory,
    server,
    engine,
    file: (name) => join(directory, name),
    names: () => namesIn(directory),
  }
}

/** The same, with the engine of a host: what the test has of it is a client's. */
export async function makeClientWorld(options: Partial<BackgroundTransferEngineOptions> = {}): Promise<World> {
  const world = await makeWorld({...options, control: true})
  const engine = await BackgroundTransferEngine.connect({directory: join(world.directory, '.store')})
  onCleanup(() => engine.close())
  return {...world, engine}
}

export async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => name !== '.store').sort()
}

export async function digestOf(file: string): Promise<string> {
  return sha256(await readFile(file))
}

/** Waits for the status; fails when the operation ends in another one. */
export async function reaches(operation: DownloadOperation, status: BackgroundTransferStatus): Promise<void> {
  await firstValueFrom(operation.status$.pipe(filter((each) => each === status)))
}

/** Waits until the application sees this many bytes. */
export async function receives(running: RunningDownload, bytes: number): Promise<void> {
  await firstValueFrom(running.progress$.pipe(filter(({progress}) => progress.bytesReceived >= bytes)))
}

/** The error that a promise rejects with. */
export async function failure(promise: PromiseLike<unknown>): Promise<TransferError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof TransferError) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** Body bytes that the server sent for a path, over all requests. */
export function bytesSent(server: FaultyServer, path: string): number {
  return requestsFor(server, path).reduce((sum, {bytesSent: each}) => sum + each, 0)
}

export function requestsFor(server: FaultyServer, path: string): readonly ReceivedRequest[] {
  return server.requests.filter((request) => request.path.split('?', 1)[0] === path)
}

/** Range and If-Range of each request of a path, as `range|if-range`; empty for a request without. */
export function rangesAsked(server: FaultyServer, path: string): readonly string[] {
  return requestsFor(server, path).map(({headers}) =>
    headers.range === undefined ? '' : `${headers.range}|${headers['if-range'] ?? ''}`,
  )
}
