/**
 * The engine's slots: who has one, and whether the origin and the application that another one would be for take anybody now. A
 * download that has a slot may have more connections than that one; they are counted here, too.
 */

import type {Applications} from '../../domain/applications.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {originOf} from '../../domain/origin.ts'
import type {OperationFacts} from '../../domain/record.ts'
import type {Clock} from '../../ports/clock.ts'
import {ApplicationGates, type ApplicationRefusal} from './application-gates.ts'
import {OriginGates, type OriginRefusal} from './origin-gates.ts'

export interface SlotsOptions {
  readonly clock: Clock
  readonly capacity: number
  readonly maxConnectionsPerOrigin: number
  readonly applications: Applications | undefined
  /** So many operations hold a slot now. */
  readonly onLoad: (running: number) => void
  /** Other origins or applications are closed now. */
  readonly onChange: () => void
  /** Whether somebody would be admitted if this origin took one more. */
  readonly isAwaited: (origin: string) => boolean
  /** Sends one back into its line, if it can wait there. */
  readonly displace: (id: OperationId) => void
}

/** Whose connection a slot is. */
interface Slot {
  readonly origin: string
  readonly gate: string | undefined
}

export class Slots {
  readonly #options: SlotsOptions
  readonly #slots = new Map<OperationId, Slot>()
  readonly #closed = new Set<string>()
  readonly #origins: OriginGates
  readonly #applications: ApplicationGates

  constructor(options: SlotsOptions) {
    this.#options = options
    const {clock, maxConnectionsPerOrigin, applications, onChange, displace} = options
    this.#origins = new OriginGates(clock, maxConnectionsPerOrigin, this.#closed, onChange)
    this.#applications = new ApplicationGates({
      applications,
      clock,
      closed: this.#closed,
      onChange,
      displace: (ids) => ids.forEach(displace),
    })
  }

  /** The engine drains: no wait is left behind. */
  stop(): void {
    this.#origins.stop()
    this.#applications.stop()
  }

  /** How many are taken. */
  get taken(): number {
    return this.#slots.size
  }

  get free(): number {
    return this.#options.capacity - this.#slots.size
  }

  /** Origins, and applications by their gates, that take nobody now. */
  get closed(): ReadonlySet<string> {
    return this.#closed
  }

  /** No origin and no application can be full before all free slots are taken. */
  get areUnrestricted(): boolean {
    return this.#closed.size === 0 && !this.#origins.mayClose && this.#options.applications === undefined
  }

  has(id: OperationId): boolean {
    return this.#slots.has(id)
  }

  take(id: OperationId, slot: Slot): void {
    if (this.#slots.has(id)) return
    this.#slots.set(id, slot)
    this.#origins.take(slot.origin, id)
    this.#applications.take(slot.gate, id)
    this.#options.onLoad(this.#slots.size)
  }

  give(id: OperationId): void {
    const slot = this.#slots.get(id)
    if (slot === undefined) return
    this.#slots.delete(id)
    this.#origins.give(slot.origin, id)
    this.#applications.give(slot.gate, id)
    this.#options.onLoad(this.#slots.size)
  }

  /** Whoever has nothing comes before those who have a connection more than one. */
  makeWay(): void {
    const {isAwaited} = this.#options
    for (const origin of this.#origins.crowded) if (isAwaited(origin)) this.#origins.revoke(origin)
  }

  /** Its origin answered 429 or 503 with Retry-After: everybody who wants it waits, and one asks again. */
  originOverloaded(url: string, id: OperationId, quietMs: number): void {
    this.#origins.overloaded(originOf(url), id, quietMs)
  }

  /** Its origin answered it with what it asked for. */
  originAnswered(url: string, id: OperationId): void {
    this.#origins.answered(originOf(url), id)
  }

  /** Why an origin takes nobody now. */
  originRefusal(url: string): OriginRefusal | undefined {
    return this.#origins.refusal(originOf(url))
  }

  /** One more connection for an operation that has a slot; see ConnectionPermits. */
  tryTakeConnection(url: string, id: OperationId, onRevoked: () => void): (() => void) | undefined {
    return this.#origins.tryTake(originOf(url), id, onRevoked)
  }

  takeConnection(url: string, id: OperationId): () => void {
    return this.#origins.takeBeside(new URL(url).origin, id)
  }

  /** The name of an application's gate; undefined for one that none is kept for. */
  gateOf(application: {readonly app?: string | undefined}): string | undefined {
    return this.#applications.gateOf(application)
  }

  /** The bytes of the application's day are spent, for so many ms. */
  applicationSpent(application: Pick<OperationFacts, 'app'>, restMs: number): void {
    this.#applications.spent(application, restMs)
  }

  /** Why an application's operations have to wait now. */
  applicationRefusal(application: Pick<OperationFacts, 'app'>): ApplicationRefusal | undefined {
    return this.#applications.refusal(application)
  }
}
