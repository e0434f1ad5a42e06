/** The operations of a host that a client holds: one mirror for each, in step with what the host tells of it. */

import {type Observable, Subject} from 'rxjs'
import {fromTold} from '../domain/error-chain.ts'
import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {HostMessage, Snapshot} from '../host/protocol.ts'
import type {CallQueue} from './call-queue.ts'
import {RemoteOperation} from './remote-operation.ts'

/** Of ids in one call. */
const PAGE = 10_000

export type OperationMessage = HostMessage & {readonly type: 'notice' | 'counts' | 'ended'}

export class MirroredOperations {
  readonly #calls: CallQueue
  readonly #held = new Map<OperationId, RemoteOperation>()
  readonly #ticks = new Subject<void>()

  constructor(calls: CallQueue) {
    this.#calls = calls
  }

  /** While anything that is held here moves. Hot. */
  get ticks$(): Observable<void> {
    return this.#ticks.asObservable()
  }

  /** One more handle of the operation, of which the host counts a hold. */
  hold(snapshot: Snapshot): RemoteOperation {
    const known = this.#held.get(snapshot.record.id)
    const operation = known ?? new RemoteOperation(snapshot)
    if (known === undefined) this.#held.set(snapshot.record.id, operation)
    else operation.apply(snapshot)
    operation.holders += 1
    return operation
  }

  holdIfAny(snapshot: Snapshot | null): RemoteOperation | undefined {
    return snapshot === null ? undefined : this.hold(snapshot)
  }

  /** How one stands that something was asked of. What the host tells next goes on from here, also where it is another mirror by now. */
  answered(asked: RemoteOperation, snapshot: Snapshot): void {
    for (const operation of new Set([asked, this.#held.get(snapshot.record.id)])) operation?.apply(snapshot)
  }

  release(operation: RemoteOperation): void {
    operation.holders -= 1
    const {id} = operation.record
    if (operation.holders > 0 || this.#held.get(id) !== operation) return
    this.#held.delete(id)
    this.#calls.tell('release', {id, holds: operation.holds})
  }

  hear(message: OperationMessage): void {
    switch (message.type) {
      case 'notice': {
        const {snapshot, hasResponseChanged, hasRestarted} = message
        const operation = this.#held.get('record' in snapshot ? snapshot.record.id : snapshot.id)
        if (operation === undefined) return
        const whole = 'record' in snapshot ? snapshot : operation.changed(snapshot)
        this.#notice(operation, whole, hasResponseChanged, hasRestarted)
        return
      }
      case 'counts': {
        const operation = this.#held.get(message.id)
        if (operation === undefined) return
        operation.counts = message.counts
        operation.notices.listener?.moved()
        this.#ticks.next()
        return
      }
      case 'ended': {
        // An engine that closes under its host has not ended anything.
        if (message.error?.code === 'CLOSED') return
        const operation = this.#held.get(message.id)
        if (message.error === undefined) operation?.notices.complete()
        else operation?.notices.error(fromTold(message.error))
        return
      }
    }
  }

  /** What changed while nobody told; and those that take part are to take part still. */
  refresh(): void {
    const held = [...this.#held.values()]
    for (let at = 0; at < held.length; at += PAGE) this.#refreshPage(held.slice(at, at + PAGE))
    for (const {isAttached, isOver, record} of held) {
      if (isAttached && !isOver) this.#calls.tell('attach', {id: record.id})
    }
  }

  /** Nothing more will come of any, and of the unfinished for this reason. */
  end(why: TransferError): void {
    for (const operation of this.#held.values()) {
      if (operation.isOver) operation.notices.complete()
      else operation.notices.error(why)
    }
    this.#ticks.complete()
  }

  #refreshPage(held: readonly RemoteOperation[]): void {
    this.#calls.tell('refresh', {ids: held.map(({record}) => record.id)}, (snapshots) => {
      for (const [index, operation] of held.entries()) {
        const snapshot = snapshots[index]
        if (snapshot == null) lose(operation)
        else this.#notice(operation, snapshot, false, snapshot.counts.generation > operation.counts.generation)
      }
    })
  }

  #notice(operation: RemoteOperation, snapshot: Snapshot, hasResponseChanged: boolean, hasRestarted: boolean): void {
    operation.apply(snapshot, hasResponseChanged)
    operation.notices.next({record: operation.record, hasResponseChanged, hasRestarted})
    this.#ticks.next()
  }
}

function lose({notices, record}: RemoteOperation): void {
  notices.error(new TransferError('OPERATION_UNKNOWN', 'the host does not know it any more', {where: record.id}))
}
