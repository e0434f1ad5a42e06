/** The origins that operations talk to, as one answer: which of them take nobody now. */

import {createActor} from 'xstate'
import {
  type ConnectionUser,
  type OriginActor,
  type OriginEvent,
  originMachine,
} from '../../../machines/origin.machine.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {Clock} from '../../ports/clock.ts'

/** full: every connection it may have is in use. quiet: it asked for quiet, and nobody or only one may ask again. */
export type OriginRefusal = 'full' | 'quiet'

export class OriginGates {
  readonly #clock: Clock
  readonly #limit: number
  readonly #onChange: () => void
  readonly #gates = new Map<string, OriginActor>()
  readonly #closed: Set<string>
  /** Further connections of operations, by origin, and how each is asked to give way. */
  readonly #further = new Map<string, Map<ConnectionUser, () => void>>()
  /** Origins where one of those was asked, and is not gone yet. */
  readonly #givingWay = new Set<string>()
  #count = 0
  #stopped = false

  /** `limit`: connections per origin at once. `closed`: gates that are shut, those of others among them. */
  constructor(clock: Clock, limit: number, closed: Set<string>, onChange: () => void) {
    this.#clock = clock
    this.#limit = limit
    this.#closed = closed
    this.#onChange = onChange
  }

  /** Why an origin takes nobody now. */
  refusal(origin: string): OriginRefusal | undefined {
    if (!this.#closed.has(origin)) return undefined
    return this.#gates.get(origin)?.getSnapshot().matches('full') === true ? 'full' : 'quiet'
  }

  /** Some origin may take nobody after the next one. */
  get mayClose(): boolean {
    return Number.isFinite(this.#limit) || this.#gates.size > 0
  }

  take(origin: string, id: OperationId): void {
    if (this.#isWatched(origin)) this.#send(origin, {type: 'connection.taken', id})
  }

  give(origin: string, id: OperationId): void {
    if (!this.#isWatched(origin)) return
    this.#send(origin, {type: 'connection.given', id})
    this.#forgetIfIdle(origin)
  }

  /** A further connection for an operation; undefined when the origin takes nobody now. */
  tryTake(origin: string, id: OperationId, onRevoked: () => void): (() => void) | undefined {
    // Whether a quiet is over is found out by an operation.
    if (this.#stopped || this.#gates.get(origin)?.getSnapshot().matches('open') === false) return undefined
    if (!this.#isWatched(origin)) return () => {}
    const user = this.#nextUser(id)
    const further = this.#further.get(origin) ?? new Map<ConnectionUser, () => void>()
    this.#further.set(origin, further.set(user, onRevoked))
    const giveBack = this.#add(origin, user)
    return () => {
      if (!further.has(user)) return
      this.#givingWay.delete(origin)
      further.delete(user)
      if (further.size === 0 && this.#further.get(origin) === further) this.#further.delete(origin)
      giveBack()
    }
  }

  /** A connection that an operation has besides that to its own origin, and does not give way with. */
  takeBeside(origin: string, id: OperationId): () => void {
    return this.#stopped || !this.#isWatched(origin) ? () => {} : this.#add(origin, this.#nextUser(id))
  }

  #nextUser(id: OperationId): ConnectionUser {
    this.#count += 1
    return `${id}/${this.#count}`
  }

  #add(origin: string, user: ConnectionUser): () => void {
    this.#send(origin, {type: 'connection.taken', id: user})
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#send(origin, {type: 'connection.given', id: user})
      this.#forgetIfIdle(origin)
    }
  }

  /** Origins at their limit where an operation has a connection more than one. */
  get crowded(): readonly string[] {
    return [...this.#further.keys()].filter((origin) => this.refusal(origin) === 'full')
  }

  /** An operation waits for the origin: the newest further connection gives way. */
  revoke(origin: string): void {
    const giveWay = [...(this.#further.get(origin)?.values() ?? [])].at(-1)
    if (giveWay === undefined || this.#givingWay.has(origin)) return
    this.#givingWay.add(origin)
    giveWay()
  }

  overloaded(origin: string, id: OperationId, quietMs: number): void {
    this.#send(origin, {type: 'origin.overloaded', id, quietMs})
  }

  answered(origin: string, id: OperationId): void {
    if (!this.#gates.has(origin)) return
    this.#send(origin, {type: 'origin.answered', id})
    this.#forgetIfIdle(origin)
  }

  /** The engine drains: no wait is left behind. */
  stop(): void {
    this.#stopped = true
    for (const gate of this.#gates.values()) gate.stop()
    this.#gates.clear()
    this.#closed.clear()
  }

  /** Without a limit an origin is of interest only while it asks for quiet. */
  #isWatched(origin: string): boolean {
    return Number.isFinite(this.#limit) || this.#gates.has(origin)
  }

  #send(origin: string, event: OriginEvent): void {
    if (this.#stopped) return
    const gate = this.#gates.get(origin) ?? this.#open(origin)
    gate.send(event)
  }

  #open(origin: string): OriginActor {
    const gate = createActor(originMachine(), {
      id: `origin:${origin}`,
      input: {origin, limit: this.#limit},
      clock: this.#clock,
    })
    this.#gates.set(origin, gate)
    gate.subscribe({
      next: (snapshot) => {
        const isClosed = snapshot.hasTag('closed')
        if (isClosed === this.#closed.has(origin)) return
        if (isClosed) this.#closed.add(origin)
        else this.#closed.delete(origin)
        this.#onChange()
      },
      complete: () => {
        if (this.#gates.get(origin) === gate) this.#gates.delete(origin)
      },
    })
    gate.start()
    return gate
  }

  #forgetIfIdle(origin: string): void {
    const gate = this.#gates.get(origin)
    const snapshot = gate?.getSnapshot()
    if (snapshot === undefined || snapshot.context.users.length > 0 || !snapshot.matches('open')) return
    gate?.stop()
    this.#gates.delete(origin)
  }
}
