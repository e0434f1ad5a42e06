/**
 * The wait for one transfer, as startAsync and attachAsync begin it: its outcome and its progress, and how it is given up or takes
 * the transfer with it.
 */

import {filter, firstValueFrom, from, merge, Observable, type Subscriber} from 'rxjs'
import {failureOfTransfer} from '../domain/failure-of-transfer.ts'
import type {OperationRecord} from '../domain/record.ts'
import {isTerminal} from '../domain/status.ts'
import type {EngineApi, HeldOperation} from '../engine/engine-api.ts'
import type {FollowedNotices, MoveListener} from '../engine/operations/followed-notices.ts'
import {ifPossible} from './if-possible.ts'
import type {RunningTransfer, WaitOptions} from './running-transfer.ts'

/** What is waited for. */
export interface WaitedTransfer<Operation> {
  /** The application's handle of it, which progress and outcome are. */
  readonly operation: Operation
  readonly engine: EngineApi
  readonly notices: FollowedNotices
  /** Throws ILLEGAL_STATE until it was accepted. */
  entry(): HeldOperation
  /** It was accepted, and has ended. */
  isOver(): boolean
}

export function waitForTransfer<Operation>(
  waited: WaitedTransfer<Operation>,
  accepted: Promise<void>,
  {signal, cancelSignal}: WaitOptions,
): RunningTransfer<Operation> {
  const outcome = outcomeOf(waited, accepted, signal)
  const cancel = () => {
    accepted.then(
      () => ifPossible(() => cancelUnlessOver(waited)),
      () => undefined,
    )
  }
  const unlisten = cancelSignal === undefined ? () => undefined : whenAborted(cancelSignal, cancel)
  outcome.then(unlisten, unlisten)
  accepted.catch(() => undefined)
  return Object.assign(outcome, {accepted, progress$: progressOf(waited, accepted), cancel})
}

function progressOf<Operation>(waited: WaitedTransfer<Operation>, accepted: Promise<void>): Observable<Operation> {
  const {operation, notices} = waited
  return new Observable((follower) => {
    const tell = () => {
      const over = waited.isOver()
      follower.next(operation)
      if (over) follower.complete()
    }
    const end = () => follower.complete()
    tell()
    if (follower.closed) return undefined
    accepted.catch(end)
    const following = notices.subscribe({next: tell, error: end, complete: end})
    following.add(notices.listen(new Follower(operation, follower)))
    return following
  })
}

function cancelUnlessOver<Operation>({engine, entry}: WaitedTransfer<Operation>): void {
  const held = entry()
  if (!isTerminal(held.state)) engine.cancel(held)
}

async function outcomeOf<Operation>(
  waited: WaitedTransfer<Operation>,
  accepted: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<Operation> {
  await unlessAborted(from(accepted), signal)
  const record = await terminalRecord(waited, signal)
  // Whoever waits is told first: a crash between the two has it told once more, and not never.
  waited.engine.markDelivered(waited.entry()).catch(() => undefined)
  if (record.state === 'completed') return waited.operation
  throw failureOfTransfer(record)
}

async function terminalRecord<Operation>(
  {entry, notices}: WaitedTransfer<Operation>,
  signal: AbortSignal | undefined,
): Promise<OperationRecord> {
  const {record} = entry()
  if (isTerminal(record.state)) return record
  const ends = notices.pipe(filter((notice) => isTerminal(notice.record.state)))
  return (await unlessAborted(ends, signal)).record
}

/** All that stands between a tick and a subscriber of its progress. */
class Follower<Operation> implements MoveListener {
  readonly #operation: Operation
  readonly #subscriber: Subscriber<Operation>

  constructor(operation: Operation, subscriber: Subscriber<Operation>) {
    this.#operation = operation
    this.#subscriber = subscriber
  }

  moved(): void {
    this.#subscriber.next(this.#operation)
  }
}

/** The first value of `source`. Rejects with the signal's reason when that comes first. */
function unlessAborted<T>(source: Observable<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return firstValueFrom(source)
  const aborted = new Observable<never>((subscriber) => whenAborted(signal, () => subscriber.error(signal.reason)))
  return firstValueFrom(merge(aborted, source))
}

/** Calls at once where the signal is aborted already. Returns how to stop listening. */
function whenAborted(signal: AbortSignal, call: () => void): () => void {
  if (signal.aborted) call()
  else signal.addEventListener('abort', call, {once: true})
  return () => signal.removeEventListener('abort', call)
}
