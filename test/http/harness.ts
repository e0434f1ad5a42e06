/** What the HTTP tests share: servers and transports that are closed after each test, and one way to run an exchange. */

import {expect, onTestFinished} from 'vitest'
import {createHttpTransport, type HttpTransportOptions} from '../../src/adapters/http/http-transport.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {Exchange, ExchangeEnd, ExchangeRequest, Transport} from '../../src/ports/transport.ts'
import {CollectingReceiver, type CollectingReceiverOptions} from '../support/collecting-receiver.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'

export type Scheme = 'http' | 'https'

/** How a transport is made: its options, and whether plain exchanges are undici's, too. */
export type TransportSetup = HttpTransportOptions & {readonly undiciOnly?: boolean}

/** The ways of a body: off a plain reader, through undici's parser, and past that; the last two forced by the threshold. */
export const PATHS = {
  plain: {},
  parser: {undiciOnly: true, directBodyThreshold: Number.POSITIVE_INFINITY},
  direct: {undiciOnly: true, directBodyThreshold: 1},
} as const satisfies Readonly<Record<string, TransportSetup>>
export type BodyPath = keyof typeof PATHS

export const WAYS: readonly (readonly [Scheme, BodyPath])[] = [
  ['http', 'plain'],
  ['http', 'parser'],
  ['http', 'direct'],
  ['https', 'plain'],
  ['https', 'parser'],
  ['https', 'direct'],
]

export async function startServer(scheme: Scheme = 'http'): Promise<FaultyServer> {
  const server = await startFaultyServer(scheme === 'https' ? {certificate: VALID_CERTIFICATE} : {})
  onTestFinished(() => server.close())
  return server
}

export function startTransport({undiciOnly = false, ...options}: TransportSetup = {}): Transport {
  const transport = createHttpTransport({tls: {ca: VALID_CERTIFICATE.cert}, ...options}, {undiciOnly})
  onTestFinished(() => transport.close())
  return transport
}

export interface Run {
  readonly receiver: CollectingReceiver
  readonly exchange: Exchange
  readonly end: ExchangeEnd | undefined
  readonly error: TransferError | undefined
}

export interface RunOptions extends CollectingReceiverOptions {
  readonly request?: Partial<ExchangeRequest>
  readonly signal?: AbortSignal
  readonly onStart?: (exchange: Exchange, receiver: CollectingReceiver) => void
}

/** Runs one exchange to its end, and checks what holds for every end. */
export async function run(transport: Transport, url: string, options: RunOptions = {}): Promise<Run> {
  const receiver = new CollectingReceiver(options)
  const signal = options.signal ?? new AbortController().signal
  const exchange = transport.exchange({url, method: 'GET', headers: [], ...options.request}, receiver, signal)
  options.onStart?.(exchange, receiver)
  let end: ExchangeEnd | undefined
  let error: TransferError | undefined
  try {
    end = await exchange.finished
  } catch (thrown) {
    if (!(thrown instanceof TransferError)) throw thrown
    error = thrown
  }
  receiver.over = true
  expect(receiver.breaches).toEqual([])
  expect(receiver.outstanding, 'lent buffers that never came back').toBe(0)
  expect(receiver.fills + receiver.releases).toBe(receiver.lends)
  return {receiver, exchange, end, error}
}
