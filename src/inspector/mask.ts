/**
 * What leaves the inspector, masked before anything is buffered: sealed headers and credentials never, secret headers and query values only
 * as ***, also where they stand inside another text.
 */

import type {SerializedError} from '../domain/errors.ts'
import type {Explanation} from '../domain/explain.ts'
import type {HeaderField} from '../domain/header-fields.ts'
import {fileOf, type OperationRecord, type SendingFacts, type TransferRequest} from '../domain/record.ts'
import {
  redactAddresses,
  redactAnswerHeaders,
  redactText,
  redactUrl,
  secretsInUrl,
  textMask,
} from '../domain/redaction.ts'
import type {Json, ResumableFacts} from '../domain/upload-way.ts'

export function maskRecord(record: OperationRecord): OperationRecord {
  const secrets = secretsOf(record)
  const {sealed: _, credentials: __, ...request} = record.request
  const {response, error, evidence, dropped, sending} = record
  return {
    ...record,
    request: {
      ...maskBody(request),
      url: redactUrl(request.url),
      headers: maskHeaders(request.headers, secrets),
      ...(request.mirrors === undefined ? {} : {mirrors: request.mirrors.map(redactUrl)}),
    },
    // An upload's is a name that holds its address.
    ...(record.direction === 'upload' ? {target: {...record.target, file: fileOf(record)}} : {}),
    evidence: evidence.url === undefined ? evidence : {...evidence, url: redactUrl(evidence.url)},
    ...(sending === undefined ? {} : {sending: maskSending(sending, secrets)}),
    ...(response === undefined
      ? {}
      : {response: {...response, url: redactUrl(response.url), headers: maskHeaders(response.headers, secrets)}}),
    ...(error === undefined ? {} : {error: maskError(error, secrets)}),
    ...(dropped === undefined
      ? {}
      : {dropped: dropped.map(({reason, ...each}) => ({...each, reason: maskText(reason, secrets)}))}),
  }
}

/** Fields of a form may hold anything: what they say is nobody's business. */
function maskBody(request: TransferRequest): TransferRequest {
  const {body} = request
  if (body === undefined) return request
  const pieces = body.pieces.map((piece) => (piece.kind === 'text' ? {...piece, text: '***'} : piece))
  return {...request, body: {...body, pieces}}
}

function maskSending(sending: SendingFacts, secrets: readonly string[]): SendingFacts {
  const {answerUrl, resumable} = sending
  return {
    ...sending,
    ...(answerUrl === undefined ? {} : {answerUrl: redactUrl(answerUrl)}),
    ...(resumable === undefined ? {} : {resumable: maskResumable(resumable, secrets)}),
  }
}

/** A protocol may note what it likes. */
function maskResumable({url, own, ...facts}: ResumableFacts, secrets: readonly string[]): ResumableFacts {
  return {
    ...facts,
    ...(url === undefined ? {} : {url: redactUrl(url)}),
    ...(own === undefined ? {} : {own: maskMembers(own, secrets)}),
  }
}

function maskJson(value: Json, secrets: readonly string[]): Json {
  if (typeof value === 'string') return maskText(value, secrets)
  if (typeof value !== 'object' || value === null) return value
  return isList(value) ? value.map((each) => maskJson(each, secrets)) : maskMembers(value, secrets)
}

function maskMembers(values: {readonly [name: string]: Json}, secrets: readonly string[]) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, maskJson(value, secrets)]))
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value)
}

/** Query values of the addresses that an operation knows. */
export function secretsOf({request, evidence, response, sending}: OperationRecord): readonly string[] {
  const {answerUrl = '', resumable} = sending ?? {}
  const own = [request.url, ...(request.mirrors ?? [])]
  const addresses = new Set([...own, evidence.url ?? '', response?.url ?? '', answerUrl, resumable?.url ?? ''])
  return [...addresses].flatMap(secretsInUrl)
}

export function maskExplanation({why, next}: Explanation, record: OperationRecord): Explanation {
  const secrets = secretsOf(record)
  return {why: maskText(why, secrets), ...(next === undefined ? {} : {next: maskText(next, secrets)})}
}

export function maskText(text: string, secrets: readonly string[]): string {
  return redactText(redactAddresses(text), secrets)
}

function maskHeaders(fields: readonly HeaderField[], secrets: readonly string[]): readonly HeaderField[] {
  const mask = textMask(secrets)
  return redactAnswerHeaders(fields).map(([name, value]) => [name, mask(value)])
}

function maskError(error: SerializedError, secrets: readonly string[]): SerializedError {
  const {details} = error
  return {
    ...error,
    message: maskText(error.message, secrets),
    ...(error.where === undefined ? {} : {where: maskText(error.where, secrets)}),
    ...(error.cause === undefined ? {} : {cause: maskText(error.cause, secrets)}),
    ...(details === undefined
      ? {}
      : {
          details: Object.fromEntries(
            Object.entries(details).map(([name, value]) => [
              name,
              typeof value === 'string' ? maskText(value, secrets) : value,
            ]),
          ),
        }),
  }
}
