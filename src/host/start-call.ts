/**
 * How a client starts operations: one call after the other, so that what is started first stands in line first, each by its guid
 * only once, and within what the engine and the rules of its application allow.
 */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {NO_ATTEMPTS, NO_EVIDENCE, type TransferPolicy} from '../domain/record.ts'
import {uploadTarget} from '../domain/upload.ts'
import type {Engine} from '../engine/engine.ts'
import type {OperationDraft} from '../engine/engine-api.ts'
import {limitsOf} from '../engine/options.ts'
import {spoolName} from '../ports/spool.ts'
import type {CallContext} from './call-context.ts'
import {afterTurns, countOff, demandOwnGroup, withdrawExpected} from './completion-calls.ts'
import {demandOwnBatch, forgetNotified} from './notification-calls.ts'
import type {CallInput, Snapshot} from './protocol.ts'

/** Behind the starts before it, but not behind their being durable. */
export function startInTurn(context: CallContext, {drafts, hold}: CallInput<'start'>): Promise<readonly Snapshot[]> {
  const turn = context.startTurn.then(() =>
    begin(
      context,
      drafts.map((each) => draftOf(context, each)),
      hold,
    ),
  )
  context.startTurn = turn.then(
    () => undefined,
    () => undefined,
  )
  return turn.then(({accepted}) => accepted)
}

type Draft = CallInput<'start'>['drafts'][number]

/** Those that were accepted before (by this call, whose answer was lost) are told as they are. */
async function begin(
  context: CallContext,
  drafts: readonly OperationDraft[],
  hold: boolean,
): Promise<{readonly accepted: Promise<readonly Snapshot[]>}> {
  const {engine, app, held: all, notified, bodies, exempted} = context
  const earlier = await Promise.all(drafts.map(({id}) => engine.find(id)))
  const fresh = drafts.filter((_, index) => earlier[index] === undefined)
  const releaseEarlier = () => {
    for (const entry of earlier) if (entry !== undefined) engine.release(entry)
  }
  try {
    const other = earlier.find((entry) => entry !== undefined && entry.record.app !== app)
    if (other !== undefined) {
      throw new TransferError('INVALID_ARGUMENT', 'the guid is that of another operation', {where: other.record.id})
    }
    await Promise.all(fresh.map((draft) => demandBounds(engine, draft)))
    await afterTurns(
      context,
      drafts.flatMap(({completionGroup, notificationBatch}) => [completionGroup, notificationBatch?.id]),
    )
    if (app !== undefined) await demandOwnTallies(context, fresh)
    takeRoom(engine, fresh)
  } catch (error) {
    releaseEarlier()
    throw error
  }
  const started = hold ? engine.start(fresh) : engine.startMany(fresh).then(() => [])
  started.catch(() => {
    leaveRoom(engine, fresh)
    releaseEarlier()
  })
  // Not to be awaited here: others may be started meanwhile, and share its commit.
  const accepted = started.then((entries) => {
    for (const {id, completionGroup} of fresh) {
      if (completionGroup !== undefined) countOff(context, completionGroup)
      notified.delete(id)
    }
    // The others were started in an earlier life of the host.
    for (const [index, {completionGroup}] of drafts.entries()) {
      if (completionGroup !== undefined && earlier[index] !== undefined) withdrawExpected(context, completionGroup)
    }
    forgetNotified(
      context,
      drafts.map(({id}) => id),
    )
    for (const {id, policy} of drafts) {
      bodies.delete(id)
      // Its record says so from now on.
      if (policy.unconstrained === true) exempted.delete(id)
    }
    if (!hold) {
      releaseEarlier()
      return []
    }
    const snapshots = new Map<OperationId, Snapshot>()
    for (const entry of [...entries, ...earlier])
      if (entry !== undefined) snapshots.set(entry.record.id, all.hold(entry))
    return drafts.map(({id}) => snapshots.get(id)).filter((each) => each !== undefined)
  })
  accepted.catch(() => undefined)
  return {accepted}
}

/** Rejects with OPERATION_UNKNOWN: nobody joins what it does not see. */
async function demandOwnTallies(context: CallContext, drafts: readonly OperationDraft[]): Promise<void> {
  const groups = new Set(drafts.map(({completionGroup}) => completionGroup))
  const batches = new Set(drafts.map(({notificationBatch}) => notificationBatch?.id))
  await Promise.all([
    ...[...groups].map((id) => (id === undefined ? undefined : demandOwnGroup(context, id))),
    ...[...batches].map((id) => (id === undefined ? undefined : demandOwnBatch(context, id))),
  ])
}

/** Rejects with FILE_ACCESS for what its application may not have written, or read. */
async function demandBounds(engine: Engine, {app, direction, request, target}: OperationDraft): Promise<void> {
  if (direction === 'download') await engine.demandBounds(app, target.file, 'write')
  for (const piece of request.body?.pieces ?? []) {
    if (piece.kind === 'file') await engine.demandBounds(app, piece.file, 'read')
  }
}

/** The engine's own limits hold for clients, too. Throws LIMIT_REACHED, for all of them together. */
function takeRoom(engine: Engine, drafts: readonly OperationDraft[]): void {
  try {
    for (const {id, policy} of drafts) {
      if (policy.group !== '') engine.limits.addGroup(policy.group)
      engine.limits.addDraft(id)
    }
  } catch (error) {
    leaveRoom(engine, drafts)
    throw error
  }
}

function leaveRoom(engine: Engine, drafts: readonly OperationDraft[]): void {
  for (const {id} of drafts) engine.limits.dropDraft(id)
}

/** Only what a client may say; the rest is the host's. Throws INVALID_ARGUMENT. */
function draftOf(context: CallContext, given: Draft): OperationDraft {
  const {id, direction, request, target, policy, createdAt, completionGroup, notificationBatch} = given
  for (const piece of request.body?.pieces ?? []) {
    if (piece.kind === 'spool' && piece.name !== spoolName(id, 'body')) {
      throw new TransferError('INVALID_ARGUMENT', 'the body is that of another operation', {where: id})
    }
  }
  return {
    id,
    direction,
    request,
    target: direction === 'upload' ? uploadTarget(request, id) : target,
    policy: allowedPolicy(context, id, policy as TransferPolicy, undefined),
    createdAt,
    attempts: NO_ATTEMPTS,
    evidence: NO_EVIDENCE,
    ...(completionGroup === undefined ? {} : {completionGroup}),
    ...(notificationBatch === undefined ? {} : {notificationBatch}),
    ...(context.app === undefined ? {} : {app: context.app}),
  }
}

/** Bounds are the engine's. Exempt from saving power is only what was granted. Throws INVALID_ARGUMENT. */
export function allowedPolicy(
  {exempted}: CallContext,
  id: OperationId,
  policy: TransferPolicy,
  before: TransferPolicy | undefined,
): TransferPolicy {
  const isExempt = before?.unconstrained === true || exempted.has(id)
  if (policy.unconstrained === true && !isExempt) {
    throw new TransferError('INVALID_ARGUMENT', 'unconstrained transfers have to be asked for', {where: id})
  }
  return {...policy, ...limitsOf(policy)}
}
