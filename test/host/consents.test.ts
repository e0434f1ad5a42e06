/** Which operations a client may exempt from saving power: those that it was granted, and no memory of them once they say so themselves. */

import {expect, it} from 'vitest'
import type {TransferPolicy} from '../../src/domain/record.ts'
import type {CallContext} from '../../src/host/call-context.ts'
import {carryOut} from '../../src/host/calls.ts'
import {operationId, queuedRecord} from '../support/records.ts'

const NORMAL = {priority: 0, costPolicy: 0, group: ''} as const
const EXEMPT = {...NORMAL, unconstrained: true}

function makeSession() {
  const entries = new Map<string, {tail: undefined; facts: {policy: TransferPolicy}}>()
  const exempted = new Set<string>()
  const engine = {
    limits: {addGroup: () => {}, addDraft: () => {}, dropDraft: () => {}},
    find: async () => undefined,
    demandBounds: async () => {},
    consentsToUnconstrained: async () => true,
    startMany: async (drafts: readonly {id: string; policy: TransferPolicy}[]) => {
      for (const {id, policy} of drafts) entries.set(id, {tail: undefined, facts: {policy}})
    },
    changePolicy: (entry: {facts: {policy: TransferPolicy}}, policy: TransferPolicy) => {
      entry.facts = {policy}
    },
  }
  const context = {
    engine,
    held: {entryOf: (id: string) => entries.get(id), snapshotOf: () => ({})},
    expected: new Map(),
    notified: new Map(),
    groupTurns: new Map(),
    bodies: new Map(),
    exempted,
    isGone: () => false,
    startTurn: Promise.resolve(),
  } as unknown as CallContext
  return {context, exempted}
}

function draft(n: number, policy: typeof NORMAL | typeof EXEMPT) {
  const {id, request, target, createdAt} = queuedRecord(n)
  return {id, direction: 'download', request, target, policy, createdAt} as never
}

it('is remembered of drafts until they are started, and of others until they are told', async () => {
  const {context, exempted} = makeSession()
  const transfers = [1, 2, 3].map((n) => ({guid: operationId(n), url: 'http://127.0.0.1/', file: `/${n}`}))
  await carryOut(context, 'start', {drafts: [draft(2, NORMAL), draft(3, NORMAL)], hold: false})
  await expect(carryOut(context, 'start', {drafts: [draft(1, EXEMPT)], hold: false})).rejects.toThrow('be asked for')
  const change = (n: number, policy: typeof NORMAL | typeof EXEMPT) =>
    carryOut(context, 'changePolicy', {id: operationId(n), policy})
  await expect(change(2, EXEMPT)).rejects.toThrow('be asked for')

  await carryOut(context, 'consent', {transfers})
  await carryOut(context, 'start', {drafts: [draft(1, EXEMPT)], hold: false})
  await change(2, EXEMPT)
  expect([...exempted]).toEqual([operationId(3)])
  for (const n of [1, 2, 3]) await change(n, EXEMPT)
  expect(exempted.size).toBe(0)
})
