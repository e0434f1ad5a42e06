/**
 * What an application asks of an operation that it holds. What makes no sense as the operation is known to stand is thrown at once;
 * for the rest the wish holds until the host has answered how things stand, and what that refuses was too late.
 */

import {TransferError} from '../domain/errors.ts'
import type {LineMove} from '../domain/line-move.ts'
import type {TransferPolicy, TransferRequest} from '../domain/record.ts'
import type {CallInput} from '../host/protocol.ts'
import type {CallQueue} from './call-queue.ts'
import type {HostLink} from './host-link.ts'
import type {MirroredOperations} from './mirrored-operations.ts'
import type {RemoteOperation} from './remote-operation.ts'

/** Calls that ask something of an operation, and are answered by how it stands then. */
type Command = 'pause' | 'resume' | 'retry' | 'cancel' | 'changePolicy' | 'changeRequest'

/** Each but `markDelivered`, which rejects, throws CLOSED when the link is over. */
export class OperationCommands {
  readonly #calls: CallQueue
  readonly #link: Pick<HostLink, 'demandOpen'>
  readonly #operations: Pick<MirroredOperations, 'answered'>

  constructor(calls: CallQueue, link: Pick<HostLink, 'demandOpen'>, operations: Pick<MirroredOperations, 'answered'>) {
    this.#calls = calls
    this.#link = link
    this.#operations = operations
  }

  pause(held: RemoteOperation): void {
    this.#ask(held, {state: 'pausedByApplication'}, 'pause', {id: held.record.id})
  }

  /** Throws ILLEGAL_STATE. */
  resume(held: RemoteOperation): void {
    this.#link.demandOpen()
    if (held.state === 'running' && !held.isPausing) throw illegal('operation.resume', held)
    this.#ask(held, {state: 'queued'}, 'resume', {id: held.record.id})
  }

  /** Throws ILLEGAL_STATE. */
  retry(held: RemoteOperation): void {
    this.#link.demandOpen()
    if (held.state !== 'waitingToRetry' && held.state !== 'pausedForStorage') throw illegal('operation.retry', held)
    this.#ask(held, {}, 'retry', {id: held.record.id})
  }

  cancel(held: RemoteOperation): void {
    this.#ask(held, {state: 'canceling'}, 'cancel', {id: held.record.id})
  }

  changePolicy(held: RemoteOperation, policy: TransferPolicy): void {
    const input = {id: held.record.id, policy: policy as CallInput<'changePolicy'>['policy']}
    this.#ask(held, {policy}, 'changePolicy', input)
  }

  changeRequest(held: RemoteOperation, request: TransferRequest): void {
    const input = {id: held.record.id, request: request as unknown as CallInput<'changeRequest'>['request']}
    this.#ask(held, {request}, 'changeRequest', input)
  }

  makeCurrent(held: RemoteOperation): Promise<void> {
    this.#link.demandOpen()
    return this.#calls.call('makeCurrent', {id: held.record.id}).then(() => undefined)
  }

  move(held: RemoteOperation, to: LineMove): Promise<void> {
    this.#link.demandOpen()
    return this.#calls.call('move', {id: held.record.id, to}).then(() => undefined)
  }

  /** Also where it is known already: the host may still be writing that down. */
  async markDelivered(held: RemoteOperation): Promise<void> {
    held.record = {...held.record, delivered: true}
    await this.#calls.callAnd('markDelivered', {id: held.record.id}, (snapshot) =>
      this.#operations.answered(held, snapshot),
    )
  }

  #ask<Name extends Command>(
    operation: RemoteOperation,
    wish: Parameters<RemoteOperation['wish']>[0],
    name: Name,
    input: CallInput<Name>,
  ): void {
    this.#link.demandOpen()
    const unwish = operation.wish(wish)
    const answered = this.#calls.callAnd(name, input, (snapshot) => {
      unwish()
      this.#operations.answered(operation, snapshot)
    })
    answered.catch(unwish)
  }
}

function illegal(event: string, {state, record}: RemoteOperation): TransferError {
  return new TransferError('ILLEGAL_STATE', `${event} is not possible while the operation is ${state}`, {
    where: record.id,
  })
}
