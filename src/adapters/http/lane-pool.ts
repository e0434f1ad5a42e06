/**
 * Lends lanes by route (an origin, and the way to it): an idle one, else a new one, else (at the limit) the first that comes back. A pool of undici's own
 * would queue unseen inside a client, and would not say which connection serves which exchange.
 */

import {ConnectionLane, type LaneOwner, type LaneTools} from './connection-lane.ts'
import type {LaneChoice} from './lane.ts'
import type {Route} from './route.ts'

interface RouteLanes {
  /** Last in, first out: the youngest connection is the least likely to be closed by the server. */
  readonly idle: ConnectionLane[]
  readonly all: Set<ConnectionLane>
  readonly waiting: Waiter[]
}

type Waiter = (lane: ConnectionLane) => void

export class LanePool implements LaneOwner {
  readonly #tools: LaneTools
  readonly #limit: number
  readonly #routes = new Map<string, RouteLanes>()

  constructor(tools: LaneTools, maxConnectionsPerOrigin: number) {
    this.#tools = tools
    this.#limit = maxConnectionsPerOrigin
  }

  /** Calls `use` with a lane, at once if there is one. Returns how to stop waiting. */
  acquire(route: Route, choice: LaneChoice, use: Waiter): () => void {
    const {idle} = this.#lanesOf(route)
    for (let lane = idle.pop(); lane !== undefined; lane = idle.pop()) {
      if (lane.alive && choice === 'any') {
        use(lane)
        return () => {}
      }
      lane.destroy()
    }
    // Looked up anew: with the last of its lanes a route is forgotten.
    const lanes = this.#lanesOf(route)
    if (lanes.all.size < this.#limit) {
      use(this.#open(route, lanes))
      return () => {}
    }
    lanes.waiting.push(use)
    return () => {
      const place = lanes.waiting.indexOf(use)
      if (place >= 0) lanes.waiting.splice(place, 1)
    }
  }

  released(lane: ConnectionLane): void {
    const lanes = this.#lanesOf(lane.route)
    lanes.idle.push(lane)
    // Its reader is still inside the end of the last exchange, and undici may close the connection when it leaves.
    if (lanes.waiting.length > 0) queueMicrotask(() => this.#serveNext(lane.route, lanes))
  }

  gone(lane: ConnectionLane): void {
    const lanes = this.#lanesOf(lane.route)
    lanes.all.delete(lane)
    const place = lanes.idle.indexOf(lane)
    if (place >= 0) lanes.idle.splice(place, 1)
    if (lanes.waiting.length > 0) queueMicrotask(() => this.#serveNext(lane.route, lanes))
    else if (lanes.all.size === 0) this.#routes.delete(lane.route.key)
  }

  /** Those that are connected from there fail. */
  addressesGone(addresses: ReadonlySet<string>): void {
    for (const {all} of [...this.#routes.values()]) for (const lane of [...all]) lane.addressesGone(addresses)
  }

  /** Destroys every lane; exchanges on them fail by their lane's end. */
  close(): void {
    for (const lanes of [...this.#routes.values()]) {
      lanes.waiting.length = 0
      for (const lane of [...lanes.all]) lane.destroy()
    }
  }

  #serveNext(route: Route, lanes: RouteLanes): void {
    const next = lanes.waiting.shift()
    if (next !== undefined) this.acquire(route, 'any', next)
  }

  #open(route: Route, lanes: RouteLanes): ConnectionLane {
    const lane = new ConnectionLane(route, this.#tools, this)
    lanes.all.add(lane)
    return lane
  }

  #lanesOf({key}: Route): RouteLanes {
    const known = this.#routes.get(key)
    if (known !== undefined) return known
    const fresh: RouteLanes = {idle: [], all: new Set(), waiting: []}
    this.#routes.set(key, fresh)
    return fresh
  }
}
