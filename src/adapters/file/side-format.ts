/**
 * The text of a side file, version 1: lines of `<crc-32 of the rest, 8 hex digits> <JSON>`. The first names the operation;
 * each further one is a checkpoint with the digests of the blocks that changed since the one before. Reading stops at the
 * first line that is torn or damaged, so an append that did not finish costs itself only. Persisted: names never change.
 */

import {crc32} from 'node:zlib'
import type {ContentDescription} from '../../domain/content-description.ts'
import {isOperationId} from '../../domain/operation-id.ts'
import {addRange, EMPTY, type RangeSet} from '../../domain/range-set.ts'
import type {Checksum, CollisionPolicy, Evidence} from '../../domain/record.ts'
import type {Validator, VersionMarks} from '../../domain/validator.ts'
import type {SideFacts} from '../../ports/file-sink.ts'
import {BLOCK_SIZE, blockOf, byBlock, type Digest, NO_DIGEST, rangesInBlock} from './block-digests.ts'

const VERSION = 1

/** The part as it stood when a checkpoint was written: what decides how much of it is to be read again. */
export interface PartStamp {
  readonly boot?: string
  readonly size: number
  readonly modifiedMs: number
}

/** What a side file says as a whole. */
export interface SideContent {
  readonly facts: SideFacts
  readonly stamp: PartStamp
  /** By block: the digests of its stretches, as the last checkpoint that named the block gave them. */
  readonly digests: ReadonlyMap<number, readonly Digest[]>
  /** Length in bytes of the part of the file that is valid. */
  readonly length: number
}

export function encodeHeader({id, request, target, evidence}: SideFacts): string {
  const {url, method} = request
  const {file, collision} = target
  return seal({version: VERSION, id, url, method, file, collision, generation: evidence.generation})
}

export function encodeCheckpoint(evidence: Evidence, stamp: PartStamp, digests: readonly Digest[]): string {
  const {generation: _, ranges, ...rest} = evidence
  return seal({...stamp, ...rest, ranges, digests: digests.map(encodeDigest)})
}

/** A digest that was not worth its time is left out: an older version stops reading at such a line, and fetches more again. */
function encodeDigest({start, end, crc}: Digest): readonly number[] {
  return crc === NO_DIGEST ? [start, end] : [start, end, crc]
}

/** Undefined unless the header and at least one checkpoint are whole. */
export function decodeSide(bytes: Buffer): SideContent | undefined {
  let content: SideContent | undefined
  let header: (Omit<SideFacts, 'evidence'> & {readonly generation: number}) | undefined
  const digests = new Map<number, readonly Digest[]>()
  let at = 0
  while (at < bytes.length) {
    const lineEnd = bytes.indexOf(0x0a, at)
    if (lineEnd < 0) break
    const fields = unseal(bytes.subarray(at, lineEnd))
    if (fields === undefined) break
    at = lineEnd + 1
    if (header === undefined) {
      header = readHeader(fields)
      if (header === undefined) return undefined
      continue
    }
    const checkpoint = readCheckpoint(fields)
    if (checkpoint === undefined) break
    for (const [block, list] of byBlock(checkpoint.digests)) digests.set(block, list)
    const {generation, ...facts} = header
    content = {
      facts: {...facts, evidence: {generation, ...checkpoint.evidence}},
      stamp: checkpoint.stamp,
      digests,
      length: at,
    }
  }
  return content
}

/** The digests that the ranges still need, in order. */
export function neededDigests(digests: ReadonlyMap<number, readonly Digest[]>, ranges: RangeSet): readonly Digest[] {
  return [...digests.entries()]
    .filter(([block]) => rangesInBlock(ranges, block).length > 0)
    .sort(([a], [b]) => a - b)
    .flatMap(([, list]) => list)
}

type Fields = Readonly<Record<string, unknown>>

function seal(fields: Fields): string {
  const json = JSON.stringify(fields)
  return `${crcText(json)} ${json}\n`
}

