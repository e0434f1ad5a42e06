/**
 * The life of the engine itself (machines/engine.machine.ts): keeps its chart, makes real what each state does, and says which one
 * it is in.
 */

import {type AnyEventObject, createActor, fromCallback, fromPromise, waitFor} from 'xstate'
import {type EngineActor, engineMachine} from '../../machines/engine.machine.ts'
import {areConditions, type Conditions, GOOD_CONDITIONS} from '../domain/conditions.ts'
import {asTransferError, invalidArgument, TransferError} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'
import type {ConditionsSource} from '../ports/conditions.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {Alarm} from './chores/alarm.ts'
import type {ProgressTicker} from './operations/progress-ticker.ts'
import type {ResolvedEngineOptions} from './options.ts'
import type {EnginePorts} from './ports.ts'

export type EnginePhase = 'opening' | 'serving' | 'draining' | 'closed'

export interface LifecycleOptions extends Pick<ResolvedEngineOptions, 'drainTimeoutMs' | 'inspect'> {
  readonly ports: Pick<EnginePorts, 'store' | 'transport' | 'plainTransport' | 'sink' | 'conditions' | 'clock' | 'log'>
  readonly alarm: Pick<Alarm, 'logic'>
  readonly ticker: Pick<ProgressTicker, 'logic'>
  /** The store is open. */
  readonly begin: (lastSequence: number) => Promise<void>
  readonly recover: () => Promise<void>
  /** Other conditions hold. */
  readonly spread: (conditions: Conditions) => void
  /** Resolves when what ran is durable. */
  readonly drain: () => Promise<void>
  /** Stops what still lives, before the ports are closed. */
  readonly stop: () => Promise<void>
  /** Nothing more will happen. */
  readonly onClosed: () => void
}

export class Lifecycle {
  readonly #options: LifecycleOptions
  readonly #actor: EngineActor
  #beforeRecovery: ((store: RecordStore) => Promise<void>) | undefined

  constructor(options: LifecycleOptions) {
    this.#options = options
    const {ports, drainTimeoutMs, inspect} = options
    this.#actor = createActor(this.#provided(), {
      id: 'engine',
      input: {conditions: presentConditions(ports.conditions), drainTimeoutMs},
      clock: ports.clock,
      ...(inspect === undefined ? {} : {inspect}),
    })
  }

  get conditions(): Conditions {
    return this.#actor.getSnapshot().context.conditions
  }

  get phase(): EnginePhase {
    const snapshot = this.#actor.getSnapshot()
    return (['serving', 'draining', 'closed'] as const).find((tag) => snapshot.hasTag(tag)) ?? 'opening'
  }

  get isDraining(): boolean {
    return this.#actor.getSnapshot().hasTag('draining')
  }

  /** Throws CLOSED. */
  requireServing(): void {
    if (!this.#actor.getSnapshot().hasTag('serving')) throw new TransferError('CLOSED', 'the engine is not open')
  }

  /** Resolves when it serves. `beforeRecovery` may read the store as it was found. Rejects with why it never will. */
  async open(beforeRecovery: ((store: RecordStore) => Promise<void>) | undefined): Promise<void> {
    const {ports, onClosed} = this.#options
    this.#beforeRecovery = beforeRecovery
    this.#actor.subscribe({
      error: (error) => ports.log.error({error: String(error)}, 'the engine’s chart failed'),
      complete: onClosed,
    })
    this.#actor.start()
    const snapshot = await waitFor(this.#actor, (each) => each.hasTag('serving') || each.hasTag('closed'), {
      timeout: Number.POSITIVE_INFINITY,
    })
    if (snapshot.hasTag('serving')) return
    const {error} = snapshot.context
    throw error === undefined
      ? new TransferError('CLOSED', 'the engine was closed while it opened')
      : asTransferError(error)
  }

  /** Resolves when nothing is left open. Idempotent. */
  async close(): Promise<void> {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send({type: 'engine.close'})
    await waitFor(this.#actor, (each) => each.hasTag('closed'), {timeout: Number.POSITIVE_INFINITY})
  }

  #provided() {
    const {ports, alarm, ticker, begin, recover, spread, drain, stop} = this.#options
    const {store, transport, plainTransport, sink, conditions, log} = ports
    return engineMachine().provide({
      actors: {
        openStore: fromPromise<void>(async () => {
          const {lastSequence} = await store.open()
          await this.#beforeRecovery?.(store)
          await begin(lastSequence)
        }),
        recover: fromPromise<void>(recover),
        watchConditions: fromCallback<AnyEventObject>(({sendBack}) => {
          const subscription = conditions.conditions$.subscribe({
            // The last value stands: the source may know no more, and the transfers go on.
            next: (value) => {
              if (areConditions(value)) sendBack({type: 'conditions.changed', conditions: value})
              else log.error({told: shown(value)}, 'the source of conditions told what are none')
            },
            error: (error) => log.error({error: String(error)}, 'the source of conditions failed'),
          })
          // A source that fails here knows no more, and a stall is found without it.
          const gone = conditions.addressesGone$?.subscribe({
            next: (addresses) => {
              if (areTexts(addresses)) sendBack({type: 'addresses.gone', addresses})
              else log.error({told: shown(addresses)}, 'the source of conditions told addresses that are none')
            },
            error: (error) => log.error({error: String(error)}, 'the source of addresses failed'),
          })
          return () => {
            subscription.unsubscribe()
            gone?.unsubscribe()
          }
        }),
        keepAlarm: alarm.logic,
        tellProgress: ticker.logic,
        drain: fromPromise<void>(drain),
        closeStore: fromPromise<void>(async () => {
          await stop()
          await transport.close()
          await sink.close()
          await store.close()
        }),
      },
      actions: {
        spreadConditions: (_, params) => {
          // One chart's action must not step another chart.
          queueMicrotask(() => spread(params.conditions))
        },
        breakConnections: (_, {addresses}) => {
          log.info({addresses}, 'addresses of this machine are gone')
          queueMicrotask(() => {
            try {
              plainTransport.addressesGone?.(addresses)
            } catch (thrown) {
              log.error({error: String(thrown)}, 'the transport failed to leave addresses that are gone')
            }
          })
        },
      },
    })
  }
}

function areTexts(told: unknown): told is readonly string[] {
  return Array.isArray(told) && told.every((each) => typeof each === 'string')
}

/**
 * Recovery looks at them before they are watched: it must not take a pause of the system for over. Throws INVALID_ARGUMENT where the
 * source begins with what are none.
 */
function presentConditions({conditions$}: ConditionsSource): Conditions {
  let present: unknown = GOOD_CONDITIONS
  conditions$
    .subscribe({
      next: (conditions) => {
        present = conditions
      },
      // It is watched later, and heard of then.
      error: () => undefined,
    })
    .unsubscribe()
  if (!areConditions(present)) throw invalidArgument('conditions', `must tell conditions, not ${shown(present)}`)
  return present
}
