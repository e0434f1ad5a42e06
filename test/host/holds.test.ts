/** Whatever a session holds of the engine's operations it gives back, also where a call fails or comes too late. */

import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {Engine} from '../../src/engine/engine.ts'
import {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {CallContext} from '../../src/host/call-context.ts'
import {carryOut} from '../../src/host/calls.ts'
import {FollowedOperations} from '../../src/host/followed-operation.ts'
import {Frames} from '../../src/host/frames.ts'
import {HeldOperations} from '../../src/host/held-operations.ts'
import {Outbox} from '../../src/host/outbox.ts'
import {operationId, queuedRecord} from '../support/records.ts'

const FULL = new TransferError('LIMIT_REACHED', 'there are too many')

/** An engine that has one operation, and counts who holds it; and a session's part of it. */
function world(refusal: {readonly addDraft?: () => void; readonly start?: () => Promise<never>}) {
  const entry = new OperationEntry(queuedRecord(1), () => {})
  const counts = {holders: 0}
  const engine = {
    options: {},
    limits: {addGroup: () => {}, addDraft: refusal.addDraft ?? (() => {}), dropDraft: () => {}},
    find: async (id: OperationId) => {
      if (id !== entry.record.id) return undefined
      counts.holders += 1
      return entry
    },
    release: () => {
      counts.holders -= 1
    },
    start: refusal.start ?? (async () => []),
    countsOf: () => entry.counts,
    explain: () => ({why: ''}),
    demandBounds: () => undefined,
    // As where the store takes nothing until the engine closes.
    pause: (paused: OperationEntry) => {
      paused.tail = Promise.resolve(false)
    },
  } as unknown as Engine
  const frames = new Frames()
  const turns = {wait: () => {}, leave: () => {}} as never
  const outbox = new Outbox({frames, turns})
  const held = new HeldOperations({engine, frames, followed: new FollowedOperations(), outbox})
  const context = {
    engine,
    app: undefined,
    held,
    expected: new Map(),
    notified: new Map(),
    groupTurns: new Map(),
    bodies: new Set(),
    exempted: new Set(),
    startTurn: Promise.resolve(),
  } as unknown as CallContext
  return {context, held, counts}
}

const draft = (n: number) => ({
  id: operationId(n),
  direction: 'download' as const,
  request: {url: 'http://127.0.0.1/', method: 'GET', headers: []},
  target: {file: `/downloads/${n}`, collision: 'failIfExists' as const},
  policy: {priority: 0 as const, costPolicy: 0 as const, group: ''},
  createdAt: 1,
})

it('a command that the engine did not make durable before it closed is not answered as one that it did', async () => {
  const {context} = world({})
  await carryOut(context, 'find', {id: operationId(1)})
  await expect(carryOut(context, 'pause', {id: operationId(1)})).rejects.toMatchObject({code: 'CLOSED'})
})

describe('a hold', () => {
  it.each([
    {
      addDraft: () => {
        throw FULL
      },
    },
    {start: () => Promise.reject(FULL)},
  ])('of what was started before is given back when the rest cannot be started', async (refusal) => {
    const {context, counts} = world(refusal)
    const started = carryOut(context, 'start', {drafts: [draft(1), draft(2)], hold: true})
    await expect(started).rejects.toThrow(FULL)
    expect(counts.holders).toBe(0)
  })

  it('that comes when the session is over is given back at once', async () => {
    const {context, held, counts} = world({})
    const found = carryOut(context, 'find', {id: operationId(1)})
    held.releaseAll()
    await found
    expect(counts.holders).toBe(0)
  })
})
