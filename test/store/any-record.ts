/** fast-check's source of operation records: every optional field present or absent, any text where text may stand. */

import fc from 'fast-check'
import {ERROR_CODES, type ErrorCode} from '../../src/domain/error-codes.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {LIFE_STATES} from '../../src/domain/status.ts'
import {operationId} from '../support/records.ts'

/** Lone surrogates included: file and group names come from outside. */
export const anyText = fc.oneof(
  fc.string({unit: 'binary', maxLength: 12}),
  fc.constantFrom('', '\ud800', '%0041', 'a/b'),
)

const count = fc.nat(1_000_000)
const time = fc.maxSafeNat()
const headers = fc.array(fc.tuple(anyText, anyText), {maxLength: 3})
const ranges = fc.array(fc.tuple(count, count), {maxLength: 4})

const request = fc.record(
  {
    url: fc.webUrl(),
    method: fc.constantFrom('GET', 'POST', 'get'),
    headers,
    sealed: anyText,
    body: fc.record({
      pieces: fc.array(
        fc.oneof(
          fc.record({kind: fc.constant('text' as const), text: anyText}),
          fc.record({kind: fc.constant('file' as const), file: anyText}),
          fc.record({kind: fc.constant('spool' as const), name: anyText, size: count}),
        ),
        {maxLength: 3},
      ),
    }),
  },
  {requiredKeys: ['url', 'method', 'headers']},
)

const policy = fc.record(
  {
    priority: fc.constantFrom(0, 1, 2),
    costPolicy: fc.constantFrom(0, 1, 2),
    group: anyText,
    checksum: fc.record({algorithm: fc.constantFrom('sha256', 'md5'), hex: fc.string({maxLength: 8})}),
    recoverable: fc.array(count, {maxLength: 3}),
    retries: fc.nat(9),
    retryDelayMs: count,
    connectTimeoutMs: count,
    responseTimeoutMs: count,
    stallTimeoutMs: count,
    unconstrained: fc.boolean(),
  },
  {requiredKeys: ['priority', 'costPolicy', 'group']},
)

const evidence = fc.record(
  {
    generation: fc.integer({min: 1, max: 3}),
    validator: fc.record({kind: fc.constantFrom('etag', 'lastModified'), value: anyText}),
    total: time,
    url: fc.webUrl(),
    ranges,
  },
  {requiredKeys: ['generation', 'ranges']},
)

const error = fc.record(
  {
    code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])),
    message: anyText,
    where: anyText,
    details: fc.dictionary(fc.constantFrom('status', 'path', 'final'), fc.oneof(anyText, count, fc.boolean())),
    cause: anyText,
    retry: fc.constantFrom('never', 'backoff', 'storage'),
  },
  {requiredKeys: ['code', 'message']},
)

const record: fc.Arbitrary<OperationRecord> = fc.record(
  {
    id: fc.nat(999_999).map(operationId),
    direction: fc.constantFrom('download', 'upload'),
    state: fc.constantFrom(...LIFE_STATES),
    request,
    target: fc.record({
      file: anyText,
      collision: fc.constantFrom('failIfExists', 'generateUniqueName', 'replaceExisting'),
    }),
    policy,
    createdAt: time,
    sequence: time,
    attempts: fc.record({total: fc.nat(3), failures: fc.nat(3), highWater: fc.nat(3), continued: fc.boolean()}),
    evidence,
    sending: fc.record(
      {content: fc.record({length: count, files: fc.constant([])}), session: anyText},
      {requiredKeys: []},
    ),
    response: fc.record({status: fc.integer({min: 200, max: 599}), url: fc.webUrl(), headers}),
    error,
    retryAt: time,
    publishing: fc.record({device: count, inode: time, size: time}),
    resultFile: anyText,
    cleanRestart: fc.boolean(),
    endedAt: time,
    delivered: fc.boolean(),
    completionGroup: fc.nat(9).map(operationId),
    notificationBatch: fc.record({
      id: fc.integer({min: 100, max: 109}).map(operationId),
      notices: fc.record({successToast: fc.record({content: anyText})}, {requiredKeys: []}),
    }),
    journalled: time,
  },
  {
    requiredKeys: [
      'id',
      'direction',
      'state',
      'request',
      'target',
      'policy',
      'createdAt',
      'sequence',
      'attempts',
      'evidence',
    ],
  },
)

/** Cloned, because fast-check also makes objects without a prototype, which no reader of JSON gives back. */
export const anyRecord = record.map((made) => structuredClone(made))
