/** A request body under the limits of its operation: each piece waits until bytes may go, and is counted against them. */

import type {RateAllowance} from '../ports/rate-limiter.ts'
import type {RequestBody} from '../ports/transport.ts'

/** Under a limit bytes go in pieces of this size, so that they go evenly. */
const RATED_BYTES = 16 * 1024

export interface RatedBody extends RequestBody {
  /** A piece waits for its turn: nothing moves, and nothing is wrong. */
  readonly isHolding: boolean
  /** Nobody takes more of it: what it is read from is let go of, also while a piece waits. Idempotent. */
  stop(): void
}

export function ratedBody(body: RequestBody, allowance: RateAllowance): RatedBody {
  let isHolding = false
  let isStopped = false
  let goOn = () => {}
  const turn = async () => {
    if (isStopped || allowance.isUnlimited || allowance.isOpen()) return
    isHolding = true
    await new Promise<void>((resolve) => {
      goOn = resolve
      allowance.whenOpen(resolve)
    })
    isHolding = false
  }
  return {
    length: body.length,
    get isHolding() {
      return isHolding
    },
    stop() {
      isStopped = true
      goOn()
    },
    async *chunks() {
      for await (const chunk of body.chunks()) {
        for (let at = 0; at < chunk.length; ) {
          await turn()
          if (isStopped) return
          const piece = allowance.isUnlimited ? chunk.subarray(at) : chunk.subarray(at, at + RATED_BYTES)
          allowance.spend(piece.length)
          yield piece
          at += piece.length
        }
      }
    },
  }
}
