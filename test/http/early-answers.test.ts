/** Answers that come before their request is whole, by servers that do not read the rest and close: what they said is the outcome. */

import {once} from 'node:events'
import {Worker} from 'node:worker_threads'
import {afterEach, describe, expect, it} from 'vitest'
import type {RequestBody} from '../../src/ports/transport.ts'
import {sha256} from '../support/content.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {run, type Scheme, startTransport} from './harness.ts'

const PIECE = 32 * 1024
const PIECES = 8
const REFUSAL = 'HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n'
const TEXT = 'too large: 1 KiB at most'

/** Reads the first of a request, answers, and, once the kernel has the answer, closes; nothing of this waits for who asks. */
const REFUSER = `
  const {workerData: {answer, closed, certificate, isProxy}, parentPort} = require('node:worker_threads')
  const {createServer} = require('node:net')
  const tls = require('node:tls')
  const onConnection = (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.pause()
      socket.write(answer, () => socket.destroy())
    })
    socket.on('close', () => {
      Atomics.store(closed, 0, 1)
      Atomics.notify(closed, 0)
    })
  }
  const onTunnel = (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\\r\\n\\r\\n')
      onConnection(new tls.TLSSocket(socket, {isServer: true, ...certificate}))
    })
  }
  const server = isProxy
    ? createServer(onTunnel)
    : certificate === undefined
      ? createServer(onConnection)
      : tls.createServer(certificate, onConnection)
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

const workers: Worker[] = []

afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate()
})

async function startRefuser(scheme: Scheme, answer: string, {isProxy = false} = {}) {
  const closed = new Int32Array(new SharedArrayBuffer(4))
  const certificate = scheme === 'https' ? VALID_CERTIFICATE : undefined
  const worker = new Worker(REFUSER, {eval: true, workerData: {answer, closed, certificate, isProxy}})
  workers.push(worker)
  const [port] = await once(worker, 'message')
  /** Nothing else runs here until then: what the server said is in the kernel, and unread. */
  const waitUntilClosed = () => void Atomics.wait(closed, 0, 0, 10_000)
  return {url: `${scheme}://127.0.0.1:${port}/`, proxy: `http://127.0.0.1:${port}`, waitUntilClosed}
}

/** `meanwhile` is run in the turn of the event loop in which a piece in its midst is written. */
function bodyWith(meanwhile: () => void): RequestBody {
  return {
    length: PIECE * PIECES,
    chunks: async function* () {
      for (let nth = 0; nth < PIECES; nth++) {
        if (nth === 2) meanwhile()
        yield Buffer.alloc(PIECE, nth)
      }
    },
  }
}

const ANSWERS = [
  ['of known length', `${REFUSAL}Content-Length: ${TEXT.length}\r\n\r\n${TEXT}`],
  ['in chunks', `${REFUSAL}Transfer-Encoding: chunked\r\n\r\n${TEXT.length.toString(16)}\r\n${TEXT}\r\n0\r\n\r\n`],
] as const

describe.each([
  ['http', 'by us'],
  ['http', 'by undici'],
  ['https', 'by us'],
  ['https', 'by undici'],
] as const)('a refusal of a request over %s that is written %s', (scheme, way) => {
  it.each(ANSWERS)('and reset by who refuses it is heard: %s', async (_, answer) => {
    const {url, waitUntilClosed} = await startRefuser(scheme, answer)
    const {receiver, error} = await run(startTransport({undiciOnly: way === 'by undici'}), url, {
      request: {method: 'PUT', body: bodyWith(waitUntilClosed)},
    })
    expect(error).toBeUndefined()
    expect(receiver.head?.status).toBe(413)
    expect(receiver.digest()).toBe(sha256(Buffer.from(TEXT)))
  })
})

describe('a refusal that comes through a tunnel', () => {
  it.each(ANSWERS)('and reset by who refuses it is heard: %s', async (_, answer) => {
    const {url, proxy, waitUntilClosed} = await startRefuser('https', answer, {isProxy: true})
    const {receiver, error} = await run(startTransport({proxy}), url, {
      request: {method: 'PUT', body: bodyWith(waitUntilClosed)},
    })
    expect(error).toBeUndefined()
    expect(receiver.head?.status).toBe(413)
    expect(receiver.digest()).toBe(sha256(Buffer.from(TEXT)))
  })
})
