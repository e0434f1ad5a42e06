/** A body much larger than memory may be, into a receiver slower than the server: memory stays flat. */

import {describe, expect, it} from 'vitest'
import {PATHS, run, startServer, startTransport} from './harness.ts'

const MIB = 1024 * 1024
const SIZE = 512 * MIB
const BUFFERS = 3

describe.each([
  ['plain', PATHS.plain, 256 * 1024],
  ['parser', PATHS.parser, 64 * 1024],
  ['direct', PATHS.direct, 256 * 1024],
] as const)('512 MiB by the %s path', (_, way, readBytes) => {
  it('stay within lent memory and one read', async () => {
    const server = await startServer()
    const block = Buffer.alloc(MIB, 1)
    server.route('/a', {
      content: {length: SIZE, slice: (start: number, end: number) => block.subarray(0, end - start)},
      pieceBytes: MIB,
    })
    let base = 0
    let peak = 0
    let mostAhead = 0
    const {end} = await run(startTransport(way), server.url('/a'), {
      bufferBytes: MIB,
      buffers: BUFFERS,
      reuse: true,
      onStart: (exchange, receiver) => {
        const feed = setInterval(() => {
          receiver.giveBack()
          mostAhead = Math.max(mostAhead, exchange.received - receiver.length)
          exchange.resume()
          const {rss} = process.memoryUsage()
          if (receiver.length > 64 * MIB && base === 0) base = rss
          peak = Math.max(peak, rss)
        }, 0)
        exchange.finished.catch(() => {}).finally(() => clearInterval(feed))
      },
    })
    expect(end?.bodyLength).toBe(SIZE)
    expect(mostAhead).toBeLessThanOrEqual(BUFFERS * MIB + readBytes)
    expect(peak - base).toBeLessThan(64 * MIB)
  })
})
