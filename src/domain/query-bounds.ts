/**
 * What a query may ask for: the same wherever it is asked. An engine of this process looks at a query by this table, and a host at
 * what its clients send it.
 */

import {APPLICATION_NAME_RULE, isApplicationName} from './application-name.ts'
import type {OperationFilter} from './matches-query.ts'

/** Characters of the name of a group. */
export const MOST_GROUP_NAME = 256

/** More than there are. */
const MOST_STATES = 64
const MOST_STATE_NAME = 64
/** More than an address may have that is asked for. */
const MOST_URL = 65_536

/** A guid, or a beginning of one: what follows it is looked for. */
const BEGINNING_OF_GUID = /^[0-9a-f-]{0,36}$/

interface Bound {
  readonly admits: (value: unknown) => boolean
  /** For a message, behind the name of the member. */
  readonly rule: string
}

const isText = (value: unknown, most: number): value is string => typeof value === 'string' && value.length <= most
const textOf = (most: number): Bound => ({
  admits: (value) => isText(value, most),
  rule: `must be text of at most ${most} characters`,
})
const TIME: Bound = {
  admits: (value) => typeof value === 'number' && !Number.isNaN(value),
  rule: 'must be a time in epoch ms',
}
const WHOLE: Bound = {
  admits: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  rule: 'must be a whole number from 0',
}

export const QUERY_BOUNDS = {
  app: {
    admits: (value) => typeof value === 'string' && isApplicationName(value),
    rule: `must be a name of ${APPLICATION_NAME_RULE}`,
  },
  direction: {
    admits: (value) => value === 'download' || value === 'upload',
    rule: "must be 'download' or 'upload'",
  },
  group: textOf(MOST_GROUP_NAME),
  states: {
    admits: (value) =>
      Array.isArray(value) && value.length <= MOST_STATES && value.every((each) => isText(each, MOST_STATE_NAME)),
    rule: `must be a list of at most ${MOST_STATES} states`,
  },
  delivered: {admits: (value) => typeof value === 'boolean', rule: 'must be true or false'},
  urlPrefix: textOf(MOST_URL),
  createdFrom: TIME,
  createdBefore: TIME,
  endedFrom: TIME,
  endedBefore: TIME,
  after: {
    admits: (value) => typeof value === 'string' && BEGINNING_OF_GUID.test(value),
    rule: 'must be a guid, or the beginning of one',
  },
  limit: WHOLE,
} as const satisfies Readonly<Record<keyof OperationFilter | 'after' | 'limit', Bound>>
