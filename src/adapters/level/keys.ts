/**
 * Builds and parses every key of the store. Keys have the layout of Level's sublevels (`!name!key`), written out here so
 * that one batch can hold them all without per-entry options. Released: a change needs a migration (schema.ts).
 */

import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import {type PriorityClass, priorityClass} from '../../domain/priority.ts'
import type {LineRange, OperationRecord} from '../../domain/record.ts'
import {isTerminal} from '../../domain/status.ts'
import type {EndedEntry, LineEntry} from '../../ports/record-store.ts'

export const OPERATIONS = '!operations!'
export const QUEUE = '!queue!'
export const ACTIVE = '!active!'
export const ENDED = '!ended!'
export const FILES = '!files!'
export const GROUPS = '!groups!'
export const JOURNAL = '!journal!'
export const TALLIES = '!tallies!'
export const MEMBERS = '!members!'
export const META = '!meta!'

export const SCHEMA_KEY = `${META}schema`
export const MANIFEST_KEY = `${META}manifest`
export const PREFETCH_KEY = `${META}prefetch`

/** Wide enough for 2^53 - 1, so that the order of the texts is the order of the numbers. */
const NUMBER_WIDTH = 16

/** Sorts directly behind `/`, the end of a group's name: no group's key lies between the two. */
const BEHIND_SLASH = '0'

/** All keys of one sublevel: `"` follows `!`. */
export interface KeySpan {
  readonly gte: string
  readonly lt: string
}

export function spanOf(prefix: string): KeySpan {
  return {gte: prefix, lt: `${prefix.slice(0, -1)}"`}
}

export function operationKey(id: string): string {
  return OPERATIONS + id
}

export function idOfOperationKey(key: string): OperationId {
  return key.slice(OPERATIONS.length) as OperationId
}

/** Where an operation stands: its key in exactly one of queue, active and ended, and the value there. */
export interface IndexEntry {
  readonly key: string
  readonly value: string
}

export function indexEntryOf(record: OperationRecord): IndexEntry {
  if (record.state === 'queued') {
    return {
      key: queueKey(record.policy.group, priorityClass(record.policy.priority), record.sequence),
      value: record.id,
    }
  }
  if (isTerminal(record.state)) return {key: endedKey({id: record.id, endedAt: record.endedAt ?? 0}), value: ''}
  return {key: ACTIVE + record.id, value: record.state}
}

export function idOfActiveKey(key: string): OperationId {
  return key.slice(ACTIVE.length) as OperationId
}

export function endedKey({id, endedAt}: EndedEntry): string {
  return `${ENDED}${fixed(endedAt)}/${id}`
}

/** The keys of those that ended at `from` or later, and before `before` (epoch ms). */
export function endedSpan(from: number | undefined, before: number | undefined): KeySpan {
  const {gte, lt} = spanOf(ENDED)
  return {
    gte: from === undefined ? gte : ENDED + fixedAtLeast(from),
    lt: before === undefined ? lt : ENDED + fixedAtLeast(before),
  }
}

export function endedEntryOf(key: string): EndedEntry {
  return {id: idOfEndedKey(key), endedAt: Number(key.slice(ENDED.length, ENDED.length + NUMBER_WIDTH))}
}

export function idOfEndedKey(key: string): OperationId {
  return key.slice(ENDED.length + NUMBER_WIDTH + 1) as OperationId
}

function queueKey(group: string, order: PriorityClass, sequence: number): string {
  return `${QUEUE}${escapeName(group)}/${order}${fixed(sequence)}`
}

/** `first`: seq of the first entry of the segment. */
export function journalKey(id: OperationId, first: number): string {
  return `${JOURNAL}${id}/${fixed(first)}`
}

export function idOfJournalKey(key: string): OperationId {
  return key.slice(JOURNAL.length, key.indexOf('/', JOURNAL.length)) as OperationId
}

export function firstOfJournalKey(key: string): number {
  return Number(key.slice(-NUMBER_WIDTH))
}

/** The journal keys of one operation. */
export function journalSpan(id: OperationId): KeySpan {
  return {gte: `${JOURNAL}${id}/`, lt: `${JOURNAL}${id}${BEHIND_SLASH}`}
}

export function tallyKey(id: TallyId): string {
  return TALLIES + id
}

export function memberKey(tally: TallyId, id: OperationId): string {
  return `${MEMBERS}${tally}/${id}`
}

export function idOfMemberKey(key: string): OperationId {
  return key.slice(key.indexOf('/', MEMBERS.length) + 1) as OperationId
}

/** The members of one tally, in the order of their ids, which is that of their creation. */
export function membersSpan(tally: TallyId): KeySpan {
  return {gte: `${MEMBERS}${tally}/`, lt: `${MEMBERS}${tally}${BEHIND_SLASH}`}
}

/** The queue keys of one group. */
export function queueSpan(group: string): KeySpan {
  const prefix = `${QUEUE}${escapeName(group)}`
  return {gte: `${prefix}/`, lt: prefix + BEHIND_SLASH}
}

/** The queue keys of one stretch of a group's line, both ends included. */
export function lineSpan(group: string, range: LineRange): {readonly gte: string; readonly lte: string} {
  return {
    gte: queueKey(group, range.priorityClass, range.from),
    lte: queueKey(group, range.priorityClass, range.to),
  }
}

export function lineEntryOf(key: string, id: string): LineEntry {
  const sequenceAt = key.length - NUMBER_WIDTH
  return {
    id: id as OperationId,
    priorityClass: Number(key[sequenceAt - 1]) as PriorityClass,
    sequence: Number(key.slice(sequenceAt)),
  }
}

export function groupOfQueueKey(key: string): string {
  return unescapeName(key.slice(QUEUE.length, key.indexOf('/', QUEUE.length)))
}

/** What all queue keys of one group begin with. */
export function groupPrefixOf(key: string): string {
  return key.slice(0, key.indexOf('/', QUEUE.length))
}

/** The first key that can belong to another group than `key`'s. */
export function behindGroupOf(key: string): string {
  return groupPrefixOf(key) + BEHIND_SLASH
}

export function fileKey(file: string): string {
  return FILES + file.replace(UNSAFE_IN_PATH, escapeUnit)
}

export function groupKey(name: string): string {
  return GROUPS + escapeName(name)
}

const UNSAFE_IN_NAME = /[^A-Za-z0-9_.-]/g
const UNSAFE_IN_PATH = /[^A-Za-z0-9_. /-]/g

/**
 * Any string, lone surrogates included, as ASCII without `/`: each other UTF-16 unit becomes `%` and four hexadecimal
 * digits. With the `/` that follows it, no name is a prefix of another.
 */
function escapeName(name: string): string {
  return name.replace(UNSAFE_IN_NAME, escapeUnit)
}

function unescapeName(text: string): string {
  return text.replace(/%([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function escapeUnit(unit: string): string {
  return `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** The text of the first whole number that is not below `value`; of none of ours when that is beyond all of them. */
function fixedAtLeast(value: number): string {
  return value > Number.MAX_SAFE_INTEGER ? '~' : fixed(Math.max(0, Math.ceil(value)))
}

function fixed(value: number): string {
  return String(value).padStart(NUMBER_WIDTH, '0')
}
