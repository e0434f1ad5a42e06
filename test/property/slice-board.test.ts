/** Who brings what, as connections come, go ahead and end: a double is left when the other one was sooner, whoever asked for it. */

import {describe, expect, it} from 'vitest'
import type {Connection} from '../../src/actors/connection.ts'
import {type Asking, SliceBoard} from '../../src/actors/slice-board.ts'

const KIB = 1024
const TOTAL = 1000 * KIB

/** What the board sees of a connection, moved by hand. */
class Lane {
  position: number | undefined
  reach: number | undefined
  writer: {base: number} | undefined
  end = TOTAL
  left = 0

  get connection(): Connection {
    return this as unknown as Connection
  }

  endAt(end: number): void {
    this.end = end
  }

  leave(): void {
    this.left += 1
  }
}

/** Two slow connections share the file; `written` is what they brought so far. */
function race() {
  const board = new SliceBoard(64 * KIB)
  const [slow, fast] = [new Lane(), new Lane()]
  const asking = (...written: [number, number][]): Asking => ({total: TOTAL, written, wanted: 0})
  board.begin('slow', slow.connection, 0, TOTAL)
  slow.position = 0
  board.measure(0)
  board.measure(1000)
  slow.position = 950 * KIB
  board.measure(100_000)
  return {board, slow, fast, asking}
}

describe('story 19. a second request for what a straggler brings', () => {
  it('is left before its answer when the straggler was sooner, and its asker brings something else unharmed', () => {
    const {board, slow, fast, asking} = race()
    const written: [number, number] = [0, 950 * KIB]
    expect(board.claim('fast', asking(written))).toBeUndefined()
    teach(board, 'fast', fast)
    expect(board.claim('fast', asking(written))).toEqual([950 * KIB, TOTAL])
    board.attach('fast', fast.connection)
    slow.position = TOTAL
    board.release('slow')
    expect(fast.left).toBe(1)
    // The same name asks again before the double is gone.
    expect(board.claim('slow', asking([0, 500 * KIB], [600 * KIB, TOTAL]))).toEqual([500 * KIB, 600 * KIB])
    const again = new Lane()
    board.attach('slow', again.connection)
    expect(board.commit('fast')).toBe(false)
    board.release('fast')
    expect(again.left).toBe(0)
    expect(board.commit('slow')).toBe(true)
    expect(board.endOf('slow')).toBe(600 * KIB)
  })

  it('ends the straggler when it was sooner, and gives nothing of it back', () => {
    const {board, slow, fast, asking} = race()
    teach(board, 'fast', fast)
    expect(board.claim('fast', asking([0, 950 * KIB]))).toEqual([950 * KIB, TOTAL])
    board.attach('fast', fast.connection)
    expect(board.commit('fast')).toBe(true)
    fast.position = TOTAL
    board.release('fast')
    expect(slow.left).toBe(1)
    expect(board.endOf('slow')).toBe(950 * KIB)
    board.release('slow')
    expect(board.size).toBe(0)
  })

  it('becomes the only one when the straggler breaks', () => {
    const {board, fast, asking} = race()
    teach(board, 'fast', fast)
    board.claim('fast', asking([0, 950 * KIB]))
    board.attach('fast', fast.connection)
    board.release('slow')
    expect(fast.left).toBe(0)
    expect(board.commit('fast')).toBe(true)
    expect(board.claim('slow', asking([0, 950 * KIB]))).toBeUndefined()
  })
})

/** It was seen to be fast, elsewhere. */
function teach(board: SliceBoard, id: string, lane: Lane): void {
  board.begin(id, lane.connection, 0, 0)
  lane.position = 0
  board.measure(200_000)
  lane.position = 900 * KIB
  board.measure(200_100)
  board.release(id)
  lane.position = undefined
}
