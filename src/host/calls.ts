/** What each call does: plain data in, the engine asked, plain data out. Whatever changes anything is asked before it awaits. */

import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationRecord, TransferPolicy} from '../domain/record.ts'
import type {Engine, OperationQuery} from '../engine/engine.ts'
import type {OperationEntry} from '../engine/operations/operation-entry.ts'
import {byteRate} from '../engine/options.ts'
import type {CallContext, Handlers} from './call-context.ts'
import {COMPLETION_HANDLERS} from './completion-calls.ts'
import {NOTIFICATION_HANDLERS} from './notification-calls.ts'
import type {CallAnswer, CallInput, CallName, PrefetchState, Snapshot} from './protocol.ts'
import {allowedPolicy, startInTurn} from './start-call.ts'

export function carryOut<Name extends CallName>(
  context: CallContext,
  name: Name,
  input: CallInput<Name>,
): Promise<CallAnswer<Name>> | CallAnswer<Name> {
  return HANDLERS[name](context, input)
}

const HANDLERS: Handlers = {
  start: startInTurn,
  find: async (context, {id}) => held(context, await context.engine.find(id)),
  findByFile: async (context, {file}) => held(context, await context.engine.findByFile(file)),
  filesOnRecord: async (context, {files}) => {
    const found = await context.engine.filesOnRecord(files)
    if (context.app === undefined) return found
    const isMine = await Promise.all(found.map((file) => isFileVisible(context, file)))
    return found.filter((_, at) => isMine[at])
  },
  findMany: async (context, {query}) =>
    (await context.engine.findMany(queryOf(context, query))).map((entry) => context.held.hold(entry)),
  query: (context, {query}) => context.engine.query(queryOf(context, query)),
  refresh: (context, {ids}) =>
    Promise.all(
      ids.map(async (id) => {
        const snapshot = context.held.snapshotOf(id)
        return snapshot ?? held(context, await findSound(context.engine, id))
      }),
    ),
  catchUp: async ({engine, app}, {ids, attach}) => {
    const records: OperationRecord[] = []
    const joining = new Set(attach)
    for (const id of new Set([...ids, ...attach])) {
      const entry = await findSound(engine, id)
      if (entry === undefined) continue
      if (isVisible(entry.record, app)) {
        if (joining.has(id)) engine.attach(entry)
        records.push(entry.record)
      }
      engine.release(entry)
    }
    return records
  },
  release: ({held: all}, {id, holds}) => {
    all.release(id, holds)
    return null
  },
  attach: (context, {id}) => {
    context.engine.attach(entryOf(context, id))
    return null
  },
  resumeAll: async ({engine, app}) => {
    await engine.resumeAll(app)
    return null
  },
  pause: (context, {id}) => commanded(context, id, (entry) => context.engine.pause(entry)),
  resume: (context, {id}) => commanded(context, id, (entry) => context.engine.resume(entry)),
  retry: (context, {id}) => commanded(context, id, (entry) => context.engine.retry(entry)),
  cancel: (context, {id}) => commanded(context, id, (entry) => context.engine.cancel(entry)),
  changePolicy: (context, {id, policy}) =>
    commanded(context, id, (entry) => {
      const allowed = allowedPolicy(context, id, policy as TransferPolicy, entry.facts.policy)
      context.engine.changePolicy(entry, allowed)
      if (entry.facts.policy.unconstrained === true) context.exempted.delete(id)
    }),
  changeRequest: (context, {id, request}) =>
    commanded(context, id, (entry) => {
      const {body} = entry.facts.request
      context.engine.changeRequest(entry, {...request, ...(body === undefined ? {} : {body})})
    }),
  makeCurrent: async (context, {id}) => {
    await context.engine.makeCurrent(entryOf(context, id))
    return null
  },
  move: async (context, {id, to}) => {
    await context.engine.move(entryOf(context, id), to, context.app)
    return null
  },
  markDelivered: async (context, {id}) => {
    await context.engine.markDelivered(entryOf(context, id))
    return snapshotOf(context, id)
  },
  forget: async (context, {id}) => {
    await visible(context, id)
    await context.engine.forget(id)
    return null
  },
  journal: async (context, {id, page}) => ((await visible(context, id)) ? context.engine.journal(id, page) : []),
  damaged: ({engine}) => engine.damaged(),
  applications: async ({engine, app}) =>
    (await engine.applications()).filter((standing) => app === undefined || standing.app === app),
  setPrefetch: async ({engine: {prefetcher}, app}, {wish}) => {
    assertShared(app)
    await prefetcher.setWish(wish)
    return prefetchStateOf(prefetcher)
  },
  prefetch: ({engine: {prefetcher}, app}) => {
    assertShared(app)
    return prefetcher.run()
  },
  consent: async ({engine, exempted}, {transfers}) => {
    const isGranted = await engine.consentsToUnconstrained(transfers)
    if (isGranted) for (const {guid} of transfers) exempted.add(guid)
    return isGranted
  },
  setBehavior: async ({engine, tellAll}, {group, behavior}) => {
    engine.limits.addGroup(group)
    const durable = engine.setBehavior(group, behavior)
    tellAll({type: 'group', group: engine.group(group)})
    await durable
    return null
  },
  limitRate: (context, {bytesPerSecond}) => {
    requireWhole(context, 'the rate of the engine')
    context.engine.limitRate(byteRate('bytesPerSecond', bytesPerSecond ?? undefined))
    return null
  },
  limitGroupRate: async ({engine, tellAll}, {group, bytesPerSecond}) => {
    await engine.limitGroupRate(group, bytesPerSecond ?? undefined)
    tellAll({type: 'group', group: engine.group(group)})
    return null
  },
  pauseGroup: async ({engine, app}, {group}) => {
    await engine.pauseGroup(group, app)
    return null
  },
  resumeGroup: async ({engine, app}, {group}) => {
    await engine.resumeGroup(group, app)
    return null
  },
  cancelGroup: async ({engine, app}, {group}) => {
    await engine.cancelGroup(group, app)
    return null
  },
  watch: (context, {events}) => {
    context.watch(events)
    return null
  },
  ...COMPLETION_HANDLERS,
  ...NOTIFICATION_HANDLERS,
  closeBytes: (context, {source}) => {
    context.closeBytes(source)
    return null
  },
  dropBody: ({engine, bodies}, {id}) => {
    if (bodies.delete(id)) engine.dropBody(id)
    return null
  },
  inspect: (context, options) => {
    requireWhole(context, 'an inspector')
    return context.inspectors.open(options, context)
  },
  closeInspector: async (context, {port}) => {
    requireWhole(context, 'an inspector')
    await context.inspectors.close(port, context)
    return null
  },
}

