/**
 * Whether the sync of a small file, or of a directory, is made at once or by a thread of the pool. Where a sync costs nothing (a disk
 * in memory, a controller with a battery) the trip to the thread and back costs many times as much. Everywhere else it waits for the
 * disk, and the event loop must not. So a disk is tried only while its syncs come back from threads before that would hurt, and keeps
 * what it is given only while they cost less than the trip.
 */

import {performance} from 'node:perf_hooks'
import {Detour} from './detour.ts'

/** ms that a thread may take, with all that waits before and behind it, for the next one to be tried at once. */
const PROMISING_MS = 4

/** ms: about what the trip costs. */
const QUICK_MS = 0.1

/** Fewer than elsewhere: a slow one may just as well have lost its processor for a while, and what is tried costs little. */
const DETOUR = {least: 16, growth: 2}

/** Beyond them all are learnt anew. */
const MOST_DEVICES = 1000

export class SyncPace {
  readonly #now: () => number
  readonly #devices = new Map<number, DevicePace>()

  /** `now`: ms of a clock that never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Syncs what lies on `device` in one of two ways. */
  async sync(device: number, atOnce: () => void, inThread: () => Promise<void>): Promise<void> {
    const pace = this.#paceOf(device)
    const began = this.#now()
    if (!pace.isAtOnce()) {
      await inThread()
      pace.cameBack(this.#now() - began)
      return
    }
    try {
      atOnce()
    } finally {
      pace.took(this.#now() - began)
    }
  }

  #paceOf(device: number): DevicePace {
    const known = this.#devices.get(device)
    if (known !== undefined) return known
    if (this.#devices.size >= MOST_DEVICES) this.#devices.clear()
    const pace = new DevicePace()
    this.#devices.set(device, pace)
    return pace
  }
}

class DevicePace {
  readonly #detour = new Detour(DETOUR)
  /** So the last one from a thread said. */
  #isPromising = false

  /** One is about to begin. */
  isAtOnce(): boolean {
    return this.#detour.isOver() && this.#isPromising
  }

  took(ms: number): void {
    const isSlow = ms > QUICK_MS
    this.#detour.took(isSlow)
    if (isSlow) this.#isPromising = false
  }

  cameBack(ms: number): void {
    this.#isPromising = ms < PROMISING_MS
  }
}
