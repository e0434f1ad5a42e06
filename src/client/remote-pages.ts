/** Inspector pages that the host serves for this client; of the next host they are asked for at the same addresses. */

import {asTransferError} from '../domain/errors.ts'
import {ownOf} from '../domain/given.ts'
import {INSPECT_OPTIONS, type InspectOptions} from '../domain/inspect-options.ts'
import type {CallInput} from '../host/protocol.ts'
import type {CallQueue} from './call-queue.ts'

/** As an Inspector is. */
interface RemotePage extends AsyncDisposable {
  readonly url: string
  readonly origin: string
  readonly token: string
  close(): Promise<void>
}

interface Served {
  /** What makes it the same page at another host. */
  readonly wish: CallInput<'inspect'> & {readonly port: number}
  /** Settles when the host has answered; undefined while nothing is asked. Never rejects. */
  asking?: Promise<void> | undefined
}

export class RemotePages {
  readonly #calls: Pick<CallQueue, 'call'>
  readonly #open = new Set<Served>()

  constructor(calls: Pick<CallQueue, 'call'>) {
    this.#calls = calls
  }

  async open(options: InspectOptions): Promise<RemotePage> {
    const own = ownOf(options, INSPECT_OPTIONS)
    const {url, origin, token, port} = await this.#calls.call('inspect', own)
    const page: Served = {wish: {...own, port, token}}
    this.#open.add(page)
    let closing: Promise<void> | undefined
    const close = () => {
      // Once: its port may be another page's by then.
      closing ??= this.#close(page)
      return closing
    }
    return {url, origin, token, close, [Symbol.asyncDispose]: close}
  }

  /** The host is another one, or has let go of what this client had. */
  resync(): void {
    // A question that no host has answered goes to this one by itself.
    for (const page of this.#open) page.asking ??= this.#serveAnew(page)
  }

  async #serveAnew(page: Served): Promise<void> {
    try {
      await this.#calls.call('inspect', page.wish)
    } catch {
      // Somebody has taken the port, and scripts tell them its token: that is good for nothing any more. At another address nobody would
      // look for it.
      this.#open.delete(page)
    } finally {
      page.asking = undefined
    }
  }

  async #close(page: Served): Promise<void> {
    // A host that still begins to serve it would have nothing to close.
    await page.asking
    if (!this.#open.delete(page)) return
    try {
      await this.#calls.call('closeInspector', {port: page.wish.port})
    } catch (error) {
      // It ends with its host, and with the session of this client.
      const {code} = asTransferError(error)
      if (code !== 'CLOSED' && code !== 'HOST_UNREACHABLE') throw error
    }
  }
}
