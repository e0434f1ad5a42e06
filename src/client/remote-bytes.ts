/** The bytes of a download that runs in a host: read by position, each read a question that waits there. */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {ByteSource} from '../ports/byte-source.ts'
import type {HostBytes} from '../ports/host-connection.ts'

export interface RemoteBytesOptions {
  readonly id: OperationId
  /** Its name for the host. */
  readonly source: string
  readonly read: (path: string, into: Uint8Array, signal: AbortSignal) => Promise<HostBytes>
  /** Bytes that were read are there, whatever was told so far. */
  readonly onRead: (generation: number, from: number, to: number) => void
  readonly onClosed: () => void
}

export class RemoteBytes implements ByteSource {
  readonly #options: RemoteBytesOptions
  readonly #closing = new AbortController()
  /** The generation that bytes were given of: the host may have forgotten. */
  #given: number | undefined
  size: number | undefined

  constructor(options: RemoteBytesOptions) {
    this.#options = options
  }

  async read(into: Uint8Array, position: number, signal?: AbortSignal): Promise<number> {
    const {id, source, onRead} = this.#options
    const given = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal])
    given.throwIfAborted()
    const path = `bytes?guid=${id}&source=${source}&position=${position}&count=${into.length}`
    const {count, size, generation} = await this.#ask(path, into, given)
    this.size = size
    if (this.#given !== undefined && this.#given !== generation) {
      this.#given = undefined
      throw new TransferError(
        'DOWNLOAD_RESTARTED',
        'the download began again: what was read before is of another version',
        {where: id},
      )
    }
    if (count === 0) return 0
    this.#given = generation
    onRead(generation, position, position + count)
    return count
  }

  async #ask(path: string, into: Uint8Array, signal: AbortSignal): Promise<HostBytes> {
    try {
      return await this.#options.read(path, into, signal)
    } catch (thrown) {
      // It was said; what is read next is of the new version.
      if (thrown instanceof TransferError && thrown.code === 'DOWNLOAD_RESTARTED') this.#given = undefined
      throw thrown
    }
  }

  close(): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new TransferError('CLOSED', 'the stream is closed'))
    this.#options.onClosed()
  }
}
