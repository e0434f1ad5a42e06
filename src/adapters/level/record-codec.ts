/**
 * A record as compact JSON: one flat object that leaves out what equals its default, and the id, which is the key.
 * Released: names and defaults never change; new fields are optional.
 */

import type {OperationId} from '../../domain/operation-id.ts'
import {
  type AttemptCounts,
  type Evidence,
  NO_ATTEMPTS,
  NO_EVIDENCE,
  type OperationRecord,
  type TransferPolicy,
  type TransferRequest,
  type TransferTarget,
} from '../../domain/record.ts'
import {LIFE_STATES, type LifeState} from '../../domain/status.ts'
import {numberText} from './json-text.ts'
import {partTextsOf} from './part-texts.ts'

type OptionalKeys<T> = {[Key in keyof T]-?: Record<never, never> extends Pick<T, Key> ? Key : never}[keyof T]
type Writable<T> = {-readonly [Key in keyof T]: T[Key]}

/** The optional fields of `T`, all of them: a field left out here would be lost, so it does not compile. */
function everyOptionalOf<T>() {
  return <Keys extends Record<OptionalKeys<T>, true>>(keys: Keys) =>
    Object.keys(keys) as readonly string[] as readonly (keyof Keys & string)[]
}

const REQUEST_OPTIONS = everyOptionalOf<TransferRequest>()({
  sealed: true,
  body: true,
  proxy: true,
  ftpTls: true,
  provider: true,
  mirrors: true,
  credentials: true,
  way: true,
})

const POLICY_OPTIONS = everyOptionalOf<TransferPolicy>()({
  checksum: true,
  recoverable: true,
  retries: true,
  retryDelayMs: true,
  connectTimeoutMs: true,
  responseTimeoutMs: true,
  stallTimeoutMs: true,
  maxBytesPerSecond: true,
  randomAccess: true,
  unconstrained: true,
  expect: true,
  ignoreServerDigest: true,
  nameFromServer: true,
  resumeWithoutValidator: true,
  compareOnResume: true,
  connections: true,
})

const RECORD_OPTIONS = everyOptionalOf<OperationRecord>()({
  sending: true,
  response: true,
  error: true,
  retryAt: true,
  publishing: true,
  resultFile: true,
  cleanRestart: true,
  source: true,
  dropped: true,
  endedAt: true,
  delivered: true,
  completionGroup: true,
  notificationBatch: true,
  journalled: true,
  app: true,
})

/** What is written by the same rule for all. */
const OTHER_RECORD_OPTIONS = RECORD_OPTIONS.filter((key) => key !== 'response')

/** The JSON's shape. `state` comes first: see `stateOfJson`. */
type WireRecord = Pick<OperationRecord, OptionalKeys<OperationRecord> | 'createdAt' | 'sequence'> &
  Pick<TransferTarget, 'file'> &
  Partial<Pick<TransferTarget, 'collision'>> &
  Pick<TransferRequest, 'url'> &
  Partial<TransferRequest> &
  Partial<TransferPolicy> &
  Partial<Pick<OperationRecord, 'state' | 'direction' | 'attempts' | 'evidence'>>

/** The text that JSON.stringify makes of a WireRecord, put together of its parts. */
export function encodeRecord(record: OperationRecord): string {
  const {state, direction, attempts, evidence, response} = record
  const parts = partTextsOf(record)
  let json = state === 'queued' ? '{' : `{"state":"${state}",`
  if (direction !== 'download') json += `"direction":"${direction}",`
  json += parts.wish(record, wishText)
  json += `,"createdAt":${numberText(record.createdAt)},"sequence":${numberText(record.sequence)}`
  if (!isUntried(attempts)) json += `,"attempts":${parts.attempts(attempts)}`
  if (!isEmpty(evidence)) json += `,"evidence":${parts.evidence(evidence)}`
  if (response !== undefined) json += `,"response":${parts.response(response)}`
  return `${json}${textOfPresent(record, OTHER_RECORD_OPTIONS)}}`
}

