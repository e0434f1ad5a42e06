/** One contract, run over all ways a body can take (read by us, through undici's parser, and past it), in clear and over TLS. */

import {describe, expect, it} from 'vitest'
import {LARGE_READ_BYTES} from '../../src/adapters/http/limits.ts'
import {contentOf, sha256} from '../support/content.ts'
import {PATHS, run, startServer, startTransport, WAYS} from './harness.ts'

const KIB = 1024
const MIB = 1024 * KIB

describe.each(WAYS)('a body over %s by the %s path', (scheme, path) => {
  const way = PATHS[path]

  it.each([0, 1, 16 * KIB, 16 * KIB + 1, 100_000, 5 * MIB])('arrives whole: %i bytes', async (size) => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 1, size}})
    const {receiver, end, exchange} = await run(startTransport(way), server.url('/a'))
    expect(end).toEqual({bodyLength: size, framing: 'length'})
    expect(exchange.received).toBe(size)
    expect(receiver.digest()).toBe(sha256(contentOf(1, size)))
  })

  it('goes to large buffers as well', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 2, size: 5 * MIB + 17}})
    const transport = startTransport(way)
    const {receiver} = await run(transport, server.url('/a'), {bufferBytes: MIB})
    // A read of 128 KiB is handed over by itself; less waits for more.
    expect(receiver.fills).toBeLessThanOrEqual(Math.ceil((5 * MIB + 17) / LARGE_READ_BYTES))
    expect(receiver.digest()).toBe(sha256(contentOf(2, 5 * MIB + 17)))
  })

  it('stops while no memory is lent and goes on after resume', async () => {
    const server = await startServer(scheme)
    const size = 3 * MIB
    server.route('/a', {content: {seed: 3, size}})
    let starved = 0
    const {receiver, end} = await run(startTransport(way), server.url('/a'), {
      buffers: 2,
      onStarved: () => {
        starved += 1
      },
      onStart: (exchange, receiver) => {
        const feed = setInterval(() => {
          receiver.giveBack(2)
          exchange.resume()
        }, 0)
        exchange.finished.catch(() => {}).finally(() => clearInterval(feed))
      },
    })
    expect(starved).toBeGreaterThan(0)
    expect(end?.bodyLength).toBe(size)
    expect(receiver.digest()).toBe(sha256(contentOf(3, size)))
  })

  it('keeps no more than one read beyond lent memory', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 4, size: 8 * MIB}})
    const controller = new AbortController()
    const transport = startTransport(way)
    let most = 0
    const {error} = await run(transport, server.url('/a'), {
      buffers: 1,
      signal: controller.signal,
      onStart: (exchange, receiver) => {
        let looks = 0
        const look = setInterval(() => {
          most = Math.max(most, exchange.received - receiver.length)
          looks += receiver.length > 0 ? 1 : 0
          if (looks > 20) controller.abort()
        }, 2)
        exchange.finished.catch(() => clearInterval(look))
      },
    })
    expect(error?.code).toBe('CANCELED')
    expect(most).toBeLessThanOrEqual(2 * 64 * KIB)
  })

  it('is handed over in parts by flush', async () => {
    const server = await startServer(scheme)
    const size = 40_000
    server.route('/a', {content: {seed: 5, size}, pieceBytes: 1000, pieceDelayMs: 1})
    const {receiver, end} = await run(startTransport(way), server.url('/a'), {
      bufferBytes: MIB,
      onStart: (exchange) => {
        const flush = setInterval(() => exchange.flush(), 1)
        exchange.finished.catch(() => {}).finally(() => clearInterval(flush))
      },
    })
    expect(receiver.fills).toBeGreaterThan(1)
    expect(end?.bodyLength).toBe(size)
    expect(receiver.digest()).toBe(sha256(contentOf(5, size)))
  })

  it('cut by a FIN is TRUNCATED, with the bytes so far delivered', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 6, size: MIB}, cutAfter: 300_000, cut: 'fin'})
    const {receiver, error} = await run(startTransport(way), server.url('/a'))
    expect(error?.code).toBe('TRUNCATED')
    expect(error?.details).toEqual({expected: MIB, received: 300_000})
    expect(error?.where).toBe(server.origin)
    expect(receiver.digest()).toBe(sha256(contentOf(6, 300_000)))
  })

  it('cut by a reset is CONNECTION_RESET, with the bytes so far delivered', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 7, size: MIB}, cutAfter: 30_000, cut: 'reset'})
    const {receiver, error, exchange} = await run(startTransport(way), server.url('/a'))
    expect(error?.code).toBe('CONNECTION_RESET')
    expect(receiver.length).toBe(exchange.received)
    expect(receiver.digest()).toBe(sha256(contentOf(7, receiver.length)))
  })

  it('longer than promised stops at the promise, and the connection is not used again', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 8, size: 200_000}, contentLength: '150000'})
    const transport = startTransport(way)
    const {receiver, end} = await run(transport, server.url('/a'))
    expect(end).toEqual({bodyLength: 150_000, framing: 'length'})
    expect(receiver.digest()).toBe(sha256(contentOf(8, 150_000)))
    server.route('/b', {content: {seed: 9, size: 10}})
    expect((await run(transport, server.url('/b'))).end?.bodyLength).toBe(10)
    expect(server.connections).toBe(2)
  })

  it('ends its exchange with INTERNAL when the receiver throws', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 10, size: MIB}})
    const {error} = await run(startTransport(way), server.url('/a'), {
      onFilled: () => {
        throw new Error('no')
      },
    })
    expect(error?.code).toBe('INTERNAL')
  })
})
