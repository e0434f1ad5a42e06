/** The Transport over HTTP/1.1: plain requests by ourselves, everything else by undici, over connections of ours. */

import {createHash, randomUUID} from 'node:crypto'
import type {Dispatcher} from 'undici'
import {AuthenticationMemory} from '../../domain/authentication.ts'
import {TransferError} from '../../domain/errors.ts'
import {type ProxyOptions, proxyRules} from '../../domain/proxy.ts'
import type {BodyReceiver, ExchangeRequest, Transport} from '../../ports/transport.ts'
import {addressOf} from './address.ts'
import {Egress, type EgressOptions} from './egress.ts'
import {HttpExchange} from './exchange.ts'
import {ForeignLane} from './foreign-lane.ts'
import type {Lane, LaneChoice} from './lane.ts'
import {LanePool} from './lane-pool.ts'
import {DIRECT_BODY_THRESHOLD_BYTES} from './limits.ts'
import {LoopTurns} from './loop-turns.ts'
import {ProxyLogin} from './proxy-login.ts'
import {isForwarded, type Route, routeOf} from './route.ts'
import {type TlsOptions, TlsSessions} from './tls-options.ts'

export interface HttpTransportOptions {
  /** Where undici reads an answer, plain bodies of this many bytes or more go past its parser. 1 MiB by default; Infinity for never. */
  readonly directBodyThreshold?: number
  readonly tls?: TlsOptions
  /** How servers are reached where a request does not say it; straight by default. */
  readonly proxy?: string | ProxyOptions
  /** Where connections may lead; anywhere by default. */
  readonly egress?: EgressOptions
  /** Unlimited by default: admission is the engine's. Exchanges beyond the limit wait, connectionless, in order. */
  readonly maxConnectionsPerOrigin?: number
  /**
   * Opens the connections instead of ours (a proxy agent, say). All bodies go through its parser, and where the receiver falls
   * more than 16 MiB behind, the exchange fails with CONNECTION_RESET. The caller closes it.
   */
  readonly dispatcher?: Dispatcher
}

/** `undiciOnly`: plain exchanges are undici's, too. For tests that compare, and benchmarks. */
export function createHttpTransport(options: HttpTransportOptions = {}, {undiciOnly = false} = {}): Transport {
  const {dispatcher} = options
  const memory = new AuthenticationMemory({
    hash: (algorithm, text) => createHash(algorithm.replace('SHA-', 'SHA')).update(text).digest('hex'),
    nonce: randomUUID,
  })
  const rules = proxyRules(options.proxy, 'proxy')
  const tools = {
    tls: options.tls ?? {},
    sessions: new TlsSessions(),
    memory,
    turns: new LoopTurns(),
    undiciOnly,
    ...(options.egress === undefined ? {} : {egress: new Egress(options.egress)}),
  }
  const pool = new LanePool(tools, options.maxConnectionsPerOrigin ?? Number.POSITIVE_INFINITY)
  const running = new Set<HttpExchange>()
  let closed = false

  const acquire = (route: Route, choice: LaneChoice, use: (lane: Lane) => void): (() => void) => {
    if (closed) return () => {}
    if (dispatcher === undefined) return pool.acquire(route, choice, use)
    use(new ForeignLane(dispatcher))
    return () => {}
  }

  const over = (exchange: HttpExchange) => running.delete(exchange)

  const begin = (request: ExchangeRequest, receiver: BodyReceiver, signal?: AbortSignal): HttpExchange => {
    const url = addressOf(request.url)
    const {origin} = url
    const route = dispatcher === undefined ? routeOf(origin, request, rules) : {key: origin, origin}
    const exchange = new HttpExchange({
      request,
      url,
      route,
      receiver,
      acquire,
      directBodyThreshold: options.directBodyThreshold ?? DIRECT_BODY_THRESHOLD_BYTES,
      over,
      ...(signal === undefined ? {} : {signal}),
      ...(route.proxy === undefined
        ? {}
        : {proxyLogin: new ProxyLogin(route.proxy, request, memory, isForwarded(route))}),
    })
    if (closed) exchange.fail(closedError(origin))
    if (!exchange.isSettled) running.add(exchange)
    return exchange
  }

  return {
    exchange: begin,
    brief: (request, receiver) => begin(request, receiver),
    addressesGone: (addresses) => pool.addressesGone(new Set(addresses)),
    async close() {
      closed = true
      for (const exchange of [...running]) exchange.fail(closedError(exchange.origin))
      pool.close()
    },
  }
}

function closedError(where: string): TransferError {
  return new TransferError('CLOSED', 'the transport is closed', {where})
}
