/** The simulated transport keeps the promises of the port that the real one keeps: order, memory, ends, aborts. */

import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {Exchange, ExchangeEnd} from '../../src/ports/transport.ts'
import {CollectingReceiver, type CollectingReceiverOptions} from '../support/collecting-receiver.ts'
import {contentOf, contentSlice, sha256} from '../support/content.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'
import {type NetworkFault, SimulatedNetwork} from '../support/simulated-network.ts'
import {SimulatedTransport} from '../support/simulated-transport.ts'

const URL_1 = 'http://files.example/1'
const SIZE = 100_000

interface Wish extends CollectingReceiverOptions {
  readonly fault?: NetworkFault
  readonly headers?: readonly (readonly [string, string])[]
  readonly url?: string
  readonly controller?: AbortController
  readonly onTick?: (exchange: Exchange, receiver: CollectingReceiver) => void
}

async function run({fault, headers = [], url = URL_1, controller = new AbortController(), onTick, ...wish}: Wish = {}) {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork()
  network.serve(URL_1, {seed: 1, size: SIZE})
  network.serve('http://files.example/empty', {seed: 2, size: 0})
  if (fault !== undefined) network.addFault(url, fault)
  const transport = new SimulatedTransport(network, clock)
  const receiver = new CollectingReceiver(wish)
  const exchange = transport.exchange({url, method: 'GET', headers}, receiver, controller.signal)
  const outcome: {end?: ExchangeEnd; error?: unknown} = {}
  exchange.finished.then(
    (end) => Object.assign(outcome, {end}),
    (error) => Object.assign(outcome, {error}),
  )
  do {
    clock.advanceToNext()
    onTick?.(exchange, receiver)
    await new Promise<void>((resolve) => setImmediate(resolve))
    if ('end' in outcome || 'error' in outcome) receiver.over = true
  } while (clock.nextAt !== undefined)
  expect(receiver.breaches).toEqual([])
  if (receiver.over) {
    expect(receiver.outstanding, 'lent buffers that never came back').toBe(0)
    expect(network.open.size).toBe(0)
  }
  const code = outcome.error instanceof TransferError ? outcome.error.code : undefined
  return {receiver, exchange, end: outcome.end, code, transport, network, clock}
}

describe('the simulated transport', () => {
  it.each([16 * 1024, 64 * 1024, 1024 * 1024])(
    'delivers a body whole into buffers of %i bytes',
    async (bufferBytes) => {
      const {receiver, end, exchange} = await run({bufferBytes})
      expect(end).toEqual({bodyLength: SIZE, framing: 'length'})
      expect(exchange.received).toBe(SIZE)
      expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
    },
  )

  it('delivers an empty body', async () => {
    const {receiver, end} = await run({url: 'http://files.example/empty'})
    expect(end?.bodyLength).toBe(0)
    expect(receiver.head?.status).toBe(200)
  })

  it('stops while no memory is lent, and goes on after resume', async () => {
    let starved = false
    let times = 0
    const {receiver, end} = await run({
      buffers: 1,
      onStarved: () => {
        starved = true
        times += 1
      },
      onTick: (exchange, receiver) => {
        if (!starved) return
        starved = false
        receiver.giveBack()
        exchange.resume()
      },
    })
    expect(times).toBeGreaterThan(1)
    expect(end?.bodyLength).toBe(SIZE)
    expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
  })

  it('hands over in parts by flush', async () => {
    const {receiver} = await run({bufferBytes: 1024 * 1024, onTick: (exchange) => exchange.flush()})
    expect(receiver.fills).toBeGreaterThan(10)
    expect(receiver.digest()).toBe(sha256(contentOf(1, SIZE)))
  })

  it('answers a range of the version that was named', async () => {
    const headers = [
      ['Range', 'bytes=60000-'],
      ['If-Range', '"v1"'],
    ] as const
    const {receiver, end} = await run({headers})
    expect(receiver.head).toMatchObject({status: 206})
    expect(receiver.head?.headers).toContainEqual(['Content-Range', 'bytes 60000-99999/100000'])
    expect(end?.bodyLength).toBe(40_000)
    expect(receiver.digest()).toBe(sha256(contentSlice(1, 60_000, SIZE)))
  })

  it('answers a range of another version with everything', async () => {
    const headers = [
      ['Range', 'bytes=60000-'],
      ['If-Range', '"v0"'],
    ] as const
    expect((await run({headers})).end?.bodyLength).toBe(SIZE)
  })

  it.each([
    ['reset', 'CONNECTION_RESET'],
    ['truncated', 'TRUNCATED'],
  ] as const)('delivers what came before a body is %s', async (kind, expected) => {
    const {receiver, code} = await run({fault: {kind, after: 30_001}})
    expect(code).toBe(expected)
    expect(receiver.digest()).toBe(sha256(contentOf(1, 30_001)))
  })

  it('refuses, and answers with a status', async () => {
    expect((await run({fault: {kind: 'refused'}})).code).toBe('CONNECTION_REFUSED')
    const {receiver, end} = await run({fault: {kind: 'status', status: 503, retryAfterS: 5}})
    expect(receiver.head?.status).toBe(503)
    expect(receiver.head?.headers).toContainEqual(['Retry-After', '5'])
    expect(end).toEqual({bodyLength: 0, framing: 'none'})
  })

  it.each([
    ['neverConnects', 0, false],
    ['neverAnswers', 1, false],
    ['stalled', 1, true],
  ] as const)('%s: waits for ever, until it is aborted', async (kind, connections, answered) => {
    const fault: NetworkFault = kind === 'stalled' ? {kind, after: 5_000} : {kind}
    const controller = new AbortController()
    const {receiver, code, exchange} = await run({fault, controller})
    expect(code).toBeUndefined()
    expect(receiver.connections).toBe(connections)
    expect(receiver.head !== undefined).toBe(answered)
    controller.abort()
    await expect(exchange.finished).rejects.toMatchObject({code: 'CANCELED'})
    expect(receiver.outstanding).toBe(0)
  })

  it('makes no call after an abort, and none when it was aborted before', async () => {
    const controller = new AbortController()
    const aborted = await run({
      controller,
      onTick: (_, receiver) => {
        if (receiver.head !== undefined) controller.abort()
      },
    })
    expect(aborted.code).toBe('CANCELED')
    const never = await run({controller})
    expect(never.code).toBe('CANCELED')
    expect(never.receiver.calls).toEqual([])
  })

  it('drops a body that nobody wants', async () => {
    const {receiver, end} = await run({disposition: 'discard'})
    expect(end).toEqual({bodyLength: 0, framing: 'none'})
    expect(receiver.lends).toBe(0)
  })

  it('closes every connection', async () => {
    const {transport, exchange, receiver} = await run({fault: {kind: 'stalled', after: 10}})
    await transport.close()
    await transport.close()
    await expect(exchange.finished).rejects.toMatchObject({code: 'CONNECTION_RESET'})
    expect(receiver.outstanding).toBe(0)
  })
})
