/**
 * Lends lanes by origin: an idle one, else a new one, else (at the limit) the first that comes back. A pool of undici's own
 * would queue unseen inside a client, and would not say which connection serves which exchange.
 */

import {ClientLane, type LaneChoice, type LaneOwner} from './lane.ts'
import {type TlsOptions, TlsSessions} from './tls-options.ts'

interface OriginLanes {
  /** Last in, first out: the youngest connection is the least likely to be closed by the server. */
  readonly idle: ClientLane[]
  readonly all: Set<ClientLane>
  readonly waiting: Waiter[]
}

type Waiter = (lane: ClientLane) => void

export class LanePool implements LaneOwner {
  readonly #tls: TlsOptions
  readonly #sessions = new TlsSessions()
  readonly #limit: number
  readonly #origins = new Map<string, OriginLanes>()

  constructor(tls: TlsOptions, maxConnectionsPerOrigin: number) {
    this.#tls = tls
    this.#limit = maxConnectionsPerOrigin
  }

  /** Calls `use` with a lane, at once if there is one. Returns how to stop waiting. */
  acquire(origin: string, choice: LaneChoice, use: Waiter): () => void {
    const lanes = this.#lanesOf(origin)
    for (let lane = lanes.idle.pop(); lane !== undefined; lane = lanes.idle.pop()) {
      if (lane.alive && choice === 'any') {
        use(lane)
        return () => {}
      }
      lane.destroy()
    }
    if (lanes.all.size < this.#limit) {
      use(this.#open(origin, lanes))
      return () => {}
    }
    lanes.waiting.push(use)
    return () => {
      const place = lanes.waiting.indexOf(use)
      if (place >= 0) lanes.waiting.splice(place, 1)
    }
  }

  released(lane: ClientLane): void {
    const lanes = this.#lanesOf(lane.origin)
    lanes.idle.push(lane)
    // undici is still inside the end of the last exchange, and may close the connection when it leaves.
    if (lanes.waiting.length > 0) queueMicrotask(() => this.#serveNext(lane.origin, lanes))
  }

  gone(lane: ClientLane): void {
    const lanes = this.#lanesOf(lane.origin)
    lanes.all.delete(lane)
    const place = lanes.idle.indexOf(lane)
    if (place >= 0) lanes.idle.splice(place, 1)
    if (lanes.waiting.length > 0) queueMicrotask(() => this.#serveNext(lane.origin, lanes))
    else if (lanes.all.size === 0) this.#origins.delete(lane.origin)
  }

  /** Destroys every lane; exchanges on them fail by their lane's end. */
  close(): void {
    for (const lanes of [...this.#origins.values()]) {
      lanes.waiting.length = 0
      for (const lane of [...lanes.all]) lane.destroy()
    }
  }

  #serveNext(origin: string, lanes: OriginLanes): void {
    const next = lanes.waiting.shift()
    if (next !== undefined) this.acquire(origin, 'any', next)
  }

  #open(origin: string, lanes: OriginLanes): ClientLane {
    const lane = new ClientLane(origin, this.#tls, this.#sessions, this)
    lanes.all.add(lane)
    return lane
  }

  #lanesOf(origin: string): OriginLanes {
    const known = this.#origins.get(origin)
    if (known !== undefined) return known
    const fresh: OriginLanes = {idle: [], all: new Set(), waiting: []}
    this.#origins.set(origin, fresh)
    return fresh
  }
}
