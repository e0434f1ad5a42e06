/**
 * Fetches what nobody has asked for yet: an address into the cache, by way of its redirects, each of which is kept as well where
 * it may be; and the index that names more of them. The requests are those that a download would make, of nobody in particular.
 */

import {asTransferError, TransferError} from '../domain/errors.ts'
import type {HeaderField} from '../domain/header-fields.ts'
import {indirectAddresses, type PrefetchOutcome} from '../domain/prefetch.ts'
import {isRedirectStatus, nextHop} from '../domain/redirect.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import {httpStatusError, isRetriedStatus} from '../domain/retry.ts'
import type {IndexReader} from '../ports/index-reader.ts'
import type {Transport} from '../ports/transport.ts'
import {failedFetch, heedQuiet} from './failed-fetch.ts'
import {IndexReceiver} from './index-receiver.ts'
import {DEFAULT_HEADERS} from './request-headers.ts'
import {ResourceReceiver, type ResourceReceiverPorts} from './resource-receiver.ts'

export interface FetchAheadPorts extends ResourceReceiverPorts {
  /** Without cookies, and not the one that looks into the cache. */
  readonly transport: Transport
  readonly indexReader: IndexReader
}

/** What came of one hop. */
type Step =
  | {readonly kind: 'over'; readonly outcome: PrefetchOutcome}
  | {readonly kind: 'redirect'; readonly head: ResponseFacts}

export class FetchAhead {
  readonly #ports: FetchAheadPorts

  constructor(ports: FetchAheadPorts) {
    this.#ports = ports
  }

  /** Never rejects but for a fault of ours, and when `signal` aborts. */
  async resource(url: string, signal: AbortSignal): Promise<PrefetchOutcome> {
    let hop = {url, method: 'GET', headers: DEFAULT_HEADERS}
    for (let hops = 0; ; hops += 1) {
      const step = await this.#step(hop.url, signal)
      if (step.kind === 'over') return step.outcome
      const next = nextHop({...hop, head: step.head, hops})
      if (next.kind === 'fail') return {kind: 'refused', reason: next.error.message}
      if (next.kind === 'final') return {kind: 'refused', reason: 'the redirect leads nowhere'}
      hop = {url: next.url, method: next.method, headers: DEFAULT_HEADERS}
    }
  }

  /** The addresses that the index names; `ignored` is told why none of it counts. Rejects with what may pass. */
  async index(url: string, signal: AbortSignal, ignored: (reason: string) => void): Promise<readonly string[]> {
    const {indexReader} = this.#ports
    let hop = {url, method: 'GET', headers: DEFAULT_HEADERS}
    for (let hops = 0; ; hops += 1) {
      const {head, fault, bytes} = await this.#askIndex(hop.url, signal)
      const next = nextHop({...hop, head, hops})
      if (next.kind === 'follow') {
        hop = {url: next.url, method: next.method, headers: DEFAULT_HEADERS}
        continue
      }
      const reason = next.kind === 'fail' ? next.error.message : fault
      const reading = reason === undefined ? await indexReader.read(bytes) : {kind: 'ignored' as const, reason}
      if (reading.kind === 'read') return indirectAddresses(hop.url, reading.listed)
      ignored(reading.reason)
      return []
    }
  }

  async #askIndex(url: string, signal: AbortSignal) {
    const {origins, clock} = this.#ports
    if (origins.isQuiet(url)) throw new TransferError('NOT_BEFORE', 'the server of the index asked to be left alone')
    const receiver = new IndexReceiver()
    try {
      await this.#exchange(url, DEFAULT_HEADERS, receiver, signal)
    } catch (thrown) {
      signal.throwIfAborted()
      if (receiver.fault === undefined) throw thrown
    }
    const {head, fault, bytes} = receiver
    if (head === undefined) throw new TransferError('INTERNAL', 'an exchange ended without an answer')
    if (!isRetriedStatus(head.status)) return {head, fault, bytes}
    const error = httpStatusError(head, clock.now())
    heedQuiet(origins, url, error.toSerialized())
    throw error
  }

  /** One address, asked for unless what is stored of it is fresh. */
  async #step(url: string, signal: AbortSignal): Promise<Step> {
    const {cache, origins} = this.#ports
    // The second time without a condition: what it was on is gone.
    for (let tries = 0; tries < 2; tries += 1) {
      const question = await cache.ask({url, headers: DEFAULT_HEADERS})
      signal.throwIfAborted()
      if (question.kind === 'fresh') return stepOf(question.head, {kind: 'fresh'})
      if (origins.isQuiet(url)) return over({kind: 'failed', reason: 'its server asked to be left alone'})
      const receiver = new ResourceReceiver(url, this.#ports)
      try {
        await this.#exchange(url, question.headers, receiver, signal)
        const received = await receiver.finish()
        if (received !== undefined) return stepOf(received.head, received.outcome)
      } catch (thrown) {
        await receiver.discard()
        signal.throwIfAborted()
        return over(receiver.outcome ?? failedFetch(asTransferError(thrown).toSerialized()))
      }
    }
    return over({kind: 'refused', reason: 'the server answers 304 to a request without a condition'})
  }

  async #exchange(
    url: string,
    headers: readonly HeaderField[],
    receiver: IndexReceiver | ResourceReceiver,
    signal: AbortSignal,
  ): Promise<void> {
    const abort = () => receiver.cut.abort()
    signal.addEventListener('abort', abort, {once: true})
    if (signal.aborted) abort()
    try {
      const exchange = this.#ports.transport.exchange({url, method: 'GET', headers}, receiver, receiver.cut.signal)
      if (receiver instanceof ResourceReceiver) receiver.onRoom = () => exchange.resume()
      await exchange.finished
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}

/** A redirect leads on, whatever came of its own body. */
function stepOf(head: ResponseFacts, outcome: PrefetchOutcome): Step {
  return isRedirectStatus(head.status) ? {kind: 'redirect', head} : over(outcome)
}

function over(outcome: PrefetchOutcome): Step {
  return {kind: 'over', outcome}
}
