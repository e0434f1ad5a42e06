/** The actor `performStep`: one request of a resumable upload, as its protocol wants it, and what its answer means. */

import {fromCallback} from 'xstate'
import type {AttemptCommand, AttemptEvent} from '../domain/attempt.ts'
import {TransferError} from '../domain/errors.ts'
import type {Evidence, OperationFacts} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import {type StepInput, type StepOutcome, uploadViewOf} from '../domain/upload-steps.ts'
import type {StepRequest, UploadProtocols} from '../ports/upload-protocol.ts'
import {type Asked, type Hops, hopsOf, hopTo} from './upload-hops.ts'
import {type UploadPorts, UploadRequest} from './upload-request.ts'

export interface StepPorts extends UploadPorts {
  readonly protocols: UploadProtocols
}

export function createPerformStep(ports: StepPorts) {
  return fromCallback<AttemptCommand, StepInput>(({input, sendBack, receive}) => {
    const [first] = input.facts.evidence.ranges
    const request = new UploadRequest(ports, input.facts, first?.[1] ?? 0, (event: AttemptEvent) => sendBack(event))
    receive((command) => {
      if (command.type === 'checkpoint.due') request.pulse()
      if (command.type === 'answer.due') request.conclude()
    })
    void perform(ports, input, request)
    return () => request.abandon()
  })
}

async function perform(ports: StepPorts, {facts, step}: StepInput, sending: UploadRequest): Promise<void> {
  const {way, body} = facts.request
  const content = facts.sending?.content
  try {
    if (way === undefined || body === undefined || content === undefined) {
      throw new TransferError('INTERNAL', 'a step of an upload without content')
    }
    const protocol = ports.protocols.get(way.protocol)
    if (protocol === undefined) throw unknownProtocol(way.protocol)
    const hops = hopsOf(ports, facts)
    const view = {...uploadViewOf(facts, way, content.length), url: hops.given.url}
    const wanted = await protocol.request(step, view, {
      sha1: (from, to) => ports.content.sha1(body, content, from, to, sending.signal),
      signal: sending.signal,
    })
    if ('kind' in wanted) {
      tell(facts, wanted, sending)
      return
    }
    const answered = await sending.perform(askedOf(ports, facts, hops, wanted))
    if (answered === undefined) return
    tell(facts, protocol.answered(step, view, {...answered, now: ports.clock.now()}), sending)
  } catch (thrown) {
    await sending.fail(thrown)
  }
}

export function unknownProtocol(name: string): TransferError {
  return new TransferError('NOT_SUPPORTED', `no upload protocol ${name} is registered`, {
    where: name,
    advice: 'open the engine with it among uploadProtocols',
  })
}

function tell(facts: OperationFacts, outcome: StepOutcome, sending: UploadRequest): void {
  const {evidence} = facts
  const total = facts.sending?.content?.length ?? 0
  switch (outcome.kind) {
    case 'next':
      sending.end({
        type: 'attempt.stepped',
        next: outcome.step,
        resumable: outcome.known,
        evidence: confirmedTo(evidence, outcome.confirmed),
      })
      return
    case 'finished':
      sending.end({
        type: 'attempt.finished',
        evidence: confirmedTo(evidence, total),
        answer: sending.answerFacts(),
      })
      return
    case 'lost':
      sending.end({type: 'attempt.lost', error: outcome.error})
      return
    case 'failed':
      throw TransferError.fromSerialized(outcome.error)
  }
}

/** A server that has less than it said had to begin anew there: for whoever follows it, so does the count. */
function confirmedTo(evidence: Evidence, confirmed: number): Evidence {
  const before = evidence.ranges[0]?.[1] ?? 0
  const generation = confirmed < before ? evidence.generation + 1 : evidence.generation
  return {...evidence, generation, ranges: confirmed === 0 ? [] : [[0, confirmed]]}
}

function askedOf(ports: StepPorts, facts: OperationFacts, hops: Hops, wanted: StepRequest): Asked {
  const {request, sending} = facts
  const {url, method, content, text, isLast = false} = wanted
  assertReachable(request.url, url)
  const asked = {...hopTo(hops, wanted), method, isLast, carriesContent: text === undefined}
  if (text !== undefined) {
    const bytes = Buffer.from(text)
    return {...asked, body: {length: bytes.length, chunks: () => once(bytes)}}
  }
  if (content === undefined || request.body === undefined || sending?.content === undefined) return asked
  return {...asked, body: ports.content.body(request.body, sending.content, ...content)}
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void> {
  yield bytes
}

/** What was asked for over TLS never goes on without it. */
function assertReachable(from: string, to: string): void {
  const isWeaker = from.startsWith('https:') && !to.startsWith('https:')
  if (!URL.canParse(to) || isWeaker) {
    throw new TransferError('REDIRECT_INSECURE', 'the upload’s own address is no https address', {
      where: redactUrl(to),
    })
  }
}
