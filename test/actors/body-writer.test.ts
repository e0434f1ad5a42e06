/** The body writer between a fast connection and a slow disk: what it lends, and what a crash may cost. */

import {describe, expect, it} from 'vitest'
import {BodyWriter} from '../../src/actors/body-writer.ts'
import {createBufferPool, LARGE_BUFFER_BYTES, LARGEST_BUFFER_BYTES} from '../../src/actors/buffer-pool.ts'
import {Checkpoints} from '../../src/actors/checkpoints.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {sizeOf} from '../../src/domain/range-set.ts'
import {NO_EVIDENCE} from '../../src/domain/record.ts'
import type {PartFile} from '../../src/ports/file-sink.ts'
import type {RateAllowance} from '../../src/ports/rate-limiter.ts'

const MIB = 1024 * 1024
const UNLIMITED: RateAllowance = {isUnlimited: true, isOpen: () => true, spend: () => {}, whenOpen: () => {}}

/** A part whose writes are at once and whose syncs wait to be let go. */
function slowPart() {
  const syncs: (() => void)[] = []
  const part: PartFile = {
    write: async () => {},
    read: async () => 0,
    sync: () => new Promise((resolve) => syncs.push(resolve)),
    checkpoint: async () => {},
    digest: () => {},
    claimRoom: async () => {},
    truncate: async () => {},
    close: async () => {},
  }
  return {part, syncs}
}

/** `began`: epoch ms of the last checkpoint before; what comes long after it did not come in a moment. */
function writerOver(part: PartFile, rate: RateAllowance = UNLIMITED, clock = {now: 1_000_000, began: 0}) {
  const checkpoints = checkpointsOver(part, clock)
  return {...writerOf(checkpoints, rate), checkpoints}
}

function checkpointsOver(part: PartFile, clock: {now: number; readonly began: number}): Checkpoints {
  const {now} = clock
  clock.now = clock.began
  const checkpoints = new Checkpoints({
    evidence: NO_EVIDENCE,
    side: {
      id: '0f8fad5b-d9cb-469f-a165-70867728950e' as OperationId,
      request: {url: 'http://127.0.0.1/', method: 'GET'},
      target: {file: '/nowhere', collision: 'failIfExists'},
    },
    onCheckpoint: () => {},
    onWritten: () => {},
    onError: () => {},
    now: () => clock.now,
  })
  clock.now = now
  checkpoints.writeTo(Promise.resolve(part))
  return checkpoints
}

