/**
 * What makes one record of an operation of another: whoever has the one is told the other in a fraction of its words, since all but
 * a few members of a record stay what they were.
 */

import type {OperationRecord} from './record.ts'

export interface RecordChanges {
  /** Members that are other ones now. */
  readonly set: Partial<OperationRecord>
  /** Members that are gone. */
  readonly unset?: readonly string[]
}

/** Members are replaced when they change: the same object is the same. */
export function changesOf(before: OperationRecord, after: OperationRecord): RecordChanges {
  const set = Object.fromEntries(
    Object.entries(after).filter(([name, value]) => value !== undefined && Reflect.get(before, name) !== value),
  )
  const unset = Object.keys(before).filter((name) => Reflect.get(after, name) === undefined)
  return {set, ...(unset.length === 0 ? {} : {unset})}
}

export function withChanges(before: OperationRecord, {set, unset = []}: RecordChanges): OperationRecord {
  const kept = Object.entries(before).filter(([name]) => !unset.includes(name))
  return {...(Object.fromEntries(kept) as unknown as OperationRecord), ...set}
}
