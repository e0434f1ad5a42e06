/** What clients ask of batches with notifications: which drafts they are to wait for. A client whose host died says it again. */

import type {OperationId} from '../domain/operation-id.ts'
import type {CallContext, Handlers} from './call-context.ts'

export const NOTIFICATION_HANDLERS: Pick<Handlers, 'expectNotified' | 'withdrawNotified'> = {
  expectNotified: ({engine: {notifications}, notified}, {batch, drafts}) => {
    for (const draft of drafts) {
      if (notified.has(draft)) continue
      notified.set(draft, batch)
      notifications.expect(batch)
    }
    return null
  },
  withdrawNotified: (context, {drafts}) => {
    forgetNotified(context, drafts)
    return null
  },
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
