/**
 * A server that closes while the receiver has no memory. undici, left to pause its parser, ends this in an uncaught assertion or
 * a hang; here the parser is never paused. Any uncaught error fails the run.
 */

import {describe, expect, it} from 'vitest'
import type {Exchange} from '../../src/ports/transport.ts'
import type {CollectingReceiver} from '../support/collecting-receiver.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {PATHS, run, startServer, startTransport, WAYS} from './harness.ts'

const SIZE = 512 * 1024
const content = {seed: 1, size: SIZE}

/** Gives memory for one buffer at each turn of the event loop. */
function feedSlowly(exchange: Exchange, receiver: CollectingReceiver): void {
  const feed = setInterval(() => {
    receiver.giveBack(1)
    exchange.resume()
  }, 0)
  exchange.finished.catch(() => {}).finally(() => clearInterval(feed))
}

const whole: readonly (readonly [string, Script, string])[] = [
  ['Content-Length', {content, close: true}, 'length'],
  ['chunked', {content, close: true, framing: 'chunked'}, 'chunked'],
  ['close-delimited', {content, framing: 'close'}, 'close'],
]

const cut: readonly (readonly [string, Script, string])[] = [
  ['Content-Length, FIN', {content, close: true, cutAfter: SIZE - 10, cut: 'fin'}, 'TRUNCATED'],
  ['Content-Length, RST', {content, close: true, cutAfter: SIZE - 10, cut: 'reset'}, 'CONNECTION_RESET'],
  ['chunked, FIN', {content, close: true, framing: 'chunked', cutAfter: SIZE - 10, cut: 'fin'}, 'TRUNCATED'],
  ['chunked, RST', {content, close: true, framing: 'chunked', cutAfter: SIZE - 10, cut: 'reset'}, 'CONNECTION_RESET'],
  ['close-delimited, RST', {content, framing: 'close', cutAfter: SIZE, cut: 'reset'}, 'CONNECTION_RESET'],
]

/** Where TCP ends, and TLS has not. */
const cutBelowTls: readonly (readonly [string, Script, string])[] = [
  ['Content-Length', {content, close: true, cutAfter: SIZE - 10, cut: 'bareFin'}, 'TRUNCATED'],
  ['chunked', {content, close: true, framing: 'chunked', cutAfter: SIZE - 10, cut: 'bareFin'}, 'TRUNCATED'],
  ['close-delimited', {content, framing: 'close', cutAfter: SIZE, cut: 'bareFin'}, 'TRUNCATED'],
]

describe.each(WAYS)('a slow receiver over %s by the %s path', (scheme, path) => {
  const way = PATHS[path]

  it.each(whole)('gets all of a body when the server closes: %s', async (_, script, framing) => {
    const server = await startServer(scheme)
    server.route('/a', script)
    const {receiver, end} = await run(startTransport(way), server.url('/a'), {
      buffers: 1,
      onStart: feedSlowly,
    })
    expect(end).toEqual({bodyLength: SIZE, framing})
    expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
  })

  it.each(cut)('learns that the body is not whole: %s', async (_, script, code) => {
    const server = await startServer(scheme)
    server.route('/a', script)
    const {receiver, error, exchange} = await run(startTransport(way), server.url('/a'), {
      buffers: 1,
      onStart: feedSlowly,
    })
    expect(error?.code).toBe(code)
    expect(receiver.length).toBe(exchange.received)
    expect(receiver.digest()).toBe(sha256(contentOf(1, receiver.length)))
  })
})

describe.each(WAYS.filter(([scheme]) => scheme === 'https'))(
  'a slow receiver over %s by the %s path',
  (scheme, path) => {
    it.each(cutBelowTls)('takes a FIN before the end of TLS for no end: %s', async (_, script, code) => {
      const server = await startServer(scheme)
      server.route('/a', script)
      const {receiver, error} = await run(startTransport(PATHS[path]), server.url('/a'), {
        buffers: 1,
        onStart: feedSlowly,
      })
      expect(error?.code).toBe(code)
      expect(receiver.digest()).toBe(sha256(contentOf(1, receiver.length)))
    })

    it('takes it for the end of what a server says of an upload that it took', async () => {
      const server = await startServer(scheme)
      server.route('/a', {content, framing: 'close', cutAfter: SIZE, cut: 'bareFin'})
      const body = {
        length: 4,
        async *chunks() {
          yield Buffer.from('four')
        },
      }
      const request = {method: 'PUT', body}
      const {end} = await run(startTransport(PATHS[path]), server.url('/a'), {request})
      expect(end).toEqual({bodyLength: SIZE, framing: 'close'})
    })
  },
)