function unseal(line: Buffer): Fields | undefined {
  const json = line.subarray(9)
  if (line.length < 10 || line.toString('latin1', 0, 9) !== `${crcText(json)} `) return undefined
  try {
    return asFields(JSON.parse(json.toString('utf8')))
  } catch {
    // A right CRC over what is no JSON: somebody else's file.
    return undefined
  }
}

function crcText(json: string | Buffer): string {
  return crc32(json).toString(16).padStart(8, '0')
}

function readHeader(fields: Fields): (Omit<SideFacts, 'evidence'> & {readonly generation: number}) | undefined {
  const {version, id, url, method, file, collision, generation} = fields
  if (version !== VERSION || typeof id !== 'string' || !isOperationId(id)) return undefined
  if (typeof url !== 'string' || typeof method !== 'string' || typeof file !== 'string') return undefined
  if (!isCollision(collision) || !isCount(generation)) return undefined
  return {id, request: {url, method}, target: {file, collision}, generation}
}

function readCheckpoint(
  fields: Fields,
): {evidence: Omit<Evidence, 'generation'>; stamp: PartStamp; digests: readonly Digest[]} | undefined {
  const {boot, size, modifiedMs, validator, marks, description, coded, total, digest, url} = fields
  const ranges = readRanges(fields.ranges)
  const digests = readDigests(fields.digests)
  if (ranges === undefined || digests === undefined || !isCount(size) || typeof modifiedMs !== 'number')
    return undefined
  return {
    evidence: {
      ...(isValidator(validator) ? {validator: {kind: validator.kind, value: validator.value}} : {}),
      ...(isMarks(marks) ? {marks} : {}),
      ...(isDescription(description) ? {description} : {}),
      ...(coded === true ? {coded} : {}),
      ...(isCount(total) ? {total} : {}),
      ...(isChecksum(digest) ? {digest: {algorithm: digest.algorithm, hex: digest.hex}} : {}),
      ...(typeof url === 'string' ? {url} : {}),
      ranges,
    },
    stamp: {...(typeof boot === 'string' ? {boot} : {}), size, modifiedMs},
    digests,
  }
}

function readRanges(value: unknown): RangeSet | undefined {
  if (!Array.isArray(value)) return undefined
  let set: RangeSet = EMPTY
  for (const item of value) {
    const [start, end] = asNumbers(item)
    if (!isCount(start) || !isCount(end)) return undefined
    set = addRange(set, start, end)
  }
  return set
}

function readDigests(value: unknown): readonly Digest[] | undefined {
  if (!Array.isArray(value)) return undefined
  const digests: Digest[] = []
  for (const item of value) {
    const [start, end, crc] = asNumbers(item)
    if (!isCount(start) || !isCount(end) || !(crc === undefined || isCount(crc))) return undefined
    if (end <= start || end > (blockOf(start) + 1) * BLOCK_SIZE) return undefined
    digests.push({start, end, crc: crc ?? NO_DIGEST})
  }
  return digests
}

function asNumbers(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function asFields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null ? {...value} : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isCollision(value: unknown): value is CollisionPolicy {
  return value === 'failIfExists' || value === 'generateUniqueName' || value === 'replaceExisting'
}

function isMarks(value: unknown): value is VersionMarks {
  const fields = asFields(value)
  return (
    fields !== undefined &&
    [fields.etag, fields.lastModified].every((mark) => ['string', 'undefined'].includes(typeof mark))
  )
}

function isDescription(value: unknown): value is ContentDescription {
  const fields = asFields(value)
  return (
    fields !== undefined &&
    [fields.type, fields.disposition].every((said) => ['string', 'undefined'].includes(typeof said))
  )
}

function isChecksum(value: unknown): value is Checksum {
  const fields = asFields(value)
  if (fields === undefined || typeof fields.hex !== 'string') return false
  return (fields.algorithm === 'sha256' || fields.algorithm === 'sha512') && /^[0-9a-f]+$/.test(fields.hex)
}

function isValidator(value: unknown): value is Validator {
  const fields = asFields(value)
  if (fields === undefined || typeof fields.value !== 'string') return false
  return fields.kind === 'etag' || fields.kind === 'lastModified'
}
