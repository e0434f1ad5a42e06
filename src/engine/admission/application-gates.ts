/** The applications that have rules, as one answer: which of them take nobody now. Their gates stand among those of origins. */

import {createActor} from 'xstate'
import {type ApplicationActor, applicationMachine} from '../../../machines/application.machine.ts'
import {type Applications, applicationGate, applicationOfGate, rulesOfAccepted} from '../../domain/applications.ts'
import {lazily} from '../../domain/lazily.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {Clock} from '../../ports/clock.ts'

/** busy: as many of its operations have traffic as may. spent: its bytes of this day are used up. */
export type ApplicationRefusal = 'busy' | 'spent'

interface Application {
  readonly app?: string | undefined
}

export interface ApplicationGatesOptions {
  readonly applications: Applications | undefined
  readonly clock: Clock
  /** Gates that are shut, those of others among them. */
  readonly closed: Set<string>
  readonly onChange: () => void
  /** Send these back into their lines, if they can wait there. */
  readonly displace: (ids: readonly OperationId[]) => void
}

export class ApplicationGates {
  readonly #options: ApplicationGatesOptions
  readonly #machine: typeof applicationMachine
  readonly #gates = new Map<string, ApplicationActor>()
  #stopped = false

  constructor(options: ApplicationGatesOptions) {
    this.#options = options
    this.#machine = lazily(() =>
      applicationMachine().provide({
        // In a microtask: one chart's action must not step another chart.
        actions: {displace: (_, {ids}) => queueMicrotask(() => options.displace(ids))},
      }),
    )
  }

  /** The name of its gate; undefined for one without a name that none is kept for. */
  gateOf(application: Application): string | undefined {
    return application.app !== undefined || this.#isWatched(application) ? applicationGate(application) : undefined
  }

  refusal(application: Application): ApplicationRefusal | undefined {
    const gate = applicationGate(application)
    if (!this.#options.closed.has(gate)) return undefined
    return this.#gates.get(gate)?.getSnapshot().matches('spent') === true ? 'spent' : 'busy'
  }

  take(gate: string | undefined, id: OperationId): void {
    this.#of(gate)?.send({type: 'slot.taken', id})
  }

  give(gate: string | undefined, id: OperationId): void {
    this.#of(gate)?.send({type: 'slot.given', id})
  }

  /** No effect while that is known. */
  spent(application: Application, restMs: number): void {
    const gate = this.#of(this.gateOf(application))
    if (gate?.getSnapshot().matches('spent') === false) gate.send({type: 'budget.spent', restMs})
  }

  /** The engine drains: no wait is left behind. */
  stop(): void {
    this.#stopped = true
    for (const gate of this.#gates.values()) gate.stop()
    this.#gates.clear()
  }

  #of(name: string | undefined): ApplicationActor | undefined {
    if (name === undefined || this.#stopped || !this.#isWatched({app: applicationOfGate(name)})) return undefined
    return this.#gates.get(name) ?? this.#open(name)
  }

  /** Whether its rules can shut its gate. */
  #isWatched({app}: Application): boolean {
    const {maxConcurrentTransfers, maxBytesPerDay} = rulesOfAccepted(this.#options.applications, app)
    return maxConcurrentTransfers !== undefined || maxBytesPerDay !== undefined
  }

  #open(name: string): ApplicationActor {
    const {applications, clock, closed, onChange} = this.#options
    const rules = rulesOfAccepted(applications, applicationOfGate(name))
    const {maxConcurrentTransfers: limit = Number.POSITIVE_INFINITY} = rules
    const gate = createActor(this.#machine(), {id: `application:${name}`, input: {gate: name, limit}, clock})
    this.#gates.set(name, gate)
    gate.start()
    gate.subscribe((snapshot) => {
      const isClosed = snapshot.hasTag('closed')
      // The next of its operations opens another one: there may be as many names as clients.
      if (!isClosed && snapshot.context.users.length === 0) this.#forget(name, gate)
      if (isClosed === closed.has(name)) return
      if (isClosed) closed.add(name)
      else closed.delete(name)
      onChange()
    })
    return gate
  }
  #forget(name: string, gate: ApplicationActor): void {
    gate.stop()
    if (this.#gates.get(name) === gate) this.#gates.delete(name)
  }
}
