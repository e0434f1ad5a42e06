/** The actor `sendContent`: one try of an upload that is one request. Its answer decides, and the chart owns the rest. */

import {fromCallback} from 'xstate'
import type {AttemptCommand, AttemptEvent, AttemptInput} from '../domain/attempt.ts'
import type {OperationFacts} from '../domain/record.ts'
import {httpStatusError} from '../domain/retry.ts'
import {requestHeaders} from './request-headers.ts'
import {isGood, type UploadPorts, UploadRequest} from './upload-request.ts'

export function createSendContent(ports: UploadPorts) {
  return fromCallback<AttemptCommand, AttemptInput>(({input, sendBack, receive}) => {
    const request = new UploadRequest(ports, input.facts, 0, (event: AttemptEvent) => sendBack(event))
    receive((command) => {
      if (command.type === 'checkpoint.due') request.pulse()
      if (command.type === 'answer.due') request.conclude()
    })
    void send(ports, input.facts, request)
    return () => request.abandon()
  })
}

async function send(ports: UploadPorts, facts: OperationFacts, sending: UploadRequest): Promise<void> {
  const {request, evidence} = facts
  const content = facts.sending?.content
  try {
    const own = {url: request.url, method: request.method, headers: requestHeaders(request, ports.secrets)}
    const {head} = await sending.perform({
      ...ports.fresh.take(facts.id)(own),
      isLast: true,
      carriesContent: true,
      isByStatus: true,
      ...(request.body === undefined || content === undefined ? {} : {body: ports.content.body(request.body, content)}),
    })
    if (!isGood(head)) throw httpStatusError(head, ports.clock.now())
    const total = content?.length ?? 0
    sending.end({
      type: 'attempt.finished',
      evidence: {...evidence, ranges: total === 0 ? [] : [[0, total]]},
      answer: sending.answerFacts(),
    })
  } catch (thrown) {
    await sending.fail(thrown)
  }
}
