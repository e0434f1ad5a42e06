/** A tunnel through a proxy: what is wanted, and what comes of it. */

import type {Socket} from 'node:net'
import type {AuthenticationMemory} from '../../domain/authentication.ts'
import type {TransferError} from '../../domain/errors.ts'
import type {ProxyServer} from '../../domain/proxy.ts'
import type {TlsOptions} from './tls-options.ts'

export interface TunnelWish {
  readonly proxy: ProxyServer
  /** The server behind it. */
  readonly hostname: string
  readonly port: number
  readonly tls: TlsOptions
  readonly memory: AuthenticationMemory
  /** Hears of each connection to the proxy, before anything is asked over it. */
  readonly onWire: (wire: Socket) => void
}

export type TunnelDone = (error: TransferError | undefined, socket?: Socket) => void
