/** What a caller may say about TLS, and the sessions that spare a second connection to an origin most of its handshake. */

import type {ConnectionOptions} from 'node:tls'

export type TlsOptions = Readonly<
  Pick<
    ConnectionOptions,
    'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'rejectUnauthorized' | 'minVersion' | 'maxVersion' | 'ciphers'
  >
>

const MAX_SESSIONS = 100

export class TlsSessions {
  readonly #byOrigin = new Map<string, Buffer>()

  get(origin: string): Buffer | undefined {
    return this.#byOrigin.get(origin)
  }

  remember(origin: string, session: Buffer): void {
    this.#byOrigin.delete(origin)
    this.#byOrigin.set(origin, session)
    if (this.#byOrigin.size <= MAX_SESSIONS) return
    const [oldest] = this.#byOrigin.keys()
    if (oldest !== undefined) this.#byOrigin.delete(oldest)
  }
}
