/**
 * Whose turn it is to be told what is only progress. A write to a client costs far more than what it says, and a hundred clients
 * that are told at each tick cost a fast download a fifth of its processor: so clients with something waiting stand in line, and a
 * tick tells the first of them. However many there are, so many writes a tick is all; and whoever waits is told after as many ticks
 * as there are turns before it.
 */

import type {Engine} from '../engine/engine.ts'

/** With so many clients or fewer, each of them is told at every tick. */
export const MOST_TOLD_A_TICK = 25

export interface TurnTaker {
  /** It stands in line no more: what waits is to be told now. */
  takeTurn(): void
}

export class ProgressTurns {
  readonly #engine: Pick<Engine, 'ticks$' | 'wantTick'>
  readonly #line = new Set<TurnTaker>()

  constructor(engine: Pick<Engine, 'ticks$' | 'wantTick'>) {
    this.#engine = engine
    // A tick is said before what has moved: that is told in the same turn.
    engine.ticks$.subscribe(() => queueMicrotask(this.#turn))
  }

  /** Something waits to be told to it. */
  wait(who: TurnTaker): void {
    this.#line.add(who)
    // It may have been the last that moves.
    if (this.#line.size === 1) this.#engine.wantTick()
  }

  /** Nothing waits any more. */
  leave(who: TurnTaker): void {
    this.#line.delete(who)
  }

  readonly #turn = (): void => {
    for (const who of [...this.#line].slice(0, MOST_TOLD_A_TICK)) {
      this.#line.delete(who)
      who.takeTurn()
    }
    if (this.#line.size > 0) this.#engine.wantTick()
  }
}
