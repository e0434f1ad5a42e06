/** What a query sees of a record before it is parsed: nothing that is meant is passed over. */

import fc from 'fast-check'
import {expect, it} from 'vitest'
import {encodeRecord} from '../../src/adapters/level/record-codec.ts'
import {textFilterOf} from '../../src/adapters/level/text-filter.ts'
import {matchesQuery, type OperationFilter} from '../../src/domain/matches-query.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {queuedRecord} from '../support/records.ts'
import {anyRecord} from './any-record.ts'

/** What a query may ask of this record, so that some of it is there. */
function anyQueryFor({state, direction, policy, request, app, createdAt}: OperationRecord) {
  return fc.record(
    {
      direction: fc.constantFrom('download' as const, 'upload' as const, direction),
      group: fc.constantFrom(policy.group, 'another'),
      states: fc.constantFrom([state], ['failed', 'completed']),
      delivered: fc.boolean(),
      urlPrefix: fc.nat(request.url.length).map((end) => request.url.slice(0, end)),
      createdFrom: fc.constantFrom(createdAt - 1, createdAt, createdAt + 1),
      createdBefore: fc.constantFrom(createdAt, createdAt + 1, createdAt + 2),
      ...(app === undefined ? {} : {app: fc.constant(app)}),
    },
    {requiredKeys: []},
  )
}

it('lets through every record that matches, whatever stands in it', () => {
  const cases = anyRecord.chain((record) => fc.tuple(fc.constant(record), anyQueryFor(record)))
  let matches = 0
  fc.assert(
    fc.property(cases, ([record, query]) => {
      if (!matchesQuery(record, query)) return
      matches += 1
      expect(textFilterOf(query)(encodeRecord(record))).toBe(true)
    }),
    {numRuns: 2000},
  )
  expect(matches).toBeGreaterThan(100)
})

it.each(['http://127.0.0.1/\ud83d', 'http://127.0.0.1/\u00e9'])(
  'lets through an address that begins with %j',
  (urlPrefix) => {
    const record = queuedRecord(1)
    const other = {...record, request: {...record.request, url: 'http://127.0.0.1/\ud83d\ude00\u00e9'}}
    expect(textFilterOf({urlPrefix})(encodeRecord(other))).toBe(true)
  },
)

it('tells when an operation was created from what its names and its error say of that', () => {
  const about = {createdAt: 5, sequence: 1}
  const error = {code: 'SERVER_ERROR', message: '', where: '', details: about, retry: 'never'}
  const request = {...queuedRecord(1).request, protocol: {name: 'tus', metadata: {createdAt: '5', sequence: '1'}}}
  const record = {...queuedRecord(1, {createdAt: 10}), request, error} as unknown as OperationRecord
  const isLetThrough = (query: OperationFilter) => textFilterOf(query)(encodeRecord(record))
  const meant = [{createdFrom: 10}, {createdBefore: 11}, {createdFrom: 1, createdBefore: 20}]
  const others = [{createdFrom: 11}, {createdBefore: 10}, {createdFrom: 1, createdBefore: 10}]
  expect(meant.map(isLetThrough)).toEqual([true, true, true])
  expect(others.map(isLetThrough)).toEqual([false, false, false])
})

const ENDED = {state: 'failed', endedAt: 1} as const
const details = {endedAt: 1, delivered: true}

it('tells an end that somebody was told of from one that says so in its error', () => {
  const isLetThrough = (more: Partial<OperationRecord>) =>
    textFilterOf({delivered: false})(encodeRecord({...queuedRecord(1, ENDED), ...more}))
  const error = {
    code: 'SERVER_ERROR',
    message: '',
    where: '',
    details,
    retry: 'never',
  } as unknown as OperationRecord['error'] & object
  const rest = {journalled: 7, app: 'one.two', completionGroup: queuedRecord(2).id}
  expect([{error}, {error, ...rest}, rest].map(isLetThrough)).toEqual([true, true, true])
  expect([{}, {error}, rest].map((more) => isLetThrough({...more, delivered: true}))).toEqual([false, false, false])
})
