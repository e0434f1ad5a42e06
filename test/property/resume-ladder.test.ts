/** The resume ladder: every check on an answer, and that no sequence of lies makes wrong bytes look right. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import {judgeResponse, type Verdict} from '../../src/domain/judge-response.ts'
import {learned, type OriginFacts, UNKNOWN_ORIGIN} from '../../src/domain/origin-memory.ts'
import type {Evidence} from '../../src/domain/record.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import {type AskingTerms, couldGoOn, planRequest} from '../../src/domain/resume-ladder.ts'
import {WebErrorStatus} from '../../src/domain/web-error-status.ts'

const NOW = Date.UTC(2026, 0, 1)
const MODIFIED = 'Thu, 01 Jan 2015 00:00:00 GMT'
const HALF: Evidence = {generation: 1, total: 100, validator: {kind: 'etag', value: '"v1"'}, ranges: [[0, 40]]}
const DATED: Evidence = {...HALF, validator: {kind: 'lastModified', value: MODIFIED}}
const NOTHING: Evidence = {generation: 1, ranges: []}

function head(status: number, headers: Readonly<Record<string, string>> = {}): ResponseFacts {
  return {status, url: 'https://example.com/f', headers: Object.entries(headers) as HeaderField[]}
}

const PLAIN: AskingTerms = {method: 'GET', policy: {}, origin: UNKNOWN_ORIGIN}
const COMPARING: AskingTerms = {...PLAIN, policy: {resumeWithoutValidator: true}}

function knowing(terms: AskingTerms, ...facts: readonly Partial<OriginFacts>[]): AskingTerms {
  return {...terms, origin: Object.assign({}, terms.origin, ...facts)}
}

function judge(evidence: Evidence, answer: ResponseFacts, terms: AskingTerms = PLAIN): Verdict {
  return judgeResponse(planRequest(evidence, terms), evidence, terms, answer, NOW)
}

const PART = {'Content-Range': 'bytes 40-99/100', 'Content-Length': '60', ETag: '"v1"'}

describe('planRequest', () => {
  it('asks for the rest under If-Range where there is a validator', () => {
    expect(planRequest(HALF, PLAIN)).toEqual({
      rung: 'ifRange',
      offset: 40,
      missingFrom: 40,
      knownFrom: 0,
      headers: [
        ['Accept-Encoding', 'identity'],
        ['Range', 'bytes=40-'],
        ['If-Range', '"v1"'],
      ],
    })
    expect(planRequest(DATED, PLAIN).headers).toContainEqual(['If-Range', MODIFIED])
  })

  it('asks for the whole without a validator, without a prefix, or with another method', () => {
    const whole = {rung: 'whole', offset: 0, missingFrom: 0, knownFrom: 0, headers: [['Accept-Encoding', 'identity']]}
    const {validator, ...unvalidated} = HALF
    expect(validator).toBeDefined()
    expect(planRequest(unvalidated, PLAIN)).toEqual(whole)
    expect(planRequest({...HALF, ranges: []}, PLAIN)).toEqual(whole)
    expect(planRequest({...HALF, ranges: [[0, 101]]}, PLAIN)).toEqual(whole)
    for (const method of ['POST', 'PUT', 'get']) expect(planRequest(HALF, {...COMPARING, method})).toEqual(whole)
  })
})

describe('planRequest where there are holes', () => {
  const holed: Evidence = {
    ...HALF,
    ranges: [
      [10, 40],
      [60, 80],
    ],
  }
  const rangeOf = (wanted?: number) =>
    new Map(planRequest(holed, PLAIN, wanted).headers.map(([name, value]) => [name, value])).get('Range')

  it('128. asks for the stretch that holds what is wanted first, up to what is there already', () => {
    expect(rangeOf()).toBe('bytes=0-9')
    expect(rangeOf(20)).toBe('bytes=40-59')
    expect(rangeOf(50)).toBe('bytes=50-59')
    expect(rangeOf(70)).toBe('bytes=80-')
    expect(rangeOf(90)).toBe('bytes=90-')
    expect(rangeOf(1000)).toBe('bytes=0-9')
    expect(planRequest({...HALF, ranges: []}, PLAIN, 90).headers).toContainEqual(['Range', 'bytes=90-'])
  })

  it('130. asks for the whole as a range where any byte may be wanted, and takes a part that is all of it', () => {
    const terms: AskingTerms = {...PLAIN, policy: {randomAccess: true}}
    const plan = planRequest(NOTHING, terms)
    expect(plan).toMatchObject({rung: 'whole', probes: true})
    expect(plan.headers).toContainEqual(['Range', 'bytes=0-'])
    const whole = {'Content-Range': 'bytes 0-99/100', 'Content-Length': '100', ETag: '"v1"'}
    expect(judge(NOTHING, head(206, whole), terms)).toMatchObject({kind: 'fromStart', total: 100, restarted: false})
    expect(judge(NOTHING, head(206, {...whole, 'Content-Range': 'bytes 1-100/101'}), terms).kind).toBe('fail')
    expect(judge(NOTHING, head(206, {...whole, 'Content-Length': '99'}), terms).kind).toBe('fail')
    expect(judge(NOTHING, head(200, {'Content-Length': '100'}), terms)).toMatchObject({kind: 'fromStart', total: 100})
    expect(judge(NOTHING, head(416, {'Content-Range': 'bytes */0'}), terms)).toEqual({kind: 'complete', total: 0})
    expect(judge(NOTHING, head(416, {'Content-Range': 'bytes */5'}), terms).kind).toBe('fail')
  })

  it('uses no answer that begins before the run that the stretch goes on from', () => {
    const answer = (start: number) =>
      head(206, {...PART, 'Content-Range': `bytes ${start}-59/100`, 'Content-Length': String(60 - start)})
    const from = (start: number) => judgeResponse(planRequest(holed, PLAIN, 20), holed, PLAIN, answer(start), NOW).kind
    expect(from(40)).toBe('continue')
    expect(from(10)).toBe('continue')
    expect(from(9)).toBe('startOver')
  })
})

