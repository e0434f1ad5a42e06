/**
 * Messages as they go over a stream. What many clients are told alike is put into words once: events of the engine, and what
 * becomes of an operation that several follow. Those that are told the same all in all share the bytes, too.
 */

import type {OperationRecord} from '../domain/record.ts'
import type {EngineEvent} from '../engine/events.ts'
import type {OperationNotice} from '../engine/operations/followed-notices.ts'
import type {HostMessage} from './protocol.ts'

/** What is longer is said to one client, most likely, and would be kept for nothing. */
const MOST_KEPT_BYTES = 64 * 1024

interface Shared {
  readonly variant: number
  readonly since: OperationRecord | undefined
  readonly frame: string
}

export class Frames {
  /** By what everybody is told at the same time. */
  readonly #shared = new WeakMap<EngineEvent | OperationNotice, Shared>()
  #packed: {readonly frames: readonly string[]; readonly bytes: Buffer} | undefined

  of(message: HostMessage): string {
    return `data: ${JSON.stringify(message)}\n\n`
  }

  /** The same for everybody who is told the same thing in the same variant, and `since` the same record. */
  shared(
    told: EngineEvent | OperationNotice,
    variant: number,
    message: () => HostMessage,
    since?: OperationRecord,
  ): string {
    const known = this.#shared.get(told)
    if (known?.variant === variant && known.since === since) return known.frame
    const frame = this.of(message())
    this.#shared.set(told, {variant, since, frame})
    return frame
  }

  /** As bytes: the same for clients that are told the same, one after the other. Neither the list nor the bytes may be changed. */
  packed(frames: readonly string[]): Buffer {
    if (this.#packed !== undefined && areSame(this.#packed.frames, frames)) return this.#packed.bytes
    const bytes = Buffer.from(frames.join(''))
    if (bytes.length <= MOST_KEPT_BYTES) this.#packed = {frames, bytes}
    return bytes
  }
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((frame, index) => frame === others[index])
}
