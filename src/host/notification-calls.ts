/** What clients ask of batches with notifications: which drafts they are to wait for. A client whose host died says it again. */

import {TransferError} from '../domain/errors.ts'
import type {OperationId, TallyId} from '../domain/operation-id.ts'
import type {CallContext, Handlers} from './call-context.ts'
import {inTurn, isOfOthers} from './completion-calls.ts'

export const NOTIFICATION_HANDLERS: Pick<Handlers, 'expectNotified' | 'withdrawNotified'> = {
  expectNotified: (context, {batch, drafts}) => {
    if (context.app === undefined) return expectNotified(context, batch, drafts)
    return inTurn(context, batch, async () => {
      await demandOwnBatch(context, batch)
      return expectNotified(context, batch, drafts)
    })
  },
  withdrawNotified: async (context, {drafts}) => {
    // Behind what was asked before, where that had to be looked up.
    if (context.app !== undefined) await Promise.all(context.groupTurns.values())
    forgetNotified(context, drafts)
    return null
  },
}

/** Rejects with OPERATION_UNKNOWN for a batch of another application. There may be none. */
export async function demandOwnBatch(context: CallContext, id: TallyId): Promise<void> {
  if (await isOfOthers(context, context.engine.notifications.ownerOf(id))) {
    throw new TransferError('OPERATION_UNKNOWN', 'there is no such batch', {where: id})
  }
}

function expectNotified(context: CallContext, batch: TallyId, drafts: readonly OperationId[]): null {
  const {engine, app, notified} = context
  for (const draft of context.isGone() ? [] : drafts) {
    if (notified.has(draft)) continue
    notified.set(draft, batch)
    engine.notifications.expect(batch, app)
  }
  return null
}

/** Drafts that nobody waits for any more. */
export function forgetNotified({engine, notified}: CallContext, drafts: readonly OperationId[]): void {
  for (const draft of drafts) {
    const batch = notified.get(draft)
    if (batch === undefined) continue
    notified.delete(draft)
    engine.notifications.withdraw([{notificationBatch: {id: batch, notices: {}}}])
  }
}
