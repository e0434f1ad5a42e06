/** How a run takes a store that refuses to write: it waits a while for room, and then gives up. */

import {expect, it} from 'vitest'
import {Follower} from '../../src/cli/follower.ts'
import {operationId, queuedRecord} from '../support/records.ts'

const ID = operationId(1)

/** A run that ends by itself only. */
function follow() {
  const notes: string[] = []
  const follower = new Follower(
    {includes: () => true, isOver: () => false},
    {tell: () => {}, progress: () => {}, note: (text) => notes.push(text), codeOf: () => 0},
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
