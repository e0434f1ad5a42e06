/**
 * One TCP or TLS connection whose bytes come to us first, and go to the reader of the moment: a plain answer's, undici's parser by
 * its stream, a body's sink past it, or the one that wants nothing to come while the connection lies idle.
 *
 * Reading is governed here, at the socket, and never by undici: its parser is never paused. A parser that is paused when the
 * server closes ends in an uncaught assertion or a hang (undici 7.26 to 7.30), and this way it cannot be.
 *
 * What nobody has memory for is read into memory of ours. A body is read straight into the memory that its reader offers: no copy,
 * and nothing that has to be kept aside while the disk is behind. The socket asks for the next memory after each read, so the
 * reader must not let go of what it offered before it was read into, or the end of the connection. Over TLS, but for tunnels, it is told
 * of what came in one turn of the event loop together (GatheredReads): it must keep what it offered until it is nearly full.
 */

import type {Socket} from 'node:net'
import type {TransferError} from '../../domain/errors.ts'
import {BrokenWrite} from './broken-write.ts'
import {type ConnectionTarget, type DialTools, dial, openingError, readsRecords} from './dial.ts'
import {toTransferError} from './error-table.ts'
import {GatheredReads} from './gathered-reads.ts'
import {goneFrom} from './gone-address.ts'
import {READ_BYTES} from './limits.ts'
import type {Outflow} from './sent-count.ts'
import {givenToTcp, queuedInTcp} from './tcp-queue.ts'
import {type EndOfTls, watchEnd} from './tls-end.ts'

/** Who gets what comes. */
export interface ConnectionReader {
  /** Where the next read goes; `undefined` when there is no memory, or none is needed. */
  memory(): Buffer | undefined
  /** `bytes` lies in the memory that was offered last, or in ours: then it is valid during the call only. */
  bytes(bytes: Buffer): void
  /** The other side is done (FIN). */
  ended(): void
  failed(error: TransferError): void
  /** There is no connection any more; mostly that was said before. */
  closed?(): void
  /** Nothing came or went for as long as an idle connection may last. */
  idledOut?(): void
}

const TCP_KEEP_ALIVE_MS = 60_000

/** Shared by all connections: the loop reads for one of them at a time, and the bytes are copied before the next read. */
const readMemory = Buffer.allocUnsafeSlow(READ_BYTES)

/** Before it stands, a connection has nothing for anybody. */
const NOBODY: ConnectionReader = {memory: () => undefined, bytes: () => {}, ended: () => {}, failed: () => {}}

export class Connection implements Outflow {
  readonly #target: ConnectionTarget
  reader: ConnectionReader = NOBODY
  /** Carries the server's bytes; absent while a proxy is being talked to. */
  #socket: Socket | undefined
  /** The TCP connection below it. */
  #wire: Socket | undefined
  #reads: 'hook' | 'events' = 'hook'
  #end: EndOfTls | undefined
  #brokenWrite: BrokenWrite | undefined
  /** Over TLS. */
  readonly #gathered: GatheredReads | undefined
  #giveUp: () => void = () => {}
  #isDestroyed = false
  #isPaused = false
  #heardSinceRequest = false
  #idleMs = 0
  #opened: ((error: TransferError | undefined) => void) | undefined

