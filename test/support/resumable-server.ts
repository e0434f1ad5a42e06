/**
 * A strict server of draft-ietf-httpbis-resumable-upload (interop version 9), written from its text: what a client must do and does
 * not do is a breach.
 */

import {once} from 'node:events'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {CuttingRelay} from './cutting-relay.ts'

interface Upload {
  readonly length: number
  readonly contentType: string | undefined
  bytes: Buffer
  isComplete: boolean
  /** The request that appends now. */
  appending: IncomingMessage | undefined
}

export interface ResumableServerOptions {
  readonly maxAppendBytes?: number
  /** Resumption is not offered at all. */
  readonly isPlain?: boolean
}

export type ResumableScript = (
  request: IncomingMessage,
  response: ServerResponse,
  nth: number,
) => 'answered' | undefined

export class ResumableServer {
  readonly uploads = new Map<string, Upload>()
  readonly requests: {readonly method: string; readonly headers: IncomingMessage['headers']}[] = []
  readonly breaches: string[] = []
  script: ResumableScript = () => undefined
  readonly #options: ResumableServerOptions
  readonly #http: Server
  #relay: CuttingRelay | undefined

  private constructor(options: ResumableServerOptions) {
    this.#options = options
    this.#http = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(options: ResumableServerOptions = {}): Promise<ResumableServer> {
    const server = new ResumableServer(options)
    server.#http.listen(0, '127.0.0.1')
    await once(server.#http, 'listening')
    server.#relay = await CuttingRelay.start(() => (server.#http.address() as AddressInfo).port)
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#relay?.port}/videos`
  }

  cutAfter(bytes: number): Promise<void> {
    if (this.#relay === undefined) throw new Error('there is no relay')
    return this.#relay.cutAfter(bytes)
  }

  methods(): readonly string[] {
    return this.requests.map(({method}) => method)
  }

  offsets(): readonly number[] {
    return this.requests.filter(({method}) => method === 'PATCH').map(({headers}) => Number(headers['upload-offset']))
  }

  async close(): Promise<void> {
    await this.#relay?.close()
    this.#http.closeAllConnections()
    this.#http.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {method = '', url = '', headers} = request
    request.on('error', () => undefined)
    const nth = this.requests.filter((each) => each.method === method).length
    this.requests.push({method, headers})
    if (this.script(request, response, nth) === 'answered') return
    if (!this.#options.isPlain && headers['upload-draft-interop-version'] !== '9') this.#breach(method, 'no version')
    const upload = this.uploads.get(url)
    if (method === 'OPTIONS') this.#tellOffer(response)
    else if (url === '/videos') await this.#create(request, response)
    else if (upload === undefined) response.writeHead(404).end()
    else if (method === 'HEAD') this.#tellOffset(upload, response)
    else if (method === 'PATCH') await this.#append(upload, request, response)
    else if (method === 'DELETE') {
      this.uploads.delete(url)
      response.writeHead(204).end()
    } else response.writeHead(405).end()
  }

  #tellOffer(response: ServerResponse): void {
    if (!this.#options.isPlain) response.setHeader('Accept-Patch', 'text/plain, application/partial-upload')
    response.writeHead(204, this.#limit()).end()
  }

  #limit(): Record<string, string> {
    const {maxAppendBytes} = this.#options
    return {'Upload-Limit': `max-age=3600${maxAppendBytes === undefined ? '' : `, max-append-size=${maxAppendBytes}`}`}
  }

  async #create(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {headers} = request
    const length = Number(headers['upload-length'])
    if (headers['upload-complete'] !== '?0') this.#breach('creation', 'Upload-Complete')
    if (!Number.isSafeInteger(length)) this.#breach('creation', 'Upload-Length')
    for await (const chunk of request) this.#breach('creation', `${chunk.length} bytes of content`)
    const path = `/uploads/${this.uploads.size + 1}`
    this.uploads.set(path, {
      length,
      contentType: headers['content-type'],
      bytes: Buffer.alloc(0),
      isComplete: false,
      appending: undefined,
    })
    response.writeHead(201, {Location: path, ...this.#limit()}).end()
  }

  #tellOffset(upload: Upload, response: ServerResponse): void {
    // No outdated word: whoever still appends has lost.
    upload.appending?.destroy()
    response.writeHead(204, {
      'Upload-Offset': String(upload.bytes.length),
      'Upload-Complete': upload.isComplete ? '?1' : '?0',
      'Upload-Length': String(upload.length),
      ...this.#limit(),
    })
    response.end()
  }

  async #append(upload: Upload, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {headers} = request
    const isLast = headers['upload-complete'] === '?1'
    const content = Number(headers['content-length'])
    if (headers['content-type'] !== 'application/partial-upload') this.#breach('append', 'Content-Type')
    if (headers['upload-complete'] === undefined) this.#breach('append', 'Upload-Complete')
    if (content > (this.#options.maxAppendBytes ?? Number.POSITIVE_INFINITY)) this.#breach('append', 'too long')
    if (isLast && upload.bytes.length + content !== upload.length) this.#breach('append', 'an inconsistent length')
    if (headers['upload-offset'] !== String(upload.bytes.length)) {
      response.writeHead(409, {'Upload-Offset': String(upload.bytes.length), 'Upload-Complete': '?0'}).end()
      return
    }
    upload.appending = request
    try {
      for await (const chunk of request) upload.bytes = Buffer.concat([upload.bytes, chunk])
    } catch {
      return
    } finally {
      upload.appending = undefined
    }
    upload.isComplete = isLast
    if (isLast) response.writeHead(200, {'Upload-Complete': '?1', 'Content-Type': 'text/plain'}).end('video 1')
    else response.writeHead(204, {'Upload-Complete': '?0'}).end()
  }

  #breach(where: string, what: string): void {
    this.breaches.push(`${where}: ${what}`)
  }
}
