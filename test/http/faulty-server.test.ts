/** The server that misbehaves to order must itself be trusted: it behaves when told to, and its faults are real ones. */

import {once} from 'node:events'
import {request as httpRequest, type IncomingMessage} from 'node:http'
import {request as httpsRequest} from 'node:https'
import {connect} from 'node:net'
import {afterEach, describe, expect, it} from 'vitest'
import {contentOf, contentSlice} from '../support/content.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'

const open: FaultyServer[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

async function start(options: Parameters<typeof startFaultyServer>[0] = {}): Promise<FaultyServer> {
  const server = await startFaultyServer(options)
  open.push(server)
  return server
}

async function fetchFrom(url: string, headers: Record<string, string> = {}) {
  const options = {headers, agent: false, ca: VALID_CERTIFICATE.cert}
  const request = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, options)
  request.on('error', () => {}) // the response tells it too
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  const end = await new Promise<string>((resolve) => {
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => resolve('end'))
    response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
  return {status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), end}
}

const content = {seed: 7, size: 200_000}

describe('faulty server', () => {
  it('makes the same content from a seed, in any piece', () => {
    const whole = contentOf(7, 1000)
    expect(contentOf(7, 500).equals(whole.subarray(0, 500))).toBe(true)
    expect(contentSlice(7, 333, 777).equals(whole.subarray(333, 777))).toBe(true)
    expect(contentOf(8, 1000).equals(whole)).toBe(false)
  })

  it.each(['http', 'https'])('serves content and keeps a record of what was asked over %s', async (scheme) => {
    const server = await start(scheme === 'https' ? {certificate: VALID_CERTIFICATE} : {})
    server.route('/a', {content, etag: '"1"'})
    const answer = await fetchFrom(server.url('/a?b=c'), {'X-Trace': 'yes'})
    expect(answer).toMatchObject({status: 200, end: 'end', headers: {etag: '"1"'}})
    expect(answer.body.equals(contentOf(7, 200_000))).toBe(true)
    expect(server.requests).toMatchObject([
      {method: 'GET', path: '/a?b=c', headers: {'x-trace': 'yes'}, bytesSent: 200_000},
    ])
  })

  it('honours a range, and If-Range only with the present validator', async () => {
    const server = await start()
    server.route('/a', {content, etag: '"1"'})
    const honoured = await fetchFrom(server.url('/a'), {Range: 'bytes=100-199', 'If-Range': '"1"'})
    expect(honoured).toMatchObject({status: 206, headers: {'content-range': 'bytes 100-199/200000'}})
    expect(honoured.body.equals(contentSlice(7, 100, 200))).toBe(true)
    expect((await fetchFrom(server.url('/a'), {Range: 'bytes=100-199', 'If-Range': '"2"'})).status).toBe(200)
    expect((await fetchFrom(server.url('/a'), {Range: 'bytes=200000-'})).status).toBe(416)
  })

  it.each(['reset', 'fin'] as const)('cuts a body after so many bytes by %s', async (cut) => {
    const server = await start()
    server.route('/a', {content, cutAfter: 1000, cut})
    const answer = await fetchFrom(server.url('/a'))
    expect(answer.body.length).toBe(1000)
    expect(answer.end).toBe('ECONNRESET')
  })

  it.each([
    ['reset', 'ECONNRESET'],
    ['fin', 'end'],
  ] as const)('makes a real %s on the wire', async (cut, seen) => {
    const server = await start()
    server.route('/a', {content, cutAfter: 1000, cut, framing: 'close'})
    const socket = connect(Number(new URL(server.origin).port), '127.0.0.1')
    socket.resume()
    const first = new Promise<string>((resolve) => {
      // A reset that comes with data looks like an end to Node, but leaves no peer.
      socket.on('end', () => resolve(socket.remoteAddress === undefined ? 'ECONNRESET' : 'end'))
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    })
    socket.write('GET /a HTTP/1.1\r\n\r\n')
    expect(await first).toBe(seen)
  })

  it('resets below TLS too', async () => {
    const server = await start({certificate: VALID_CERTIFICATE})
    server.route('/a', {content, cutAfter: 1000, cut: 'reset'})
    expect((await fetchFrom(server.url('/a'))).end).toBe('ECONNRESET')
  })

  it('answers each request in turn, and the last one again and again', async () => {
    const server = await start()
    server.route('/a', [{status: 503, retryAfter: '1'}, {content}])
    expect((await fetchFrom(server.url('/a'))).headers['retry-after']).toBe('1')
    expect((await fetchFrom(server.url('/a'))).status).toBe(200)
    expect((await fetchFrom(server.url('/a'))).status).toBe(200)
    expect(server.requests.length).toBe(3)
  })

  it('speaks chunked, with and without its end', async () => {
    const server = await start()
    server.route('/whole', {content, framing: 'chunked'})
    server.route('/cut', {content, framing: 'chunked', chunkedEnd: 'missing', close: true})
    expect((await fetchFrom(server.url('/whole'))).body.equals(contentOf(7, 200_000))).toBe(true)
    expect((await fetchFrom(server.url('/cut'))).end).toBe('ECONNRESET')
  })
})
