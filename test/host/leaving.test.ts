/** A host that was asked to end by itself: whatever is still to be done or said keeps it, and nothing else does. */

import {once} from 'node:events'
import {createServer, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {join} from 'node:path'
import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus} from '../../src/index.ts'
import {makeDirectory, onCleanup, openEngine, reaches, receives, startServer} from '../integration/harness.ts'
import {TaskWorld, useTaskProgram} from '../tasks/task-world.ts'
import {ask, openSession, socketOf} from './raw-session.ts'

useTaskProgram()

const STALLED = {content: Buffer.alloc(200_000, 1), etag: '"1"', cutAfter: 50_000, cut: 'stall'} as const

/** Notes the call of whenIdle, among what else is noted. */
function untilLeft(noted: string[]) {
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const call = () => {
    noted.push('left')
    leave()
  }
  return {left, options: {control: {stays: true, whenIdle: {ms: 0, call}}} as const}
}

/** Answers nobody before it is told to. */
async function startWaitingServer() {
  const waiting: ServerResponse[] = []
  const server = createServer((_, response) => {
    waiting.push(response)
    server.emit('asked')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onCleanup(async () => void server.closeAllConnections())
  onCleanup(async () => void server.close())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked: () => (waiting.length > 0 ? Promise.resolve() : once(server, 'asked')),
    answerAll: () => {
      for (const response of waiting.splice(0)) response.end('here')
    },
    dropAll: () => {
      for (const response of waiting.splice(0)) response.destroy()
    },
  }
}

/** A host that ends when it is idle, with a client: one that is there before it could be. */
async function openSessionOf(directory: string, options: Parameters<typeof openEngine>[1]) {
  await leaveDownload(directory)
  const engine = await openEngine(directory, options)
  const client = await openSession(socketOf(directory))
  for (const operation of await engine.getCurrentDownloadsAsync()) {
    operation.attachAsync().cancel()
    await reaches(operation, BackgroundTransferStatus.canceled)
  }
  return client
}

/** A download that goes on with each engine of the directory. */
async function leaveDownload(directory: string): Promise<string> {
  const server = await startServer()
  server.route('/a', STALLED)
  const engine = await openEngine(directory)
  const operation = engine.createDownloader().createDownload(server.url('/a'), join(directory, 'a'))
  const running = operation.startAsync()
  running.catch(() => undefined)
  await receives(running, 50_000)
  await engine.close()
  return operation.guid
}

describe('a host that ends by itself', () => {
  it('leaves behind its last client, also when that one’s goodbye is heard before its stream is seen to close', async () => {
    const directory = await makeDirectory()
    const guid = await leaveDownload(directory)
    const noted: string[] = []
    const {left, options} = untilLeft(noted)
    const engine = await openEngine(directory, options)
    const session = await openSession(socketOf(directory))
    const operation = await engine.getDownloadAsync(guid)
    operation.attachAsync().cancel()
    await reaches(operation, BackgroundTransferStatus.canceled)
    await ask(socketOf(directory), 'GET', '/api/v1/hello')
    expect(noted).toEqual([])
    await ask(socketOf(directory), 'DELETE', session.path)
    await left
  })

  it('does not stay for a client that is to be a host in its place', async () => {
    const directory = await makeDirectory()
    const noted: string[] = []
    const {left, options} = untilLeft(noted)
    const client = await openSessionOf(directory, options)
    const heir = await openSession(socketOf(directory), undefined, undefined, true)
    expect(heir.welcome).toMatchObject({hello: {stays: true, idleExitMs: 0}})
    await ask(socketOf(directory), 'GET', '/api/v1/hello')
    expect(noted).toEqual([])
    await ask(socketOf(directory), 'DELETE', client.path)
    await left
  })

  it('waits for what it fetches ahead of need', async () => {
    const directory = await makeDirectory()
    const guid = await leaveDownload(directory)
    const server = await startWaitingServer()
    const noted: string[] = []
    const {left, options} = untilLeft(noted)
    const engine = await openEngine(directory, options)
    engine.events$.subscribe(({type}) => type === 'prefetch.ended' && noted.push(type))
    engine.contentPrefetcher.contentUris.push(new URL(server.url))
    const prefetched = engine.contentPrefetcher.prefetchAsync()
    await server.asked()
    const operation = await engine.getDownloadAsync(guid)
    const told = firstValueFrom(engine.operations$.pipe(filter(({state}) => state === 'canceled')))
    operation.attachAsync().cancel()
    await told
    // Behind whatever it asks its store now, and its timers.
    await engine.queryAsync()
    await ask(socketOf(directory), 'GET', '/api/v1/hello')
    server.answerAll()
    await prefetched
    await left
    expect(noted).toEqual(['prefetch.ended', 'left'])
  })

  it('waits for a background task that an earlier one left to it', async () => {
    const server = await startWaitingServer()
    const world = await TaskWorld.make({backgroundTasks: {cancelGraceMs: 1}})
    world.server.route('/a', {content: Buffer.alloc(10)})
    const group = world.engine.createCompletionGroup()
    const downloader = world.engine.createDownloader({completionGroup: group})
    await world.engine.registerBackgroundTask({
      name: 'waits',
      taskEntryPoint: await world.module(`await fetch(${JSON.stringify(server.url)})`),
      trigger: group.trigger,
    })
    const download = downloader.createDownload(world.url('a'), world.file('a')).startAsync()
    group.enable()
    await download
    await server.asked()
    const noted: string[] = []
    const {left, options} = untilLeft(noted)
    const closed = world.reopen(options)
    server.dropAll()
    await closed
    world.engine.events$.subscribe(({type}) => type === 'task.completed' && noted.push(type))
    await server.asked()
    await ask(socketOf(world.directory), 'GET', '/api/v1/hello')
    server.answerAll()
    await left
    expect(noted).toEqual(['task.completed', 'left'])
  })
})