describe('the answer to a range request', () => {
  it('goes on when everything fits', () => {
    const expected = {
      kind: 'continue',
      offset: 40,
      missingFrom: 40,
      total: 100,
      bodyLength: 60,
      lesson: {kind: 'rangeHonoured'},
    }
    expect(judge(HALF, head(206, PART))).toEqual(expected)
    expect(judge(HALF, head(206, {...PART, 'Content-Range': 'bytes 40-99/*'}))).toEqual(expected)
    expect(judge(HALF, head(206, {...PART, 'Content-Encoding': 'identity'}))).toEqual(expected)
    const {'Content-Length': length, ...chunked} = PART
    expect(length).toBe('60')
    expect(judge(HALF, head(206, {...chunked, 'Transfer-Encoding': 'chunked'}))).toEqual(expected)
    expect(judge(DATED, head(206, {...PART, 'Last-Modified': MODIFIED}))).toEqual(expected)
  })

  it('goes on with a shorter part than was asked, and learns the total', () => {
    const short = {...PART, 'Content-Range': 'bytes 40-49/100', 'Content-Length': '10'}
    expect(judge(HALF, head(206, short))).toMatchObject({kind: 'continue', offset: 40, bodyLength: 10, total: 100})
    const {total, ...unknown} = HALF
    expect(total).toBe(100)
    expect(judge(unknown, head(206, short))).toMatchObject({kind: 'continue', total: 100})
    expect(judge(unknown, head(206, {...short, 'Content-Range': 'bytes 40-49/*'}))).not.toHaveProperty('total')
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['starts earlier and ends too early', {'Content-Range': 'bytes 0-39/100', 'Content-Length': '40'}],
    ['starts later', {'Content-Range': 'bytes 41-99/100', 'Content-Length': '59'}],
    ['has another total', {'Content-Range': 'bytes 40-99/101'}],
    ['ends beyond the known total', {'Content-Range': 'bytes 40-109/*', 'Content-Length': '70'}],
    ['has a length that does not fit', {'Content-Length': '61'}],
    ['has no Content-Range that parses', {'Content-Range': 'bytes 40-99'}],
    ['has the Content-Range of a 416', {'Content-Range': 'bytes */100'}],
    ['has two ranges', {'Content-Type': 'multipart/byteranges; boundary=x'}],
    ['is coded', {'Content-Encoding': 'gzip'}],
    ['is of another version', {ETag: '"v2"'}],
    ['has the weak form of the validator', {ETag: 'W/"v1"'}],
  ])('starts over when a 206 %s', (_, changed) => {
    expect(judge(HALF, head(206, {...PART, ...changed})).kind).toBe('startOver')
  })

  it('starts over when a 206 does not say its range or its version', () => {
    const {'Content-Range': range, ...rangeless} = PART
    expect(range).toBeDefined()
    expect(judge(HALF, head(206, rangeless)).kind).toBe('startOver')
    const {ETag, ...versionless} = PART
    expect(ETag).toBeDefined()
    expect(judge(HALF, head(206, versionless)).kind).toBe('startOver')
    expect(judge(DATED, head(206, PART)).kind).toBe('startOver')
  })

  it('starts over when a 206 leaves open where the whole ends, and nothing else told it', () => {
    const {total, ...endless} = HALF
    expect(total).toBe(100)
    const hidden = {...PART, 'Content-Range': 'bytes 40-99/*'}
    expect(judge(endless, head(206, hidden)).kind).toBe('startOver')
    expect(judge(endless, head(206, PART))).toMatchObject({kind: 'continue', total: 100})
    expect(judge(HALF, head(206, hidden))).toMatchObject({kind: 'continue', total: 100})
  })

  it('takes a 200 for a new version, from the start', () => {
    expect(judge(HALF, head(200, {'Content-Length': '70', ETag: '"v2"'}))).toEqual({
      kind: 'fromStart',
      restarted: true,
      total: 70,
      validator: {kind: 'etag', value: '"v2"'},
      marks: {etag: '"v2"'},
    })
    expect(judge(HALF, head(200, {'Content-Length': '100', ETag: '"v1"'}))).toMatchObject({kind: 'fromStart'})
    expect(judge(HALF, head(200))).toEqual({kind: 'fromStart', restarted: true})
  })

  it('trusts no 200 that contradicts itself', () => {
    expect(judge(HALF, head(200, PART)).kind).toBe('startOver')
    expect(judge(HALF, head(200, {'Content-Range': 'bytes 0-99/100', 'Content-Length': '100'})).kind).toBe('startOver')
    expect(judge(HALF, head(200, {'Content-Length': '99', ETag: '"v1"'})).kind).toBe('startOver')
  })

  it('is complete on a 416 only when the size was known and is what is there', () => {
    const whole: Evidence = {...HALF, ranges: [[0, 100]]}
    expect(judge(whole, head(416, {'Content-Range': 'bytes */100'}))).toEqual({kind: 'complete', total: 100})
    expect(judge(whole, head(416, {'Content-Range': 'bytes */99'})).kind).toBe('startOver')
    expect(judge(whole, head(416, {'Content-Range': 'bytes */100', ETag: '"v2"'})).kind).toBe('startOver')
    expect(judge(whole, head(416)).kind).toBe('startOver')
    expect(judge(HALF, head(416, {'Content-Range': 'bytes */100'})).kind).toBe('startOver')
    const {total, ...unknown} = whole
    expect(total).toBe(100)
    expect(judge(unknown, head(416, {'Content-Range': 'bytes */100'})).kind).toBe('startOver')
  })

  it.each([401, 403, 404, 410, 412, 429, 500, 503, 201, 204])('fails on %i and keeps what is there', (status) => {
    expect(judge(HALF, head(status))).toMatchObject({kind: 'fail', error: {code: 'HTTP_STATUS', details: {status}}})
  })
})

