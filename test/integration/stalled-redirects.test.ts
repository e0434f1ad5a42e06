/** Uploads to servers whose redirect, or question who we are, has a body that never ends: what its head says is done. */

import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {PasswordCredential} from '../../src/index.ts'
import {contentOf} from '../support/content.ts'
import {ResumableServer} from '../support/resumable-server.ts'
import {SinkServer} from '../support/sink-server.ts'
import {failure, makeDirectory, onCleanup, openEngine} from './harness.ts'

const FRAMINGS = [
  ['length', 'Content-Length: 1000\r\n\r\nmov'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nmov\r\n'],
  ['its end', '\r\nmov'],
] as const

async function makeBench() {
  const directory = await makeDirectory()
  const sink = await SinkServer.start()
  onCleanup(() => sink.close())
  // One of both times ends the wait; whatever is sent anew for it would show. That bytes move is seen at checkpoints.
  const times = {responseTimeoutMs: 500, stallTimeoutMs: 1_000, checkpointIntervalMs: 100}
  const engine = await openEngine(directory, {...times, retries: 0})
  const source = join(directory, 'source')
  return {
    sink,
    engine,
    uploader: engine.createUploader(),
    source: async (size: number) => {
      await writeFile(source, contentOf(1, size))
      return source
    },
  }
}

describe('an answer to an upload whose body does not end', () => {
  it.each(FRAMINGS.flatMap(([framing, rest]) => [307, 308, 303].map((status) => [status, framing, rest] as const)))(
    'leads where its head says: %i, told by %s',
    async (status, _, rest) => {
      const {sink, uploader, source} = await makeBench()
      sink.script = (request, _response, {path}) => {
        if (path !== '/a') return undefined
        request.resume().on('end', () => request.socket.write(`HTTP/1.1 ${status} Moved\r\nLocation: /b\r\n${rest}`))
        return 'takeOver'
      }
      const upload = uploader.createUpload(sink.url('/a'), await source(100_000))
      await upload.startAsync()
      expect(sink.arrivals.map(({method, path}) => `${method} ${path}`)).toEqual([
        'POST /a',
        status === 303 ? 'GET /b' : 'POST /b',
      ])
      expect(sink.arrivals[1]?.received).toBe(status === 303 ? 0 : 100_000)
    },
  )

  it('leads where its head says also before the body was sent, and after another one', async () => {
    const {sink, uploader, source} = await makeBench()
    sink.script = (request, _response, {path}) => {
      if (path === '/c') return undefined
      request.pause()
      const location = path === '/a' ? '/b' : '/c'
      request.socket.write(`HTTP/1.1 307 Moved\r\nLocation: ${location}\r\nContent-Length: 1000\r\n\r\nmov`)
      return 'takeOver'
    }
    await uploader.createUpload(sink.url('/a'), await source(30_000_000)).startAsync()
    expect(sink.arrivals.map(({path}) => path)).toEqual(['/a', '/b', '/c'])
    expect(sink.arrivals[2]?.received).toBe(30_000_000)
  })

  it('to GET before the body was sent is no success, as where it ends', async () => {
    const {sink, uploader, source} = await makeBench()
    sink.script = (request) => {
      request.pause()
      request.socket.write('HTTP/1.1 303 See Other\r\nLocation: /b\r\nContent-Length: 1000\r\n\r\nmov')
      return 'takeOver'
    }
    const upload = uploader.createUpload(sink.url('/a'), await source(30_000_000))
    expect((await failure(upload.startAsync())).message).toContain('before it had the whole request')
    expect(sink.arrivals).toHaveLength(1)
  })

  it('that asks who we are is answered', async () => {
    const {sink, uploader, source} = await makeBench()
    uploader.serverCredential = new PasswordCredential('files', 'me', 'secret')
    sink.script = (request, _response, {headers}) => {
      if (headers.authorization !== undefined) return undefined
      const head = 'HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 1000\r\n\r\nwho'
      request.resume().on('end', () => request.socket.write(head))
      return 'takeOver'
    }
    await uploader.createUpload(sink.url('/a'), await source(1000)).startAsync()
    expect(sink.arrivals.map(({received}) => received)).toEqual([0, 1000])
  })

  it.each([
    ['OPTIONS', 307],
    ['POST', 308],
    ['PATCH', 307],
  ])('91. leads a step of a protocol where its head says: %s, %i', async (method, status) => {
    const {engine, source} = await makeBench()
    const server = await ResumableServer.start()
    onCleanup(() => server.close())
    const isMoved = new Set<string>()
    server.script = (request) => {
      if (request.method !== method || isMoved.has(method)) return undefined
      isMoved.add(method)
      const location = request.url ?? ''
      const head = `HTTP/1.1 ${status} Moved\r\nLocation: ${location}\r\nContent-Length: 1000\r\n\r\nmov`
      request.resume().on('end', () => request.socket.write(head))
      return 'answered'
    }
    const upload = engine.createUploader().createUpload(server.url, await source(100_000), {protocol: 'httpbis-9'})
    await upload.startAsync()
    expect(server.methods().filter((each) => each === method)).toHaveLength(2)
    expect(server.methods()).not.toContain('HEAD')
  })
})
