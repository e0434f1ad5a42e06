/**
 * The host's server: node:http on the control socket, which only the user of the store can open. Each client has a session; the
 * engine is the one that serves this process, too.
 */

import {createServer} from 'node:http'
import {TransferError} from '../domain/errors.ts'
import type {Host} from './host.ts'
import type {HostServerOptions} from './host-options.ts'
import {refuse} from './http.ts'

export interface HostServer {
  /** Clients that are there now. */
  readonly clients: number
  /** Tells each client, and gives the socket back. Idempotent. */
  close(): Promise<void>
}

export async function startHostServer(options: HostServerOptions): Promise<HostServer> {
  const server = createServer({keepAliveTimeout: 60_000, requestTimeout: 0})
  let host: Host | undefined
  let loading: Promise<Host> | undefined
  let closing: Promise<void> | undefined
  const load = async () => {
    const {Host} = await import('./host.ts')
    if (closing !== undefined) throw new TransferError('CLOSED', 'the host is closed')
    host = new Host(options, () => server.listening)
    return host
  }
  // Most engines that are shared close before anybody comes.
  const loaded = () => {
    loading ??= load()
    return loading
  }
  server.on('request', (request, response) => {
    loaded().then(
      (each) => each.serve(request, response),
      (error) => refuse(response, error),
    )
  })
  if (options.whenIdle !== undefined) await loaded()
  await options.listen(server)
  return {
    get clients() {
      return host?.clients ?? 0
    },
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        host?.close()
        // What was said is on its way; kept-alive connections would hold it open for ever.
        setImmediate(() => server.closeAllConnections())
      })
      return closing
    },
  }
}
