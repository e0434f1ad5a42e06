/** The few things that node:http leaves to do: bounded bodies, and answers that all carry the same headers. */

import type {IncomingMessage, ServerResponse} from 'node:http'
import {type Refused, refused, SAFE_HEADERS} from './gate.ts'
import type {Refusal} from './protocol.ts'

const MOST_BODY_BYTES = 64 * 1024

/** Thrown by a handler; becomes its answer. */
export class RequestRefused extends Error {
  readonly refused: Refused

  constructor(status: number, code: string, message: string) {
    super(message)
    this.refused = refused(status, code, message)
  }
}

export function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    ...SAFE_HEADERS,
    ...headers,
    ...(status === 204 ? {} : {'content-type': type, 'content-length': Buffer.byteLength(body)}),
  })
  response.end(body)
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): void {
  answer(response, status, 'application/json', JSON.stringify(body), headers)
}

export function refuse(response: ServerResponse, {status, code, message}: Refused): void {
  // What is left of the request is not read.
  const headers: Record<string, string> = status === 413 ? {connection: 'close'} : {}
  answerJson(response, status, {error: {code, message}} satisfies Refusal, headers)
}

/** Throws RequestRefused with 413, 415 or 400. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new RequestRefused(415, 'INVALID_ARGUMENT', 'the body must be JSON')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({destroyOnReturn: false})) {
    size += chunk.length
    if (size > MOST_BODY_BYTES) throw new RequestRefused(413, 'INVALID_ARGUMENT', 'the body is too large')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new RequestRefused(400, 'INVALID_ARGUMENT', 'the body is no JSON')
  }
}
