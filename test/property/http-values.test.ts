/** The small parsers of header values: HTTP dates, Retry-After, Content-Range. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {parseContentRange} from '../../src/domain/content-range.ts'
import {parseHttpDate} from '../../src/domain/http-date.ts'
import {parseRetryAfter} from '../../src/domain/retry-after.ts'

const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37)

/** Whole seconds from 1970 to the end of 2069, where every form is unambiguous. */
const instants = fc.integer({min: 0, max: Date.UTC(2069, 11, 31, 23, 59, 59) / 1000}).map((seconds) => seconds * 1000)

function forms(at: number): readonly string[] {
  const [weekday = '', day = '', month = '', year = '', time = ''] = new Date(at).toUTCString().split(/,? /)
  return [
    `${weekday}, ${day} ${month} ${year} ${time} GMT`,
    `${weekday}day, ${day}-${month}-${year.slice(2)} ${time} GMT`,
    `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`,
  ]
}

describe('parseHttpDate', () => {
  it.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    'understands %s',
    (text) => expect(parseHttpDate(text)).toBe(EXAMPLE),
  )

  it('reads back every instant from all three forms', () => {
    fc.assert(
      fc.property(instants, (at) => {
        for (const form of forms(at)) expect(parseHttpDate(form)).toBe(at)
      }),
    )
  })

  it.each([
    '',
    '0',
    'Sun, 31 Feb 2021 00:00:00 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 0094 08:49:37 GMT',
  ])('refuses %j', (text) => expect(parseHttpDate(text)).toBeUndefined())

  it('takes any text without throwing, and gives whole seconds or nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseHttpDate(text)
        expect(parsed === undefined || parsed % 1000 === 0).toBe(true)
      }),
    )
  })
})

describe('parseRetryAfter', () => {
  it('reads seconds', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seconds, now) => {
        expect(parseRetryAfter(String(seconds), now)).toBe(seconds * 1000)
      }),
    )
    expect(parseRetryAfter(' 2 ', 0)).toBe(2000)
    expect(parseRetryAfter('9'.repeat(40), 0)).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('reads every form of date as the time from now, and a past one as none', () => {
    fc.assert(
      fc.property(instants, fc.nat(), (at, now) => {
        for (const form of forms(at)) expect(parseRetryAfter(form, now)).toBe(Math.max(0, at - now))
      }),
    )
  })

  it('takes a negative number for now', () => expect(parseRetryAfter('-5', 0)).toBe(0))

  it.each(['', 'soon', '1.5', '1e3', '0x10', '12 s', '--3'])('ignores %j', (value) => {
    expect(parseRetryAfter(value, 0)).toBeUndefined()
  })
})

describe('parseContentRange', () => {
  it('reads what a correct server writes, with an exclusive end', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.option(fc.nat()), (start, more, beyond) => {
        const last = start + more
        const total = beyond === null ? undefined : last + 1 + beyond
        const text = `bytes ${start}-${last}/${total ?? '*'}`
        expect(parseContentRange(text)).toEqual({
          kind: 'range',
          start,
          end: last + 1,
          ...(total === undefined ? {} : {total}),
        })
      }),
    )
  })

  it('reads the size in the answer to a range that cannot be satisfied', () => {
    expect(parseContentRange('bytes */1234')).toEqual({kind: 'unsatisfied', total: 1234})
    expect(parseContentRange('Bytes */*')).toEqual({kind: 'unsatisfied'})
  })

  it.each([
    '',
    'bytes',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes 0-9/5',
    'bytes 0-9',
    'bytes -9/10',
    'bytes 0-/10',
    'items 0-9/10',
    'bytes 0-9/10, bytes 0-9/10',
    'bytes 0-9007199254740991/*',
    'bytes 0-9/9007199254740992',
    'bytes 1e1-20/30',
    'bytes 0x1-5/10',
    'bytes -1-5/10',
  ])('refuses %j', (value) => expect(parseContentRange(value)).toBeUndefined())

  it('never gives an empty range, an unsafe number, or an end beyond the total', () => {
    const digits = fc.oneof(fc.nat().map(String), fc.stringMatching(/^\d{15,20}$/), fc.constant('*'))
    fc.assert(
      fc.property(digits, digits, digits, (first, last, total) => {
        const parsed = parseContentRange(`bytes ${first}-${last}/${total}`)
        if (parsed?.kind !== 'range') return
        expect(parsed.start).toBeLessThan(parsed.end)
        expect(Number.isSafeInteger(parsed.start) && Number.isSafeInteger(parsed.end)).toBe(true)
        if (parsed.total !== undefined) expect(parsed.end).toBeLessThanOrEqual(parsed.total)
      }),
    )
  })
})
