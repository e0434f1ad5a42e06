/** Buffers of the byte path: a few sizes, kept for reuse, within one budget for the whole engine. */

/** Bytes. */
export const LARGEST_BUFFER_BYTES = 1024 * 1024
const LARGE = LARGEST_BUFFER_BYTES
const SMALL = 64 * 1024

export interface BufferPool {
  /** A large buffer while the budget lasts, a small one when little is expected or memory is short. */
  take(expected: number): Buffer
  give(buffer: Buffer): void
}

/** `budgetBytes`: how much the pool hands out before it turns to small buffers; 64 MiB by default. */
export function createBufferPool(budgetBytes = 64 * LARGE): BufferPool {
  const free = new Map<number, Buffer[]>([
    [LARGE, []],
    [SMALL, []],
  ])
  let lent = 0
  return {
    take(expected) {
      const size = expected <= SMALL || lent + LARGE > budgetBytes ? SMALL : LARGE
      lent += size
      return free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size)
    },
    give(buffer) {
      lent -= buffer.length
      const kept = free.get(buffer.length)
      // As many as are in use come back for more: new ones would cost their zeroing, and the collector's time.
      const most = Math.max(budgetBytes / 4, Math.min(lent, budgetBytes))
      if (kept !== undefined && kept.length * buffer.length < most) kept.push(buffer)
    },
  }
}
