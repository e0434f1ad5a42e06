/** Whether a host has anything left to do: asked of the store when it looks like it, told to the chart that waits. */

import {createActor} from 'xstate'
import {type HostIdleActor, hostIdleMachine} from '../../machines/host-idle.machine.ts'
import {isTerminal, LIFE_STATES} from '../domain/status.ts'
import type {Engine} from '../engine/engine.ts'
import type {EngineEvent} from '../engine/events.ts'
import type {Clock} from '../ports/clock.ts'

/** What waits for a person is not waited for. */
const GOING_ON = LIFE_STATES.filter(
  (state) => !isTerminal(state) && state !== 'pausedByApplication' && state !== 'pausedRecoverableWebErrorStatus',
)

export interface IdleWatchOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly idleMs: number
  readonly clients: () => number
  /** Once. */
  readonly onIdle: () => void
}

export class IdleWatch {
  readonly #options: IdleWatchOptions
  readonly #actor: HostIdleActor
  #checks = 0

  constructor(options: IdleWatchOptions) {
    this.#options = options
    const {engine, clock, idleMs, onIdle} = options
    this.#actor = createActor(hostIdleMachine(), {input: {idleMs}, clock})
    this.#actor.subscribe({complete: onIdle})
    this.#actor.start()
    engine.events$.subscribe({next: (event) => this.#hear(event), complete: () => this.stop()})
    engine.chores$.subscribe(() => void this.check())
    void this.check()
  }

  /** A client came or went, or something may have ended. */
  async check(): Promise<void> {
    const {engine, clients} = this.#options
    this.#checks += 1
    const check = this.#checks
    const isBusy = clients() > 0 || (await this.#areAnyGoingOn()) || engine.hasChores
    // What was found may be old by now; the newest check says how it is.
    if (check === this.#checks && this.#actor.getSnapshot().status === 'active') {
      this.#actor.send({type: isBusy ? 'host.busy' : 'host.idle'})
    }
  }

  stop(): void {
    // Without its end being told: that is for the chart alone.
    this.#actor.stop()
  }

  /** What cannot be read is not said to be over. */
  async #areAnyGoingOn(): Promise<boolean> {
    const {engine} = this.#options
    return engine.query({states: GOING_ON, limit: 1}).then(
      (found) => found.length > 0,
      () => true,
    )
  }

  #hear(event: EngineEvent): void {
    switch (event.type) {
      case 'operation.started':
        void this.check()
        return
      case 'operation.moved':
        if (!GOING_ON.includes(event.state) || this.#actor.getSnapshot().hasTag('idle')) void this.check()
    }
  }
}