describe('a part that begins before what was asked for', () => {
  it('stands where it says, and what is there already is compared', () => {
    const earlier = {...PART, 'Content-Range': 'bytes 32-99/100', 'Content-Length': '68'}
    expect(judge(HALF, head(206, earlier))).toMatchObject({kind: 'continue', offset: 32, missingFrom: 40})
    const whole = {...PART, 'Content-Range': 'bytes 0-99/100', 'Content-Length': '100'}
    expect(judge(HALF, head(206, whole))).toMatchObject({kind: 'continue', offset: 0, missingFrom: 40})
    expect(judge(HALF, head(206, {...earlier, ETag: '"v2"'})).kind).toBe('startOver')
  })
})

const SIZE = 1_000_000
const HAVE = 400_000
const LONG: Evidence = {
  generation: 1,
  total: SIZE,
  validator: {kind: 'etag', value: '"v1"'},
  marks: {etag: '"v1"', lastModified: MODIFIED},
  ranges: [[0, HAVE]],
}
const WHOLE = {'Accept-Ranges': 'bytes', 'Content-Length': String(SIZE), ETag: '"v1"', 'Last-Modified': MODIFIED}

describe('the rung for an origin that refuses If-Range', () => {
  const refusing = knowing(PLAIN, {ifRange: 'refused'})

  it('is found by a whole answer of the same version, and asks again at once', () => {
    const verdict = judge(LONG, head(200, WHOLE))
    expect(verdict).toMatchObject({kind: 'askAgain', lesson: {kind: 'ifRangeRefused'}})
    const {'Content-Length': length, ...chunked} = WHOLE
    expect(length).toBeDefined()
    expect(judge(LONG, head(200, chunked)).kind).toBe('askAgain')
    const {validator, ...rest} = LONG
    expect(validator).toBeDefined()
    const dated: Evidence = {...rest, validator: {kind: 'lastModified', value: MODIFIED}}
    expect(judge(dated, head(200, WHOLE)).kind).toBe('askAgain')
  })

  it('is not looked for where the origin has no ranges, or little is at stake', () => {
    expect(judge(LONG, head(200, {...WHOLE, 'Accept-Ranges': 'None'})).kind).toBe('fromStart')
    const {'Accept-Ranges': ranges, ...silent} = WHOLE
    expect(ranges).toBe('bytes')
    expect(judge(LONG, head(200, silent)).kind).toBe('fromStart')
    expect(judge(LONG, head(200, silent), knowing(PLAIN, {ranges: 'honoured'})).kind).toBe('askAgain')
    expect(judge(LONG, head(200, WHOLE), knowing(PLAIN, {ranges: 'ignored'})).kind).toBe('fromStart')
    expect(judge({...LONG, ranges: [[0, 60_000]]}, head(200, WHOLE)).kind).toBe('fromStart')
    expect(judge(LONG, head(200, {...WHOLE, 'Content-Encoding': 'gzip'})).kind).toBe('fromStart')
  })

  it('asks without a condition, and lets the validator of the answer decide', () => {
    const plan = planRequest(LONG, refusing)
    expect(plan).toMatchObject({rung: 'plainRange', offset: HAVE})
    expect(plan.headers.map(([name]) => name)).toEqual(['Accept-Encoding', 'Range'])
    const part = {...WHOLE, 'Content-Range': `bytes ${HAVE}-${SIZE - 1}/${SIZE}`, 'Content-Length': String(SIZE - HAVE)}
    expect(judge(LONG, head(206, part), refusing)).toMatchObject({kind: 'continue', offset: HAVE})
    expect(judge(LONG, head(206, {...part, ETag: '"v2"'}), refusing).kind).toBe('startOver')
    const {ETag, ...nameless} = part
    expect(ETag).toBeDefined()
    expect(judge(LONG, head(206, nameless), refusing).kind).toBe('startOver')
  })

  it('takes a whole answer from the start, and learns that ranges are ignored', () => {
    const lesson = {kind: 'rangeIgnored'}
    expect(judge(LONG, head(200, WHOLE), refusing)).toMatchObject({kind: 'fromStart', restarted: true, lesson})
  })
})

