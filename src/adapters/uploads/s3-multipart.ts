/**
 * Multipart uploads of S3 by addresses that the application signs: the engine knows no keys, and an address is asked for when it
 * is needed, so that none can be too old. What is durable is the id of the upload and the ETag of each part.
 */

import {createHash} from 'node:crypto'
import {invalidArgument, TransferError} from '../../domain/errors.ts'
import {assertObject, assertOptions, type Known} from '../../domain/given.ts'
import {headerValue} from '../../domain/header-fields.ts'
import {redactUrl} from '../../domain/redaction.ts'
import {isRetriedStatus} from '../../domain/retry.ts'
import type {StepAnswer, StepOutcome, UploadView} from '../../domain/upload-steps.ts'
import type {ResumableFacts} from '../../domain/upload-way.ts'
import type {StepRequest, UploadProtocol} from '../../ports/upload-protocol.ts'
import {goOn, isGood, lost, nonsense, refused} from './answers.ts'
import {isProtocolName, PROTOCOL_NAME_RULE} from './protocol-name.ts'

const MIB = 1024 ** 2

/** What S3 allows: all parts but the last have the least size at least. */
const MIN_PART_BYTES = 5 * MIB
const MAX_PARTS = 10_000
const DEFAULT_PART_BYTES = 16 * MIB

/** Whoever asks again may be let in: the signature was too old, or the server was busy. */
const PASSING: ReadonlySet<number> = new Set([403, 409])
/** The same, said with 400: it waited too long for the next bytes, or what the address was signed with was too old. */
const PASSING_CODES: ReadonlySet<string> = new Set(['RequestTimeout', 'ExpiredToken'])

/** The upload that an address is wanted for. */
export interface S3Upload {
  /** Guid of the operation. */
  readonly guid: string
  /** The address that the application gave to createUpload; nothing is sent there. */
  readonly url: string
  readonly totalBytes: number
  readonly metadata: Readonly<Record<string, string>>
}

export interface S3StartedUpload extends S3Upload {
  /** What `create` gave. */
  readonly uploadId: string
}

/** Addresses are used at once and never kept. Each may be a promise, and is given up with `signal`. */
export interface S3MultipartOptions {
  /** By this name uploads ask for it, and records find it: the same in every session. */
  readonly name: string
  /** Begins a multipart upload (CreateMultipartUpload) and gives its UploadId. */
  create(upload: S3Upload, signal: AbortSignal): string | Promise<string>
  /** A signed address for UploadPart; parts are counted from 1. */
  partUrl(upload: S3StartedUpload, partNumber: number, signal: AbortSignal): string | Promise<string>
  /** A signed address for CompleteMultipartUpload. */
  completeUrl(upload: S3StartedUpload, signal: AbortSignal): string | Promise<string>
  /** A signed address for AbortMultipartUpload; without it S3 keeps the parts until its own rules remove them. */
  abortUrl?(upload: S3StartedUpload, signal: AbortSignal): string | Promise<string>
  /**
   * A signed address for HeadObject. With it an upload whose completion was answered, but not heard, is found complete by the
   * object's ETag; without it such an upload fails with UPLOAD_LOST.
   */
  objectUrl?(upload: S3StartedUpload, signal: AbortSignal): string | Promise<string>
}

const KNOWN: Known<S3MultipartOptions> = {
  name: true,
  create: true,
  partUrl: true,
  completeUrl: true,
  abortUrl: true,
  objectUrl: true,
}

const OPTIONAL: ReadonlySet<string> = new Set(['abortUrl', 'objectUrl'])

