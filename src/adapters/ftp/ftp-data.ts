/**
 * The connection that brings a file. Its bytes are read straight into the memory that the reader offers, as those of HTTP are: memory of
 * Node.js's own for each read costs more than all else that is done with the bytes. TLS begins over a connection that stands already,
 * and what comes so does not come through a hook (Node 20).
 */

import {type Socket, connect as tcpConnect} from 'node:net'
import type {TLSSocket} from 'node:tls'
import {READ_BYTES} from '../http/limits.ts'

/** Who gets what comes. */
export interface DataReader {
  /** Where the next read goes; undefined when there is no memory. */
  memory(): Buffer | undefined
  /** `bytes` is the connection's again when this returns, but for what lies in the memory that was offered. */
  bytes(bytes: Buffer): void
}

/** Shared by all connections: the loop reads for one of them at a time, and the bytes are copied before the next read. */
const readMemory = Buffer.allocUnsafeSlow(READ_BYTES)

export class DataConnection {
  /** TCP stands. */
  readonly opened: Promise<void>
  readonly #reads: 'hook' | 'events'
  #socket: Socket
  #reader: DataReader | undefined

  /** Connects; nothing is read before there is a reader. */
  constructor(host: string, port: number, reads: 'hook' | 'events') {
    this.#reads = reads
    const onread = {
      buffer: () => this.#reader?.memory() ?? readMemory,
      callback: (count: number, memory: Uint8Array) => {
        this.#reader?.bytes(Buffer.from(memory.buffer, memory.byteOffset, count))
        return true
      },
    }
    this.#socket = tcpConnect({host, port, ...(reads === 'hook' ? {onread} : {})})
    // Before it stands: then it would begin to read by itself.
    this.#socket.pause()
    this.opened = opening(this.#socket)
  }

  /** Each read is told when it comes. */
  get tellsAtOnce(): boolean {
    return this.#reads === 'hook'
  }

  secure(overTls: (wire: Socket) => TLSSocket): void {
    this.#socket = overTls(this.#socket)
    this.#socket.pause()
  }

  /** Resolves with its proper end: a reset is none. */
  ended(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once('end', resolve)
      this.#socket.once('error', reject)
      this.#socket.once('close', () => reject(new Error('the data connection was closed')))
    })
  }

  readInto(reader: DataReader): void {
    this.#reader = reader
    if (this.#reads === 'events') this.#socket.on('data', (bytes: Buffer) => reader.bytes(bytes))
    this.resume()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    // Not the socket's own resume: that starts to read once more in the next tick, even if it was paused again meanwhile.
    if (this.#reads === 'events') this.#socket.resume()
    else if (!this.#socket.destroyed) this.#socket.read(0)
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

function opening(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    // For good: what comes later is heard by whoever waits for the end.
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('closed')))
  })
}
