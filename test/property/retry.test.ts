/** The retry policy: its table, its bounds, its order of precedence. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {ERROR_CODES, type ErrorCode} from '../../src/domain/error-codes.ts'
import {type SerializedError, TransferError} from '../../src/domain/errors.ts'
import {webErrorStatusOf} from '../../src/domain/hresult.ts'
import {BRIEF_MS, isMeagre, LITTLE_BYTES} from '../../src/domain/meagre-try.ts'
import {sizeOf} from '../../src/domain/range-set.ts'
import {type AttemptCounts, type Evidence, NO_ATTEMPTS} from '../../src/domain/record.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import {
  countAttempt,
  countContinuation,
  countFailure,
  countProgress,
  DEFAULT_RETRY,
  decideRetry,
  httpStatusError,
  isRetriedStatus,
  type RetryInput,
} from '../../src/domain/retry.ts'
import {WebErrorStatus} from '../../src/domain/web-error-status.ts'

const NOW = Date.UTC(2026, 0, 1)
const RESET: SerializedError = {code: 'CONNECTION_RESET', message: 'cut'}
const CUT: SerializedError = {...RESET, details: {midBody: true, resumable: true}}

function decide(input: Partial<RetryInput> & {readonly error: SerializedError}) {
  const counts = countFailure(countAttempt(NO_ATTEMPTS))
  return decideRetry({counts, settings: DEFAULT_RETRY, recoverable: [], now: NOW, random: 0.5, ...input})
}

function answer(status: number, retryAfter?: string): ResponseFacts {
  return {
    status,
    url: 'https://me:pw@example.com/f?sig=s3cret',
    headers: retryAfter === undefined ? [] : [['retry-after', retryAfter]],
  }
}

const anyCounts: fc.Arbitrary<AttemptCounts> = fc.record({
  total: fc.integer({min: 1, max: 60}),
  failures: fc.integer({min: 1, max: 60}),
  highWater: fc.nat(),
  continued: fc.boolean(),
})
const random = fc.double({min: 0, max: 1, maxExcluded: true, noNaN: true})

describe('decideRetry', () => {
  it('follows the verdict of the table for every code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const expected = {never: 'end', backoff: 'waitUntil', storage: 'pauseForStorage'}[ERROR_CODES[code].retry]
      expect(decide({error: {code, message: 'x'}}).kind).toBe(expected)
    }
  })

  it('lets an error override the verdict of its code', () => {
    expect(decide({error: {code: 'HTTP_STATUS', message: 'x', retry: 'backoff'}}).kind).toBe('waitUntil')
    expect(decide({error: {...RESET, retry: 'never'}}).kind).toBe('end')
  })

  it('pauses for a recoverable status before anything else, for every code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const error: SerializedError = {code, message: 'x', details: {status: 403, midBody: true, resumable: true}}
      expect(decide({error, recoverable: [webErrorStatusOf(error)]})).toEqual({kind: 'pauseRecoverable'})
    }
    const forbidden = httpStatusError(answer(403), NOW).toSerialized()
    expect(decide({error: forbidden, recoverable: [WebErrorStatus.notFound]})).toEqual({kind: 'end', error: forbidden})
  })

  it('looks at a full disk again after the storage delay, however often that failed', () => {
    fc.assert(
      fc.property(anyCounts, (counts) => {
        expect(decide({error: {code: 'DISK_FULL', message: 'x'}, counts})).toEqual({
          kind: 'pauseForStorage',
          at: NOW + DEFAULT_RETRY.storageRetryMs,
        })
      }),
    )
  })

  it('continues a cut in mid-body at once, once, and only where the rest can be asked for', () => {
    expect(decide({error: CUT}).kind).toBe('atOnce')
    expect(decide({error: {...CUT, code: 'TRUNCATED'}}).kind).toBe('atOnce')
    expect(decide({error: {...CUT, code: 'STALLED'}}).kind).toBe('waitUntil')
    expect(decide({error: {...RESET, details: {midBody: true}}}).kind).toBe('waitUntil')
    expect(decide({error: {...RESET, details: {resumable: true}}}).kind).toBe('waitUntil')
    expect(decide({error: CUT, counts: countContinuation(countFailure(NO_ATTEMPTS))}).kind).toBe('waitUntil')
  })

  it('waits within the bounds of full jitter, and never beyond the cap', () => {
    fc.assert(
      fc.property(fc.integer({min: 1, max: 3}), random, (failures, chance) => {
        const decision = decide({error: RESET, counts: {...NO_ATTEMPTS, total: 1, failures}, random: chance})
        if (decision.kind !== 'waitUntil') throw new Error(decision.kind)
        const ceiling = 1000 * 4 ** (failures - 1)
        expect(decision.at - NOW).toBeGreaterThanOrEqual(100)
        expect(decision.at - NOW).toBeLessThanOrEqual(ceiling)
        if (chance > 0.1) expect(decision.at - NOW).toBe(Math.round(chance * ceiling))
      }),
    )
  })

  it('gives a whole wait of at least 1 ms and at most the cap for any settings', () => {
    const delay = fc.integer({min: 0, max: 100_000})
    fc.assert(
      fc.property(anyCounts, delay, delay, random, (counts, baseDelayMs, maxDelayMs, chance) => {
        const settings = {...DEFAULT_RETRY, baseDelayMs, maxDelayMs, retries: 1000, maxAttempts: 1000}
        const decision = decide({error: RESET, counts, settings, random: chance})
        if (decision.kind !== 'waitUntil') throw new Error(decision.kind)
        expect(Number.isInteger(decision.at)).toBe(true)
        expect(decision.at - NOW).toBeGreaterThanOrEqual(1)
        expect(decision.at - NOW).toBeLessThanOrEqual(Math.max(1, maxDelayMs))
      }),
    )
  })

  it('waits a real time for counts that no failure can have, too', () => {
    for (const failures of [0, 1000]) {
      const settings = {...DEFAULT_RETRY, baseDelayMs: 0, retries: 2000}
      expect(decide({error: RESET, settings, counts: {...NO_ATTEMPTS, failures}})).toEqual({
        kind: 'waitUntil',
        at: NOW + 1,
      })
    }
  })

  it('tries four times in all without progress, and then ends with the last error', () => {
    let counts = NO_ATTEMPTS
    for (let attempt = 1; ; attempt += 1) {
      counts = countFailure(countAttempt(counts))
      const decision = decide({error: RESET, counts})
      if (decision.kind === 'end') {
        expect(attempt).toBe(4)
        expect(decision.error).toBe(RESET)
        return
      }
    }
  })

  it('ends a start that makes progress for ever at the cap of attempts', () => {
    let counts = NO_ATTEMPTS
    for (let attempt = 1; ; attempt += 1) {
      counts = countFailure(countProgress(countAttempt(counts), attempt))
      const decision = decide({error: CUT, counts})
      if (decision.kind === 'end') {
        expect(attempt).toBe(DEFAULT_RETRY.maxAttempts)
        return
      }
      expect(decision.kind).toBe('atOnce')
      counts = countContinuation(counts)
    }
  })

  it('ends whatever the server does: every sequence of failures is finite', () => {
    const codes = fc.constantFrom<SerializedError>(RESET, CUT, {code: 'STALLED', message: 'x'})
    fc.assert(
      fc.property(fc.infiniteStream(codes), fc.infiniteStream(fc.nat({max: 3})), (errors, gains) => {
        let counts = NO_ATTEMPTS
        let durable = 0
        for (let attempt = 1; attempt <= DEFAULT_RETRY.maxAttempts; attempt += 1) {
          durable += gains.next().value
          counts = countFailure(countProgress(countAttempt(counts), durable))
          const decision = decide({error: errors.next().value, counts})
          if (decision.kind === 'end') return
          if (decision.kind === 'atOnce') counts = countContinuation(counts)
        }
        throw new Error('still trying')
      }),
    )
  })

  it('waits as long as Retry-After says when that is longer', () => {
    fc.assert(
      fc.property(fc.integer({min: 1, max: DEFAULT_RETRY.retryAfterCapMs}), random, (retryAfterMs, chance) => {
        const error = {...httpStatusError(answer(503), NOW).toSerialized(), details: {status: 503, retryAfterMs}}
        const plain = decide({error: RESET, random: chance})
        const decision = decide({error, random: chance})
        if (decision.kind !== 'waitUntil' || plain.kind !== 'waitUntil') throw new Error(decision.kind)
        expect(decision.at).toBe(Math.max(plain.at, NOW + retryAfterMs))
      }),
    )
  })

  it('ends with NOT_BEFORE and the time when Retry-After is beyond the cap', () => {
    const decision = decide({error: httpStatusError(answer(503, '3600'), NOW).toSerialized()})
    if (decision.kind !== 'end') throw new Error(decision.kind)
    expect(decision.error.code).toBe('NOT_BEFORE')
    expect(decision.error.message).toContain('2026-01-01T01:00:00.000Z')
    expect(decision.error.details).toEqual({status: 503, notBefore: NOW + 3_600_000})
    expect(decision.error.where).toBe('https://example.com/f?sig=***')
    expect(webErrorStatusOf(decision.error)).toBe(WebErrorStatus.serviceUnavailable)
    const endless = decide({error: httpStatusError(answer(429, '9'.repeat(30)), NOW).toSerialized()})
    expect(endless).toMatchObject({kind: 'end', error: {code: 'NOT_BEFORE'}})
  })

  it('heeds no Retry-After of an answer that is not retried', () => {
    const error = httpStatusError(answer(404, '3600'), NOW).toSerialized()
    expect(decide({error})).toEqual({kind: 'end', error})
  })
})

/** A try that is cut in mid-body, as the byte path tells of it. */
const aTry = fc.record({bytes: fc.oneof(fc.nat(100), fc.nat(2 * LITTLE_BYTES)), lastedMs: fc.nat(2 * BRIEF_MS)})

