/** Buffers of the byte path: a few sizes, kept for reuse, within one budget for the whole engine. */

/** Bytes. */
export const LARGE_BUFFER_BYTES = 1024 * 1024
/**
 * For a body of which more than a mebibyte lies ready at each read. Whatever is done for a read finds the processor's caches full of the
 * bytes of the last one, and takes a sixth of the time of a fast transfer with large buffers.
 */
export const LARGEST_BUFFER_BYTES = 4 * LARGE_BUFFER_BYTES
const LARGE = LARGE_BUFFER_BYTES
const LARGEST = LARGEST_BUFFER_BYTES
/** Costs as little per byte as a large one where several bodies come at once, and none of them fills a large one at a time. */
const MIDDLE = 256 * 1024
const SMALL = 64 * 1024

/** Of the budget, for large buffers: enough for a few bodies. */
const LARGE_SHARE = 1 / 4

export interface BufferPool {
  /**
   * A large buffer for a few bodies, smaller ones for many; a small one when little is expected or memory is short. `isMuch`: one of the
   * largest, where there is room for it.
   */
  take(expected: number, isMuch?: boolean): Buffer
  give(buffer: Buffer): void
}

/** `budgetBytes`: how much the pool hands out before it turns to small buffers; 64 MiB by default. */
export function createBufferPool(budgetBytes = 64 * LARGE): BufferPool {
  const free = new Map<number, Buffer[]>([
    [LARGEST, []],
    [LARGE, []],
    [MIDDLE, []],
    [SMALL, []],
  ])
  let lent = 0
  const sizeFor = (expected: number, isMuch: boolean): number => {
    if (expected <= SMALL) return SMALL
    if (isMuch && expected >= LARGEST && lent + LARGEST <= budgetBytes * LARGE_SHARE) return LARGEST
    if (lent + LARGE <= budgetBytes * LARGE_SHARE) return LARGE
    return lent + MIDDLE <= budgetBytes ? MIDDLE : SMALL
  }
  return {
    take(expected, isMuch = false) {
      const size = sizeFor(expected, isMuch)
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