describe('the rung without a validator', () => {
  const weak = {'Content-Length': String(SIZE), ETag: 'W/"v1"', 'Last-Modified': MODIFIED}
  const {validator, ...rest} = LONG
  const bare: Evidence = {...rest, marks: {etag: 'W/"v1"', lastModified: MODIFIED}}
  const from = HAVE - 64 * 1024
  const part = {...weak, 'Content-Range': `bytes ${from}-${SIZE - 1}/${SIZE}`, 'Content-Length': String(SIZE - from)}

  it('is not taken unless the caller allows it, and the size is known', () => {
    expect(validator).toBeDefined()
    expect(planRequest(bare, PLAIN).rung).toBe('whole')
    expect(couldGoOn(bare, PLAIN.policy)).toBe(false)
    const {total, ...sizeless} = bare
    expect(total).toBe(SIZE)
    expect(planRequest(sizeless, COMPARING).rung).toBe('whole')
    expect(planRequest({...bare, coded: true}, COMPARING).rung).toBe('whole')
    expect(couldGoOn(bare, COMPARING.policy)).toBe(true)
  })

  it('asks for the end of what is there again, without a condition', () => {
    expect(planRequest(bare, COMPARING)).toEqual({
      rung: 'overlap',
      knownFrom: 0,
      offset: from,
      missingFrom: HAVE,
      headers: [
        ['Accept-Encoding', 'identity'],
        ['Range', `bytes=${from}-`],
      ],
    })
    expect(planRequest({...bare, ranges: [[0, 10]]}, COMPARING)).toMatchObject({rung: 'overlap', offset: 0})
  })

  it('goes on where size and marks agree', () => {
    expect(judge(bare, head(206, part), COMPARING)).toMatchObject({kind: 'continue', offset: from, missingFrom: HAVE})
    // The date weighs more than an ETag that may be each machine's own.
    expect(judge(bare, head(206, {...part, ETag: 'W/"v2"'}), COMPARING).kind).toBe('continue')
  })

  it.each<[string, Readonly<Record<string, string>>]>([
    ['another date', {'Last-Modified': 'Fri, 02 Jan 2015 00:00:00 GMT'}],
    ['another size', {'Content-Range': `bytes ${from}-${SIZE}/${SIZE + 1}`, 'Content-Length': String(SIZE + 1 - from)}],
    ['no size', {'Content-Range': `bytes ${from}-${SIZE - 1}/*`}],
  ])('starts over under %s', (_, changed) => {
    expect(judge(bare, head(206, {...part, ...changed}), COMPARING).kind).toBe('startOver')
  })

  it('starts over under another ETag where there is no date', () => {
    const undated: Evidence = {...bare, marks: {etag: 'W/"v1"'}}
    const {'Last-Modified': date, ...answer} = {...part, ETag: 'W/"v2"'}
    expect(date).toBe(MODIFIED)
    expect(judge(undated, head(206, answer), COMPARING).kind).toBe('startOver')
  })

  it('is taken for an ETag that changes while date and size do not, and for no other', () => {
    const other = {...WHOLE, ETag: '"v2"'}
    const lesson = {kind: 'etagsDiffer'}
    expect(judge(LONG, head(200, other), COMPARING)).toMatchObject({kind: 'askAgain', lesson})
    expect(judge(LONG, head(200, other)).kind).toBe('fromStart')
    const later = {...other, 'Last-Modified': 'Fri, 02 Jan 2015 00:00:00 GMT'}
    expect(judge(LONG, head(200, later), COMPARING).kind).toBe('fromStart')
    const {'Last-Modified': date, ...undated} = other
    expect(date).toBe(MODIFIED)
    expect(judge(LONG, head(200, undated), COMPARING).kind).toBe('fromStart')
    expect(judge(LONG, head(200, {...other, 'Content-Length': '5'}), COMPARING).kind).toBe('fromStart')
    expect(planRequest(LONG, knowing(COMPARING, {etags: 'unsteady'})).rung).toBe('overlap')
    expect(planRequest(LONG, knowing(PLAIN, {etags: 'unsteady'})).rung).toBe('ifRange')
  })
})

