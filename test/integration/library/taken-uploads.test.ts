/** Uploads that a redirect to GET took (docs/decisions/0019): only their answers are asked for again, whatever happens to those. */

import {rm, writeFile} from 'node:fs/promises'
import type {IncomingMessage, ServerResponse} from 'node:http'
import {BehaviorSubject, filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus, type Conditions, GOOD_CONDITIONS} from '../../../src/index.ts'
import {contentOf} from '../../support/content.ts'
import {SinkServer} from '../../support/sink-server.ts'
import {failure, makeWorld, onCleanup, openEngine} from '../harness.ts'

const SIZE = 100_000
const SECRET = ['Authorization', 'Bearer x'] as const

/** A server that takes what it is sent, and leads to the address of its answer; `answer` says what comes of that, by its turn. */
async function makeBench(
  answer: (nth: number, response: ServerResponse, request: IncomingMessage) => void,
  {status = 303, options = {}}: {status?: number; options?: Parameters<typeof makeWorld>[0]} = {},
) {
  const world = await makeWorld({retryDelayMs: 1, ...options})
  const sink = await SinkServer.start()
  onCleanup(() => sink.close())
  let asked = 0
  sink.script = (request, response, {path}) => {
    if (path === '/up') request.resume().on('end', () => response.writeHead(status, {Location: '/answer'}).end('see'))
    else answer(asked++, response, request)
    return 'takeOver'
  }
  const file = world.file('a')
  await writeFile(file, contentOf(1, SIZE))
  const uploader = world.engine.createUploader()
  uploader.setRequestHeader(...SECRET)
  return {
    ...world,
    sink,
    source: file,
    upload: (settings = {}) => uploader.createUpload(sink.url('/up'), file, settings),
    lines: () => sink.arrivals.map(({method, path}) => `${method} ${path}`),
  }
}

const FAILING = {
  503: (response: ServerResponse) => response.writeHead(503).end(),
  reset: (_: ServerResponse, request: IncomingMessage) => request.socket.resetAndDestroy(),
  silence: () => undefined,
} as const

describe('an upload that was answered with a redirect to GET', () => {
  it.each(
    ([301, 302, 303] as const).flatMap((status) =>
      (['503', 'reset', 'silence'] as const).map((fault) => [status, fault] as const),
    ),
  )('is not sent again where what it leads to fails: %i, %s', async (status, fault) => {
    const {upload, lines, sink} = await makeBench(
      (nth, response, request) => (nth === 0 ? FAILING[fault](response, request) : response.end('done')),
      {status},
    )
    const operation = upload({responseTimeoutMs: 500})
    await operation.startAsync()
    expect(lines()).toEqual(['POST /up', 'GET /answer', 'GET /answer'])
    expect(sink.arrivals.map(({headers}) => headers.authorization)).toEqual([SECRET[1], SECRET[1], SECRET[1]])
    expect(sink.arrivals.map(({headers}) => headers['content-length'])).toEqual([String(SIZE), undefined, undefined])
    expect(operation.progress).toMatchObject({bytesSent: SIZE, totalBytesToSend: SIZE})
  })

  it('fails with the error of the GET, which says that the server has it, once tries are used up', async () => {
    const {upload, lines} = await makeBench((_, response) => response.writeHead(503).end())
    const operation = upload({retries: 2})
    const error = await failure(operation.startAsync())
    expect(error).toMatchObject({code: 'HTTP_STATUS', retry: 'never', details: {status: 503}})
    expect(error.message).toContain('the server took the upload')
    expect(lines()).toEqual(['POST /up', 'GET /answer', 'GET /answer', 'GET /answer'])
  })

  it('is not sent again by a later session, nor terminated: its answer is asked for, also without its file', async () => {
    const {upload, lines, sink, engine, directory, source} = await makeBench((nth, response) => {
      if (nth > 0) response.end('done')
    })
    const operation = upload()
    const running = operation.startAsync()
    running.catch(() => undefined)
    await sink.arrival(2)
    await engine.close()
    await rm(source)
    const next = await openEngine(directory, {resumeOnOpen: false})
    const [found] = await next.getCurrentUploadsAsync()
    await found?.attachAsync()
    expect(lines()).toEqual(['POST /up', 'GET /answer', 'GET /answer'])
  })

  it('is not sent again after a pause of the system', async () => {
    const conditions = new BehaviorSubject<Conditions>(GOOD_CONDITIONS)
    const {upload, lines, sink} = await makeBench(
      (nth, response) => {
        if (nth > 0) response.end('done')
      },
      {options: {conditions: {conditions$: conditions}}},
    )
    const operation = upload()
    const running = operation.startAsync()
    await sink.arrival(2)
    conditions.next({...GOOD_CONDITIONS, batterySaver: true, foreground: false})
    await firstValueFrom(
      running.progress$.pipe(filter(() => operation.progress.status === BackgroundTransferStatus.pausedSystemPolicy)),
    )
    conditions.next(GOOD_CONDITIONS)
    await running
    expect(lines()).toEqual(['POST /up', 'GET /answer', 'GET /answer'])
  })
})
