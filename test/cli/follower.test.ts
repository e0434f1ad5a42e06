/** How a run takes a store that refuses to write, and a machine that pauses: it waits a while, and then gives up. */

import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {Follower} from '../../src/cli/follower.ts'
import {patienceOf} from '../../src/cli/resting.ts'
import {OwnOperations} from '../../src/cli/scopes.ts'
import type {LifeState} from '../../src/domain/status.ts'
import {operationId, queuedRecord} from '../support/records.ts'

const ID = operationId(1)

/** Operation `n` goes from its line into this state. */
function move(follower: Follower, n: number, state: LifeState): void {
  const step = {at: 1, from: 'queued', to: state, event: 'operation.admit'}
  const record = queuedRecord(n, {state})
  const entry = {seq: 1, state, attempts: 0, failures: 0, bytes: 0, generation: 1, ...step}
  follower.handle({type: 'operation.moved', id: record.id, ...step, because: step.event, state, record, entry})
}

/** A run that ends by itself only. */
function follow() {
  const notes: string[] = []
  const follower = new Follower(
    {includes: () => true, begins: () => true, isOver: () => false},
    {
      hearsQueued: true,
      tell: () => {},
      skipped: () => {},
      progress: () => {},
      note: (text) => notes.push(text),
      codeOf: () => 0,
      patienceOf: () => 0,
    },
  )
  let isOver = false
  void follower.over.then(() => {
    isOver = true
  })
  return {
    notes,
    follower,
    fail: (at: number) => follower.handle({type: 'store.failed', at, id: ID, message: 'no room'}),
    write: (at: number) => {
      const record = queuedRecord(1)
      const step = {at, from: 'queued', to: 'running.exchanging.active.connecting', event: 'operation.admit'}
      const entry = {seq: 1, state: record.state, attempts: 0, failures: 0, bytes: 0, generation: 1, ...step}
      follower.handle({
        type: 'operation.moved',
        id: ID,
        ...step,
        because: step.event,
        state: record.state,
        record,
        entry,
      })
    },
    isOver: async () => {
      await Promise.resolve()
      return isOver
    },
  }
}

it('tells of it once and goes on, while the write is tried again', async () => {
  const {notes, fail, isOver} = follow()
  for (let at = 0; at < 30_000; at += 5_000) fail(at)
  expect(notes).toEqual(['a record could not be written, and is tried again: no room'])
  expect(await isOver()).toBe(false)
})

it('ends when there is no room after half a minute', async () => {
  const {fail, follower, isOver} = follow()
  for (let at = 0; at <= 30_000; at += 5_000) fail(at)
  expect(await isOver()).toBe(true)
  expect(follower.storeFailure).toBe('no room')
})

it('counts anew once the record was written', async () => {
  const {notes, fail, write, isOver} = follow()
  for (let at = 0; at < 30_000; at += 5_000) fail(at)
  write(26_000)
  for (let at = 30_000; at < 60_000; at += 5_000) fail(at)
  expect(notes).toHaveLength(2)
  expect(await isOver()).toBe(false)
})

it('counts anew when nothing failed for a while', async () => {
  const {notes, fail, isOver} = follow()
  fail(0)
  fail(60_000)
  expect(notes).toHaveLength(2)
  expect(await isOver()).toBe(false)
})

describe('what was there before the run', () => {
  const known = {
    guid: operationId(9),
    direction: 'download',
    url: 'http://example.com/',
    file: '/file',
    state: 'completed',
    bytesReceived: 5,
    totalBytesToReceive: 5,
    bytesSent: 0,
    totalBytesToSend: 0,
  } as const

  function followTwo() {
    const scope = new OwnOperations()
    const follower = new Follower(scope, {
      hearsQueued: false,
      tell: () => {},
      skipped: () => {},
      progress: () => {},
      note: () => {},
      codeOf: () => 0,
      patienceOf: () => 0,
    })
    const become = (n: number, state: LifeState) => move(follower, n, state)
    let isOver = false
    void follower.over.then(() => {
      isOver = true
    })
    follower.alreadyComplete(known, 1)
    for (const n of [1, 2]) scope.add(queuedRecord(n).id)
    scope.close()
    for (const n of [1, 2]) become(n, 'running')
    return {
      become,
      follower,
      isOver: async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return isOver
      },
    }
  }

  it('takes nobody’s place among those that are waited for', async () => {
    const {become, follower, isOver} = followTwo()
    become(1, 'completed')
    expect(await isOver()).toBe(false)
    become(2, 'completed')
    expect(await isOver()).toBe(true)
    expect(follower.totals).toMatchObject({completed: 3, files: 3})
    expect(follower.exitCode).toBe(0)
  })

  it('is no success while another is on its way', () => {
    const {become, follower} = followTwo()
    become(1, 'completed')
    expect(follower.exitCode).toBe(7)
  })
})

