/**
 * What a caller may have one operation do: the command goes to its chart, which says whether it is possible now, and its place in
 * line follows.
 */

import type {OperationEvent} from '../../machines/transfer.vocabulary.ts'
import {TransferError} from '../domain/errors.ts'
import type {LineMove} from '../domain/line-move.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {BackgroundTransferPriority} from '../domain/priority.ts'
import {atAnotherAddress, type TransferPolicy, type TransferRequest} from '../domain/record.ts'
import {assertOfItsDirection} from '../domain/upload.ts'
import type {Dispatcher} from './admission/dispatcher.ts'
import type {Sequences} from './admission/sequences.ts'
import type {RateLimits} from './bytes/rate-limits.ts'
import type {Carrier, OperationEntry} from './operations/operation-entry.ts'
import type {Operations} from './operations/operations.ts'

export interface CommandsOptions {
  readonly operations: Operations
  readonly line: Dispatcher
  readonly rates: RateLimits
  readonly sequences: Sequences
  /** Throws CLOSED. */
  readonly requireServing: () => void
}

export class Commands {
  readonly #options: CommandsOptions
  /** One for each whom somebody wants to know of. */
  readonly #commanded = new Set<Set<OperationId>>()

  constructor(options: CommandsOptions) {
    this.#options = options
  }

  pause(entry: OperationEntry): void {
    this.#command(entry, {type: 'operation.pause'})
    this.noteCommanded([entry])
  }

  resume(entry: OperationEntry): void {
    this.#command(entry, {type: 'operation.resume', sequence: this.#options.sequences.next()})
    this.noteCommanded([entry])
  }

  /** Whom an application commands from now on, by itself or with its group, until the returned function is called. */
  watchCommanded(): readonly [commanded: ReadonlySet<OperationId>, unwatch: () => void] {
    const commanded = new Set<OperationId>()
    this.#commanded.add(commanded)
    return [commanded, () => this.#commanded.delete(commanded)]
  }

  noteCommanded(entries: readonly OperationEntry[]): void {
    for (const commanded of this.#commanded) for (const {record} of entries) commanded.add(record.id)
  }

  retry(entry: OperationEntry): void {
    this.#command(entry, {type: 'operation.retry'})
  }

  /** No effect where it is not possible. */
  cancel(entry: OperationEntry): void {
    this.#options.requireServing()
    this.tryCommand(entry, {type: 'operation.cancel'})
  }

  changePolicy(entry: OperationEntry, policy: TransferPolicy): void {
    const {line, rates, sequences, requireServing} = this.#options
    // First: its rate and its place change before its chart is asked.
    requireServing()
    assertOfItsDirection({...entry.facts, policy})
    if (entry.phase !== undefined) rates.limitOperation(entry.record.id, policy.maxBytesPerSecond)
    const keepsPlace = entry.state !== 'queued' || policy.priority === entry.facts.policy.priority
    if (keepsPlace || !line.takesPart(entry.facts)) {
      this.#command(entry, {type: 'policy.changed', policy})
      // Who runs as High beside a serialized member stays that until it leaves the wire: nobody is stopped by priority.
      const counts = entry.phase !== 'running' || policy.priority === BackgroundTransferPriority.high
      if (counts && entry.phase !== undefined) line.memberChanged(entry.facts, entry.phase)
      return
    }
    line.leaveLine(entry.record.policy.group, entry.record.id)
    this.#command(entry, {type: 'operation.reprioritize', policy, sequence: sequences.next()})
  }

  changeRequest(entry: OperationEntry, request: TransferRequest): void {
    assertOfItsDirection({...entry.facts, request})
    const {request: before} = entry.facts
    if (request.url === before.url) {
      this.#command(entry, {type: 'headers.changed', request})
      return
    }
    this.#command(entry, {type: 'request.changed', request, evidence: atAnotherAddress(entry.facts)})
  }

  makeCurrent(entry: OperationEntry): Promise<void> {
    const {line, sequences, requireServing} = this.#options
    requireServing()
    if (entry.facts.policy.group === '' || entry.isOver || entry.state !== 'queued') return Promise.resolve()
    return line.makeCurrent(entry.facts, sequences.last)
  }

  move(entry: OperationEntry, to: LineMove, app?: string): Promise<void> {
    const {line, requireServing} = this.#options
    requireServing()
    if (entry.state === 'queued') return line.move(entry.facts, to, app)
    const {id: where} = entry.record
    return Promise.reject(new TransferError('ILLEGAL_STATE', `it does not wait in line: it is ${entry.state}`, {where}))
  }

  /** False when the operation's present state does not take the command. */
  tryCommand(entry: OperationEntry, event: OperationEvent): boolean {
    const {operations, line} = this.#options
    // Nobody is let go of for what its chart would refuse.
    if (entry.isOver || operations.carriedAt(entry)?.can(event) === false) return false
    if (entry.carrier !== undefined && changeCarried(entry.carrier, event)) return true
    const {snapshot} = operations.activate(entry)
    // One that has ended takes nothing more, also where its end was not told yet.
    if (snapshot?.status !== 'active' || !snapshot.can(event)) return false
    if (event.type === 'operation.cancel' || event.type === 'operation.pause') {
      line.leaveLine(entry.record.policy.group, entry.record.id)
    }
    entry.send(event)
    return true
  }

  #command(entry: OperationEntry, event: OperationEvent): void {
    this.#options.requireServing()
    if (this.tryCommand(entry, event)) return
    throw new TransferError('ILLEGAL_STATE', `${event.type} is not possible while the operation is ${entry.state}`, {
      where: entry.record.id,
    })
  }
}

/** What holds in every state holds for one that is becoming a file, too, and lets nobody go of it. */
function changeCarried(carrier: Carrier, event: OperationEvent): boolean {
  switch (event.type) {
    case 'policy.changed':
      return carrier.change({policy: event.policy})
    case 'headers.changed':
      return carrier.change({request: event.request})
    default:
      return false
  }
}
