/** A plain server that takes what it is sent: it answers by a script, and a test reads afterwards what arrived. */

import {createHash} from 'node:crypto'
import {EventEmitter, once} from 'node:events'
import {createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'

/** A request as it arrived, whole or not. */
export interface Arrival {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Bytes of the body so far. */
  received: number
  /** Of the whole body, once it is here. */
  digest: string | undefined
  /** The body itself, of up to 1 MiB. */
  body: Buffer
}

/** `nth`: how many requests came before this one. Called when the head is here; a body is read unless it says otherwise. */
export type Script = (
  request: IncomingMessage,
  response: ServerResponse,
  arrival: Arrival,
  nth: number,
) => 'takeOver' | undefined

const KEPT_BYTES = 1024 * 1024

export class SinkServer {
  readonly arrivals: Arrival[] = []
  /** By default: 200 with the digest of the body, once it is here. */
  script: Script = () => undefined
  readonly #server: Server
  readonly #arrived = new EventEmitter()

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response))
  }

  /** `port`: a free one by default. */
  static async start(port = 0): Promise<SinkServer> {
    const sink = new SinkServer()
    sink.#server.listen(port, '127.0.0.1')
    await once(sink.#server, 'listening')
    return sink
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`
  }

  /** The head of the nth request, from 1, once it is here. */
  async arrival(nth: number): Promise<Arrival> {
    for (;;) {
      const arrival = this.arrivals[nth - 1]
      if (arrival !== undefined) return arrival
      await once(this.#arrived, 'request')
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const arrival: Arrival = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      received: 0,
      digest: undefined,
      body: Buffer.alloc(0),
    }
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    const nth = this.arrivals.push(arrival) - 1
    this.#arrived.emit('request')
    if (this.script(request, response, arrival, nth) === 'takeOver') return
    const hash = createHash('sha256')
    const kept: Buffer[] = []
    request.on('data', (chunk: Buffer) => {
      if (arrival.received < KEPT_BYTES) kept.push(chunk)
      arrival.received += chunk.length
      hash.update(chunk)
    })
    request.on('end', () => {
      arrival.digest = hash.digest('hex')
      arrival.body = Buffer.concat(kept)
      if (!response.headersSent) response.writeHead(200, {'Content-Type': 'text/plain'})
      if (!response.writableEnded) response.end(arrival.digest)
    })
  }
}
