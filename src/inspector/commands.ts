/** What may be asked of an operation: the body of a command, checked, and carried out through the engine. */

import {invalidArgument, TransferError} from '../domain/errors.ts'
import {withHeader, withoutHeader} from '../domain/header-fields.ts'
import {parseLineMove} from '../domain/line-move.ts'
import type {BackgroundTransferPriority} from '../domain/priority.ts'
import type {TransferPolicy, TransferRequest} from '../domain/record.ts'
import {changeRequestHeaders, withOtherAddress} from '../engine/bytes/transfer-request.ts'
import type {Engine} from '../engine/engine.ts'
import type {OperationEntry} from '../engine/operations/operation-entry.ts'
import {byteRate} from '../engine/options.ts'
import type {CommandRequest, HeaderChange} from './protocol.ts'

/** Throws INVALID_ARGUMENT. */
export function parseCommand(body: unknown): CommandRequest {
  const {command, value} = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  switch (command) {
    case 'pause':
    case 'resume':
    case 'retry':
    case 'cancel':
    case 'makeCurrent':
      return {command}
    case 'priority':
      if (value !== 0 && value !== 1 && value !== 2) throw invalidArgument('value', 'must be 0, 1 or 2')
      return {command, value}
    case 'rate':
      if (value === null) return {command, value}
      if (typeof value !== 'number') throw invalidArgument('value', 'must be a number or null')
      return {command, value: byteRate('value', value) ?? value}
    case 'move':
      return {command, value: parseLineMove('value', value)}
    case 'request':
      return parseRequest(body as {readonly url?: unknown; readonly headers?: unknown})
    default:
      throw invalidArgument('command', `must be one of ${COMMANDS}`)
  }
}

const COMMANDS = 'pause, resume, retry, cancel, makeCurrent, move, priority, rate and request'

function parseRequest({url, headers}: {readonly url?: unknown; readonly headers?: unknown}): CommandRequest {
  if (url !== undefined && typeof url !== 'string') throw invalidArgument('url', 'must be text')
  if (headers !== undefined && !isHeaderList(headers)) {
    throw invalidArgument('headers', 'must be a list of name and value, or null as the value')
  }
  return {command: 'request', ...(url === undefined ? {} : {url}), ...(headers === undefined ? {} : {headers})}
}

function isHeaderList(headers: unknown): headers is readonly HeaderChange[] {
  return (
    Array.isArray(headers) &&
    headers.every(
      (each) => Array.isArray(each) && typeof each[0] === 'string' && (each[1] === null || typeof each[1] === 'string'),
    )
  )
}

/** Throws ILLEGAL_STATE when the chart cannot take it. */
export async function carryOut(engine: Engine, entry: OperationEntry, request: CommandRequest): Promise<void> {
  switch (request.command) {
    case 'pause':
      return engine.pause(entry)
    case 'resume':
      return engine.resume(entry)
    case 'retry':
      return retry(engine, entry)
    case 'cancel':
      // The engine takes this in silence, as the namespace has it; a person wants to know.
      requireUnfinished(entry)
      return engine.cancel(entry)
    case 'makeCurrent':
      requireUnfinished(entry)
      if (entry.record.policy.group === '') {
        throw new TransferError('ILLEGAL_STATE', 'only a member of a group can be made current')
      }
      return engine.makeCurrent(entry)
    case 'move':
      return engine.move(entry, request.value)
    case 'priority':
      requireUnfinished(entry)
      return engine.changePolicy(entry, {
        ...entry.facts.policy,
        priority: request.value as BackgroundTransferPriority,
      })
    case 'rate':
      requireUnfinished(entry)
      return engine.changePolicy(entry, limited(entry.facts.policy, request.value))
    case 'request':
      requireUnfinished(entry)
      return engine.changeRequest(entry, changed(engine, entry.facts.request, request))
  }
}

/** What a person calls trying again: by the chart while it lives, as a new operation once it has failed. */
async function retry(engine: Engine, entry: OperationEntry): Promise<void> {
  if (entry.isOver) engine.release(await engine.startAgain(entry))
  else if (entry.state === 'pausedRecoverableWebErrorStatus') engine.resume(entry)
  else engine.retry(entry)
}

/** Secret headers are sealed, and user information of the address becomes a credential, as everywhere. */
function changed(
  engine: Engine,
  before: TransferRequest,
  {url, headers = []}: {readonly url?: string; readonly headers?: readonly HeaderChange[]},
): TransferRequest {
  let request = url === undefined ? before : withOtherAddress(engine, before, url, 'url')
  for (const [name, value] of headers) {
    request = changeRequestHeaders(engine, request, name, (fields) => {
      const others = withoutHeader(fields, name)
      return value === null ? others : withHeader(others, name, value)
    })
  }
  return request
}

function requireUnfinished(entry: OperationEntry): void {
  if (entry.isOver) throw new TransferError('ILLEGAL_STATE', 'the operation has ended')
}

function limited({maxBytesPerSecond: _, ...policy}: TransferPolicy, limit: number | null): TransferPolicy {
  return limit === null ? policy : {...policy, maxBytesPerSecond: limit}
}
