/**
 * The shapes of what a client may give: each is what checks it, and is held by the compiler against the type of the engine that it
 * becomes. protocol.ts says which call takes which.
 */

import {isAbsolute} from 'node:path'
import {fileURLToPath} from 'node:url'
import {z} from 'zod'
import type {ExpectedContent} from '../domain/content-guard.ts'
import type {BatchNotices, NotificationBatch, TileNotice, ToastNotice} from '../domain/notice.ts'
import {isOperationId, type OperationId} from '../domain/operation-id.ts'
import {isPrefetchAddress, MOST_LISTED, type PrefetchWish} from '../domain/prefetch.ts'
import {MOST_GROUP_NAME, QUERY_BOUNDS} from '../domain/query-bounds.ts'
import type {TransferPolicy, TransferRequest, TransferTarget} from '../domain/record.ts'
import type {TaskRegistration} from '../domain/tally.ts'
import type {UploadWay} from '../domain/upload-way.ts'
import {MOST_QUERIED} from '../ports/host-connection.ts'
import type {OperationQuery} from '../ports/record-store.ts'

export const text = (most: number) => z.string().max(most)
export const whole = z.int().min(0)
export const number = z.number()
export const flag = z.boolean()
export const id = z.custom<OperationId>((value) => typeof value === 'string' && isOperationId(value), 'must be a guid')
const path = text(32_768).refine(isAbsolute, 'must be an absolute path')
const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, 'must be an HTTP token')
const plain = (most: number) => text(most).regex(/^[^\r\n\0]*$/, 'must have no line breaks')
export const groupName = text(MOST_GROUP_NAME)
const web = text(65_536).refine(
  (value) => URL.canParse(value) && /^(?:https?|ftp):\/\//.test(value),
  'must be http, https or ftp',
)

const piece = z.discriminatedUnion('kind', [
  z.strictObject({kind: z.literal('text'), text: z.string()}),
  z.strictObject({kind: z.literal('file'), file: path}),
  z.strictObject({kind: z.literal('spool'), name: text(64), size: whole}),
])

/** A member that a client may give is named here; the compiler asks for each that the record has. */
type Members<T> = {readonly [Name in keyof Required<T>]: z.ZodType}

export const request = z.strictObject({
  url: web,
  method: token,
  headers: z.array(z.tuple([token, plain(65_536)])).max(1_000),
  sealed: text(262_144).exactOptional(),
  body: z.strictObject({pieces: z.array(piece).max(10_000)}).exactOptional(),
  proxy: plain(2_048).exactOptional(),
  ftpTls: z.enum(['explicit', 'implicit']).exactOptional(),
  provider: text(256).exactOptional(),
  mirrors: z.array(web).max(100).exactOptional(),
  way: z
    .strictObject({
      protocol: text(64),
      metadata: z.record(text(256), text(65_536)).exactOptional(),
      partBytes: z.int().min(1).exactOptional(),
    } satisfies Members<UploadWay>)
    .exactOptional(),
  credentials: text(65_536).exactOptional(),
} satisfies Members<TransferRequest>)

const target = z.strictObject({
  file: text(32_768),
  collision: z.enum(['failIfExists', 'generateUniqueName', 'replaceExisting']),
} satisfies Members<TransferTarget>)

