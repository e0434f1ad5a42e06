/**
 * What the application's logger hears of a transfer's life: one line where it begins, goes wrong, stands still and ends.
 * URLs are masked, error texts too; headers are never told.
 */

import type {Observable} from 'rxjs'
import {fileOf, type OperationRecord} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import type {EngineEvent} from '../engine/events.ts'
import {stateOfPath} from '../engine/operations/position.ts'
import type {Log} from '../ports/log.ts'
import {isRetry} from './steps.ts'

type Moved = Extract<EngineEvent, {type: 'operation.moved'}>

export function logLines(events$: Observable<EngineEvent>, log: Log): void {
  events$.subscribe((event) => {
    switch (event.type) {
      case 'operation.started':
        log.debug(factsOf(event.record), 'a transfer was accepted')
        return
      case 'operation.moved':
        logMove(event, log)
        return
      case 'operation.restarted':
        log.warn({id: event.id, generation: event.record.evidence.generation}, 'a transfer began again at zero')
        return
      case 'operation.forgotten':
        log.debug({count: event.ids.length}, 'ended operations were forgotten')
    }
  })
}

function logMove({from, id, record, entry}: Moved, log: Log): void {
  const {state, attempts, retryAt} = record
  const {bytes, error} = entry
  if (isRetry(entry)) {
    const next = retryAt === undefined ? {} : {retryAt: new Date(retryAt).toISOString()}
    log.warn({id, error, attempt: attempts.total, bytes, ...next}, 'a try failed; another one follows')
    return
  }
  const previous = stateOfPath(from)
  if (state === previous) return
  switch (state) {
    case 'running':
      if (previous !== 'publishing') log.info({...factsOf(record), bytes}, 'a transfer started')
      return
    case 'completed':
      log.info({id, file: fileOf(record), bytes}, 'a transfer completed')
      return
    case 'canceled':
      log.info({id}, 'a transfer was canceled')
      return
    case 'failed':
      log.error({id, error, attempts: attempts.total, bytes}, 'a transfer failed')
      return
    case 'pausedByApplication':
      log.info({id, bytes}, 'a transfer was paused')
      return
    case 'pausedNoNetwork':
    case 'pausedCostedNetwork':
    case 'pausedSystemPolicy':
    case 'pausedForStorage':
    case 'pausedRecoverableWebErrorStatus':
      log.warn({id, state, bytes, ...(error === undefined ? {} : {error})}, 'a transfer paused')
  }
}

function factsOf(record: OperationRecord): object {
  const {id, request, policy} = record
  const group = policy.group === '' ? {} : {group: policy.group}
  return {id, url: redactUrl(request.url), file: fileOf(record), ...group}
}
