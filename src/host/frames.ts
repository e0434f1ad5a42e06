/**
 * Messages as they go over a stream. What many clients are told alike is put into words once: events of the engine, and what
 * becomes of an operation that several follow.
 */

import type {EngineEvent} from '../engine/events.ts'
import type {OperationNotice} from '../engine/operation-entry.ts'
import type {HostMessage} from './protocol.ts'

export class Frames {
  /** By what everybody is told at the same time. */
  readonly #shared = new WeakMap<EngineEvent | OperationNotice, {readonly variant: number; readonly frame: string}>()

  of(message: HostMessage): string {
    return `data: ${JSON.stringify(message)}\n\n`
  }

  /** The same for everybody who is told the same thing in the same variant. */
  shared(told: EngineEvent | OperationNotice, variant: number, message: () => HostMessage): string {
    const known = this.#shared.get(told)
    if (known?.variant === variant) return known.frame
    const frame = this.of(message())
    this.#shared.set(told, {variant, frame})
    return frame
  }
}
