/** Raw requests to an inspector, with any header a browser or an attacker would send, and a reader of its event stream. */

import {type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request} from 'node:http'
import type {InspectorMessage} from '../../src/inspector/protocol.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  json<T>(): T
}

export interface Asking {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

export interface Address {
  readonly origin: string
  readonly token: string
}

/** As it is: no header but what is given, and the Host that Node.js sets. */
export function ask({origin}: Pick<Address, 'origin'>, path: string, asking: Asking = {}): Promise<Answer> {
  const {method = 'GET', headers = {}, body} = asking
  const {hostname, port} = new URL(origin)
  return new Promise((resolve, reject) => {
    const outgoing = request({hostname, port, path, method, headers, agent: false}, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text)})
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** With the bearer token. */
export function read(address: Address, path: string, asking: Asking = {}): Promise<Answer> {
  return ask(address, path, {...asking, headers: {authorization: `Bearer ${address.token}`, ...asking.headers}})
}

export function post(
  address: Address,
  path: string,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  return read(address, path, {
    method: 'POST',
    headers: {'content-type': 'application/json', ...headers},
    body: JSON.stringify(body),
  })
}

export interface StreamedMessage {
  readonly seq: number
  readonly message: InspectorMessage
}

/** Reads the event stream as a browser does. */
export class StreamReader {
  readonly messages: StreamedMessage[] = []
  /** Everything that came, as it came; only while `keepText` is set. */
  text = ''
  keepText = false
  isClosed = false
  readonly #request: ClientRequest
  #response: IncomingMessage | undefined
  #rest = ''
  #waiting: {readonly isThere: () => boolean; readonly resolve: () => void}[] = []
  readonly #keep: boolean

  private constructor(outgoing: ClientRequest, keep: boolean) {
    this.#request = outgoing
    this.#keep = keep
  }

  /** Resolves when the stream is open. `keep: false` counts and forgets. */
  static open(
    {origin, token}: Address,
    {lastEventId, after, keep = true}: {lastEventId?: number; after?: number; keep?: boolean} = {},
  ): Promise<StreamReader> {
    const {hostname, port} = new URL(origin)
    const path = `/api/v1/events${after === undefined ? '' : `?after=${after}`}`
    const headers: OutgoingHttpHeaders = {authorization: `Bearer ${token}`}
    if (lastEventId !== undefined) headers['last-event-id'] = String(lastEventId)
    return new Promise((resolve, reject) => {
      const outgoing = request({hostname, port, path, headers, agent: false})
      const reader = new StreamReader(outgoing, keep)
      outgoing.on('error', (error) => (reader.#response === undefined ? reject(error) : reader.#end()))
      outgoing.on('response', (response) => {
        reader.#response = response
        response.setEncoding('utf8')
        response.on('data', (text: string) => reader.#take(text))
        response.on('error', () => reader.#end())
        response.on('close', () => reader.#end())
        if (response.statusCode === 200) resolve(reader)
        else reject(new Error(`the stream was refused with ${response.statusCode}`))
      })
      outgoing.end()
    })
  }

  count = 0

  get lastSeq(): number {
    return this.messages.at(-1)?.seq ?? 0
  }

  /** Stops reading; what comes waits in the connection. */
  stall(): void {
    this.#response?.pause()
  }

  goOn(): void {
    this.#response?.resume()
  }

  close(): void {
    this.#request.destroy()
  }

  of<Type extends InspectorMessage['type']>(type: Type): Extract<InspectorMessage, {type: Type}>[] {
    return this.messages.flatMap(({message}) =>
      message.type === type ? [message as Extract<InspectorMessage, {type: Type}>] : [],
    )
  }

  /** Resolves when it holds; rejects when the stream ends first. */
  until(isThere: (reader: StreamReader) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({isThere: () => isThere(this), resolve})
      this.#look()
    })
  }

  #take(text: string): void {
    if (this.keepText) this.text += text
    const frames = (this.#rest + text).split('\n\n')
    this.#rest = frames.pop() ?? ''
    for (const frame of frames) {
      const data = /^data: (.*)$/m.exec(frame)?.[1]
      if (data === undefined) continue
      this.count += 1
      if (!this.#keep) continue
      this.messages.push({seq: Number(/^id: (\d+)$/m.exec(frame)?.[1]), message: JSON.parse(data)})
    }
    this.#look()
  }

  #end(): void {
    this.isClosed = true
    this.#look()
  }

  #look(): void {
    this.#waiting = this.#waiting.filter(({isThere, resolve}) => {
      const there = isThere()
      if (there) resolve()
      return !there
    })
  }
}
