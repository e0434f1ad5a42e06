/** Bytes that any test can make again from a seed: no fixtures, and a shifted or mixed-up byte always shows. */

import {createCipheriv, createHash} from 'node:crypto'

const BLOCK_BYTES = 16

/** The first `size` bytes of the endless content named by `seed`. */
export function contentOf(seed: number, size: number): Buffer {
  return contentSlice(seed, 0, size)
}

/** Bytes `[start, end)` of the same content, without making those before it. */
export function contentSlice(seed: number, start: number, end: number): Buffer {
  const firstBlock = Math.floor(start / BLOCK_BYTES)
  const counter = Buffer.alloc(BLOCK_BYTES)
  counter.writeBigUInt64BE(BigInt(firstBlock), 8)
  const key = Buffer.alloc(16)
  key.writeDoubleBE(seed)
  const skip = start - firstBlock * BLOCK_BYTES
  const keyStream = createCipheriv('aes-128-ctr', key, counter).update(Buffer.alloc(skip + end - start))
  return keyStream.subarray(skip)
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
