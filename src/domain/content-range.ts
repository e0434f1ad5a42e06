/** Content-Range (RFC 9110, 14.4): which bytes of the whole a 206 carries, or what a 416 says of the size. */

export type ContentRange =
  | {readonly kind: 'range'; readonly start: number /** Exclusive. */; readonly end: number; readonly total?: number}
  | {readonly kind: 'unsatisfied'; readonly total?: number}

const SHAPE = /^bytes[ \t]+(?:(?<first>\d+)-(?<last>\d+)|\*)\/(?:(?<total>\d+)|\*)$/i

/** Undefined for anything else: another unit, numbers that are not safe integers, ranges that contradict themselves. */
export function parseContentRange(value: string): ContentRange | undefined {
  const fields = SHAPE.exec(value.trim())?.groups
  if (fields === undefined) return undefined
  const total = fields.total === undefined ? undefined : Number(fields.total)
  if (total !== undefined && !Number.isSafeInteger(total)) return undefined
  const size = total === undefined ? {} : {total}
  if (fields.first === undefined) return {kind: 'unsatisfied', ...size}
  const start = Number(fields.first)
  const end = Number(fields.last) + 1
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return undefined
  if (end <= start || (total !== undefined && end > total)) return undefined
  return {kind: 'range', start, end, ...size}
}