describe('comparing on each resume', () => {
  it('asks for the last KiB again under If-Range', () => {
    const plan = planRequest(LONG, {...PLAIN, policy: {compareOnResume: true}})
    expect(plan).toMatchObject({rung: 'ifRange', offset: HAVE - 1024, missingFrom: HAVE})
    expect(plan.headers).toContainEqual(['Range', `bytes=${HAVE - 1024}-`])
    expect(plan.headers).toContainEqual(['If-Range', '"v1"'])
  })
})

describe('what an origin teaches', () => {
  it('is that nothing but the whole is asked for after three contradictions in a row', () => {
    const bad = {kind: 'rangeContradicted'} as const
    const twice = learned(learned(UNKNOWN_ORIGIN, bad), bad)
    expect(planRequest(LONG, {...PLAIN, origin: twice}).rung).toBe('ifRange')
    expect(planRequest(LONG, {...PLAIN, origin: learned(twice, bad)}).rung).toBe('whole')
    const mended = learned(learned(twice, {kind: 'rangeHonoured'}), bad)
    expect(planRequest(LONG, {...PLAIN, origin: mended}).rung).toBe('ifRange')
  })

  it('is that If-Range was not at fault where ranges are ignored altogether', () => {
    const refused = learned(UNKNOWN_ORIGIN, {kind: 'ifRangeRefused'})
    expect(learned(refused, {kind: 'rangeIgnored'})).toMatchObject({ifRange: 'unknown', ranges: 'ignored'})
  })

  it('is how many connections are of use, one at least', () => {
    expect(learned(UNKNOWN_ORIGIN, {kind: 'connectionsLimited', useful: 0}).usefulConnections).toBe(1)
    expect(learned(UNKNOWN_ORIGIN, {kind: 'connectionsLimited', useful: 3.5}).usefulConnections).toBe(3)
  })
})

