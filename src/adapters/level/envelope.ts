/**
 * The wrapping of every value that matters: `1 <crc32> <write sequence> <json>`. The checksum covers the key too, so a
 * value that turns up under another key, as LevelDB's repair can do after a power cut, does not verify.
 */

import {crc32} from 'node:zlib'

const VERSION = '1'

export interface Opened {
  readonly writeSequence: number
  readonly json: string
}

export function seal(key: string, writeSequence: number, json: string): string {
  return `${VERSION} ${checksum(key, writeSequence, json)} ${writeSequence} ${json}`
}

/** What was sealed under this key; `undefined` when the text does not verify. */
export function unseal(key: string, text: string): Opened | undefined {
  const sequenceAt = 11
  const jsonAt = text.indexOf(' ', sequenceAt) + 1
  if (jsonAt === 0 || text[0] !== VERSION || text[1] !== ' ' || text[10] !== ' ') return undefined
  const writeSequence = Number(text.slice(sequenceAt, jsonAt - 1))
  const json = text.slice(jsonAt)
  if (!Number.isSafeInteger(writeSequence)) return undefined
  return text.slice(2, 10) === checksum(key, writeSequence, json) ? {writeSequence, json} : undefined
}

function checksum(key: string, writeSequence: number, json: string): string {
  return crc32(`${key} ${writeSequence} ${json}`).toString(16).padStart(8, '0')
}
