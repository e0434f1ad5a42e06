/** A TCP relay in front of a server: it can cut what goes to it after so many bytes, as a bad network does. */

import {once} from 'node:events'
import {type AddressInfo, connect, createServer, type Server, type Socket} from 'node:net'

export class CuttingRelay {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  /** Bytes that still pass towards the server before the connection is cut; it is cut once. */
  #left = Number.POSITIVE_INFINITY
  #cut: (() => void) | undefined

  private constructor(target: () => number) {
    this.#server = createServer((client) => this.#relay(client, target()))
  }

  /** `target` is asked for the server's port at each connection. */
  static async start(target: () => number): Promise<CuttingRelay> {
    const relay = new CuttingRelay(target)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Resolves when so many more bytes went to the server, and the connection is gone. */
  cutAfter(bytes: number): Promise<void> {
    this.#left = bytes
    return new Promise((resolve) => {
      this.#cut = resolve
    })
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#open) socket.destroy()
  }

  #relay(client: Socket, port: number): void {
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) {
      this.#open.add(socket)
      socket.on('error', () => undefined).on('close', () => this.#open.delete(socket))
    }
    server.pipe(client)
    server.on('close', () => client.destroy())
    client.on('close', () => server.end())
    client.on('data', (bytes: Buffer) => {
      const passing = bytes.subarray(0, this.#left)
      this.#left -= passing.length
      if (!server.write(passing)) {
        client.pause()
        server.once('drain', () => client.resume())
      }
      if (this.#left > 0) return
      this.#left = Number.POSITIVE_INFINITY
      client.destroy()
      this.#cut?.()
    })
  }
}