/** Bounds of numbers are those of the engine's own options. */
export const policy = z.strictObject({
  priority: z.literal([0, 1, 2]),
  costPolicy: z.literal([0, 1, 2]),
  group: groupName,
  checksum: z.strictObject({algorithm: z.enum(['sha256', 'sha512', 'sha1', 'md5']), hex: text(128)}).exactOptional(),
  recoverable: z.array(whole).max(1_000).exactOptional(),
  retries: number.exactOptional(),
  retryDelayMs: number.exactOptional(),
  connectTimeoutMs: number.exactOptional(),
  responseTimeoutMs: number.exactOptional(),
  stallTimeoutMs: number.exactOptional(),
  maxBytesPerSecond: number.exactOptional(),
  randomAccess: flag.exactOptional(),
  unconstrained: flag.exactOptional(),
  expect: z
    .strictObject({
      contentType: z.union([text(256), z.array(text(256)).max(100)]).exactOptional(),
      minBytes: whole.exactOptional(),
      maxBytes: whole.exactOptional(),
      magic: text(128).exactOptional(),
    } satisfies Members<ExpectedContent>)
    .exactOptional(),
  ignoreServerDigest: flag.exactOptional(),
  nameFromServer: flag.exactOptional(),
  resumeWithoutValidator: flag.exactOptional(),
  compareOnResume: flag.exactOptional(),
  connections: z.int().min(1).max(1000).exactOptional(),
} satisfies Members<TransferPolicy>)

const tile = {
  content: text(8_192),
  tag: text(64).exactOptional(),
  expiresAt: number.exactOptional(),
} satisfies Members<TileNotice>

const toast = {
  ...tile,
  group: text(64).exactOptional(),
  suppressPopup: z.literal(true).exactOptional(),
} satisfies Members<ToastNotice>

const notificationBatch = z.strictObject({
  id,
  notices: z.strictObject({
    successToast: z.strictObject(toast).exactOptional(),
    failureToast: z.strictObject(toast).exactOptional(),
    successTile: z.strictObject(tile).exactOptional(),
    failureTile: z.strictObject(tile).exactOptional(),
  } satisfies Members<BatchNotices>),
} satisfies Members<NotificationBatch>)

/** What a client says of an operation to come; the host adds what only it may know. */
export const draft = z
  .strictObject({
    id,
    direction: z.enum(['download', 'upload']),
    request,
    target,
    policy,
    createdAt: whole,
    completionGroup: id.exactOptional(),
    notificationBatch: notificationBatch.exactOptional(),
  })
  .refine(({direction, target}) => direction === 'upload' || (isAbsolute(target.file) && !target.file.includes('\0')), {
    path: ['target', 'file'],
    message: 'must be an absolute path',
  })

type Asked = Required<OperationQuery>
const asked = <Name extends keyof Asked>(name: Name) =>
  z.custom<Asked[Name]>(QUERY_BOUNDS[name].admits, QUERY_BOUNDS[name].rule)

export const app = asked('app')

export const query = z.strictObject({
  app: app.exactOptional(),
  direction: asked('direction').exactOptional(),
  group: asked('group').exactOptional(),
  states: asked('states').exactOptional(),
  delivered: asked('delivered').exactOptional(),
  urlPrefix: asked('urlPrefix').exactOptional(),
  createdFrom: asked('createdFrom').exactOptional(),
  createdBefore: asked('createdBefore').exactOptional(),
  endedFrom: asked('endedFrom').exactOptional(),
  endedBefore: asked('endedBefore').exactOptional(),
  after: asked('after').exactOptional(),
  /** More than this is asked for by pages. */
  limit: asked('limit')
    .refine((limit) => limit <= MOST_QUERIED, `must be at most ${MOST_QUERIED}`)
    .exactOptional(),
} satisfies Members<OperationQuery>)

export const task = z.strictObject({
  taskId: id,
  name: text(256),
  module: z.string().startsWith('file:').max(32_768).refine(isPath, 'must be the address of a file of this machine'),
  isolation: z.enum(['worker', 'process']),
  timeoutMs: number,
} satisfies Members<TaskRegistration>)

const prefetched = text(65_536).refine((value) => isPrefetchAddress(value), 'must be http or https, and name no user')
export const prefetchWish = z.strictObject({
  uris: z.array(prefetched).max(MOST_LISTED),
  indirect: prefetched.exactOptional(),
} satisfies Members<PrefetchWish>)

function isPath(address: string): boolean {
  try {
    fileURLToPath(address)
    return true
  } catch {
    return false
  }
}
