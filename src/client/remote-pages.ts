/** Inspector pages that the host serves for this client; of the next host they are asked for at the same addresses. */

import {asTransferError} from '../domain/errors.ts'
import type {InspectOptions} from '../domain/inspect-options.ts'
import type {CallInput} from '../host/protocol.ts'
import type {CallQueue} from './call-queue.ts'

/** As an Inspector is. */
interface RemotePage extends AsyncDisposable {
  readonly url: string
  readonly origin: string
  readonly token: string
  close(): Promise<void>
}

interface OpenPage {
  /** What the next host is asked for. */
  readonly input: CallInput<'inspect'>
  /** Whether the present host has it: not known before it has answered. */
  isServed: Promise<boolean>
}

export class RemotePages {
  readonly #calls: CallQueue
  /** By their ports. */
  readonly #open = new Map<number, OpenPage>()

  constructor(calls: CallQueue) {
    this.#calls = calls
  }

  async open(options: InspectOptions): Promise<RemotePage> {
    const {url, origin, token, port} = await this.#calls.call('inspect', options)
    this.#open.set(port, {input: {...options, port, token}, isServed: Promise.resolve(true)})
    let closing: Promise<void> | undefined
    const close = () => {
      // Once: its port may be another page's by then.
      closing ??= this.#close(port)
      return closing
    }
    return {url, origin, token, close, [Symbol.asyncDispose]: close}
  }

  /** The host is another one, or has let go of what this client had. */
  resync(): void {
    // Where somebody has taken the port meanwhile, the page stays away: at another address nobody would look for it.
    for (const page of this.#open.values()) {
      page.isServed = this.#calls.call('inspect', page.input).then(
        () => true,
        () => false,
      )
    }
  }

  async #close(port: number): Promise<void> {
    const page = this.#open.get(port)
    this.#open.delete(port)
    // What is not there yet cannot be closed; and at a port that was taken there is somebody else's.
    if ((await page?.isServed) !== true) return
    try {
      await this.#calls.call('closeInspector', {port})
    } catch (error) {
      // It ends with its host, and with the session of this client.
      const {code} = asTransferError(error)
      if (code !== 'CLOSED' && code !== 'HOST_UNREACHABLE') throw error
    }
  }
}
