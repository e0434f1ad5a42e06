/**
 * The actor `sendContent`: one try of an upload that is one request; or, once a redirect took it, of the question for its answer. What is
 * answered decides, and the chart owns the rest.
 */

import {fromCallback} from 'xstate'
import type {AttemptCommand, AttemptEvent, AttemptInput} from '../domain/attempt.ts'
import {sizeOf} from '../domain/range-set.ts'
import type {OperationFacts} from '../domain/record.ts'
import {httpStatusError} from '../domain/retry.ts'
import {isTaken} from '../domain/upload.ts'
import {type Asked, hopsOf, hopTo} from './upload-hops.ts'
import {isGood, type UploadPorts, UploadRequest} from './upload-request.ts'

export function createSendContent(ports: UploadPorts) {
  return fromCallback<AttemptCommand, AttemptInput>(({input, sendBack, receive}) => {
    const before = isTaken(input.facts) ? sizeOf(input.facts.evidence.ranges) : 0
    const request = new UploadRequest(ports, input.facts, before, (event: AttemptEvent) => sendBack(event))
    receive((command) => {
      if (command.type === 'checkpoint.due') request.pulse()
      if (command.type === 'answer.due') request.conclude()
    })
    void send(ports, input.facts, request)
    return () => request.abandon()
  })
}

async function send(ports: UploadPorts, facts: OperationFacts, sending: UploadRequest): Promise<void> {
  const {evidence} = facts
  try {
    const answered = await sending.perform(askedOf(ports, facts))
    if (answered === undefined) return
    const {head} = answered
    if (!isGood(head)) throw httpStatusError(head, ports.clock.now())
    const total = facts.sending?.content?.length ?? 0
    sending.end({
      type: 'attempt.finished',
      evidence: {...evidence, ranges: total === 0 ? [] : [[0, total]]},
      answer: sending.answerFacts(),
    })
  } catch (thrown) {
    await sending.fail(thrown)
  }
}

function askedOf(ports: UploadPorts, facts: OperationFacts): Asked {
  const {body} = facts.request
  const {content, answerUrl} = facts.sending ?? {}
  const hops = hopsOf(ports, facts)
  const asked = {isLast: true, isByStatus: true}
  if (answerUrl !== undefined) {
    const hop = hopTo(hops, {url: answerUrl, carries: 'bare', headers: []})
    return {...asked, ...hop, method: 'GET', carriesContent: false}
  }
  const sent = body === undefined || content === undefined ? {} : {body: ports.content.body(body, content)}
  return {...asked, ...hops.given, carriesContent: true, ...sent}
}