describe('the answer to a plain request', () => {
  it('starts, with the length and the validator that it brings', () => {
    expect(judge(NOTHING, head(200, {'Content-Length': '5', ETag: '"v1"'}))).toEqual({
      kind: 'fromStart',
      restarted: false,
      total: 5,
      validator: {kind: 'etag', value: '"v1"'},
      marks: {etag: '"v1"'},
    })
    expect(judge(NOTHING, head(200, {'Content-Length': '5, 5', ETag: 'W/"v1"'}))).toEqual({
      kind: 'fromStart',
      restarted: false,
      total: 5,
      marks: {etag: 'W/"v1"'},
    })
    expect(judge(NOTHING, head(200, {'Content-Length': '5', 'Transfer-Encoding': 'chunked'}))).toEqual({
      kind: 'fromStart',
      restarted: false,
    })
  })

  it('says that bytes are thrown away when some were there', () => {
    const {validator, ...unvalidated} = HALF
    expect(validator).toBeDefined()
    expect(judge(unvalidated, head(200, {'Content-Length': '100'}))).toMatchObject({kind: 'fromStart', restarted: true})
  })

  it('takes a coded body as it comes: no total, not resumable', () => {
    for (const coding of ['gzip', 'identity, br', 'GZIP']) {
      const coded = head(200, {'Content-Encoding': coding, 'Content-Length': '5', ETag: '"v1"'})
      expect(judge(NOTHING, coded)).toEqual({kind: 'fromStart', restarted: false, coded: true})
    }
  })

  it('takes a 204 for an empty file', () => {
    expect(judge(NOTHING, head(204))).toEqual({kind: 'fromStart', restarted: false, total: 0})
  })

  it('fails on a part that nobody asked for, in a 206 or under a 200', () => {
    expect(judge(NOTHING, head(206, {'Content-Range': 'bytes 0-99/100'}))).toMatchObject({kind: 'fail'})
    expect(judge(NOTHING, head(200, PART))).toMatchObject({kind: 'fail', error: {code: 'INVALID_RESPONSE'}})
    expect(judge(NOTHING, head(200, {'Content-Range': 'bytes 0-99/*'}))).toMatchObject({kind: 'fail'})
    expect(judge(NOTHING, head(200, {'Content-Range': 'bytes 0-9/10', 'Content-Length': '9'})).kind).toBe('fail')
    expect(judge(NOTHING, head(200, {'Content-Range': 'bytes 0-9/10', 'Content-Length': '10'}))).toMatchObject({
      kind: 'fromStart',
      total: 10,
    })
  })

  it.each([100, 101, 199, 600, 999])('fails on %i as an end', (status) => {
    expect(judge(NOTHING, head(status))).toMatchObject({kind: 'fail', error: {code: 'INVALID_RESPONSE'}})
  })

  it.each([301, 302, 303, 307, 308])('fails on a %i that could not be followed', (status) => {
    expect(judge(NOTHING, head(status))).toMatchObject({kind: 'fail', error: {code: 'REDIRECT_FAILED'}})
  })

  it.each([205, 226, 300, 304, 305, 400, 404, 416, 500, 503])('fails on %i', (status) => {
    expect(judge(NOTHING, head(status))).toMatchObject({kind: 'fail', error: {code: 'HTTP_STATUS'}})
  })

  it.each(['-1', '5.0', 'abc', '', '5, 6', '9007199254740992', '0x5'])('fails on Content-Length %j', (length) => {
    const verdict = judge(NOTHING, head(200, {'Content-Length': length}))
    expect(verdict).toMatchObject({kind: 'fail', error: {code: 'INVALID_RESPONSE'}})
    expect(judge(HALF, head(206, {...PART, 'Content-Length': length})).kind).toBe('fail')
  })
})

