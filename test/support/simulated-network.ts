/**
 * The rest of the world, in memory: resources by URL, what is to go wrong with the next requests, and whether there is a
 * network at all. It outlives the processes that use it, and keeps the books on every exchange.
 */

import type {HeaderField} from '../../src/domain/header-fields.ts'
import type {ExchangeRequest} from '../../src/ports/transport.ts'
import type {SimulatedExchange} from './simulated-transport.ts'

export interface SimulatedResource {
  /** Names the content (see content.ts); another seed is another version. */
  readonly seed: number
  readonly size: number
  /** Strong by default, and made of the seed; `none` leaves the answer without a validator. */
  readonly validator?: 'etag' | 'none'
  /** How its answers say where a body ends: by its length, by default. */
  readonly framing?: 'length' | 'chunked' | 'close'
  /** Beside what every answer has. Conditions on its ETag are answered then, too. */
  readonly headers?: readonly HeaderField[]
  /** Instead of what the seed makes. */
  readonly text?: string
  /** Answers 302 to this address instead. */
  readonly redirect?: string
}

/** What happens to one exchange. `after` counts body bytes of its answer. */
export type NetworkFault =
  | {readonly kind: 'refused'}
  | {readonly kind: 'neverConnects'}
  | {readonly kind: 'neverAnswers'}
  | {readonly kind: 'stalled'; readonly after: number}
  | {readonly kind: 'reset'; readonly after: number}
  | {readonly kind: 'truncated'; readonly after: number}
  | {readonly kind: 'status'; readonly status: number; readonly retryAfterS?: number}
  /** 200 with everything, although a range was asked. */
  | {readonly kind: 'rangeIgnored'}
  /** 206 that begins so many bytes later than asked; earlier when negative. */
  | {readonly kind: 'rangeMoved'; readonly by: -1 | 1}

/** One exchange as the network saw it. */
export interface ExchangeNote {
  readonly request: ExchangeRequest
  readonly at: number
  readonly fault: NetworkFault['kind'] | undefined
  status: number | undefined
}

export class SimulatedNetwork {
  readonly notes: ExchangeNote[] = []
  /** Exchanges that have neither ended nor failed. */
  readonly open = new Set<SimulatedExchange>()
  /** Called with each exchange that begins. */
  onBegin: (exchange: SimulatedExchange) => void = () => {}
  pieceBytes = 4096
  pieceDelayMs = 100
  latencyMs = 20
  #up = true
  readonly #resources = new Map<string, SimulatedResource>()
  readonly #faults = new Map<string, NetworkFault[]>()

  /** Request bodies that arrived whole, in order of arrival. */
  readonly uploads: {readonly url: string; readonly method: string; readonly body: Buffer}[] = []

  take({url, method}: ExchangeRequest, body: Buffer): void {
    this.uploads.push({url, method, body})
  }

  get isUp(): boolean {
    return this.#up
  }

  /** Without a network nothing moves and no connection is made; what hangs goes on when it is back. */
  setUp(up: boolean): void {
    this.#up = up
    if (up) for (const exchange of [...this.open]) exchange.wake()
  }

  serve(url: string, resource: SimulatedResource): void {
    this.#resources.set(url, resource)
  }

  resource(url: string): SimulatedResource | undefined {
    return this.#resources.get(url)
  }

  /** The next exchange of this address that has no fault yet gets this one. */
  addFault(url: string, fault: NetworkFault): void {
    const faults = this.#faults.get(url)
    if (faults === undefined) this.#faults.set(url, [fault])
    else faults.push(fault)
  }

  takeFault(url: string): NetworkFault | undefined {
    return this.#faults.get(url)?.shift()
  }

  clearFaults(): void {
    this.#faults.clear()
  }
}
