/** HostConnection: how a client reaches the host of a store. Every rejection that is no refusal of the host is HOST_UNREACHABLE. */

/** Of what is spoken over it. Rises with every change that an older client or host would misread, new calls and their members included. */
export const HOST_API_VERSION = 6

/** Of a session, with 1: its client is to be a host itself. No part of the address, which hosts of older versions refuse unread. */
export const HEIR_HEADER = 'x-heir'

/** What a host takes of JSON in one request: ten thousand drafts have room in it. */
export const MOST_JSON_BYTES = 64 * 1024 * 1024

/** Operations that a host tells in one answer to a query. */
export const MOST_QUERIED = 10_000

export interface HostBytes {
  readonly count: number
  /** Undefined while unknown. */
  readonly size: number | undefined
  readonly generation: number
}

export interface HostConnection {
  /** Where the host is looked for, for messages. */
  readonly address: string
  /** Follows a stream of messages until the returned function is called. `lost`: once, also when it could not be opened. */
  follow(
    path: string,
    next: (message: unknown) => void,
    lost: (error: unknown) => void,
    headers?: Readonly<Record<string, string>>,
  ): () => void
  /** Sends JSON, or nothing, and resolves with the JSON of the answer, parsed. Rejects with what the host refused it for. */
  ask(method: 'GET' | 'POST' | 'DELETE', path: string, json?: string, signal?: AbortSignal): Promise<unknown>
  /** Sends a stream and resolves with the JSON of the answer. */
  send(path: string, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<unknown>
  /** Bytes into memory of the caller's, as soon as there is one. */
  read(path: string, into: Uint8Array, signal?: AbortSignal): Promise<HostBytes>
  /** A body as it comes. */
  stream(path: string): AsyncIterable<Uint8Array>
  /** Idempotent. */
  close(): void
}
