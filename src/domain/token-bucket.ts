/** A token bucket in bytes: fills at a rate, holds at most a quarter of a second of it, may be overdrawn by one buffer. */

export interface TokenBucket {
  readonly bytesPerSecond: number
  readonly tokens: number
  /** Epoch ms of `tokens`. */
  readonly at: number
}

const BURST_MS = 250

export function createBucket(bytesPerSecond: number, now: number): TokenBucket {
  return {bytesPerSecond, tokens: mostOf(bytesPerSecond), at: now}
}

/** As a new one of this rate is. */
export function isFull({bytesPerSecond, tokens}: TokenBucket): boolean {
  return tokens >= mostOf(bytesPerSecond)
}

export function refilled(bucket: TokenBucket, now: number): TokenBucket {
  const elapsed = Math.max(0, now - bucket.at)
  return {
    ...bucket,
    tokens: Math.min(mostOf(bucket.bytesPerSecond), bucket.tokens + (bucket.bytesPerSecond * elapsed) / 1000),
    at: now,
  }
}

export function spent(bucket: TokenBucket, bytes: number): TokenBucket {
  return {...bucket, tokens: bucket.tokens - bytes}
}

/** The same level under another rate. */
export function withRate(bucket: TokenBucket, bytesPerSecond: number, now: number): TokenBucket {
  const level = refilled(bucket, now)
  return {bytesPerSecond, tokens: Math.min(level.tokens, mostOf(bytesPerSecond)), at: now}
}

function mostOf(bytesPerSecond: number): number {
  return (bytesPerSecond * BURST_MS) / 1000
}