/** What follows each try of a download that goes on from its bytes, until it is given up. */
function decisionsAfter(tries: readonly {readonly bytes: number; readonly lastedMs: number}[], retries: number) {
  let counts = NO_ATTEMPTS
  let evidence: Evidence = {generation: 1, ranges: []}
  return tries.map(({bytes, lastedMs}) => {
    const to = sizeOf(evidence.ranges) + bytes
    const after: Evidence = {generation: 1, ranges: to === 0 ? [] : [[0, to]]}
    const isLittle = isMeagre(evidence, after, lastedMs)
    const error = {...CUT, details: {...CUT.details, ...(isLittle ? {meagre: true} : {})}}
    evidence = after
    counts = countFailure(countProgress(countAttempt(counts), to), error)
    const decision = decide({error, counts, random: 0, settings: {...DEFAULT_RETRY, retries, maxAttempts: 1000}})
    if (decision.kind === 'atOnce') counts = countContinuation(counts)
    return {
      isLittle,
      brought: bytes,
      kind: decision.kind,
      waitMs: decision.kind === 'waitUntil' ? decision.at - NOW : 0,
    }
  })
}

describe('cuts that brought little', () => {
  it('are asked after at once one time, and then wait, whatever came before; what brought much goes on at once', () => {
    fc.assert(
      fc.property(fc.array(aTry, {maxLength: 60}), fc.nat({max: 4}), (tries, retries) => {
        const decisions = decisionsAfter(tries, retries)
        for (const [at, {isLittle, brought, kind, waitMs}] of decisions.entries()) {
          if (!isLittle && brought > 0) expect(kind).toBe('atOnce')
          if (isLittle && decisions[at - 1]?.isLittle === true) expect(kind).not.toBe('atOnce')
          if (kind === 'waitUntil') expect(waitMs).toBeGreaterThanOrEqual(DEFAULT_RETRY.baseDelayMs / 10)
          // Bytes are progress, however few: they never end it.
          if (brought > 0) expect(kind).not.toBe('end')
        }
      }),
    )
  })

  it('wait longer and longer, up to the longest wait of failures that end', () => {
    const crumbs = Array.from({length: 8}, () => ({bytes: 10, lastedMs: 5}))
    const ceilings = (retries: number) => {
      let counts = NO_ATTEMPTS
      return crumbs.map(({bytes}, at) => {
        const error = {...CUT, details: {...CUT.details, meagre: true}}
        counts = countFailure(countProgress(countAttempt(counts), bytes * (at + 1)), error)
        const decision = decide({error, counts, random: 0.999_999, settings: {...DEFAULT_RETRY, retries}})
        return decision.kind === 'waitUntil' ? Math.round((decision.at - NOW) / 1000) : decision.kind
      })
    }
    expect(ceilings(3)).toEqual(['atOnce', 1, 4, 16, 16, 16, 16, 16])
    expect(ceilings(0)).toEqual(['atOnce', 1, 1, 1, 1, 1, 1, 1])
  })

  it('count from the bytes of another generation, too', () => {
    const before: Evidence = {generation: 1, ranges: [[0, 10 * LITTLE_BYTES]]}
    expect(isMeagre(before, {generation: 2, ranges: [[0, LITTLE_BYTES]]}, 0)).toBe(false)
    expect(isMeagre(before, {generation: 2, ranges: [[0, LITTLE_BYTES - 1]]}, 0)).toBe(true)
    expect(isMeagre(before, before, BRIEF_MS)).toBe(false)
  })
})