/** Throws INVALID_ARGUMENT. */
export function s3Multipart(options: S3MultipartOptions): UploadProtocol {
  assertObject('options', options)
  // An object of a class may have more than we ask for.
  if ([Object.prototype, null].includes(Object.getPrototypeOf(options))) assertOptions('options', options, KNOWN)
  const {name} = options
  if (!isProtocolName(name)) throw invalidArgument('name', PROTOCOL_NAME_RULE)
  for (const call of ['create', 'partUrl', 'completeUrl', 'abortUrl', 'objectUrl'] as const) {
    const isLeftOut = options[call] === undefined && OPTIONAL.has(call)
    if (!isLeftOut && typeof options[call] !== 'function') throw invalidArgument(call, 'must be a function')
  }
  return {
    name,

    begin(view) {
      const {uploadId, etags} = notesOf(view.known)
      if (uploadId === undefined) return 'create'
      return etags.length < partCount(view) ? 'append' : 'complete'
    },

    async request(step, view, {signal}) {
      if (step === 'create') return created(view, await asked(name, () => options.create(uploadOf(view), signal)))
      const upload = startedOf(view)
      switch (step) {
        case 'append': {
          const [from, to, number] = nextPart(view)
          const url = await asked(name, () => options.partUrl(upload, number, signal))
          return {url, method: 'PUT', headers: [], carries: 'none', content: [from, to]}
        }
        case 'complete': {
          const url = await asked(name, () => options.completeUrl(upload, signal))
          return completion(url, notesOf(view.known).etags)
        }
        case 'ask': {
          const url = await asked(name, () => options.objectUrl?.(upload, signal) ?? '')
          return {url, method: 'HEAD', headers: [], carries: 'none'}
        }
        default: {
          const {abortUrl} = options
          if (abortUrl === undefined) return {kind: 'finished'}
          const url = await asked(name, () => abortUrl.call(options, upload, signal))
          return {url, method: 'DELETE', headers: [], carries: 'none'}
        }
      }
    },

    answered(step, view, answer) {
      switch (step) {
        case 'append':
          return appended(view, answer)
        case 'complete':
          return completed(view, answer, options.objectUrl !== undefined)
        case 'ask':
          return found(view, answer)
        default:
          return {kind: 'finished'}
      }
    },
  }
}

interface Notes {
  readonly uploadId: string | undefined
  readonly partBytes: number
  /** Of the parts from the first one on. */
  readonly etags: readonly string[]
}

function notesOf({own}: ResumableFacts): Notes {
  const {uploadId, partBytes, etags} = own ?? {}
  return {
    uploadId: typeof uploadId === 'string' ? uploadId : undefined,
    partBytes: typeof partBytes === 'number' ? partBytes : DEFAULT_PART_BYTES,
    etags: Array.isArray(etags) ? etags.map(String) : [],
  }
}

function uploadOf({id, url, total, way}: UploadView): S3Upload {
  return {guid: id, url, totalBytes: total, metadata: way.metadata ?? {}}
}

function startedOf(view: UploadView): S3StartedUpload {
  return {...uploadOf(view), uploadId: notesOf(view.known).uploadId ?? ''}
}

function created({known, total, way}: UploadView, uploadId: string): StepOutcome {
  const partBytes = partBytesFor(total, way.partBytes)
  return goOn('append', {...known, own: {uploadId, partBytes, etags: []}}, 0)
}

/** What the application wishes, within what S3 takes. */
function partBytesFor(total: number, wished = DEFAULT_PART_BYTES): number {
  const least = Math.ceil(total / MAX_PARTS / MIB) * MIB
  return Math.max(wished, MIN_PART_BYTES, least)
}

/** Nothing is one part, too. */
function partCount({total, known}: UploadView): number {
  return Math.max(1, Math.ceil(total / notesOf(known).partBytes))
}

function nextPart({total, known}: UploadView): readonly [from: number, to: number, number: number] {
  const {partBytes, etags} = notesOf(known)
  const from = etags.length * partBytes
  return [from, Math.min(total, from + partBytes), etags.length + 1]
}