export function prefetchStateOf({wish, lastSuccessAt}: Engine['prefetcher']): PrefetchState {
  return {wish, ...(lastSuccessAt === undefined ? {} : {lastSuccessAt})}
}

/** The list is the engine's: an application that sees only its own has no part in it. Throws NOT_SUPPORTED. */
function assertShared(app: string | undefined): void {
  if (app === undefined) return
  throw new TransferError('NOT_SUPPORTED', 'what is fetched ahead of need belongs to the whole store', {
    where: app,
    advice: 'connect without the name of an application',
  })
}

/** Of the whole engine: no business of an application that is kept to rules. */
function requireWhole({engine, app}: CallContext, what: string): void {
  if (app === undefined || engine.options.applications === undefined) return
  throw new TransferError('NOT_SUPPORTED', `${what} is not for applications that have rules`, {where: app})
}

function held({engine, held: all, app}: CallContext, entry: OperationEntry | undefined): Snapshot | null {
  if (entry === undefined) return null
  if (isVisible(entry.record, app)) return all.hold(entry)
  engine.release(entry)
  return null
}

/** Throws OPERATION_UNKNOWN for what the session does not hold. */
function entryOf({held: all}: CallContext, id: OperationId): OperationEntry {
  const entry = all.entryOf(id)
  if (entry === undefined) throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: id})
  return entry
}

/**
 * Answered when what the command changed at once is durable. Rejects with CLOSED when the engine closes before: whoever asked asks the
 * next one.
 */
async function commanded(
  context: CallContext,
  id: OperationId,
  command: (entry: OperationEntry) => void,
): Promise<Snapshot> {
  const entry = entryOf(context, id)
  command(entry)
  if ((await entry.tail) === false)
    throw new TransferError('CLOSED', 'the engine was closed before the command was durable')
  return snapshotOf(context, id)
}

function snapshotOf(context: CallContext, id: OperationId): Snapshot {
  const snapshot = context.held.snapshotOf(id)
  if (snapshot === undefined) throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: id})
  return snapshot
}

async function visible({engine, app}: CallContext, id: OperationId): Promise<boolean> {
  if (app === undefined) return true
  const entry = await engine.find(id)
  if (entry === undefined) return false
  const isMine = isVisible(entry.record, app)
  engine.release(entry)
  if (!isMine) throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation', {where: id})
  return true
}

/** What is damaged may be anybody's: whoever asks for it is told so. */
async function isFileVisible({engine, app}: CallContext, file: string): Promise<boolean> {
  try {
    const entry = await engine.findByFile(file)
    if (entry === undefined) return false
    engine.release(entry)
    return isVisible(entry.record, app)
  } catch (thrown) {
    if (isDamage(thrown)) return true
    throw thrown
  }
}

/** One of many: where its record is damaged it is as good as unknown, and keeps nobody from the others. */
async function findSound(engine: Engine, id: OperationId): Promise<OperationEntry | undefined> {
  try {
    return await engine.find(id)
  } catch (thrown) {
    if (isDamage(thrown)) return undefined
    throw thrown
  }
}

function isDamage(thrown: unknown): boolean {
  return thrown instanceof TransferError && thrown.code === 'STORE_DAMAGED'
}

export function isVisible(record: OperationRecord, app: string | undefined): boolean {
  return app === undefined || record.app === app
}

function queryOf({app}: CallContext, query: CallInput<'query'>['query']): OperationQuery {
  return {...(query as OperationQuery), ...(app === undefined ? {} : {app})}
}
