/** How much of a request body is written at once: little until the connection has proved fast, and what suits its speed from then on. */

import {performance} from 'node:perf_hooks'
import {afterEach, beforeEach, expect, it, vi} from 'vitest'
import {BodyOutlet} from '../../src/adapters/http/body-outlet.ts'

const KIB = 1024
const MIB = 1024 * KIB

let now = 0

beforeEach(() => {
  now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})

afterEach(() => {
  vi.restoreAllMocks()
})

function outletOf(length: number): BodyOutlet {
  const memory = Buffer.alloc(MIB)
  const chunks = async function* () {
    for (let at = 0; at < length; at += MIB) yield memory.subarray(0, Math.min(MIB, length - at))
  }
  return new BodyOutlet({length, chunks}, () => {})
}

/** Writes all of it; `msFor`: how long a piece takes that begins there. Says where each piece began, and its length. */
async function write(outlet: BodyOutlet, msFor: (bytes: number, at: number) => number) {
  const pieces: {readonly at: number; readonly bytes: number}[] = []
  for await (const chunk of outlet.chunks) {
    for (const {length} of outlet.pieces(chunk)) {
      const at = outlet.given - length
      pieces.push({at, bytes: length})
      now += msFor(length, at)
    }
  }
  return pieces
}

const atSpeed = (bytesAMs: number) => (bytes: number) => bytes / bytesAMs

/** The kernel takes four mebibytes at once, and everything else as it goes out. */
const behindKernel = (bytesAMs: number) => (bytes: number, at: number) => (at < 4 * MIB ? 0 : bytes / bytesAMs)

it('grows with a fast connection up to a mebibyte, and ends with a small piece', async () => {
  const pieces = await write(outletOf(32 * MIB), atSpeed(MIB))
  const before = pieces.filter(({at}) => at < 8 * MIB)
  expect(new Set(before.map(({bytes}) => bytes))).toEqual(new Set([64 * KIB]))
  expect(pieces.filter(({at}) => at >= 8 * MIB && at < 31 * MIB).every(({bytes}) => bytes === MIB)).toBe(true)
  expect(pieces.at(-1)?.bytes).toBe(64 * KIB)
  expect(pieces.reduce((sum, {bytes}) => sum + bytes, 0)).toBe(32 * MIB)
})

it('stays small where only the kernel was fast', async () => {
  const pieces = await write(outletOf(16 * MIB), behindKernel(100))
  expect(Math.max(...pieces.map(({bytes}) => bytes))).toBe(64 * KIB)
})

it.each([
  ['1 MiB/s', MIB / 1000, 64 * KIB],
  ['4 MiB/s', (4 * MIB) / 1000, 256 * KIB],
  ['10 MiB/s', (10 * MIB) / 1000, 768 * KIB],
])('takes some 50 ms at most twice over: at %s', async (_, bytesAMs, most) => {
  const pieces = await write(outletOf(64 * MIB), behindKernel(bytesAMs))
  expect(Math.max(...pieces.map(({bytes}) => bytes))).toBeLessThanOrEqual(2 * most)
  expect(pieces.filter(({at}) => at > 60 * MIB)[0]?.bytes).toBeGreaterThanOrEqual(most / 2)
})

it('is small again after one that took long, until the connection has proved itself again', async () => {
  const pieces = await write(outletOf(64 * MIB), (_, at) => (at >= 20 * MIB && at < 21 * MIB ? 5000 : 0.1))
  const slow = pieces.find(({at}) => at >= 20 * MIB)
  expect(slow?.bytes).toBe(MIB)
  const after = pieces.filter(({at}) => at >= 21 * MIB)
  expect(after.filter(({at}) => at < 29 * MIB).every(({bytes}) => bytes === 64 * KIB)).toBe(true)
  expect(after.find(({at}) => at > 30 * MIB)?.bytes).toBe(MIB)
})
