/** The actor `drain`: running operations make their bytes durable and queue again, finishing ones finish. */

import {waitFor} from 'xstate'
import type {OperationSnapshot} from '../../machines/operation.machine.ts'
import type {Operations} from './operations/operations.ts'

/** Resolves when every actor rests and everything observed was told. */
export async function drain(operations: Operations): Promise<void> {
  for (const entry of operations.all()) {
    if (entry.snapshot?.can({type: 'operation.suspend'}) === true) entry.send({type: 'operation.suspend'})
  }
  for (;;) {
    await operations.settled()
    const busy = [...operations.all()].find(({snapshot}) => isBusy(snapshot))
    if (busy?.actor === undefined) break
    await waitFor(busy.actor, (snapshot) => !isBusy(snapshot), {timeout: Number.POSITIVE_INFINITY})
  }
  await operations.settled()
}

/** Still on its way to a state that may rest. */
function isBusy(snapshot: OperationSnapshot | undefined): boolean {
  if (snapshot === undefined || snapshot.status !== 'active') return false
  return snapshot.hasTag('running') || snapshot.hasTag('publishing') || snapshot.hasTag('canceling')
}
