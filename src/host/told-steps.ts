/** Which steps of operations a watching client was told last: the next ones are told by what has changed since. */

import type {OperationRecord} from '../domain/record.ts'
import {changesOf} from '../domain/record-changes.ts'
import {isTerminal} from '../domain/status.ts'
import type {Engine} from '../engine/engine.ts'
import type {EngineEvent} from '../engine/events.ts'
import type {OperationEntry} from '../engine/operations/operation-entry.ts'
import type {Outbox} from './outbox.ts'
import type {HostMessage} from './protocol.ts'

type Moved = EngineEvent & {readonly type: 'operation.moved'}

export class ToldSteps {
  readonly #engine: Pick<Engine, 'live'>
  readonly #outbox: Pick<Outbox, 'stream'>
  /** By the entries of live operations, with which it goes: a million that wait have none. */
  #told = new WeakMap<OperationEntry, OperationRecord>()
  #stream: number

  constructor(engine: Pick<Engine, 'live'>, outbox: Pick<Outbox, 'stream'>) {
    this.#engine = engine
    this.#outbox = outbox
    this.#stream = outbox.stream
  }

  /** It is told now. The record of the step that was told before it over this stream; undefined where there was none. */
  next({id, record}: Moved): OperationRecord | undefined {
    if (this.#stream !== this.#outbox.stream) {
      this.#stream = this.#outbox.stream
      this.#told = new WeakMap()
    }
    const entry = this.#engine.live(id)
    if (entry === undefined) return undefined
    const before = this.#told.get(entry)
    // Its client forgets it with its end.
    if (isTerminal(record.state)) this.#told.delete(entry)
    else this.#told.set(entry, record)
    return before
  }
}

export function messageOf(event: EngineEvent, before: OperationRecord | undefined): HostMessage {
  if (event.type !== 'operation.moved' || before === undefined) return {type: 'event', event}
  const {record, ...step} = event
  return {type: 'moved', event: {...step, changes: changesOf(before, record)}}
}
