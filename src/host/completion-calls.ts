/**
 * What clients ask of completion groups. A client whose host died says again what was not answered: each call does then what it
 * would have done, once, and in the order of the asking, also where the store is read first.
 */

import {fileURLToPath} from 'node:url'
import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {Owned} from '../engine/chores/completion-groups.ts'
import type {CallContext, Handlers} from './call-context.ts'
import type {CallInput} from './protocol.ts'

type CompletionCall =
  | 'createCompletionGroup'
  | 'reviveCompletionGroup'
  | 'expectMember'
  | 'withdrawMembers'
  | 'enableCompletionGroup'
  | 'registerTask'
  | 'unregisterTask'

export const COMPLETION_HANDLERS: Pick<Handlers, CompletionCall> = {
  createCompletionGroup: (context, {id, expected: count, again}) =>
    inTurn(context, id, async () => {
      const {engine, app} = context
      const {completionGroups} = engine
      if (app !== undefined) await demandOwnGroup(context, id)
      const isThere = again ? await completionGroups.revive(id) : completionGroups.has(id)
      if (!isThere) completionGroups.create(id, app)
      if (!completionGroups.isEnabled(id)) expect(context, id, count)
      return null
    }),
  reviveCompletionGroup: (context, {id}) =>
    inTurn(context, id, async () => {
      const {completionGroups} = context.engine
      if (await isOfOthers(context, completionGroups.ownerOf(id))) return {isKnown: false, isEnabled: true}
      return {isKnown: await completionGroups.revive(id), isEnabled: completionGroups.isEnabled(id)}
    }),
  expectMember: (context, {id}) =>
    ofOwnGroup(context, id, async () => {
      expect(context, id)
      return null
    }),
  withdrawMembers: async (context, {groups}) => {
    // Of what this session has said to expect, and of nothing else.
    const withdraw = (id: OperationId) => inTurn(context, id, async () => withdrawExpected(context, id))
    await Promise.all(groups.map(withdraw))
    return null
  },
  enableCompletionGroup: (context, {id}) =>
    ofOwnGroup(context, id, async () => {
      const {completionGroups} = context.engine
      if (!completionGroups.isEnabled(id)) await completionGroups.enable(id)
      return null
    }),
  registerTask: (context, {id, task}) => ofOwnGroup(context, id, () => register(context, id, task)),
  unregisterTask: (context, {id}) =>
    ofOwnGroup(context, id, async () => {
      const durable = context.engine.completionGroups.unregister(id)
      context.tellTasks()
      await durable
      return null
    }),
}

/** Rejects with OPERATION_UNKNOWN for a group of another application. There may be none. */
export async function demandOwnGroup(context: CallContext, id: OperationId): Promise<void> {
  if (await isOfOthers(context, context.engine.completionGroups.ownerOf(id))) {
    throw new TransferError('OPERATION_UNKNOWN', 'there is no such completion group', {where: id})
  }
}

/** Whether it is there, and nothing that this client may see. */
export async function isOfOthers({app}: CallContext, owner: Promise<Owned | undefined>): Promise<boolean> {
  if (app === undefined) return false
  const found = await owner
  return found !== undefined && found.app !== app
}

/** Settles when what was asked of these groups before has been done. */
export async function afterTurns(
  {groupTurns}: CallContext,
  groups: readonly (OperationId | undefined)[],
): Promise<void> {
  await Promise.all(groups.map((id) => (id === undefined ? undefined : groupTurns.get(id))))
}

/** A draft that the session was waited for is not to be waited for any more. No effect where none is. */
export function withdrawExpected(context: CallContext, id: OperationId): void {
  if (countOff(context, id)) context.engine.completionGroups.withdraw([{completionGroup: id}])
}

/** Whether one was expected: it is no longer. A client may name as many groups as it has jobs, so nothing is kept of those it is through with. */
export function countOff({expected}: Pick<CallContext, 'expected'>, id: OperationId): boolean {
  const count = expected.get(id) ?? 0
  if (count > 1) expected.set(id, count - 1)
  else expected.delete(id)
  return count > 0
}

async function register(context: CallContext, id: OperationId, task: CallInput<'registerTask'>['task']): Promise<null> {
  const {engine, app, tellTasks} = context
  const {completionGroups} = engine
  if (completionGroups.registrationOf(id)?.taskId === task.taskId) return null
  const allowed = engine.demandBounds(app, fileURLToPath(task.module), 'run')
  if (allowed !== undefined) await allowed
  // The host died over the answer, and the next one has set it going already.
  if (completionGroups.hasFired(id) && (await completionGroups.hasHad(id, task.taskId))) return null
  const durable = completionGroups.register(id, task)
  tellTasks()
  await durable
  return null
}

/** However many: a client that was away may have many drafts, and one that is wrong says any number. */
function expect({engine: {completionGroups}, expected, isGone}: CallContext, id: OperationId, count = 1): void {
  // It would be waited for without end: nobody can start them any more.
  if (isGone()) return
  completionGroups.expect(id, count)
  if (count > 0) expected.set(id, (expected.get(id) ?? 0) + count)
}

/** Whoever sees everything is not asked whose it is: what it asks is begun at once where nobody is before. */
function ofOwnGroup<T>(context: CallContext, id: OperationId, work: () => Promise<T>): Promise<T> {
  if (context.app === undefined) return inTurn(context, id, work)
  return inTurn(context, id, () => demandOwnGroup(context, id).then(work))
}

/** What nobody is before is begun at once. */
export function inTurn<T>({groupTurns}: CallContext, id: OperationId, work: () => Promise<T>): Promise<T> {
  const before = groupTurns.get(id)
  const done = before === undefined ? work() : before.then(work)
  const through = () => {
    if (groupTurns.get(id) === settled) groupTurns.delete(id)
  }
  const settled: Promise<void> = done.then(through, through)
  groupTurns.set(id, settled)
  return done
}
