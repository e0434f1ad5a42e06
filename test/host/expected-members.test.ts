/** Which drafts of a client keep a completion group from firing: counted while there are any, and then nothing is kept of the group. */

import {expect, it} from 'vitest'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {CallContext} from '../../src/host/call-context.ts'
import {COMPLETION_HANDLERS} from '../../src/host/completion-calls.ts'
import type {CallInput} from '../../src/host/protocol.ts'
import {startInTurn} from '../../src/host/start-call.ts'
import {operationId} from '../support/records.ts'

const {createCompletionGroup, expectMember, withdrawMembers} = COMPLETION_HANDLERS
const nothing = async () => undefined

/** A session, and how many drafts the engine waits for. */
function makeSession() {
  let awaited = 0
  const completionGroups = {
    has: () => false,
    create: () => {},
    isEnabled: () => false,
    expect: (_: OperationId, count: number) => {
      awaited += count
    },
    withdraw: (drafts: readonly unknown[]) => {
      awaited -= drafts.length
    },
  }
  const limits = {addGroup: () => {}, addDraft: () => {}, dropDraft: () => {}}
  const startMany = async (drafts: readonly unknown[]) => {
    awaited -= drafts.length
  }
  const expected = new Map<OperationId, number>()
  const context = {
    engine: {completionGroups, limits, startMany, find: nothing, demandBounds: nothing},
    expected,
    notified: new Map(),
    groupTurns: new Map(),
    bodies: new Map(),
    exempted: new Set(),
    isGone: () => false,
    startTurn: Promise.resolve(),
  } as unknown as CallContext
  return {context, expected, awaited: () => awaited}
}

function draftIn(completionGroup: OperationId, n: number) {
  const request = {url: 'http://127.0.0.1/', method: 'GET', headers: []}
  const target = {file: `/downloads/${n}`, collision: 'failIfExists'}
  const policy = {priority: 0, costPolicy: 0, group: ''}
  const draft = {id: operationId(n), direction: 'download', request, target, policy, createdAt: 1, completionGroup}
  return draft as unknown as CallInput<'start'>['drafts'][number]
}

it('keeps nothing of groups whose drafts were started or withdrawn, however many there were', async () => {
  const {context, expected, awaited} = makeSession()
  for (let n = 0; n < 20; n++) {
    const group = operationId(1000 + n)
    await createCompletionGroup(context, {id: group, expected: n % 2, again: false})
    await expectMember(context, {id: group})
    await expectMember(context, {id: group})
    expect([expected.get(group), awaited()]).toEqual([2 + (n % 2), 2 + (n % 2)])
    await startInTurn(context, {drafts: [draftIn(group, n)], hold: false})
    await withdrawMembers(context, {groups: [group]})
    expect(awaited()).toBe(n % 2)
    await withdrawMembers(context, {groups: [group, group]})
    expect(awaited()).toBe(0)
  }
  expect(expected.size).toBe(0)
})
