import {describe, expect, it} from 'vitest'
import {createActor} from 'xstate'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {ProgressChange} from '../../src/engine/events.ts'
import {type Counted, ProgressTicker} from '../../src/engine/operations/progress-ticker.ts'
import type {ByteCounts} from '../../src/ports/progress-meter.ts'

const A = 'a' as OperationId
const B = 'b' as OperationId

function counts(received: number, generation = 1): ByteCounts {
  return {generation, received, total: 1000, written: []}
}

function world(show: (id: OperationId, counts: ByteCounts) => ByteCounts = (_, shown) => shown) {
  const timers: (() => void)[] = []
  const told: (readonly ProgressChange[])[] = []
  const listeners = new Map<OperationId, () => void>()
  const counted = new Map<OperationId, Counted>()
  const countedOf = (id: OperationId) => {
    const known = counted.get(id) ?? {
      slot: 0,
      notices: {
        get listener() {
          const moved = listeners.get(id)
          return moved === undefined ? undefined : {moved}
        },
      },
    }
    counted.set(id, known)
    return known
  }
  const ticker = new ProgressTicker({
    clock: {now: () => 0, setTimeout: (fn: () => void) => timers.push(fn), clearTimeout: () => timers.splice(0)},
    tell: (changes) => told.push(changes),
    show,
    countedOf: (id) => countedOf(id),
    onTick: () => undefined,
    onWritten: () => undefined,
  })
  createActor(ticker.logic).start()
  const toldOf = (id: OperationId) => ticker.toldOf(countedOf(id))
  return {ticker, told, listeners, toldOf, pending: () => timers.length, tick: () => timers.shift()?.()}
}

const change = (id: OperationId, bytesReceived: number) => ({id, bytesReceived, totalBytesToReceive: 1000})

describe('the shared ticker of progress', () => {
  it('asks whoever does not say what moves, and tells a change once', () => {
    const {ticker, told, tick} = world()
    let received = 0
    ticker.attach(A, () => counts(received))
    received = 10
    tick()
    tick()
    expect(told).toEqual([[change(A, 10)]])
  })

  it('does not ask for counts that are told as they move, and tells the last of them', () => {
    const {ticker, told, tick} = world()
    let asked = 0
    const gauge = ticker.attach(A, () => {
      asked += 1
      return counts(0)
    })
    tick()
    asked = 0
    gauge.moved(10)
    gauge.moved(20)
    tick()
    tick()
    gauge.moved(30)
    tick()
    expect(told).toEqual([[change(A, 20)], [change(A, 30)]])
    expect(asked).toBe(0)
  })

  it('13.3.5. shows no less than it told, though counts fall, until they come to it again', () => {
    const {ticker, told, tick} = world()
    let received = 0
    const gauge = ticker.attach(A, () => counts(received))
    tick()
    gauge.moved(50)
    tick()
    gauge.moved(40)
    received = 40
    tick()
    expect(ticker.read(A)).toEqual(counts(50))
    gauge.changed()
    tick()
    gauge.moved(60)
    tick()
    expect(told).toEqual([[change(A, 50)], [change(A, 60)]])
  })

  it('13.3.5. leaves shown, when it is detached, what was told', () => {
    const shown = new Map<OperationId, number>()
    const {ticker, tick} = world((id, {generation, received}) => {
      shown.set(id, Math.max(shown.get(id) ?? 0, received))
      return counts(shown.get(id) ?? 0, generation)
    })
    const gauge = ticker.attach(A, () => counts(5))
    tick()
    gauge.moved(50)
    tick()
    gauge.detach()
    expect(shown.get(A)).toBe(50)
    expect(ticker.read(A)).toBeUndefined()
  })

  it('13.3.5. asks again after a change, and shows a new generation only when that may be seen', () => {
    let mayBeSeen = false
    const {ticker, told, tick} = world((_, given) => (given.generation === 2 && !mayBeSeen ? counts(50) : given))
    let raw = counts(50)
    const gauge = ticker.attach(A, () => raw)
    tick()
    raw = counts(7, 2)
    gauge.changed()
    gauge.moved(7)
    tick()
    gauge.moved(8)
    raw = counts(8, 2)
    tick()
    expect(told).toEqual([])
    mayBeSeen = true
    tick()
    gauge.moved(9)
    tick()
    expect(told).toEqual([[change(A, 8)], [change(A, 9)]])
  })

  it('gives the place of one that is gone to another, and hears no more of the first', () => {
    const {ticker, told, tick} = world()
    const first = ticker.attach(A, () => counts(0))
    tick()
    first.moved(10)
    first.detach()
    const second = ticker.attach(B, () => counts(0))
    tick()
    first.moved(99)
    first.changed()
    second.moved(3)
    tick()
    first.detach()
    second.moved(4)
    tick()
    expect(told).toEqual([[change(B, 3)], [change(B, 4)]])
  })

  it('knows, of those that are told as they move, what is there by now, and asks nobody', () => {
    const {ticker, toldOf, tick} = world()
    let asked = 0
    const gauge = ticker.attach(A, () => {
      asked += 1
      return counts(0)
    })
    expect(toldOf(A)).toBeUndefined()
    tick()
    gauge.moved(10)
    asked = 0
    expect(toldOf(A)).toEqual({received: 10, total: 1000})
    expect(toldOf(B)).toBeUndefined()
    expect(asked).toBe(0)
    gauge.changed()
    expect(toldOf(A)).toBeUndefined()
    tick()
    gauge.moved(20)
    gauge.detach()
    expect(toldOf(A)).toBeUndefined()
    const other = ticker.attach(B, () => counts(0))
    tick()
    other.moved(30)
    expect(toldOf(B)).toEqual({received: 30, total: 1000})
    expect(toldOf(A)).toBeUndefined()
  })

  it('13.3.5. shows no less than was read beside the ticks, though no tick told it', () => {
    const {ticker, told, toldOf, tick} = world()
    let received = 0
    const gauge = ticker.attach(A, () => counts(received))
    tick()
    gauge.moved(50)
    expect(toldOf(A)).toEqual({received: 50, total: 1000})
    received = 40
    gauge.moved(40)
    expect(toldOf(A)).toEqual({received: 50, total: 1000})
    gauge.changed()
    expect(ticker.read(A)).toEqual(counts(50))
    tick()
    expect(told).toEqual([[change(A, 50)]])
    received = 7
    gauge.changed()
    expect(ticker.read(A)).toEqual(counts(50))
  })

  it('wakes those alone that are listened to, once the batch was told', () => {
    const {ticker, told, listeners, tick} = world()
    const gauges = Array.from({length: 40}, (_, n) => ticker.attach(`${n}` as OperationId, () => counts(0)))
    tick()
    const woken: number[] = []
    listeners.set('7' as OperationId, () => woken.push(told.length))
    ticker.listenedTo('7' as OperationId)
    for (const [n, gauge] of gauges.entries()) gauge.moved(n + 1)
    tick()
    expect(told[0]).toHaveLength(40)
    expect(woken).toEqual([1])
    listeners.delete('7' as OperationId)
    ticker.listenedTo('7' as OperationId)
    for (const gauge of gauges) gauge.moved(500)
    tick()
    expect(woken).toEqual([1])
  })

  it('ticks once more for whoever wants it, also where nothing moves', () => {
    const {ticker, pending, tick} = world()
    ticker.wantTick()
    ticker.wantTick()
    expect(pending()).toBe(1)
    tick()
    expect(pending()).toBe(0)
    const gauge = ticker.attach(A, () => counts(0))
    gauge.detach()
    tick()
    expect(pending()).toBe(0)
  })
})