function wishText(request: TransferRequest, target: TransferTarget, policy: TransferPolicy): string {
  let json = `"url":${JSON.stringify(request.url)}`
  if (request.method !== 'GET') json += `,"method":${JSON.stringify(request.method)}`
  if (request.headers.length > 0) json += `,"headers":${JSON.stringify(request.headers)}`
  json += `${textOfPresent(request, REQUEST_OPTIONS)},"file":${JSON.stringify(target.file)}`
  if (target.collision !== 'failIfExists') json += `,"collision":${JSON.stringify(target.collision)}`
  if (policy.priority !== 0) json += `,"priority":${numberText(policy.priority)}`
  if (policy.costPolicy !== 0) json += `,"costPolicy":${numberText(policy.costPolicy)}`
  if (policy.group !== '') json += `,"group":${JSON.stringify(policy.group)}`
  return json + textOfPresent(policy, POLICY_OPTIONS)
}

/** The record of that id, or `undefined` when the JSON is no record of ours. */
export function decodeRecord(id: OperationId, json: string): OperationRecord | undefined {
  const wire = parseWire(json)
  if (wire === undefined) return undefined
  const request: Writable<TransferRequest> = {
    url: wire.url,
    method: wire.method ?? 'GET',
    headers: wire.headers ?? [],
  }
  copyPresent(wire, request, REQUEST_OPTIONS)
  const policy: Writable<TransferPolicy> = {
    priority: wire.priority ?? 0,
    costPolicy: wire.costPolicy ?? 0,
    group: wire.group ?? '',
  }
  copyPresent(wire, policy, POLICY_OPTIONS)
  const record: Writable<OperationRecord> = {
    id,
    direction: wire.direction ?? 'download',
    state: wire.state ?? 'queued',
    request,
    target: {file: wire.file, collision: wire.collision ?? 'failIfExists'},
    policy,
    createdAt: wire.createdAt,
    sequence: wire.sequence,
    attempts: wire.attempts ?? NO_ATTEMPTS,
    evidence: wire.evidence ?? NO_EVIDENCE,
  }
  copyPresent(wire, record, RECORD_OPTIONS)
  return record
}

/** The life state, read off the front of the JSON without parsing it. */
export function stateOfJson(json: string): LifeState {
  const start = '{"state":"'
  return json.startsWith(start) ? (json.slice(start.length, json.indexOf('"', start.length)) as LifeState) : 'queued'
}

/** Of what stands before it no object has these two members: the names that an application gives (metadata) have texts. */
const CREATED_AT = /,"createdAt":(\d+),"sequence":/

/** When it was created, read off the JSON without parsing it; `undefined` where that takes a parser. */
export function createdAtOfJson(json: string): number | undefined {
  const [, createdAt] = CREATED_AT.exec(json) ?? []
  return createdAt === undefined ? undefined : Number(createdAt)
}

/** The checksum has vouched for the bytes; this guards against text that another program, or a newer one, wrote. */
function parseWire(json: string): WireRecord | undefined {
  let wire: Partial<WireRecord> | null
  try {
    wire = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof wire !== 'object' || wire === null) return undefined
  const whole =
    typeof wire.url === 'string' &&
    typeof wire.file === 'string' &&
    typeof wire.createdAt === 'number' &&
    typeof wire.sequence === 'number' &&
    (wire.direction === undefined || wire.direction === 'upload') &&
    (wire.state === undefined || LIFE_STATES.includes(wire.state))
  return whole ? (wire as WireRecord) : undefined
}

function isUntried(attempts: AttemptCounts): boolean {
  return attempts.total === 0 && attempts.failures === 0 && attempts.highWater === 0 && !attempts.continued
}

function isEmpty(evidence: Evidence): boolean {
  return (
    evidence.generation === NO_EVIDENCE.generation && evidence.ranges.length === 0 && Object.keys(evidence).length === 2
  )
}

function textOfPresent<Key extends string>(from: {readonly [K in Key]?: unknown}, keys: readonly Key[]): string {
  let json = ''
  for (const key of keys) {
    const value = from[key]
    if (value !== undefined)
      json += `,"${key}":${typeof value === 'number' ? numberText(value) : JSON.stringify(value)}`
  }
  return json
}

function copyPresent<Key extends string>(
  from: {readonly [K in Key]?: unknown},
  to: {[K in Key]?: unknown},
  keys: readonly Key[],
): void {
  for (const key of keys) if (from[key] !== undefined) to[key] = from[key]
}
