/**
 * The resume ladder against a server that answers anything. A client that does what the byte path does ends with the right bytes
 * of one version, or with an error, and it ends.
 */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import {judgeResponse} from '../../src/domain/judge-response.ts'
import {learned, UNKNOWN_ORIGIN} from '../../src/domain/origin-memory.ts'
import {addRange, sizeOf} from '../../src/domain/range-set.ts'
import {type Evidence, NO_EVIDENCE, withoutBytes} from '../../src/domain/record.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'
import {planRequest} from '../../src/domain/resume-ladder.ts'
import {contentOf} from '../support/content.ts'

const NOW = Date.UTC(2026, 0, 1)
const SIZE = 200_000
/** Two versions of one size, and one that is shorter; they differ in every stretch. */
const VERSIONS = [contentOf(1, SIZE), contentOf(2, SIZE), contentOf(3, SIZE - 70_000)] as const
const MODIFIED = [
  'Thu, 01 Jan 2015 00:00:00 GMT',
  'Fri, 02 Jan 2015 00:00:00 GMT',
  'Sat, 03 Jan 2015 00:00:00 GMT',
] as const

/** What an answer is, and how it lies. A strong ETag, and a date that may be one, tell no lies: nothing else could be trusted. */
interface Answer {
  readonly version: 0 | 1 | 2
  readonly status: 200 | 206 | 416 | 503
  readonly obeysCondition: boolean
  /** Where the part begins beside where it was asked to. */
  readonly shift: number
  /** How much of the rest the part claims to bring. */
  readonly share: number
  readonly etag: 'strong' | 'weak' | 'own' | 'none'
  readonly dated: boolean
  readonly date: boolean
  readonly length: 'right' | 'none' | 'wrong'
  readonly total: 'right' | 'hidden' | 'wrong'
  readonly contentRange: boolean
  readonly claimsRanges: boolean
  readonly coded: boolean
  readonly multipart: boolean
  /** How much of the body comes. */
  readonly arrives: number
}

/** Mostly the first, so that a lie meets a download that has come far enough to be harmed by it. */
function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    {weight: 12, arbitrary: fc.constant(usual)},
    {weight: others.length, arbitrary: fc.constantFrom(...others)},
  )
}

const answers: fc.Arbitrary<readonly Answer[]> = fc.array(
  fc.record({
    version: fc.constantFrom<0 | 1 | 2>(0, 0, 1, 2),
    status: mostly<Answer['status']>(206, 206, 200, 416, 503),
    obeysCondition: fc.boolean(),
    shift: fc.oneof({weight: 5, arbitrary: fc.constant(0)}, fc.integer({min: -SIZE, max: SIZE})),
    share: fc.oneof({weight: 5, arbitrary: fc.constant(1)}, fc.double({min: 0.01, max: 1, noNaN: true})),
    etag: fc.constantFrom<Answer['etag']>('strong', 'strong', 'weak', 'own', 'none'),
    dated: fc.boolean(),
    date: fc.boolean(),
    // Neither length nor total said: only then an end could be taken for the end.
    length: fc.constantFrom<Answer['length']>('right', 'right', 'none', 'none', 'none', 'wrong'),
    total: fc.constantFrom<Answer['total']>('right', 'right', 'hidden', 'hidden', 'hidden', 'wrong'),
    contentRange: mostly(true, false),
    claimsRanges: fc.boolean(),
    coded: mostly(false, true),
    multipart: mostly(false, true),
    arrives: fc.oneof(fc.constant(1), fc.double({min: 0.3, max: 0.9, noNaN: true}), fc.constant(0.5)),
  }),
  {minLength: 4, maxLength: 12},
)

const policies = fc.record({resumeWithoutValidator: fc.boolean(), compareOnResume: fc.boolean()})

interface Message {
  readonly head: ResponseFacts
  readonly body: Buffer
}

