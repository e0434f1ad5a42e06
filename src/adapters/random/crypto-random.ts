/** The Random of the system's cryptographic generator. */

import {randomFillSync, randomUUID} from 'node:crypto'
import type {Random} from '../../ports/random.ts'

export function createCryptoRandom(): Random {
  const words = new Uint32Array(2)
  return {
    next() {
      randomFillSync(words)
      const [high = 0, low = 0] = words
      return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53
    },
    guid: () => randomUUID(),
  }
}
