/**
 * What a host and its clients say to each other: HTTP on the control socket of a store. One table says what each call takes, and
 * is what checks it (by the shapes of given-shapes.ts); the client is typed by it. docs/reference/host-api.md shows it to people.
 *
 * GET  /api/v1/hello                       Hello
 * GET  /api/v1/session?id=&app=&api=       text/event-stream of HostMessage, as long as the client is there. The id is the
 *                                          client's: with the same id it goes on after the stream broke. With the header
 *                                          x-heir: 1 it is to be a host itself: no host that ends when it is idle stays for it
 * POST /api/v1/session/:id/calls           {settled, calls: [{id, name, input}]}: 202, carried out in this order; each answer is
 *                                          a `result` of the stream. A call that is known by its id is not done again
 * GET  /api/v1/session/:id/bytes?guid=&source=&position=&count=   bytes of a result, as soon as there is one
 * GET  /api/v1/session/:id/answer?guid=&position=                 what came of the answer to an upload
 * PUT  /api/v1/session/:id/body?guid=      a request body as a stream; answers {size}
 *
 * DELETE /api/v1/session/:id              the client says goodbye
 *
 * A refusal is {error: ToldError}.
 */

import {z} from 'zod'
import {BackgroundTransferBehavior} from '../domain/behavior.ts'
import type {ToldError} from '../domain/error-chain.ts'
import type {Explanation} from '../domain/explain.ts'
import type {HostStay} from '../domain/host-stay.ts'
import type {JournalEntry} from '../domain/journal.ts'
import {LINE_MOVES} from '../domain/line-move.ts'
import type {OperationId, TallyId} from '../domain/operation-id.ts'
import type {PrefetchCounts, PrefetchWish} from '../domain/prefetch.ts'
import type {GroupRecord, OperationRecord, TransferPolicy, TransferRequest} from '../domain/record.ts'
import type {RecordChanges} from '../domain/record-changes.ts'
import type {LifeState} from '../domain/status.ts'
import type {TaskRegistration} from '../domain/tally.ts'
import type {ApplicationStanding} from '../engine/applications/application-quotas.ts'
import type {EngineEvent} from '../engine/events.ts'
import type {ResolvedEngineOptions} from '../engine/options.ts'
import type {ByteCounts} from '../ports/progress-meter.ts'
import {
  app,
  draft,
  flag,
  groupName,
  id,
  number,
  policy,
  prefetchWish,
  query,
  request,
  task,
  text,
  whole,
} from './given-shapes.ts'

export interface Hello extends HostStay {
  readonly service: 'background-transfer'
  readonly api: number
  /** Of the package. */
  readonly version: string
  readonly pid: number
  /** Of this life of the host. */
  readonly epoch: string
}

/** An operation as a client mirrors it. */
export interface Snapshot {
  readonly record: OperationRecord
  /** The chart's present state, and what was asked for last: the record may lag. */
  readonly state: LifeState
  /** It runs still, and a pause of the application is under way. */
  readonly isPausing: boolean
  /** Absent where they are those of the record. */
  readonly request?: TransferRequest
  readonly policy?: TransferPolicy
  readonly counts: ByteCounts
  readonly explanation: Explanation
  /** How many holds this session has of it. */
  readonly holds: number
}

/** The same, of one that this stream has told of before: what has changed since. */
export interface SnapshotChanges extends Omit<Snapshot, 'record'> {
  readonly id: OperationId
  readonly changes: RecordChanges
}

type Moved = EngineEvent & {readonly type: 'operation.moved'}

/** A step of one of whose steps, since it was watched, this stream has told before: what has changed since the last one. */
export type MovedOn = Omit<Moved, 'record'> & {readonly changes: RecordChanges}

/** What is fetched ahead of need, as a client mirrors it. */
export interface PrefetchState {
  readonly wish: PrefetchWish
  /** Epoch ms. */
  readonly lastSuccessAt?: number
}

export type HostMessage =
  | {
      readonly type: 'welcome'
      readonly hello: Hello
      /** The session was known: calls that it has answered or has under way are not to be feared for. */
      readonly resumed: boolean
      readonly backgroundTasks: ResolvedEngineOptions['backgroundTasks']
      readonly groups: readonly GroupRecord[]
      readonly tasks: readonly (readonly [group: TallyId, task: TaskRegistration])[]
      /** Absent from hosts that know of no prefetching. */
      readonly prefetch?: PrefetchState
    }
  | {readonly type: 'result'; readonly id: number; readonly value?: unknown; readonly error?: ToldError}
  | {
      readonly type: 'notice'
      readonly snapshot: Snapshot | SnapshotChanges
      readonly hasResponseChanged: boolean
      readonly hasRestarted: boolean
    }
  /** Live counters, and nothing else has changed but what of the bytes is durable. */
  | {readonly type: 'counts'; readonly id: OperationId; readonly counts: ByteCounts}
  /** Nothing more will come of an operation. */
  | {readonly type: 'ended'; readonly id: OperationId; readonly error?: ToldError}
  | {readonly type: 'event'; readonly event: EngineEvent}
  | {readonly type: 'moved'; readonly event: MovedOn}
  | {readonly type: 'group'; readonly group: GroupRecord}
  | {readonly type: 'tasks'; readonly tasks: readonly (readonly [group: TallyId, task: TaskRegistration])[]}
  | {readonly type: 'prefetch'; readonly prefetch: PrefetchState}
  /** The host ends in order. */
  | {readonly type: 'bye'}