/** The message that an answer means for a request. */
function messageOf(
  answer: Answer,
  nth: number,
  asked: {readonly offset: number; readonly condition?: string},
): Message {
  const content = VERSIONS[answer.version]
  const etag = {strong: `"v${answer.version}"`, weak: `W/"v${answer.version}"`, own: `"own${nth}"`, none: undefined}[
    answer.etag
  ]
  const headers: HeaderField[] = []
  if (etag !== undefined) headers.push(['ETag', etag])
  if (answer.dated) headers.push(['Last-Modified', MODIFIED[answer.version]])
  if (answer.date) headers.push(['Date', 'Thu, 01 Jan 2026 00:00:00 GMT'])
  if (answer.claimsRanges) headers.push(['Accept-Ranges', 'bytes'])
  if (answer.coded) headers.push(['Content-Encoding', 'gzip'])
  const {offset, condition} = asked
  const isChanged = condition !== undefined && condition !== etag && condition !== MODIFIED[answer.version]
  const status = answer.status === 206 && (offset === 0 || (answer.obeysCondition && isChanged)) ? 200 : answer.status
  const message = (code: number, body: Buffer, more: readonly HeaderField[] = []): Message => ({
    head: {status: code, url: 'https://example.com/f', headers: [...headers, ...more]},
    body,
  })
  if (status === 503) return message(503, Buffer.alloc(0))
  if (status === 416) return message(416, Buffer.alloc(0), [['Content-Range', `bytes */${content.length}`]])
  const isPart = status === 206
  const start = isPart ? Math.min(content.length - 1, Math.max(0, offset + answer.shift)) : 0
  const end = isPart ? Math.max(start + 1, Math.round(start + (content.length - start) * answer.share)) : content.length
  const body = answer.coded ? Buffer.from(content.subarray(start, end)).reverse() : content.subarray(start, end)
  const total = {right: content.length, hidden: '*', wrong: content.length + 1}[answer.total]
  const more: HeaderField[] = []
  // A length that says too little is the end of the body; one that says too much is never reached.
  if (answer.length !== 'none') more.push(['Content-Length', String(body.length + (answer.length === 'wrong' ? 9 : 0))])
  if (isPart && answer.contentRange) more.push(['Content-Range', `bytes ${start}-${end - 1}/${total}`])
  if (isPart && answer.multipart) more.push(['Content-Type', 'multipart/byteranges; boundary=x'])
  return message(status, body, more)
}

/** One download by the rules of the byte path: the file it ends with, or why there is none. */
function fetch(script: readonly Answer[], policy: {resumeWithoutValidator: boolean; compareOnResume: boolean}) {
  let evidence: Evidence = NO_EVIDENCE
  let disk = Buffer.alloc(0)
  let origin = UNKNOWN_ORIGIN
  let isCoded = false
  const restart = () => {
    evidence = withoutBytes(evidence, evidence.generation + 1)
    disk = Buffer.alloc(0)
  }
  for (const [nth, answer] of script.entries()) {
    const terms = {method: 'GET', policy, origin}
    const plan = planRequest(evidence, terms)
    const condition = plan.headers.find(([name]) => name === 'If-Range')?.[1]
    const asked = {offset: plan.offset, ...(condition === undefined ? {} : {condition})}
    const {head, body} = messageOf(answer, nth, asked)
    const verdict = judgeResponse(plan, evidence, terms, head, NOW)
    if (verdict.lesson !== undefined) origin = learned(origin, verdict.lesson)
    switch (verdict.kind) {
      case 'fail':
        if (head.status !== 503) return {error: verdict.error.code}
        continue
      case 'askAgain':
        continue
      case 'startOver':
        restart()
        continue
      case 'complete':
        return {file: disk, isCoded}
      case 'fromStart':
        evidence = {
          ...withoutBytes(evidence, evidence.generation + (verdict.restarted ? 1 : 0)),
          ...(verdict.total === undefined ? {} : {total: verdict.total}),
          ...(verdict.validator === undefined ? {} : {validator: verdict.validator}),
          ...(verdict.marks === undefined ? {} : {marks: verdict.marks}),
          ...(verdict.coded === undefined ? {} : {coded: verdict.coded}),
        }
        disk = Buffer.alloc(0)
        isCoded = verdict.coded === true
        break
      case 'continue':
        evidence = {...evidence, ...(verdict.total === undefined ? {} : {total: verdict.total})}
    }
    const base = verdict.kind === 'continue' ? verdict.offset : 0
    const missingFrom = verdict.kind === 'continue' ? verdict.missingFrom : 0
    const came = body.subarray(0, Math.floor(body.length * answer.arrives))
    const overlap = Math.max(0, missingFrom - base)
    if (!came.subarray(0, overlap).equals(disk.subarray(base, base + Math.min(overlap, came.length)))) {
      restart()
      continue
    }
    const news = came.subarray(overlap)
    if (news.length > 0) {
      disk = Buffer.concat([disk.subarray(0, missingFrom), news])
      evidence = {...evidence, ranges: addRange(evidence.ranges, missingFrom, missingFrom + news.length)}
    }
    const promised = Number(head.headers.find(([name]) => name === 'Content-Length')?.[1] ?? body.length)
    const isWhole = came.length === body.length && promised === body.length
    if (isWhole && base + came.length === (evidence.total ?? base + came.length)) return {file: disk, isCoded}
    expect(sizeOf(evidence.ranges)).toBe(disk.length)
  }
  return {error: 'out of answers'}
}

describe('17.D the ladder against any answers', () => {
  it('ends with the right bytes of one version, or with an error', () => {
    let completed = 0
    let continued = 0
    fc.assert(
      fc.property(answers, policies, (script, policy) => {
        const result = fetch(script, policy)
        if (result.file === undefined) return
        completed += 1
        if (script.length > 1) continued += 1
        if (result.isCoded) return
        expect(VERSIONS.some((version) => version.equals(result.file))).toBe(true)
      }),
      {numRuns: 3000},
    )
    // The server is not so hostile that nothing ever comes of it.
    expect(completed).toBeGreaterThan(300)
    expect(continued).toBeGreaterThan(100)
  })
})
