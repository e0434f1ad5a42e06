/**
 * What clients ask of completion groups. A client whose host died says again what was not answered: each call does then what it
 * would have done, once, and in the order of the asking, also where the store is read first.
 */

import {fileURLToPath} from 'node:url'
import type {OperationId} from '../domain/operation-id.ts'
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
      const {completionGroups} = context.engine
      const isThere = again ? await completionGroups.revive(id) : completionGroups.has(id)
      if (!isThere) completionGroups.create(id)
      if (!completionGroups.isEnabled(id)) expect(context, id, count)
      return null
    }),
  reviveCompletionGroup: (context, {id}) =>
    inTurn(context, id, async () => ({
      isKnown: await context.engine.completionGroups.revive(id),
      isEnabled: context.engine.completionGroups.isEnabled(id),
    })),
  expectMember: (context, {id}) =>
    inTurn(context, id, async () => {
      expect(context, id)
      return null
    }),
  withdrawMembers: async (context, {groups}) => {
    const withdraw = (id: OperationId) => inTurn(context, id, async () => withdrawExpected(context, id))
    await Promise.all(groups.map(withdraw))
    return null
  },
  enableCompletionGroup: (context, {id}) =>
    inTurn(context, id, async () => {
      const {completionGroups} = context.engine
      if (!completionGroups.isEnabled(id)) await completionGroups.enable(id)
      return null
    }),
  registerTask: (context, {id, task}) => inTurn(context, id, () => register(context, id, task)),
  unregisterTask: (context, {id}) =>
    inTurn(context, id, async () => {
      const {completionGroups} = context.engine
      const durable = completionGroups.unregister(id)
      context.tellAll({type: 'tasks', tasks: completionGroups.registrations()})
      await durable
      return null
    }),
}

/** Settles when what was asked of these groups before has been done. */
export async function afterTurns(
  {groupTurns}: CallContext,
  groups: readonly (OperationId | undefined)[],
): Promise<void> {
  await Promise.all(groups.map((id) => (id === undefined ? undefined : groupTurns.get(id))))
}

/** A draft that the session was waited for is not to be waited for any more. No effect where none is. */
export function withdrawExpected({engine: {completionGroups}, expected}: CallContext, id: OperationId): void {
  const count = expected.get(id) ?? 0
  if (count === 0) return
  expected.set(id, count - 1)
  completionGroups.withdraw([{completionGroup: id}])
}

async function register(context: CallContext, id: OperationId, task: CallInput<'registerTask'>['task']): Promise<null> {
  const {engine, app, tellAll} = context
  const {completionGroups} = engine
  if (completionGroups.registrationOf(id)?.taskId === task.taskId) return null
  const allowed = engine.demandBounds(app, fileURLToPath(task.module), 'run')
  if (allowed !== undefined) await allowed
  // The host died over the answer, and the next one has set it going already.
  if (completionGroups.hasFired(id) && (await completionGroups.hasHad(id, task.taskId))) return null
  const durable = completionGroups.register(id, task)
  tellAll({type: 'tasks', tasks: completionGroups.registrations()})
  await durable
  return null
}

/** However many: a client that was away may have many drafts, and one that is wrong says any number. */
function expect({engine: {completionGroups}, expected}: CallContext, id: OperationId, count = 1): void {
  completionGroups.expect(id, count)
  expected.set(id, (expected.get(id) ?? 0) + count)
}

/** What nobody is before is begun at once. */
function inTurn<T>({groupTurns}: CallContext, id: OperationId, work: () => Promise<T>): Promise<T> {
  const before = groupTurns.get(id)
  const done = before === undefined ? work() : before.then(work)
  const through = () => {
    if (groupTurns.get(id) === settled) groupTurns.delete(id)
  }
  const settled: Promise<void> = done.then(through, through)
  groupTurns.set(id, settled)
  return done
}