const numbers = fc.oneof(fc.integer({min: 0, max: 120}).map(String), fc.constantFrom('*', '-1', '40', '99', '100'))
const facts: fc.Arbitrary<ResponseFacts> = fc
  .record({
    status: fc.oneof(fc.constantFrom(200, 206, 416, 204), fc.integer({min: 100, max: 600})),
    range: fc.option(fc.oneof(fc.tuple(numbers, numbers, numbers), fc.constant(['40', '99', '100'] as const))),
    length: fc.option(numbers),
    etag: fc.option(fc.constantFrom('"v1"', '"v2"', 'W/"v1"')),
    coding: fc.option(fc.constantFrom('gzip', 'identity')),
    type: fc.option(fc.constantFrom('multipart/byteranges; boundary=x', 'text/plain')),
  })
  .map(({status, range, length, etag, coding, type}) =>
    head(status, {
      ...(range === null ? {} : {'Content-Range': `bytes ${range[0]}-${range[1]}/${range[2]}`}),
      ...(length === null ? {} : {'Content-Length': length}),
      ...(etag === null ? {} : {ETag: etag}),
      ...(coding === null ? {} : {'Content-Encoding': coding}),
      ...(type === null ? {} : {'Content-Type': type}),
    }),
  )

describe('any answer at all', () => {
  it('is continued only where it states bytes that join those on the disk, of the stored version', () => {
    fc.assert(
      fc.property(facts, (answer) => {
        const verdict = judge(HALF, answer)
        if (verdict.kind !== 'continue') return
        const fields = new Map(answer.headers)
        expect(answer.status).toBe(206)
        expect(fields.get('ETag')).toBe('"v1"')
        expect(fields.get('Content-Encoding') ?? 'identity').toBe('identity')
        expect(fields.get('Content-Type') ?? '').not.toContain('multipart')
        const last = verdict.offset + (verdict.bodyLength ?? Number.NaN) - 1
        expect(verdict.offset).toBeLessThanOrEqual(40)
        expect(last).toBeGreaterThanOrEqual(40)
        expect(last).toBeLessThan(100)
        const stated = `bytes ${verdict.offset}-${last}`
        expect([`${stated}/100`, `${stated}/*`]).toContain(fields.get('Content-Range'))
        expect(verdict).toMatchObject({missingFrom: 40, total: 100})
      }),
      {numRuns: 2000},
    )
  })

  it('is never a continuation, a completion or a reason to start over when the whole was asked', () => {
    fc.assert(
      fc.property(facts, (answer) => {
        const verdict = judge(NOTHING, answer)
        expect(['fromStart', 'fail']).toContain(verdict.kind)
        if (verdict.kind === 'fromStart') expect(Math.floor(answer.status / 100)).toBe(2)
      }),
      {numRuns: 1000},
    )
  })

  it('throws bytes away only for a whole answer', () => {
    fc.assert(
      fc.property(facts, (answer) => {
        const verdict = judge(HALF, answer)
        if (verdict.kind === 'fromStart') {
          expect([200, 203]).toContain(answer.status)
          expect(verdict.restarted).toBe(true)
        }
        if (verdict.kind === 'startOver') expect([200, 203, 206, 416]).toContain(answer.status)
      }),
      {numRuns: 1000},
    )
  })
})

describe('the errors', () => {
  it('keep the status for GetStatus', () => {
    const verdict = judge(NOTHING, head(404))
    if (verdict.kind !== 'fail') throw new Error(verdict.kind)
    expect(verdict.error.hresult).toBe(0x80190000 + WebErrorStatus.notFound)
  })
})
