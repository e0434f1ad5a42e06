/** A body of unknown length on its way from memory to the disk: its bytes, and the memory that was lent for them. */

import {describe, expect, it} from 'vitest'
import type {BufferPool} from '../../src/actors/buffer-pool.ts'
import {GrowingBody} from '../../src/actors/growing-body.ts'
import {HeldBody, WrittenBody} from '../../src/actors/small-body.ts'
import type {OperationFacts} from '../../src/domain/record.ts'
import type {PartFile} from '../../src/ports/file-sink.ts'
import {contentOf} from '../support/content.ts'
import {MemorySink} from '../support/memory-sink.ts'
import {queuedRecord} from '../support/records.ts'

const PIECE = 64 * 1024
const MOST_HELD = 4 * PIECE

/** Knows what is out, and complains of what comes back twice. */
function countingPool(): BufferPool & {readonly out: Set<Buffer>} {
  const out = new Set<Buffer>()
  return {
    out,
    take() {
      const buffer = Buffer.alloc(PIECE)
      out.add(buffer)
      return buffer
    },
    give(buffer) {
      if (!out.delete(buffer)) throw new Error('a buffer came back that was not out')
      buffer.fill(0)
    },
  }
}

function bodyOver() {
  const memory = new MemorySink({durability: 'power', directories: ['/downloads']})
  const {state: _, ...facts}: OperationFacts & {state: unknown} = queuedRecord(1)
  const pool = countingPool()
  const rooms = {told: 0}
  let letGo = () => {}
  const slow = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const sink = {
    ...memory.sink,
    openPart: async (...args: Parameters<typeof memory.sink.openPart>) => {
      const opened = await memory.sink.openPart(...args)
      const write: PartFile['write'] = async (buffer, length, position) => {
        await slow
        await opened.part.write(buffer, length, position)
      }
      const part = new Proxy(opened.part, {
        get: (target, name) => {
          if (name === 'write') return write
          const member: unknown = Reflect.get(target, name)
          return typeof member === 'function' ? member.bind(target) : member
        },
      })
      return {...opened, part}
    },
  }
  const held = new HeldBody(sink, pool, 0)
  const body = new GrowingBody({
    held,
    mostHeldBytes: MOST_HELD,
    write: () =>
      new WrittenBody({
        sink,
        pool,
        facts,
        expected: undefined,
        held,
        onRoom: () => {
          rooms.told += 1
        },
        onFailure: () => {},
      }),
  })
  const content = contentOf(1, 20 * PIECE)
  /** As a connection does: each buffer is asked for when the one before is full. Says how many bytes found memory. */
  const pour = (from: number, pieces: number) => {
    for (let piece = 0; piece < pieces; piece += 1) {
      const offset = from + piece * PIECE
      const buffer = body.lend()
      if (buffer === undefined) return offset
      content.copy(buffer, 0, offset, offset + PIECE)
      body.filled(buffer, PIECE, offset)
    }
    return from + pieces * PIECE
  }
  const published = async (total: number) => {
    const whole = {...facts, evidence: {...facts.evidence, total}}
    const file = await body.store(whole)
    const name = {id: facts.id, file: facts.target.file, generation: 1}
    return memory.disk.readFile(await memory.sink.publish(name, file, 'failIfExists'))
  }
  return {body, pool, rooms, content, pour, published, letGo: () => letGo()}
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('a body of unknown length', () => {
  it('is held as long as it is very small, and gives all memory back', async () => {
    const {body, pool, pour, published, content} = bodyOver()
    expect(pour(0, 3)).toBe(3 * PIECE)
    expect(pool.out.size).toBe(3)
    expect((await published(3 * PIECE))?.equals(content.subarray(0, 3 * PIECE))).toBe(true)
    body.free()
    expect(pool.out.size).toBe(0)
  })

  it('takes no more than there is memory for, and goes on as what was held is written', async () => {
    const {body, pool, rooms, pour, published, content, letGo} = bodyOver()
    const most = pour(0, 20)
    expect(most).toBe(MOST_HELD)
    await settled()
    expect(body.lend()).toBeUndefined()
    expect(rooms.told).toBe(0)
    letGo()
    await settled()
    expect(rooms.told).toBeGreaterThan(0)
    expect(pool.out.size).toBe(0)
    let end = most
    while (end < 20 * PIECE) {
      end = pour(end, 20 - end / PIECE)
      await settled()
    }
    await body.taken()
    expect((await published(end))?.equals(content)).toBe(true)
    body.free()
    expect(pool.out.size).toBe(0)
  })

  it('takes back what was lent before it was too much, filled or not', async () => {
    for (const isFilled of [true, false]) {
      const {body, pool, pour, published, content, letGo} = bodyOver()
      const early = body.lend()
      if (early === undefined) throw new Error('nothing was lent')
      const held = pour(0, 4)
      // What a slow body brought is handed over out of a buffer that is still out.
      expect(body.lend()).toBeUndefined()
      letGo()
      await settled()
      expect([...pool.out]).toEqual([early])
      if (isFilled) {
        content.copy(early, 0, held, held + PIECE)
        body.filled(early, PIECE, held)
      } else body.release(early)
      await body.taken()
      const end = isFilled ? held + PIECE : held
      expect((await published(end))?.equals(content.subarray(0, end))).toBe(true)
      body.free()
      expect(pool.out.size).toBe(0)
    }
  })

  it('gives all memory back when it is let go of while it is written', async () => {
    const {body, pool, pour, letGo} = bodyOver()
    pour(0, 20)
    body.free()
    letGo()
    await settled()
    expect(pool.out.size).toBe(0)
  })
})