function writerOf(checkpoints: Checkpoints, rate: RateAllowance = UNLIMITED, base = 0) {
  const rooms = {told: 0}
  const writer = new BodyWriter({
    checkpoints,
    pool: createBufferPool(),
    rate,
    base,
    missingFrom: base,
    isAwaited: () => false,
    expected: undefined,
    onRoom: () => {
      rooms.told += 1
    },
  })
  return {writer, rooms}
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** Fills and hands over what is lent, until nothing is or `most` MiB are written. */
async function pour(writer: BodyWriter, from: number, most: number): Promise<number> {
  let offset = from
  while (offset < from + most * MIB) {
    const buffer = writer.lend()
    if (buffer === undefined) break
    writer.filled(buffer, buffer.length, offset)
    offset += buffer.length
    await settled()
  }
  return offset
}

describe('a body writer over a disk that does not sync', () => {
  it('lends the largest memory where much lies ready, but none that would put more at risk than usual', async () => {
    const {part} = slowPart()
    const {writer} = writerOver(part)
    await pour(writer, 0, 5)
    const buffer = writer.lend(true)
    expect(buffer?.length).toBe(LARGE_BUFFER_BYTES)
    expect(writerOver(part).writer.lend(true)?.length).toBe(LARGEST_BUFFER_BYTES)
  })

  it('is given no more than 8 MiB that no checkpoint has, and goes on when they are durable', async () => {
    const {part, syncs} = slowPart()
    const clock = {now: 1000, began: 0}
    const {writer, checkpoints} = writerOver(part, UNLIMITED, clock)
    const taken = await pour(writer, 0, 100)
    expect(taken / MIB).toBe(8)
    expect(writer.isHolding).toBe(true)
    while (syncs.length > 0) {
      clock.now += 1000
      for (const letGo of syncs.splice(0)) letGo()
      await settled()
    }
    expect(sizeOf(checkpoints.evidence.ranges)).toBe(8 * MIB)
    expect(writer.isHolding).toBe(false)
    expect(await pour(writer, taken, 4)).toBe(taken + 4 * MIB)
  })

  it('is given more of what comes within a tenth of a second', async () => {
    const {part, syncs} = slowPart()
    const clock = {now: 1000, began: 950}
    const {writer, checkpoints} = writerOver(part, UNLIMITED, clock)
    const taken = await pour(writer, 0, 40)
    expect(taken / MIB).toBe(40)
    expect(syncs).toHaveLength(1)
    clock.now = 1050
    expect(await pour(writer, taken, 40)).toBe(taken)
    expect(writer.isHolding).toBe(true)
    for (const letGo of syncs.splice(0)) letGo()
    await settled()
    expect(sizeOf(checkpoints.evidence.ranges)).toBe(4 * MIB)
    // What is at risk now came since that checkpoint began.
    expect(writer.isHolding).toBe(false)
    expect(syncs).toHaveLength(1)
  })

  it('makes one checkpoint of what comes within a twentieth of a second', async () => {
    let made = 0
    const {part} = slowPart()
    const clock = {now: 1000, began: 1000}
    const {writer} = writerOver(
      {
        ...part,
        sync: async () => {},
        checkpoint: async () => {
          made += 1
        },
      },
      UNLIMITED,
      clock,
    )
    let taken = await pour(writer, 0, 32)
    expect(made).toBe(0)
    clock.now = 1050
    taken = await pour(writer, taken, 32)
    expect(made).toBe(1)
    clock.now = 1099
    taken = await pour(writer, taken, 32)
    expect(made).toBe(1)
    // Nor does a clock that is set back keep it from one: what is at risk may be old, and nothing is taken before.
    clock.now = 10
    expect(await pour(writer, taken, 32)).toBe(taken)
    await settled()
    expect(made).toBe(2)
    expect(await pour(writer, taken, 4)).toBe(taken + 4 * MIB)
  })

  it('is told of room when a checkpoint holds that began before it came', async () => {
    const {part, syncs} = slowPart()
    const clock = {now: 1000, began: 0}
    const {writer, checkpoints} = writerOver(part, UNLIMITED, clock)
    await pour(writer, 0, 4)
    expect(syncs).toHaveLength(1)
    const late = writerOf(checkpoints, UNLIMITED, 100 * MIB)
    await pour(late.writer, 0, 100)
    expect(late.writer.isHolding).toBe(true)
    clock.now = 1040
    const {told} = late.rooms
    for (const letGo of syncs.splice(0)) letGo()
    await settled()
    expect(late.rooms.told).toBe(told + 1)
    expect(late.writer.isHolding).toBe(false)
  })

  it('has a checkpoint begin when it is full, although none was needed a moment ago', async () => {
    const {part, syncs} = slowPart()
    const clock = {now: 1000, began: 0}
    const {writer, checkpoints} = writerOver(part, UNLIMITED, clock)
    await checkpoints.checkpoint()
    await pour(writer, 0, 100)
    expect(writer.isHolding).toBe(true)
    expect(syncs).toHaveLength(1)
  })

  it('tells holding from silence, so that a slow disk is no stall of the server', async () => {
    const {part} = slowPart()
    const {writer} = writerOver(part)
    expect(writer.isHolding).toBe(false)
    await pour(writer, 0, 100)
    expect(writer.isHolding).toBe(true)
  })

  it('holds while a byte rate is spent', () => {
    const {part} = slowPart()
    const {writer} = writerOver(part, {...UNLIMITED, isUnlimited: false, isOpen: () => false})
    expect(writer.lend()).toBeUndefined()
    expect(writer.isHolding).toBe(true)
  })
})
