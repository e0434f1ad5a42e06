/** Abort at any moment: the receiver hears nothing more, every lent buffer is back, the connection is gone. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {beginBrief} from '../../src/ports/transport.ts'
import {CollectingReceiver} from '../support/collecting-receiver.ts'
import {contentOf, sha256} from '../support/content.ts'
import {PATHS, run, startServer, startTransport, WAYS} from './harness.ts'

const SIZE = 300_000

describe.each(WAYS)('an exchange over %s by the %s path', (scheme, path) => {
  const way = PATHS[path]

  it('aborted beforehand does nothing', async () => {
    const server = await startServer(scheme)
    const {error, receiver} = await run(startTransport(way), server.url('/a'), {
      signal: AbortSignal.abort(),
    })
    expect(error?.code).toBe('CANCELED')
    expect(receiver.calls).toEqual([])
    expect(server.connections).toBe(0)
  })

  it('aborted while the server is silent closes the connection at once', async () => {
    const server = await startServer(scheme)
    server.route('/a', {beforeHead: 'stall'})
    const controller = new AbortController()
    const running = run(startTransport(way), server.url('/a'), {signal: controller.signal})
    await expect.poll(() => server.requests.length).toBe(1)
    controller.abort(new Error('enough'))
    const {error} = await running
    expect(error).toMatchObject({code: 'CANCELED', where: server.origin})
    await expect.poll(() => server.requests[0]?.closed).toBe(true)
  })

  it.each(['connected', 'responded', 'lend', 'filled'] as const)('aborted from within %s ends there', async (call) => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 1, size: SIZE}})
    const controller = new AbortController()
    const abort = () => controller.abort()
    const {error, receiver} = await run(startTransport(way), server.url('/a'), {
      signal: controller.signal,
      ...(call === 'connected' ? {onConnected: abort} : {}),
      ...(call === 'responded' ? {onResponded: abort} : {}),
      ...(call === 'lend' ? {buffers: 1, onStarved: abort} : {}),
      ...(call === 'filled' ? {onFilled: abort} : {}),
    })
    expect(error?.code).toBe('CANCELED')
    expect(receiver.fills).toBeLessThanOrEqual(1)
    await expect.poll(() => server.requests.every(({closed}) => closed)).toBe(true)
  })

  it('aborted at any other moment leaves no buffer and no call behind', async () => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 1, size: SIZE}, pieceBytes: 7_000})
    server.route('/chunked', {content: {seed: 1, size: SIZE}, pieceBytes: 7_000, framing: 'chunked'})
    const transport = startTransport(way)
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          turns: fc.nat(60),
          buffers: fc.integer({min: 1, max: 4}),
          bufferBytes: fc.constantFrom(16 * 1024, 20_000, 256 * 1024),
          giveBackEvery: fc.integer({min: 1, max: 3}),
          flushes: fc.boolean(),
          where: fc.constantFrom('/a', '/chunked'),
        }),
        async ({turns, buffers, bufferBytes, giveBackEvery, flushes, where}) => {
          const controller = new AbortController()
          let over = false
          const {error, end, receiver} = await run(transport, server.url(where), {
            buffers,
            bufferBytes,
            signal: controller.signal,
            onStart: (exchange, receiver) => {
              exchange.finished
                .catch(() => {})
                .finally(() => {
                  over = true
                })
              let turn = 0
              const step = () => {
                turn += 1
                if (turn > turns) controller.abort()
                if (turn % giveBackEvery === 0) receiver.giveBack()
                if (flushes) exchange.flush()
                exchange.resume()
                if (!over) setImmediate(step)
              }
              setImmediate(step)
            },
          })
          if (end === undefined) expect(error?.code).toBe('CANCELED')
          else expect(end.bodyLength).toBe(SIZE)
          expect(receiver.digest()).toBe(sha256(contentOf(1, receiver.length)))
        },
      ),
      {numRuns: 60},
    )
    // Whatever was left over would now reach a receiver that is through.
    await run(transport, server.url('/a'))
  })

  it.each(['connected', 'responded', 'lend', 'filled'] as const)('stopped from within %s ends there', async (call) => {
    const server = await startServer(scheme)
    server.route('/a', {content: {seed: 1, size: SIZE}})
    const stop = () => exchange.stop()
    const receiver = new CollectingReceiver({
      ...(call === 'connected' ? {onConnected: stop} : {}),
      ...(call === 'responded' ? {onResponded: stop} : {}),
      ...(call === 'lend' ? {buffers: 1, onStarved: stop} : {}),
      ...(call === 'filled' ? {onFilled: stop} : {}),
    })
    const exchange = beginBrief(startTransport(way), {url: server.url('/a'), method: 'GET', headers: []}, receiver)
    await expect(exchange.finished).rejects.toMatchObject({code: 'CANCELED', where: server.origin})
    receiver.over = true
    expect(receiver.breaches).toEqual([])
    expect(receiver.outstanding).toBe(0)
    await expect.poll(() => server.requests.every(({closed}) => closed)).toBe(true)
    exchange.stop()
  })
})

describe('a brief exchange', () => {
  it.each(['with a way of its own', 'by a signal'])('brings what any other does, %s', async (way) => {
    const server = await startServer()
    server.route('/a', {content: {seed: 1, size: SIZE}})
    const transport = startTransport()
    const receiver = new CollectingReceiver()
    const {brief, exchange} = transport
    const taken = way === 'by a signal' ? {exchange} : {exchange, ...(brief === undefined ? {} : {brief})}
    const {finished} = beginBrief(taken, {url: server.url('/a'), method: 'GET', headers: []}, receiver)
    expect(await finished).toEqual({bodyLength: SIZE, framing: 'length'})
    expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
  })

  it('is stopped by a signal where its transport knows no other way', async () => {
    const server = await startServer()
    server.route('/a', {beforeHead: 'stall'})
    const {exchange} = startTransport()
    const request = {url: server.url('/a'), method: 'GET', headers: []}
    const {finished, stop} = beginBrief({exchange}, request, new CollectingReceiver())
    finished.catch(() => {})
    await expect.poll(() => server.requests.length).toBe(1)
    stop()
    await expect(finished).rejects.toMatchObject({code: 'CANCELED'})
    await expect.poll(() => server.requests[0]?.closed).toBe(true)
  })

  it('ends with its transport', async () => {
    const server = await startServer()
    server.route('/a', {beforeHead: 'stall'})
    const transport = startTransport()
    const begin = () =>
      beginBrief(transport, {url: server.url('/a'), method: 'GET', headers: []}, new CollectingReceiver())
    const {finished} = begin()
    finished.catch(() => {})
    await expect.poll(() => server.requests.length).toBe(1)
    await transport.close()
    await expect(finished).rejects.toMatchObject({code: 'CLOSED'})
    await expect(begin().finished).rejects.toMatchObject({code: 'CLOSED'})
  })
})
