/** What a host is made of. */

import type {Server} from 'node:http'
import type {Engine} from '../engine/engine.ts'
import type {Clock} from '../ports/clock.ts'

export interface HostServerOptions {
  readonly engine: Engine
  readonly clock: Clock
  /** Of the package. */
  readonly version: string
  readonly pid: number
  /** A fresh guid: this life of the host. */
  readonly epoch: string
  /** Opens the socket for the server; resolves when it listens. */
  readonly listen: (server: Server) => Promise<void>
  /** It stays when its own work is done. */
  readonly stays: boolean
  /** Called once, when nobody was there and nothing was to do for so many ms. */
  readonly whenIdle?: {readonly ms: number; readonly call: () => void}
  /** ms that a session outlives its stream; 30,000 by default. */
  readonly sessionGraceMs?: number
  /** ms that bodies which a client sent outlive its session; 3,600,000 by default. */
  readonly clientAbsenceMs?: number
}