describe('the counts', () => {
  it('reset the failures only when the durable mark rises', () => {
    fc.assert(
      fc.property(anyCounts, fc.nat(), (counts, durable) => {
        const after = countProgress(counts, durable)
        expect(after.total).toBe(counts.total)
        expect(after.highWater).toBe(Math.max(counts.highWater, durable))
        if (durable > counts.highWater) expect(after).toMatchObject({failures: 0, continued: false})
        else expect(after).toBe(counts)
      }),
    )
  })
})

describe('httpStatusError', () => {
  it('is retried for exactly the statuses that pass by themselves', () => {
    const retried = new Set([408, 425, 429, 500, 502, 503, 504])
    for (let status = 300; status < 600; status += 1) {
      expect(isRetriedStatus(status)).toBe(retried.has(status))
      expect(httpStatusError(answer(status), NOW).retry).toBe(retried.has(status) ? 'backoff' : 'never')
    }
  })

  it('says status and place, and no secret of the URL', () => {
    const error = httpStatusError(answer(404), NOW)
    expect(error.message).toBe('the server answered 404 Not Found')
    expect(error.where).toBe('https://example.com/f?sig=***')
    expect(error.details).toEqual({status: 404})
    expect(error.number).toBe(-2145844844)
    expect(httpStatusError(answer(499), NOW).message).toBe('the server answered 499')
  })

  it('carries Retry-After in both forms, survives serialization, and ignores garbage', () => {
    const date = new Date(NOW + 5000).toUTCString()
    for (const value of ['5', date]) {
      const error = TransferError.fromSerialized(httpStatusError(answer(503, value), NOW).toSerialized())
      expect(error.details).toEqual({status: 503, retryAfterMs: 5000})
      expect(error.retry).toBe('backoff')
    }
    expect(httpStatusError(answer(503, 'soon'), NOW).details).toEqual({status: 503})
  })

  it('takes a date of Retry-After by the clock of the server that names it, wherever that one stands', () => {
    const day = 86_400_000
    for (const off of [0, day, -day, 365 * day, -365 * day]) {
      const {headers, ...head} = answer(503, new Date(NOW + off + 5000).toUTCString())
      const dated = {...head, headers: [...headers, ['Date', new Date(NOW + off).toUTCString()] as const]}
      expect(httpStatusError(dated, NOW).details).toEqual({status: 503, retryAfterMs: 5000})
    }
  })

  it('takes a date of Retry-After from now where a cache kept the answer, which says when it was made', () => {
    const head = answer(503, new Date(NOW + 65_000).toUTCString())
    const cached = (age: string) => ({
      ...head,
      headers: [...head.headers, ['Date', new Date(NOW).toUTCString()] as const, ['Age', age] as const],
    })
    const later = NOW + 60_000
    expect(httpStatusError(cached('60'), later).details).toEqual({status: 503, retryAfterMs: 5000})
    expect(httpStatusError(cached('600'), later).details).toEqual({status: 503, retryAfterMs: 0})
    for (const unusable of ['', '-60', 'x', '60, 60', '9'.repeat(400)]) {
      expect(httpStatusError(cached(unusable), later).details).toEqual({status: 503, retryAfterMs: 65_000})
    }
  })
})
