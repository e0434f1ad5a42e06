/**
 * Who answers before it has all of a request, and closes, breaks the connection for whoever still writes. The answer was there before,
 * and waits in the kernel; but Node destroys a socket as soon as a write to it fails, and what was not read yet with it. Here such a
 * socket is read out first.
 *
 * There is no public way to keep a socket whose write failed. But it is its own `destroy` that is called then, with the error of the
 * system call. What is read until that is let through still comes: by the hook as before; an event for it there is none any more.
 */

import type {Socket} from 'node:net'

export interface BrokenWriteOptions {
  /** Nobody has room for what comes: then it goes on with `readOn`. */
  readonly isPaused: () => boolean
  /** What comes that would have been an event. */
  readonly bytes: (bytes: Buffer) => void
}

export class BrokenWrite {
  readonly #socket: Socket
  readonly #options: BrokenWriteOptions
  #error: Error | undefined
  #turn: NodeJS.Immediate | undefined

  constructor(socket: Socket, options: BrokenWriteOptions) {
    this.#socket = socket
    this.#options = options
    const {destroy, push} = socket
    socket.destroy = (error?: Error) => {
      if (this.#error !== undefined || !isFailedWrite(error)) {
        clearImmediate(this.#turn)
        return destroy.call(socket, error)
      }
      this.#error = error
      this.readOn()
      return socket
    }
    socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (this.#error === undefined || !(chunk instanceof Buffer)) return push.call(socket, chunk, encoding)
      options.bytes(chunk)
      return true
    }
  }

  /** No write gets through any more. */
  get isBroken(): boolean {
    return this.#error !== undefined
  }

  /** Ends it once the event loop has looked at the socket, and nothing came. No effect on one that is not broken. */
  readOn(): void {
    if (this.#error === undefined || this.#socket.destroyed) return
    clearImmediate(this.#turn)
    const before = this.#socket.bytesRead
    // By the end of this turn the loop may have looked before the write failed.
    this.#turn = setImmediate(() => {
      this.#turn = setImmediate(() => {
        if (this.#options.isPaused()) return
        if (this.#socket.bytesRead === before) this.#socket.destroy(this.#error)
        else this.readOn()
      })
    })
  }
}

function isFailedWrite(error: Error | undefined): error is NodeJS.ErrnoException {
  return error !== undefined && 'syscall' in error && error.syscall === 'write'
}
