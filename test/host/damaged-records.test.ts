/** One damaged record keeps a client from nothing that it asks of others beside it. */

import {expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {Engine} from '../../src/engine/engine.ts'
import {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {CallContext} from '../../src/host/call-context.ts'
import {carryOut} from '../../src/host/calls.ts'
import {operationId, queuedRecord} from '../support/records.ts'

const SOUND = queuedRecord(1)
const DAMAGED = operationId(2)
const UNREAD = operationId(3)
const IDS = [DAMAGED, SOUND.id]

function contextOf(): CallContext {
  const engine = {
    find: async (id: OperationId) => {
      if (id === DAMAGED) throw new TransferError('STORE_DAMAGED', 'a record is damaged')
      if (id === UNREAD) throw new TransferError('DISK_FAILED', 'the disk is gone')
      return new OperationEntry(SOUND, () => {})
    },
    attach: () => {},
    release: () => {},
  } as unknown as Engine
  const held = {snapshotOf: () => undefined, hold: (entry: OperationEntry) => entry.record}
  return {engine, app: undefined, held} as unknown as CallContext
}

it('when it is told anew what it holds', async () => {
  expect(await carryOut(contextOf(), 'refresh', {ids: IDS})).toEqual([null, SOUND])
})

it('when it catches up on what it missed', async () => {
  expect(await carryOut(contextOf(), 'catchUp', {ids: IDS, attach: IDS})).toEqual([SOUND])
})

it('while a store that cannot be read is nobody’s end', async () => {
  await expect(carryOut(contextOf(), 'refresh', {ids: [UNREAD, SOUND.id]})).rejects.toThrow('the disk is gone')
})
