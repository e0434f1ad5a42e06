/**
 * tus 1.0 (tus.io/protocols/resumable-upload): creation, offset, append; termination, expiration and checksum where the server
 * offers them. The upload's own address is durable before its first byte, and the offset is the server's word.
 */

import {type HeaderField, headerValue} from '../../domain/header-fields.ts'
import {parseHttpDate} from '../../domain/http-date.ts'
import {LITTLE_BYTES} from '../../domain/meagre-try.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import type {StepAnswer, StepOutcome, UploadView} from '../../domain/upload-steps.ts'
import type {ResumableFacts} from '../../domain/upload-way.ts'
import type {StepRequest, StepTools, UploadProtocol} from '../../ports/upload-protocol.ts'
import {
  asksForQuiet,
  countIn,
  goOn,
  goOnSending,
  isGood,
  locationOf,
  lost,
  nonsense,
  refused,
  sentTo,
} from './answers.ts'

const VERSION: HeaderField = ['Tus-Resumable', '1.0.0']

/** With a checksum the bytes of a request are read twice: once from the disk, as a rule. */
const CHECKED_PART_BYTES = 16 * 1024 * 1024

/** Somebody else writes to it, or did a moment ago; the bytes did not come as they went. */
const PASSING: ReadonlySet<number> = new Set([404, 409, 410, 423, 460])
const GONE: ReadonlySet<number> = new Set([403, 404, 410])
/** The same of a question. */
const PASSING_QUESTION: ReadonlySet<number> = new Set([409, 423])

export const tus: UploadProtocol = {
  name: 'tus',

  begin({known}) {
    return known.url !== undefined ? 'ask' : known.own === undefined ? 'discover' : 'create'
  },

  async request(step, view, tools) {
    const {url: target, known} = view
    const url = known.url ?? target
    switch (step) {
      case 'discover':
        return {url: target, method: 'OPTIONS', headers: [], carries: 'bare'}
      case 'create':
        return {url: target, method: 'POST', headers: creationHeaders(view), carries: 'bare'}
      case 'append':
        return appending(view, url, await digestFor(view, tools))
      case 'terminate':
        // There is no asking for what the server does not offer.
        if (known.url === undefined || !offers(known, 'termination')) return {kind: 'finished'}
        return {url, method: 'DELETE', headers: [VERSION], carries: 'bare'}
      default:
        return {url, method: 'HEAD', headers: [VERSION], carries: 'bare'}
    }
  },

  answered(step, view, answer) {
    const {known, confirmed} = view
    switch (step) {
      case 'discover':
        if (asksForQuiet(answer)) return refused(answer)
        // A server that does not answer it may be one all the same.
        return goOn('create', {...known, own: offeredBy(answer.head)}, confirmed)
      case 'create':
        return created(view, answer)
      case 'append':
        return appended(view, answer)
      case 'terminate':
        return {kind: 'finished'}
      default:
        return asked(view, answer)
    }
  },
}

