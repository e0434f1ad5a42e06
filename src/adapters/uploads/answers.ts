/** What the answers of several protocols have in common. */

import {type ErrorDetails, TransferError} from '../../domain/errors.ts'
import {headerValue} from '../../domain/header-fields.ts'
import {redactUrl} from '../../domain/redaction.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import {httpStatusError, isRetriedStatus} from '../../domain/retry.ts'
import type {StepAnswer, StepOutcome, UploadStep, UploadView} from '../../domain/upload-steps.ts'
import type {ResumableFacts} from '../../domain/upload-way.ts'

export function isGood({status}: ResponseFacts): boolean {
  return status >= 200 && status < 300
}

export function goOn(step: UploadStep, known: ResumableFacts, confirmed: number): StepOutcome {
  return {kind: 'next', step, known, confirmed}
}

/** The next bytes go out: `stretch` says which, from what is known and confirmed now. */
export function goOnSending(
  view: UploadView,
  known: ResumableFacts,
  confirmed: number,
  stretch: (view: UploadView) => readonly [number, number],
): StepOutcome {
  const [, to] = stretch({...view, known, confirmed})
  const before = view.known.url === undefined ? 0 : sentTo(view)
  return goOn('append', {...known, own: {...known.own, sentTo: Math.max(before, to)}}, confirmed)
}

/** Behind the last byte that ever went out, or may have: no server has more. Records of earlier versions do not say it. */
export function sentTo({known, total}: UploadView): number {
  return Number(known.own?.sentTo ?? total)
}

/** The status as it is; `retried`: it may be another one next time. */
export function refused({head, now}: StepAnswer, retried = false): StepOutcome {
  const error = httpStatusError(head, now).toSerialized()
  return {kind: 'failed', error: retried ? {...error, retry: 'backoff'} : error}
}

/** It does not say no, but not now. */
export function asksForQuiet({head}: StepAnswer): boolean {
  return head.status === 429 || (isRetriedStatus(head.status) && headerValue(head.headers, 'retry-after') !== undefined)
}

export function lost({head}: StepAnswer): StepOutcome {
  const error = new TransferError('UPLOAD_LOST', 'the server does not have the unfinished upload any more', {
    where: redactUrl(head.url),
    details: {status: head.status},
  })
  return {kind: 'lost', error: error.toSerialized()}
}

export function nonsense({head}: StepAnswer, what: string, details: ErrorDetails = {}): StepOutcome {
  const error = new TransferError('INVALID_RESPONSE', what, {
    where: redactUrl(head.url),
    details: {status: head.status, ...details},
  })
  return {kind: 'failed', error: error.toSerialized()}
}

/** A whole number of bytes in a field; undefined where there is none. */
export function countIn(head: ResponseFacts, name: string): number | undefined {
  const text = headerValue(head.headers, name)
  const count = text !== undefined && /^\d{1,16}$/.test(text.trim()) ? Number(text) : Number.NaN
  return Number.isSafeInteger(count) ? count : undefined
}

/** Against the address that was asked, without fragment and user information; undefined without a usable one. */
export function locationOf({url, headers}: ResponseFacts): string | undefined {
  const location = headerValue(headers, 'location')
  if (location === undefined || !URL.canParse(location, url)) return undefined
  const target = new URL(location, url)
  target.hash = ''
  target.username = ''
  target.password = ''
  return target.protocol === 'http:' || target.protocol === 'https:' ? target.href : undefined
}