  /** Starts to connect; `opened` is called once, unless `destroy` comes first. */
  constructor(target: ConnectionTarget, tools: DialTools, opened: (error: TransferError | undefined) => void) {
    this.#target = target
    this.#opened = opened
    const hook = {
      buffer: () => this.#room() ?? readMemory,
      callback: (count: number, memory: Uint8Array) => {
        this.#heardSinceRequest = true
        if (this.#gathered !== undefined && memory !== readMemory) this.#gathered.came(count)
        else this.reader.bytes(Buffer.from(memory.buffer, memory.byteOffset, count))
        return true
      },
    }
    if (readsRecords(target)) {
      this.#gathered = new GatheredReads(
        () => this.reader.memory(),
        (bytes) => this.reader.bytes(bytes),
      )
    }
    this.#giveUp = dial(target, tools, hook, {
      asking: (wire) => {
        this.#wire = wire
      },
      socket: (socket, wire, reads) => this.#adopt(socket, wire, reads),
      opened: () => this.#settleOpening(undefined),
      failed: (error) => this.#failed(error),
    })
  }

  get alive(): boolean {
    return !this.#isDestroyed && this.#socket?.destroyed !== true && this.#brokenWrite?.isBroken !== true
  }

  /**
   * What comes is told within the read that brought it, and not by the turn of the loop. (The parser's stream tells later; but no read
   * goes into memory that was lent to it.)
   */
  get tellsAtOnce(): boolean {
    return this.#reads === 'hook' && this.#gathered === undefined
  }

  /** It ended, and the other side had not said within TLS that it would. */
  get isCut(): boolean {
    return this.#end?.isCut === true
  }

  /** Bytes came since the request went out. */
  get heard(): boolean {
    return this.#heardSinceRequest
  }

  /** A request goes out now, whose answer is the reader's. */
  beginRequest(reader: ConnectionReader): void {
    this.#heardSinceRequest = false
    this.reader = reader
  }

  /** `done` is called when the kernel has the bytes. Where it does not take them, the reader still gets what came before that. */
  write(chunk: Buffer | string, encoding: BufferEncoding, done?: (error?: Error | null) => void): void {
    this.#socket?.write(chunk, encoding, done)
  }

  /** The kernel has all that was written. Else `done` says what became of it, as it does here, too, but later. */
  get hasWrittenAll(): boolean {
    return this.#socket?.writableLength === 0 && this.#socket.errored === null && this.alive
  }

  get givenToTcp(): number {
    return this.#socket === undefined ? 0 : givenToTcp(this.#socket)
  }

  /** What a failed write leaves is in no queue, and was not taken either. */
  get queuedInTcp(): number {
    const socket = this.#socket
    return socket?.errored === null && this.alive ? queuedInTcp(socket) : Number.POSITIVE_INFINITY
  }

  /** A head, in latin1, and what follows it, in one packet if they fit. */
  writeBoth(head: string, chunk: Buffer, done: (error?: Error | null) => void): void {
    this.#socket?.cork()
    this.write(head, 'latin1')
    this.write(chunk, 'latin1', done)
    this.#socket?.uncork()
  }

  /** Nothing more is written. */
  end(done: () => void): void {
    if (this.#socket === undefined) done()
    else this.#socket.end(done)
  }

  /** Lies idle from now on, keeps no process alive, and is the reader's to close after `idleMs`. */
  rest(reader: ConnectionReader, idleMs: number): void {
    this.reader = reader
    this.resume()
    if (this.#idleMs !== idleMs) this.#socket?.setTimeout(idleMs)
    this.#idleMs = idleMs
    this.unref()
  }

  ref(): void {
    this.#socket?.ref()
  }

  unref(): void {
    this.#socket?.unref()
  }

  pause(): void {
    this.#isPaused = true
    this.#socket?.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    // Not the socket's own resume: that starts to read once more in the next tick, even if it was paused again meanwhile.
    if (this.#socket === undefined || this.#socket.destroyed) return
    if (this.#reads === 'hook') this.#socket.read(0)
    else this.#socket.resume()
    this.#brokenWrite?.readOn()
  }

  /** Fails where it comes from one of these: as if it were broken, which it is, though nobody says so. */
  addressesGone(addresses: ReadonlySet<string>): void {
    const error = goneFrom(this.#wire, addresses)
    if (error === undefined) return
    if (this.#socket === undefined) {
      // Of a tunnel that opens still nothing is anybody's yet.
      this.#giveUp()
      this.#settleOpening(openingError(this.#target, error))
      return
    }
    this.#pointAway()
    this.#socket?.destroy(error)
  }

  destroy(): void {
    this.#opened = undefined
    this.#isDestroyed = true
    this.#gathered?.stop()
    this.#giveUp()
    this.#pointAway()
    this.#socket?.destroy()
  }

  /**
   * TLS that is destroyed between two records of one read goes on to the end of that read, and what it was pointed at is its
   * reader's to let go of now. There is no public way to say so before the next read.
   */
  #pointAway(): void {
    if (this.#gathered === undefined) return
    const socket = this.#socket as {readonly _handle?: {useUserBuffer?(memory: Uint8Array): void} | null} | undefined
    socket?._handle?.useUserBuffer?.(readMemory)
  }

  #adopt(socket: Socket, wire: Socket, reads: 'hook' | 'events'): void {
    this.#socket = socket
    this.#wire = wire
    this.#reads = reads
    this.#end = watchEnd(socket)
    this.#brokenWrite = new BrokenWrite(socket, {
      isPaused: () => this.#isPaused,
      bytes: (bytes) => this.#read(bytes),
    })
    socket
      .on('end', () => this.#ended())
      .on('error', (error) => this.#failed(error))
      .on('close', () => this.#closed())
      .on('timeout', () => this.reader.idledOut?.())
    wire.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS)
    if (reads === 'events') socket.on('data', (bytes: Buffer) => this.#read(bytes))
    if (this.#isDestroyed) socket.destroy()
  }

  #read(bytes: Buffer): void {
    this.#heardSinceRequest = true
    this.reader.bytes(bytes)
  }

  #room(): Uint8Array | undefined {
    return this.#gathered === undefined ? this.reader.memory() : this.#gathered.room()
  }

  #closed(): void {
    this.#gathered?.flush()
    this.reader.closed?.()
  }

  #ended(): void {
    this.#gathered?.flush()
    // libuv reports data and a reset that arrive together as data and a clean end. The kernel knows the difference: a connection
    // that was reset has no peer any more. (Nobody may ask for the address before: Node remembers it.)
    if (this.#wire?.remoteAddress === undefined) this.#failed(Object.assign(new Error('reset'), {code: 'ECONNRESET'}))
    else this.reader.ended()
  }

  #failed(cause: Error): void {
    const isOpening = this.#opened !== undefined
    const error = isOpening
      ? openingError(this.#target, cause)
      : toTransferError(cause, this.#target.where, 'connected')
    if (isOpening) {
      this.#settleOpening(error)
      return
    }
    this.#gathered?.flush()
    this.reader.failed(error)
  }

  #settleOpening(error: TransferError | undefined): void {
    const opened = this.#opened
    this.#opened = undefined
    opened?.(error)
  }
}