function creationHeaders({total, way}: UploadView): readonly HeaderField[] {
  const pairs = Object.entries(way.metadata ?? {}).map(([name, value]) => `${name} ${base64(value)}`.trimEnd())
  return [
    VERSION,
    ['Upload-Length', String(total)],
    ...(pairs.length === 0 ? [] : [['Upload-Metadata', pairs.join(',')] as const]),
  ]
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** The next stretch: all of the rest, unless it is checked, or the application wants smaller ones. */
function stretchOf({total, confirmed, way, known}: UploadView): readonly [number, number] {
  const most = way.partBytes ?? (checksOf(known) ? CHECKED_PART_BYTES : total)
  return [confirmed, Math.min(total, confirmed + most)]
}

async function digestFor(view: UploadView, tools: StepTools): Promise<string | undefined> {
  return checksOf(view.known) ? tools.sha1(...stretchOf(view)) : undefined
}

function appending(view: UploadView, url: string, sha1: string | undefined): StepRequest {
  const [from, to] = stretchOf(view)
  return {
    url,
    method: 'PATCH',
    headers: [
      VERSION,
      ['Content-Type', 'application/offset+octet-stream'],
      ['Upload-Offset', String(from)],
      ...(sha1 === undefined ? [] : [['Upload-Checksum', `sha1 ${sha1}`] as const]),
    ],
    carries: 'bare',
    content: [from, to],
    isLast: to === view.total,
  }
}

function created(view: UploadView, answer: StepAnswer): StepOutcome {
  const {known, total} = view
  const {head} = answer
  if (!isGood(head)) return refused(answer)
  const url = locationOf(head)
  if (url === undefined) return nonsense(answer, 'the server made an upload and did not say where')
  const made: ResumableFacts = {...known, url, ...expiryIn(head)}
  // An empty upload is whole as soon as there is a place for it.
  return total === 0 ? {kind: 'finished'} : goOnSending(view, made, 0, stretchOf)
}

function asked(view: UploadView, answer: StepAnswer): StepOutcome {
  const {known, total} = view
  const {head} = answer
  if (GONE.has(head.status)) return lost(answer)
  if (!isGood(head)) return refused(answer, PASSING_QUESTION.has(head.status))
  const offset = countIn(head, 'upload-offset')
  if (offset === undefined) return nonsense(answer, 'the server did not say how much it has')
  if (offset > sentTo(view)) return nonsense(answer, 'the server says that it has more than it was sent')
  return offset === total ? {kind: 'finished'} : goOnSending(view, {...known, ...expiryIn(head)}, offset, stretchOf)
}

function appended(view: UploadView, answer: StepAnswer): StepOutcome {
  const {head} = answer
  // What a refusal of bytes means, the next question to the server shows.
  if (!isGood(head)) return refused(answer, PASSING.has(head.status))
  const {known, total, confirmed} = view
  const offset = countIn(head, 'upload-offset')
  const [, to] = stretchOf(view)
  if (offset === undefined || offset < confirmed || offset > to) {
    return nonsense(answer, 'the server did not say how much it has')
  }
  // It may have had no room for a moment: what it says the next time counts as another failure.
  if (offset === confirmed) return passing(nonsense(answer, 'the server took the bytes, and has no more than before'))
  // Sent at once, all of the rest would go out again for each of its crumbs.
  const taken = offset - confirmed
  if (offset < to && taken < LITTLE_BYTES) {
    return passing(nonsense(answer, `the server took ${taken} of ${to - confirmed} bytes`, {taken}))
  }
  return offset === total ? {kind: 'finished'} : goOnSending(view, {...known, ...expiryIn(head)}, offset, stretchOf)
}

function passing(outcome: StepOutcome): StepOutcome {
  return outcome.kind === 'failed' ? {...outcome, error: {...outcome.error, retry: 'backoff'}} : outcome
}

function offeredBy(head: ResponseFacts): {readonly extensions: string; readonly checksums: string} {
  if (!isGood(head)) return {extensions: '', checksums: ''}
  return {
    extensions: headerValue(head.headers, 'tus-extension') ?? '',
    checksums: headerValue(head.headers, 'tus-checksum-algorithm') ?? '',
  }
}

function offers({own}: ResumableFacts, extension: string): boolean {
  return hasWord(own?.extensions, extension)
}

function checksOf(known: ResumableFacts): boolean {
  return offers(known, 'checksum') && hasWord(known.own?.checksums, 'sha1')
}

function hasWord(list: unknown, word: string): boolean {
  return typeof list === 'string' && list.split(',').some((each) => each.trim() === word)
}

function expiryIn(head: ResponseFacts): {readonly expiresAt?: number} {
  const text = headerValue(head.headers, 'upload-expires')
  const expiresAt = text === undefined ? undefined : parseHttpDate(text)
  return expiresAt === undefined ? {} : {expiresAt}
}
