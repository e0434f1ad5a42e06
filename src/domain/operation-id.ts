/** The identity of an operation: the namespace's Guid, lower case, 8-4-4-4-12, no braces (O26). */

export type OperationId = string & {readonly __brand: 'OperationId'}

const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function isOperationId(text: string): text is OperationId {
  return typeof text === 'string' && SHAPE.test(text)
}

const COUNTER_LIMIT = 0x1000

/**
 * Makes GUIDs of version 7 (RFC 9562, 5.7), rising within a process: a page of operations is then in the order of their
 * creation, and a million of them enter the store's tree at its end instead of everywhere. `guid` gives the random bits.
 */
export function createOperationIds(now: () => number, guid: () => string): () => OperationId {
  let ms = 0
  let counter = 0
  // Many are made in one ms.
  let front = frontOf(ms)
  return () => {
    const at = now()
    counter = at > ms ? 0 : counter + 1
    if (counter === COUNTER_LIMIT) counter = 0
    if (counter === 0) {
      ms = Math.max(at, ms + 1)
      front = frontOf(ms)
    }
    const low = counter.toString(16).padStart(3, '0')
    return `${front}${low}${guid().slice(18)}` as OperationId
  }
}

/** Up to the counter. */
function frontOf(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7`
}

/** What counts operations (tally.ts) is named as they are. */
export type TallyId = OperationId