const nothing = z.strictObject({})
const one = z.strictObject({id})
const group = z.strictObject({group: groupName})
const ids = z.array(id).max(100_000)

/** Every call, and what it takes. */
export const CALLS = {
  /** Accepts operations, by their guids only once; with `hold` the session holds each. */
  start: z.strictObject({drafts: z.array(draft).max(10_000), hold: flag}),
  find: one,
  findByFile: z.strictObject({file: text(65_536)}),
  /** Which of these files an operation writes, or last wrote. */
  filesOnRecord: z.strictObject({files: z.array(text(65_536)).max(10_000)}),
  findMany: z.strictObject({query}),
  query: z.strictObject({query}),
  /** How operations stand whose events may have been missed; those of `attach` take part from now on. */
  catchUp: z.strictObject({ids, attach: ids}),
  /** What a session held, told again as it is now: after a broken stream. */
  refresh: z.strictObject({ids}),
  release: z.strictObject({id, holds: whole}),
  attach: one,
  resumeAll: nothing,
  pause: one,
  resume: one,
  retry: one,
  cancel: one,
  changePolicy: z.strictObject({id, policy}),
  changeRequest: z.strictObject({id, request}),
  makeCurrent: one,
  move: z.strictObject({id, to: z.union([z.enum(LINE_MOVES), z.strictObject({before: id})])}),
  markDelivered: one,
  forget: one,
  journal: z.strictObject({
    id,
    page: z.strictObject({before: whole.exactOptional(), limit: whole.exactOptional()}),
  }),
  damaged: nothing,
  /** How applications stand to their rules: its own for a client with a name, all for the others. */
  applications: nothing,
  setPrefetch: z.strictObject({wish: prefetchWish}),
  prefetch: nothing,
  consent: z.strictObject({
    transfers: z.array(z.strictObject({guid: id, url: text(65_536), file: text(32_768)})).max(100_000),
  }),
  setBehavior: z.strictObject({group: groupName, behavior: z.literal(Object.values(BackgroundTransferBehavior))}),
  limitRate: z.strictObject({bytesPerSecond: number.nullable()}),
  limitGroupRate: z.strictObject({group: groupName, bytesPerSecond: number.nullable()}),
  pauseGroup: group,
  resumeGroup: group,
  cancelGroup: group,
  /** Whether the session is told of the engine's events. */
  watch: z.strictObject({events: flag}),
  /** `again`: by a client whose host died; the group may be on record. */
  createCompletionGroup: z.strictObject({id, expected: whole, again: flag}),
  reviveCompletionGroup: one,
  expectMember: one,
  withdrawMembers: z.strictObject({groups: ids}),
  enableCompletionGroup: one,
  registerTask: z.strictObject({id, task}),
  unregisterTask: one,
  /** Operations that were created for a batch with notifications; by their guids only once. */
  expectNotified: z.strictObject({batch: id, drafts: ids}),
  /** They will never be started. */
  withdrawNotified: z.strictObject({drafts: ids}),
  closeBytes: z.strictObject({source: text(64)}),
  /** Nobody will start the operation that this session sent a body for. */
  dropBody: one,
  inspect: z.strictObject({
    port: z.int().min(0).max(65_535).exactOptional(),
    control: flag.exactOptional(),
    token: text(256).exactOptional(),
  }),
  closeInspector: z.strictObject({port: z.int().min(1).max(65_535)}),
} as const

export type CallName = keyof typeof CALLS

export type CallInput<Name extends CallName> = z.output<(typeof CALLS)[Name]>

/** What is answered where it is not nothing. */
interface Answers {
  readonly start: readonly Snapshot[]
  readonly find: Snapshot | null
  readonly findByFile: Snapshot | null
  readonly filesOnRecord: readonly string[]
  readonly findMany: readonly Snapshot[]
  readonly query: readonly OperationRecord[]
  readonly refresh: readonly (Snapshot | null)[]
  readonly catchUp: readonly OperationRecord[]
  readonly pause: Snapshot
  readonly resume: Snapshot
  readonly retry: Snapshot
  readonly cancel: Snapshot
  readonly changePolicy: Snapshot
  readonly changeRequest: Snapshot
  readonly markDelivered: Snapshot
  readonly journal: readonly JournalEntry[]
  readonly damaged: number
  readonly applications: readonly ApplicationStanding[]
  readonly setPrefetch: PrefetchState
  readonly prefetch: PrefetchCounts
  readonly consent: boolean
  readonly reviveCompletionGroup: {readonly isKnown: boolean; readonly isEnabled: boolean}
  readonly inspect: {readonly url: string; readonly origin: string; readonly token: string; readonly port: number}
}

export type CallAnswer<Name extends CallName> = Name extends keyof Answers ? Answers[Name] : null

export const CALL_BATCH = z.strictObject({
  /** Calls below this one are settled on the client's side: their answers need not be kept. */
  settled: whole,
  calls: z
    .array(z.strictObject({id: whole, name: z.enum(Object.keys(CALLS) as CallName[]), input: z.unknown()}))
    .max(10_000),
})

export type CallBatch = z.output<typeof CALL_BATCH>

/** Looked at before anything else: another version may say more, or less. */
export const VERSION_QUERY = z.object({api: z.coerce.number()})

export const SESSION_QUERY = z.strictObject({
  ...VERSION_QUERY.shape,
  id: text(64).regex(/^[\w-]{16,64}$/, 'must be 16 to 64 characters'),
  app: app.exactOptional(),
})
