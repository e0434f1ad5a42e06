/** Operation and group records as the texts that stand in the store, and back. */

import type {PrefetchRecord} from '../../domain/prefetch.ts'
import type {GroupRecord, OperationRecord} from '../../domain/record.ts'
import {TALLY_STATES, type Tally} from '../../domain/tally.ts'
import {seal, unseal} from './envelope.ts'
import {groupKey, idOfOperationKey, operationKey, PREFETCH_KEY, tallyKey} from './keys.ts'
import {decodeRecord, encodeRecord} from './record-codec.ts'

export function sealRecord(record: OperationRecord, writeSequence: number): string {
  return seal(operationKey(record.id), writeSequence, encodeRecord(record))
}

/** `undefined` when the text does not verify. */
export function unsealRecord(key: string, text: string): OperationRecord | undefined {
  const opened = unseal(key, text)
  return opened && decodeRecord(idOfOperationKey(key), opened.json)
}

export function sealGroup(group: GroupRecord, writeSequence: number): string {
  return seal(groupKey(group.name), writeSequence, JSON.stringify(group))
}

export function sealTally(tally: Tally, writeSequence: number): string {
  return seal(tallyKey(tally.id), writeSequence, JSON.stringify(tally))
}

/** `undefined` when the text does not verify, or is no tally of ours. */
export function unsealTally(key: string, text: string): Tally | undefined {
  const opened = unseal(key, text)
  if (opened === undefined) return undefined
  const tally: Tally = JSON.parse(opened.json)
  return TALLY_STATES.includes(tally.state) ? tally : undefined
}

/** `undefined` when the text does not verify. */
export function unsealGroup(key: string, text: string): GroupRecord | undefined {
  const opened = unseal(key, text)
  if (opened === undefined) return undefined
  const group: GroupRecord = JSON.parse(opened.json)
  return group
}

export function sealPrefetch(record: PrefetchRecord, writeSequence: number): string {
  return seal(PREFETCH_KEY, writeSequence, JSON.stringify(record))
}

/** `undefined` when the text does not verify. */
export function unsealPrefetch(text: string): PrefetchRecord | undefined {
  const opened = unseal(PREFETCH_KEY, text)
  if (opened === undefined) return undefined
  const record: PrefetchRecord = JSON.parse(opened.json)
  return record
}
