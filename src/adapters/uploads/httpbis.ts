/**
 * Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload), by the interop version that both sides have to name: 9 is that
 * of draft 12 and later, 8 that of drafts 09 to 11. The upload is created without content, so that its own address is durable
 * before its first byte and no interim answer has to be caught.
 */

import {TransferError} from '../../domain/errors.ts'
import {type HeaderField, headerValue} from '../../domain/header-fields.ts'
import {redactUrl} from '../../domain/redaction.ts'
import type {ResponseFacts} from '../../domain/response-facts.ts'
import {uploadLimitOf} from '../../domain/upload-limit.ts'
import type {StepAnswer, StepOutcome, UploadView} from '../../domain/upload-steps.ts'
import type {ResumableFacts} from '../../domain/upload-way.ts'
import type {UploadProtocol} from '../../ports/upload-protocol.ts'
import {countIn, goOn, goOnSending, isGood, locationOf, lost, nonsense, refused, sentTo} from './answers.ts'

const PARTIAL_UPLOAD = 'application/partial-upload'

/** Another request is still at it, or was a moment ago. */
const PASSING: ReadonlySet<number> = new Set([404, 409, 410, 423])
const GONE: ReadonlySet<number> = new Set([403, 404, 410])
const LOCKED = 423
const CONFLICT = 409

/** How often a server may take the last bytes, and say that the upload is not complete. */
const MOST_COMPLETIONS = 3

export function httpbis(interopVersion: number): UploadProtocol {
  const version: HeaderField = ['Upload-Draft-Interop-Version', String(interopVersion)]
  return {
    name: `httpbis-${interopVersion}`,

    begin({known}) {
      return known.url !== undefined ? 'ask' : known.own === undefined ? 'discover' : 'create'
    },

    async request(step, view) {
      const {url: target, method, total, known} = view
      const url = known.url ?? target
      switch (step) {
        case 'discover':
          return {url: target, method: 'OPTIONS', headers: [version], carries: 'bare'}
        case 'create':
          return {
            url: target,
            method,
            headers: [version, ['Upload-Complete', '?0'], ['Upload-Length', String(total)]],
            carries: 'all',
          }
        case 'append': {
          const [from, to] = stretchOf(view)
          return {
            url,
            method: 'PATCH',
            headers: [
              version,
              ['Content-Type', PARTIAL_UPLOAD],
              ['Upload-Offset', String(from)],
              ['Upload-Complete', to === total ? '?1' : '?0'],
            ],
            carries: 'bare',
            content: [from, to],
            isLast: to === total,
          }
        }
        case 'terminate':
          if (known.url === undefined) return {kind: 'finished'}
          return {url, method: 'DELETE', headers: [version], carries: 'bare'}
        default:
          return {url, method: 'HEAD', headers: [version], carries: 'bare'}
      }
    },

    answered(step, view, answer) {
      switch (step) {
        case 'discover':
          return discovered(view, answer)
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
}

/** The next stretch, as long as the server and the application let it be. */
function stretchOf({total, confirmed, way, known}: UploadView): readonly [number, number] {
  const limit = known.own?.maxAppendBytes
  const most = Math.min(way.partBytes ?? total, typeof limit === 'number' ? limit : total)
  return [confirmed, Math.min(total, confirmed + most)]
}

/** Without resumption the empty request that creates an upload would be taken for the whole of it. */
function discovered({known, confirmed}: UploadView, answer: StepAnswer): StepOutcome {
  const {head} = answer
  const patches = (headerValue(head.headers, 'accept-patch') ?? '').split(',')
  const isOffered = patches.some((each) => each.split(';')[0]?.trim().toLowerCase() === PARTIAL_UPLOAD)
  if (isGood(head) && isOffered) return goOn('create', {...known, own: {}, ...learnt(known, answer)}, confirmed)
  const isAbout = isGood(head) || head.status === 404 || head.status === 405 || head.status === 501
  if (!isAbout) return refused(answer)
  const error = new TransferError('NOT_SUPPORTED', 'the server offers no resumable uploads there', {
    where: redactUrl(head.url),
    details: {status: head.status},
    advice: 'send it without a protocol, or find out which one the server speaks',
  })
  return {kind: 'failed', error: error.toSerialized()}
}

function created(view: UploadView, answer: StepAnswer): StepOutcome {
  const {known} = view
  const {head} = answer
  if (!isGood(head)) return refused(answer)
  const url = locationOf(head)
  if (url === undefined) return nonsense(answer, 'the server made an upload and did not say where')
  return goOnSending(view, {...known, ...learnt(known, answer), url}, 0, stretchOf)
}

function asked(view: UploadView, answer: StepAnswer): StepOutcome {
  const {known, total} = view
  const {head} = answer
  if (GONE.has(head.status)) return lost(answer)
  if (!isGood(head)) return refused(answer, head.status === LOCKED || head.status === CONFLICT)
  const offset = countIn(head, 'upload-offset')
  const most = sentTo(view)
  if ((offset ?? 0) > most || (isComplete(head) && most < total)) {
    return nonsense(answer, 'the server says that it has more than it was sent')
  }
  // Whatever is complete there with fewer bytes, or more, is not what was to be sent.
  if (isComplete(head) && (offset === undefined || offset === total)) return {kind: 'finished'}
  if (isComplete(head)) return nonsense(answer, `the server has ${offset} bytes of ${total}, and calls it complete`)
  if (offset === undefined) return nonsense(answer, 'the server did not say how much it has')
  return goOnSending(view, {...known, ...learnt(known, answer)}, offset, stretchOf)
}

function appended(view: UploadView, answer: StepAnswer): StepOutcome {
  const {head} = answer
  const {known, total, confirmed} = view
  const [, to] = stretchOf(view)
  if (isComplete(head) && isGood(head) && to < total) {
    return nonsense(answer, `the server got ${to} bytes of ${total}, and calls it complete`)
  }
  // What the server makes of the whole: no other sending would change that.
  if (isComplete(head)) return isGood(head) ? {kind: 'finished'} : forGood(refused(answer))
  if (!isGood(head)) return refused(answer, PASSING.has(head.status))
  if (to < total) return goOnSending(view, {...known, ...learnt(known, answer)}, to, stretchOf)
  const completions = Number(known.own?.completions ?? 0) + 1
  if (completions > MOST_COMPLETIONS) return nonsense(answer, 'the server has all of it, and does not complete it')
  return goOn('ask', {...known, own: {...known.own, completions}}, confirmed)
}

function forGood(outcome: StepOutcome): StepOutcome {
  return outcome.kind === 'failed' ? {...outcome, error: {...outcome.error, retry: 'never'}} : outcome
}

function isComplete(head: ResponseFacts): boolean {
  return headerValue(head.headers, 'upload-complete')?.trim() === '?1'
}

function learnt({own}: ResumableFacts, {head, now}: StepAnswer): Pick<ResumableFacts, 'own' | 'expiresAt'> {
  const {maxAppendBytes, maxAgeMs} = uploadLimitOf(head)
  return {
    own: {...own, ...(maxAppendBytes === undefined ? {} : {maxAppendBytes})},
    ...(maxAgeMs === undefined ? {} : {expiresAt: now + maxAgeMs}),
  }
}
