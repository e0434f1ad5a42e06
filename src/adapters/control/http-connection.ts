/** HostConnection over HTTP on the control socket of a store. */

import {once} from 'node:events'
import {accessSync} from 'node:fs'
import {Agent, type ClientRequest, type IncomingMessage, request} from 'node:http'
import type {Readable} from 'node:stream'
import {fromTold, type ToldError} from '../../domain/error-chain.ts'
import {asTransferError, TransferError} from '../../domain/errors.ts'
import type {HostBytes, HostConnection} from '../../ports/host-connection.ts'
import {errnoOf} from '../file/file-errors.ts'

/** `locate`: asked at each connection, since the next host may be at another place. */
export function createHttpConnection(directory: string, locate: () => Promise<string>): HostConnection {
  return new HttpConnection(directory, locate)
}

/** How Node.js says that the other side of a connection is not there any more. */
const GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ENOTCONN', 'ECONNABORTED'])

interface Question {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly chunks?: AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
}

class HttpConnection implements HostConnection {
  readonly address: string
  readonly #locate: () => Promise<string>
  readonly #agent = new Agent({keepAlive: true})

  constructor(address: string, locate: () => Promise<string>) {
    this.address = address
    this.#locate = locate
  }

  follow(
    path: string,
    next: (message: unknown) => void,
    lost: (error: unknown) => void,
    headers: Readonly<Record<string, string>> = {},
  ): () => void {
    const closing = new AbortController()
    const follow = async () => {
      const answer = await this.#answer({method: 'GET', path, headers, signal: closing.signal})
      answer.setEncoding('utf8')
      let pieces: string[] = []
      for await (const chunk of answer as AsyncIterable<string>) {
        const [first = '', ...more] = chunk.split('\n')
        pieces.push(first)
        for (const rest of more) {
          // Put together once it is whole: a large one comes in a thousand pieces.
          const line = pieces.join('')
          pieces = [rest]
          if (line.startsWith('data: ')) next(JSON.parse(line.slice(6)))
        }
      }
      throw this.#gone('the host ended the stream')
    }
    follow().catch((error) => {
      if (!closing.signal.aborted) lost(this.#translated(error))
    })
    return () => closing.abort()
  }

  ask(method: 'GET' | 'POST' | 'DELETE', path: string, json?: string, signal?: AbortSignal): Promise<unknown> {
    return this.#json({
      method,
      path,
      ...(json === undefined ? {} : {body: json}),
      ...(signal === undefined ? {} : {signal}),
    })
  }

  send(path: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<unknown> {
    return this.#json({method: 'PUT', path, chunks, ...(signal === undefined ? {} : {signal})})
  }

  async read(path: string, into: Uint8Array, signal?: AbortSignal): Promise<HostBytes> {
    try {
      const answer = await this.#answer({method: 'GET', path, ...(signal === undefined ? {} : {signal})})
      let count = 0
      for await (const chunk of answer) {
        into.set(chunk, count)
        count += chunk.length
      }
      const size = String(answer.headers['x-size'] ?? '')
      const generation = Number(answer.headers['x-generation'] ?? 0)
      return {count, size: size === '' ? undefined : Number(size), generation}
    } catch (thrown) {
      signal?.throwIfAborted()
      throw this.#translated(thrown)
    }
  }

  async *stream(path: string): AsyncIterable<Uint8Array> {
    try {
      yield* await this.#answer({method: 'GET', path})
    } catch (thrown) {
      throw this.#translated(thrown)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #json(question: Question): Promise<unknown> {
    try {
      return JSON.parse(await textOf(await this.#answer(question)))
    } catch (thrown) {
      question.signal?.throwIfAborted()
      throw this.#translated(thrown)
    }
  }

  /** Resolves with the head of a good answer. */
  async #answer({method, path, headers, body, chunks, signal}: Question): Promise<IncomingMessage> {
    const socketPath = await this.#locate()
    signal?.throwIfAborted()
    // Most runs find nobody: a look costs a hundredth of a request that fails.
    if (process.platform !== 'win32') accessSync(socketPath)
    const asked = request({
      socketPath,
      method,
      path,
      agent: this.#agent,
      ...(signal === undefined ? {} : {signal}),
      headers: {
        ...headers,
        host: 'control',
        ...(body === undefined ? {} : {'content-type': 'application/json', 'content-length': Buffer.byteLength(body)}),
      },
    })
    const answered = once(asked, 'response') as Promise<[IncomingMessage]>
    // Whoever asked hears of it while an answer is waited for; what fails behind that is heard by whoever reads it.
    asked.on('error', () => {})
    if (chunks === undefined) asked.end(body)
    else await Promise.race([this.#feed(asked, chunks), answered])
    const [answer] = await answered
    if (answer.statusCode === 200 || answer.statusCode === 202) return answer
    try {
      const {error} = JSON.parse(await textOf(answer)) as {readonly error: ToldError}
      throw fromTold(error)
    } finally {
      // A stream that is refused is not sent to its end.
      if (!asked.writableEnded) asked.destroy()
    }
  }

  async #feed(asked: ClientRequest, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const over = new AbortController()
    asked.once('close', () => over.abort())
    // A connection of an earlier question, on which nothing is said, its host closes after a minute: the first chunk may take longer.
    asked.flushHeaders()
    try {
      for await (const chunk of chunks) {
        // To have room is nothing that a request says which is over.
        if (!asked.write(chunk) && !asked.destroyed) await once(asked, 'drain', {signal: over.signal})
        if (asked.destroyed) return
      }
      asked.end()
    } catch (thrown) {
      // Why it is over is told by whoever waits for its answer.
      if (asked.destroyed) return
      asked.destroy()
      throw new SourceFailure(thrown)
    }
  }

  #translated(thrown: unknown): unknown {
    if (thrown instanceof SourceFailure) return thrown.reason
    if (thrown instanceof TransferError) return thrown
    const errno = errnoOf(thrown)
    if (errno === 'EACCES' || errno === 'EPERM') {
      return new TransferError('FILE_ACCESS', 'the control socket of the store belongs to somebody else', {
        where: this.address,
        cause: thrown,
        advice: 'connect as the user that runs the host',
      })
    }
    if (errno === 'ENOENT' || errno === 'ECONNREFUSED') {
      return new TransferError('HOST_UNREACHABLE', 'no host runs for this store', {where: this.address, cause: thrown})
    }
    const isGone = errno !== undefined && GONE.has(errno)
    return this.#gone(isGone ? 'the host went away before it answered' : asTransferError(thrown).message, thrown)
  }

  #gone(message: string, cause?: unknown): TransferError {
    return new TransferError('HOST_UNREACHABLE', message, {
      where: this.address,
      advice: 'connect again, and see how the operations stand; where no host comes back, start one with `bgt host`',
      ...(cause === undefined ? {} : {cause}),
    })
  }
}

/** The application's own stream failed, and not the host. */
class SourceFailure extends Error {
  readonly reason: unknown

  constructor(reason: unknown) {
    super('the source failed')
    this.reason = reason
  }
}

async function textOf(answer: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