function appended(view: UploadView, answer: StepAnswer): StepOutcome {
  const {head} = answer
  if (head.status === 404) return lost(answer)
  if (!isGood(head)) return refused(answer, isPassing(answer))
  const etag = headerValue(head.headers, 'etag')
  if (etag === undefined) return nonsense(answer, 'the server took a part and gave no ETag for it')
  const [, to] = nextPart(view)
  const etags = [...notesOf(view.known).etags, etag]
  const step = etags.length < partCount(view) ? 'append' : 'complete'
  return goOn(step, {...view.known, own: {...view.known.own, etags}}, to)
}

function completion(url: string, etags: readonly string[]): StepRequest {
  const parts = etags.map(
    (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`,
  )
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
  return {url, method: 'POST', headers: [['Content-Type', 'application/xml']], carries: 'none', text, isLast: true}
}

/** S3 says 200 first, and in the body what became of it. */
function completed({known, confirmed}: UploadView, answer: StepAnswer, canAsk: boolean): StepOutcome {
  const {head, text} = answer
  if (isGood(head) && text.includes('<CompleteMultipartUploadResult')) return {kind: 'finished'}
  const code = codeIn(text)
  // It may be that an earlier completion was heard, and its answer was not.
  if (head.status === 404 || code === 'NoSuchUpload') return canAsk ? goOn('ask', known, confirmed) : uncertain(answer)
  if (!isGood(head)) return refused(answer, isPassing(answer))
  const error = new TransferError(
    'INVALID_RESPONSE',
    `the server could not complete the upload: ${code ?? 'no word why'}`,
    {
      where: redactUrl(head.url),
      retry: 'backoff',
    },
  )
  return {kind: 'failed', error: error.toSerialized()}
}

/** A server that is busy says nothing of the object. */
function found(view: UploadView, answer: StepAnswer): StepOutcome {
  if (isWhole(view, answer)) return {kind: 'finished'}
  return isRetriedStatus(answer.head.status) ? refused(answer) : uncertain(answer)
}

/** Who waited too long for the next bytes resets the connection, which may take along why it refuses. */
function isPassing({head: {status}, text}: StepAnswer): boolean {
  if (status !== 400) return PASSING.has(status)
  const code = codeIn(text)
  return code === undefined || PASSING_CODES.has(code)
}

function codeIn(text: string): string | undefined {
  return /<Code>([^<]*)<\/Code>/.exec(text)?.[1]
}

/** The ETag of an object in parts is the MD5 of their MD5s, unless the server encrypts with keys of its own. */
function isWhole({total, known}: UploadView, {head}: StepAnswer): boolean {
  const etags = notesOf(known).etags.map((etag) => etag.replaceAll('"', ''))
  if (!isGood(head) || Number(headerValue(head.headers, 'content-length')) !== total) return false
  if (!etags.every((etag) => /^[0-9a-f]{32}$/i.test(etag))) return false
  const hash = createHash('md5')
  for (const etag of etags) hash.update(Buffer.from(etag, 'hex'))
  return headerValue(head.headers, 'etag')?.replaceAll('"', '') === `${hash.digest('hex')}-${etags.length}`
}

/** To send it again could store it twice, and to call it done could be wrong. */
function uncertain({head}: StepAnswer): StepOutcome {
  const error = new TransferError(
    'UPLOAD_LOST',
    'the server does not know the upload any more, and may have completed it',
    {
      where: redactUrl(head.url),
      retry: 'never',
      details: {status: head.status},
      advice: 'look whether the object is there, and send it again if not',
    },
  )
  return {kind: 'failed', error: error.toSerialized()}
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** What the application gives; its troubles are retried. */
async function asked(name: string, ask: () => string | Promise<string>): Promise<string> {
  let given: unknown
  try {
    given = await ask()
  } catch (cause) {
    throw new TransferError('PROVIDER_FAILED', `the upload protocol ${name} could not give what was asked`, {
      where: name,
      advice: 'look at what the application registered by this name',
      cause,
    })
  }
  if (typeof given === 'string' && given !== '') return given
  throw new TransferError('PROVIDER_FAILED', `the upload protocol ${name} gave no text`, {
    where: name,
    retry: 'never',
    advice: 'look at what the application registered by this name',
  })
}
