/** The real tus server over a directory, behind a relay that can cut, with a script that may answer in its place. */

import {once} from 'node:events'
import {createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {FileStore} from '@tus/file-store'
import {Server} from '@tus/server'
import {CuttingRelay} from './cutting-relay.ts'

export interface TusRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

/** Answers in place of the tus server; nothing lets the request through. `nth` counts requests of this method from 0. */
export type TusScript = (request: TusRequest, response: ServerResponse, nth: number) => 'answered' | undefined

export class TusServer {
  readonly requests: TusRequest[] = []
  script: TusScript = () => undefined
  readonly #directory: string
  readonly #expiresMs: number | undefined
  #http: HttpServer | undefined
  #relay: CuttingRelay | undefined
  #port = 0

  private constructor(directory: string, expiresMs: number | undefined) {
    this.#directory = directory
    this.#expiresMs = expiresMs
  }

  static async start(directory: string, options: {readonly expiresMs?: number} = {}): Promise<TusServer> {
    const server = new TusServer(directory, options.expiresMs)
    await server.up()
    server.#relay = await CuttingRelay.start(() => server.#port)
    return server
  }

  /** Where uploads are created. */
  get url(): string {
    return `http://127.0.0.1:${this.#relay?.port}/files`
  }

  cutAfter(bytes: number): Promise<void> {
    if (this.#relay === undefined) throw new Error('there is no relay')
    return this.#relay.cutAfter(bytes)
  }

  methods(): readonly string[] {
    return this.requests.map(({method}) => method)
  }

  /** The offsets of the appends. */
  offsets(): readonly number[] {
    return this.requests.filter(({method}) => method === 'PATCH').map(({headers}) => Number(headers['upload-offset']))
  }

  /** A new process of it, as far as anyone can tell: nothing but the directory is kept. */
  async up(): Promise<void> {
    const tus = new Server({
      path: '/files',
      relativeLocation: true,
      datastore: new FileStore({
        directory: this.#directory,
        ...(this.#expiresMs === undefined ? {} : {expirationPeriodInMilliseconds: this.#expiresMs}),
      }),
    })
    const http = createServer((request, response) => {
      const {method = '', url = '', headers} = request
      const seen = {method, url, headers}
      const nth = this.requests.filter((each) => each.method === method).length
      this.requests.push(seen)
      request.on('error', () => undefined)
      if (this.script(seen, response, nth) === 'answered') return
      void tus.handle(request, response).catch(() => undefined)
    })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    this.#http = http
    this.#port = (http.address() as AddressInfo).port
  }

  async down(): Promise<void> {
    const http = this.#http
    this.#http = undefined
    http?.closeAllConnections()
    await new Promise<void>((resolve) => {
      if (http === undefined) resolve()
      else http.close(() => resolve())
    })
  }

  async close(): Promise<void> {
    await this.#relay?.close()
    await this.down()
  }
}
