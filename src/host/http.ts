/** The few things that node:http leaves to do on the control socket: bounded JSON bodies, answers, and refusals. */

import type {IncomingMessage, ServerResponse} from 'node:http'
import {pipeline} from 'node:stream/promises'
import {toTold} from '../domain/error-chain.ts'
import type {ErrorCode} from '../domain/error-codes.ts'
import {asTransferError, invalidArgument, TransferError} from '../domain/errors.ts'
import {MOST_JSON_BYTES} from '../ports/host-connection.ts'

const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  OPERATION_UNKNOWN: 404,
  ILLEGAL_STATE: 409,
  INVALID_ARGUMENT: 400,
  FILE_ACCESS: 403,
  NOT_SUPPORTED: 404,
  HOST_VERSION: 426,
  CLOSED: 503,
  HOST_UNREACHABLE: 503,
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {'content-type': 'application/json', 'content-length': Buffer.byteLength(text)})
  response.end(text)
}

/** Rejects when nobody is there any more to hear it. What it is read from is let go of in any case. */
export async function answerBytes(response: ServerResponse, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  response.writeHead(200, {'content-type': 'application/octet-stream'})
  await pipeline(chunks, response)
}

export function refuse(response: ServerResponse, thrown: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const error = asTransferError(thrown)
  answerJson(response, STATUS_OF[error.code] ?? 500, {error: toTold(error)})
}

/** Throws INVALID_ARGUMENT. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({destroyOnReturn: false})) {
    size += chunk.length
    if (size > MOST_JSON_BYTES) throw invalidArgument('body', `must have at most ${MOST_JSON_BYTES} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new TransferError('INVALID_ARGUMENT', 'the body is no JSON', {where: 'body', cause})
  }
}
