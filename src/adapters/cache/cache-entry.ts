/**
 * An entry on the disk: a body, and a small file that makes it one. The small file is written last and by a rename, so that what a
 * crash leaves is an entry or nothing; a body that no entry names is swept.
 */

import {createHash} from 'node:crypto'
import type {StoredHead} from './cache-policy.ts'

export interface CacheEntry extends StoredHead {
  readonly url: string
  /** Name of the file that holds the body. */
  readonly body: string
  /** Bytes of the body, and what they hash to (hexadecimal). */
  readonly size: number
  readonly sha256: string
}

const FORMAT = 1

export const ENTRY_ENDING = '.entry'
export const BODY_ENDING = '.body'

/** The same address, the same name: an entry takes the place of the one before. */
export function entryName(url: string): string {
  return `${sha256(url)}${ENTRY_ENDING}`
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export function encodeEntry(entry: CacheEntry): string {
  const json = JSON.stringify({format: FORMAT, ...entry})
  return `${sha256(json)}\n${json}`
}

/** Undefined for what does not verify, or is of another format: a cache can be had anew. */
export function decodeEntry(text: string, name: string): CacheEntry | undefined {
  const [digest, json = ''] = text.split('\n', 2)
  if (digest !== sha256(json)) return undefined
  const {format, ...entry} = JSON.parse(json) as CacheEntry & {format?: number}
  if (format !== FORMAT || entryName(entry.url) !== name || !isPlainName(entry.body)) return undefined
  return entry
}

function isPlainName(name: string): boolean {
  return /^[0-9a-f-]{36}\.body$/.test(name)
}
