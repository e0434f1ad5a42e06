/** StreamCopies over files without names: removed as soon as they are open, they are gone with the process, also by SIGKILL. */

import {mkdir} from 'node:fs/promises'
import {join} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import {spoolName} from '../../ports/spool.ts'
import type {StreamCopies, StreamCopy} from '../../ports/stream-copies.ts'
import {abortable} from './abortable.ts'
import {asFileWork} from './file-errors.ts'
import type {FileSystem} from './file-system.ts'
import {nodeFileSystem} from './node-file-system.ts'
import {Room} from './room.ts'
import {writeFully} from './transfer-bytes.ts'

const READ_BYTES = 256 * 1024

/**
 * `directory`: that of the spool, made where it is not there. Whoever sweeps it removes what a client left that was killed before its
 * file had lost its name.
 */
export function createStreamCopies(directory: string, files: FileSystem = nodeFileSystem): StreamCopies {
  const room = new Room(files, undefined)
  return {
    async open(id, chunks) {
      const path = join(directory, spoolName(id, 'copy'))
      const fd = await asFileWork(path, 'directory', async () => {
        await mkdir(directory, {recursive: true, mode: 0o700})
        const opened = await files.open(path, 'createNew')
        try {
          await files.remove(path)
        } catch (thrown) {
          await files.close(opened)
          throw thrown
        }
        return opened
      })
      return new FileCopy({files, room, directory, fd}, chunks)
    },
  }
}

interface OpenFile {
  readonly files: FileSystem
  readonly room: Room
  /** Where it had its name. */
  readonly directory: string
  readonly fd: number
}

class FileCopy implements StreamCopy {
  readonly #file: OpenFile
  readonly #closing = new AbortController()
  #size = 0
  #isWhole = false
  #failure: {readonly reason: unknown} | undefined
  /** Reads and writes that are under way: the descriptor may not become that of another file under them. */
  #users = 0
  /** Readers that have all there is. */
  #waiting: (() => void)[] = []

  constructor(file: OpenFile, chunks: AsyncIterable<Uint8Array>) {
    this.#file = file
    void this.#take(chunks)
  }

  get failure(): {readonly reason: unknown} | undefined {
    return this.#failure
  }

  async *read(): AsyncIterable<Uint8Array> {
    const {files, fd} = this.#file
    for (let at = 0; ; ) {
      if (this.#failure !== undefined) throw this.#failure.reason
      if (at === this.#size) {
        if (this.#isWhole) return
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
        continue
      }
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, this.#size - at))
      const count = await this.#use(async () => files.read(fd, buffer, 0, buffer.length, at))
      if (count === 0)
        throw new TransferError('DISK_FAILED', 'a private file lost its end', {where: this.#file.directory})
      at += count
      yield buffer.subarray(0, count)
    }
  }

  close(): void {
    if (this.#closing.signal.aborted) return
    const closed = new TransferError('CLOSED', 'the stream is not wanted any more')
    this.#failure ??= {reason: closed}
    this.#closing.abort(closed)
    this.#change()
    this.#closeUnused()
  }

  async #take(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const {files, room, directory, fd} = this.#file
    try {
      for await (const {buffer, byteOffset, length} of abortable(chunks, this.#closing.signal)) {
        const bytes = Buffer.from(buffer, byteOffset, length)
        await this.#use(() =>
          room.spend(join(directory, 'copy'), length, () => writeFully(files, fd, bytes, this.#size)),
        )
        this.#size += length
        this.#change()
      }
      this.#isWhole = true
    } catch (reason) {
      this.#failure ??= {reason}
    }
    this.#change()
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    this.#closing.signal.throwIfAborted()
    this.#users += 1
    try {
      return await asFileWork(this.#file.directory, 'part', work)
    } finally {
      this.#users -= 1
      this.#closeUnused()
    }
  }

  #closeUnused(): void {
    if (this.#users > 0 || !this.#closing.signal.aborted) return
    void this.#file.files.close(this.#file.fd).catch(() => undefined)
  }

  /** Whoever waits for more looks again. */
  #change(): void {
    for (const look of this.#waiting.splice(0)) look()
  }
}
