/** A request body under the limits of its operation: each piece waits until bytes may go, and is counted against them. */

import type {RateAllowance} from '../ports/rate-limiter.ts'
import type {RequestBody} from '../ports/transport.ts'

/** Under a limit bytes go in pieces of this size, so that they go evenly. */
const RATED_BYTES = 16 * 1024

export interface RatedBody extends RequestBody {
  /** A piece waits for its turn: nothing moves, and nothing is wrong. */
  readonly isHolding: boolean
}

export function ratedBody(body: RequestBody, allowance: RateAllowance, signal: AbortSignal): RatedBody {
  let isHolding = false
  const turn = async () => {
    if (allowance.isUnlimited || allowance.isOpen()) return
    isHolding = true
    await new Promise<void>((resolve) => {
      const open = () => {
        signal.removeEventListener('abort', open)
        resolve()
      }
      allowance.whenOpen(open)
      signal.addEventListener('abort', open, {once: true})
    })
    isHolding = false
  }
  return {
    length: body.length,
    get isHolding() {
      return isHolding
    },
    async *chunks() {
      for await (const chunk of body.chunks()) {
        for (let at = 0; at < chunk.length; ) {
          await turn()
          if (signal.aborted) return
          const piece = allowance.isUnlimited ? chunk.subarray(at) : chunk.subarray(at, at + RATED_BYTES)
          allowance.spend(piece.length)
          yield piece
          at += piece.length
        }
      }
    },
  }
}