describe('a pause of the machine', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  /** A run of one operation that pauses, and resumes when it is told to. */
  function followOne(wait?: number) {
    let resting = 0
    const follower = new Follower(
      {
        includes: () => true,
        begins: () => true,
        isOver: (counts) => {
          resting = counts.resting
          return counts.resting > 0
        },
      },
      {
        hearsQueued: true,
        tell: () => {},
        skipped: () => {},
        progress: () => {},
        note: () => {},
        codeOf: () => 7,
        patienceOf: (transfer) => patienceOf(transfer, wait),
      },
    )
    let isOver = false
    void follower.over.then(() => {
      isOver = true
    })
    const become = (state: LifeState) => move(follower, 1, state)
    return {
      become,
      follower,
      resting: () => resting,
      isOverAfter: async (ms: number) => {
        await vi.advanceTimersByTimeAsync(ms)
        return isOver
      },
    }
  }

  it('a network that is away is waited for, for a minute', async () => {
    const {become, follower, isOverAfter, resting} = followOne()
    become('pausedNoNetwork')
    expect(await isOverAfter(59_999)).toBe(false)
    expect(await isOverAfter(1)).toBe(true)
    expect(resting()).toBe(1)
    expect(follower.exitCode).toBe(7)
  })

  it('a network that comes back in time ends the wait, and the next one counts anew', async () => {
    const {become, isOverAfter} = followOne()
    become('pausedNoNetwork')
    expect(await isOverAfter(40_000)).toBe(false)
    become('running')
    expect(await isOverAfter(100_000)).toBe(false)
    become('pausedNoNetwork')
    expect(await isOverAfter(40_000)).toBe(false)
  })

  it.each<[LifeState, number | undefined, number]>([
    ['pausedCostedNetwork', undefined, 0],
    ['pausedSystemPolicy', undefined, 0],
    ['pausedCostedNetwork', 5_000, 5_000],
    ['pausedNoNetwork', 0, 0],
    ['pausedForStorage', 5_000, 0],
  ])('%s is waited for, with --wait %s ms, for %s ms', async (state, wait, expected) => {
    const {become, isOverAfter} = followOne(wait)
    become(state)
    if (expected > 0) expect(await isOverAfter(expected - 1)).toBe(false)
    expect(await isOverAfter(1)).toBe(true)
  })

  it('a thousand that wait end the run, whatever is queued behind them; one that still moves does not let them', async () => {
    const follower = new Follower(
      {includes: () => true, begins: () => true, isOver: () => false},
      {
        hearsQueued: true,
        tell: () => {},
        skipped: () => {},
        progress: () => {},
        note: () => {},
        codeOf: () => 7,
        patienceOf: () => 0,
      },
    )
    let isOver = false
    void follower.over.then(() => {
      isOver = true
    })
    const become = (n: number, state: LifeState) => move(follower, n, state)
    become(1_001, 'running')
    for (let n = 1; n <= 1_000; n++) become(n, 'pausedNoNetwork')
    await vi.advanceTimersByTimeAsync(0)
    expect(isOver).toBe(false)
    become(1_001, 'completed')
    await vi.advanceTimersByTimeAsync(0)
    expect(isOver).toBe(true)
    expect(follower.exitCode).toBe(7)
  })

  it('a network that comes back while the store is asked does not end the run', async () => {
    let answer: (isOver: boolean) => void = () => {}
    const follower = new Follower(
      {includes: () => true, begins: () => true, isOver: () => new Promise<boolean>((resolve) => (answer = resolve))},
      {
        hearsQueued: true,
        tell: () => {},
        skipped: () => {},
        progress: () => {},
        note: () => {},
        codeOf: () => 7,
        patienceOf: () => 1_000,
      },
    )
    let isOver = false
    void follower.over.then(() => {
      isOver = true
    })
    for (const state of ['pausedNoNetwork', 'running'] as const) move(follower, 1, state)
    answer(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(isOver).toBe(false)
  })

  it('a run that ends otherwise leaves no timer behind', async () => {
    const {become, follower, isOverAfter} = followOne()
    become('pausedNoNetwork')
    await isOverAfter(10)
    follower.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})

it('counts from where it joins what somebody else has on the wire already', async () => {
  const told: string[] = []
  const follower = new Follower(new OwnOperations(), {
    hearsQueued: false,
    tell: ({happening, transfer}) => told.push(`${happening} ${transfer.bytes}`),
    skipped: () => {},
    progress: ([transfer]) => told.push(`progress ${transfer?.bytes}`),
    note: () => {},
    codeOf: () => 0,
    patienceOf: () => 0,
  })
  const known = {guid: ID, direction: 'download', url: 'http://a/b', file: '/b', state: 'running'} as const
  follower.join({...known, bytesReceived: 600, totalBytesToReceive: 1000}, 1)
  follower.join({...known, bytesReceived: 600, totalBytesToReceive: 1000}, 1)
  const change = {id: ID, bytesReceived: 900, totalBytesToReceive: 1000}
  follower.handle({type: 'progress', at: 2, changes: [change]})
  expect(told).toEqual(['joined 600', 'progress 900'])
  expect(follower.totals).toMatchObject({files: 1, fetchedBytes: 300, isSending: false})
})
