/** Reads of TLS records gathered in a reader's memory: all bytes in order, and no read into memory that was let go of. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {BodyIntake} from '../../src/adapters/http/body-intake.ts'
import {GatheredReads} from '../../src/adapters/http/gathered-reads.ts'
import type {LaneListener} from '../../src/adapters/http/lane.ts'
import {PlainReader} from '../../src/adapters/http/plain-reader.ts'
import type {BodyReceiver} from '../../src/ports/transport.ts'
import {contentOf} from '../support/content.ts'

const KIB = 1024
const RECORD = 16 * KIB
const LONGEST = 4600 * KIB
const CONTENT = contentOf(1, LONGEST)

type Act = {readonly kind: 'record'; readonly size: number} | {readonly kind: 'turn' | 'pulse'}

/** Smaller ones alone, each in a turn of its own, would take a million turns. */
const SMALL_RECORD = 128
const act = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({kind: fc.constant('record' as const), size: fc.integer({min: SMALL_RECORD, max: RECORD})}),
  },
  {weight: 20, arbitrary: fc.constant({kind: 'record' as const, size: RECORD})},
  {weight: 3, arbitrary: fc.constant({kind: 'turn' as const})},
  {weight: 1, arbitrary: fc.constant({kind: 'pulse' as const})},
)

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A body of known length into lent buffers of that size, read by a socket that points at what it was given until its next read. */
class Reading {
  readonly #body: Buffer
  readonly #lent = new Set<ArrayBufferLike>()
  readonly #arrived: Buffer[] = []
  readonly #intake: BodyIntake
  readonly #reads: GatheredReads
  readonly #shared = Buffer.alloc(64 * KIB)
  #pointed: Uint8Array
  #sent = 0
  told = 0
  /** The socket read into memory that was let go of. */
  readIntoForeign = false

  constructor(length: number, bufferSize: number) {
    this.#body = CONTENT.subarray(0, length)
    const receiver: BodyReceiver = {
      connected: () => {},
      responded: () => 'receive',
      lend: () => {
        const buffer = Buffer.allocUnsafeSlow(bufferSize)
        this.#lent.add(buffer.buffer)
        return buffer
      },
      filled: (buffer, count) => {
        this.#lent.delete(buffer.buffer)
        this.#arrived.push(Buffer.from(buffer.subarray(0, count)))
      },
      release: (buffer) => this.#lent.delete(buffer.buffer),
    }
    this.#intake = new BodyIntake(receiver, {tellsAtOnce: () => false, starved: () => {}, fed: () => {}})
    const listener: LaneListener = {
      started: () => {},
      head: () => {},
      memory: () => this.#intake.memory(),
      bytes: (bytes) => {
        this.told += bytes.length
        this.#intake.take(bytes)
      },
      ended: () => this.#intake.end(() => {}),
      failed: (error) => {
        throw error
      },
    }
    const reader = new PlainReader('http://127.0.0.1', listener, () => reader)
    this.#reads = new GatheredReads(
      () => reader.memory(),
      (bytes) => reader.bytes(bytes),
    )
    reader.bytes(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`))
    this.#pointed = this.#reads.room() ?? this.#shared
  }

  get isOver(): boolean {
    return this.#sent === this.#body.length
  }

  get arrived(): Buffer {
    return Buffer.concat(this.#arrived)
  }

  get body(): Buffer {
    return this.#body
  }

  record(size: number): void {
    const record = this.#body.subarray(this.#sent, this.#sent + size)
    for (let rest = record; rest.length > 0; ) {
      this.readIntoForeign ||= !this.#lent.has(this.#pointed.buffer)
      const count = Math.min(rest.length, this.#pointed.length)
      this.#pointed.set(rest.subarray(0, count))
      rest = rest.subarray(count)
      this.#sent += count
      this.#reads.came(count)
      this.#pointed = this.#reads.room() ?? this.#shared
    }
  }

  pulse(): void {
    this.#intake.flush()
  }
}

describe('gathered reads', () => {
  it('bring every byte once and in order, and none into memory that was let go of', async () => {
    const sizes = fc.constantFrom(64 * KIB, 256 * KIB, 1024 * KIB, 4096 * KIB)
    await fc.assert(
      fc.asyncProperty(
        fc.integer({min: 1, max: 1400 * KIB}),
        sizes,
        fc.array(act, {minLength: 1, maxLength: 60}),
        async (length, bufferSize, acts: readonly Act[]) => {
          const reading = new Reading(length, bufferSize)
          for (let at = 0; !reading.isOver; at += 1) {
            const next = acts[at % acts.length]
            if (next?.kind === 'record') reading.record(next.size)
            else if (next?.kind === 'pulse') reading.pulse()
            else await turn()
            if (acts.every(({kind}) => kind !== 'record')) reading.record(RECORD)
          }
          // The end is told within the read that brought it: after that the socket points elsewhere.
          expect(reading.told).toBe(length)
          expect(reading.readIntoForeign).toBe(false)
          expect(reading.arrived.equals(reading.body)).toBe(true)
        },
      ),
      {numRuns: 50, examples: [[LONGEST, 4096 * KIB, [{kind: 'record', size: RECORD}, {kind: 'turn'}]]]},
    )
  })

  it('are told once for all records of a turn', async () => {
    const told: number[] = []
    const memory = Buffer.alloc(1024 * KIB)
    let used = 0
    const reads = new GatheredReads(
      () => memory.subarray(used),
      (bytes) => {
        told.push(bytes.length)
        used += bytes.length
      },
    )
    for (let round = 0; round < 2; round++) {
      for (let record = 0; record < 20; record++) {
        reads.room()
        reads.came(RECORD)
      }
      await turn()
    }
    expect(told).toEqual([20 * RECORD, 20 * RECORD])
  })

  it('are told of no more once they are stopped', async () => {
    let told = 0
    const reads = new GatheredReads(
      () => Buffer.alloc(1024 * KIB),
      () => {
        told += 1
      },
    )
    reads.room()
    reads.came(RECORD)
    reads.stop()
    await turn()
    expect(told).toBe(0)
  })
})
