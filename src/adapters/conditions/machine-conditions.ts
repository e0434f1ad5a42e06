/**
 * The conditions of this machine, as they change. Each look takes in everything anew (interfaces, routes, power supply,
 * terminal, and what the system bus said last); a look is taken when a service of the bus tells of a change, and else every
 * `intervalMs`, because Node.js tells nobody of a new network. A change is told when it has lasted for `settleMs`, so that a
 * network that is away for a moment pauses nothing. Addresses that are gone are told, too: whatever is connected from them stands still.
 *
 * It watches while somebody is subscribed. Neither its timers nor its connection keep a process alive, unless an operation
 * waits for a change: then nobody else might.
 */

import {networkInterfaces} from 'node:os'
import {Observable, Subject, type Subscriber} from 'rxjs'
import type {Conditions} from '../../domain/conditions.ts'
import type {ConditionsSource} from '../../ports/conditions.ts'
import {BusWatch} from './bus-watch.ts'
import {hasDefaultRoute} from './default-route.ts'
import {isInForeground} from './foreground.ts'
import {connectivityOf, type Interfaces} from './interfaces.ts'
import {OwnAddresses} from './own-addresses.ts'
import {readPowerSupply} from './power-supply.ts'
import {type ListNames, listNames, type ReadText, readText} from './read-text.ts'
import {conditionsOf, type LocalReading} from './reading.ts'

export interface MachineConditionsOptions {
  /** Of the D-Bus system bus; the usual socket by default. */
  readonly busAddress?: string | undefined
  /** ms between two looks; 5,000 by default. */
  readonly intervalMs?: number
  /** ms that a change has to last before it is told; 2,000 by default. */
  readonly settleMs?: number
  readonly interfaces?: () => Interfaces
  readonly read?: ReadText
  readonly list?: ListNames
}

const USUAL_BUS = 'unix:path=/run/dbus/system_bus_socket'
/** A name for each interface, also those that are down. Linux only. */
const INTERFACES = '/sys/class/net'

/** Resolves with the first reading taken: a subscriber hears the present value at once. */
export async function createMachineConditions(options: MachineConditionsOptions = {}): Promise<ConditionsSource> {
  const watch = new MachineWatch(options)
  await watch.begin()
  return watch
}

class MachineWatch implements ConditionsSource {
  readonly conditions$: Observable<Conditions>
  readonly addressesGone$ = new Subject<readonly string[]>()
  readonly #options: Required<Omit<MachineConditionsOptions, 'busAddress'>>
  readonly #bus: BusWatch
  readonly #subscribers = new Set<Subscriber<Conditions>>()
  readonly #addresses: OwnAddresses
  /** As they were seen last. */
  #interfaces: Interfaces = {}
  #told: Conditions
  #looking: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined
  #isAwaited = false

  constructor({
    busAddress = USUAL_BUS,
    intervalMs = 5_000,
    settleMs = 2_000,
    interfaces = networkInterfaces,
    read = readText,
    list = listNames,
  }: MachineConditionsOptions) {
    this.#options = {intervalMs, settleMs, interfaces, read, list}
    this.#addresses = new OwnAddresses(settleMs)
    this.#bus = new BusWatch(busAddress, () => this.#consider())
    this.#told = this.#look()
    this.conditions$ = new Observable((subscriber) => {
      this.#join(subscriber)
      return () => this.#leave(subscriber)
    })
  }

  async begin(): Promise<void> {
    await this.#bus.readOnce()
    this.#told = this.#look()
  }

  awaited(isAwaited: boolean): void {
    this.#isAwaited = isAwaited
    for (const timer of [this.#looking, this.#settling]) if (timer !== undefined) this.#hold(timer)
  }

  #join(subscriber: Subscriber<Conditions>): void {
    if (this.#subscribers.size === 0) this.#start()
    this.#subscribers.add(subscriber)
    subscriber.next(this.#told)
  }

  #leave(subscriber: Subscriber<Conditions>): void {
    this.#subscribers.delete(subscriber)
    if (this.#subscribers.size === 0) this.#stop()
  }

  #start(): void {
    this.#told = this.#look()
    this.#addresses.begin(this.#interfaces)
    this.#looking = setInterval(() => {
      this.#bus.look()
      this.#consider()
      this.#lookForAddresses()
    }, this.#options.intervalMs)
    this.#hold(this.#looking)
    this.#bus.start()
  }

  #stop(): void {
    clearInterval(this.#looking)
    clearTimeout(this.#settling)
    this.#looking = undefined
    this.#settling = undefined
    this.#bus.stop()
  }

  #hold(timer: NodeJS.Timeout): void {
    if (this.#isAwaited) timer.ref()
    else timer.unref()
  }

  /** What differs from what was told is looked at again when it has lasted. */
  #consider(): void {
    if (this.#subscribers.size === 0) return
    if (isSame(this.#look(), this.#told)) {
      clearTimeout(this.#settling)
      this.#settling = undefined
      return
    }
    if (this.#settling !== undefined) return
    this.#settling = setTimeout(() => this.#tell(), this.#options.settleMs)
    this.#hold(this.#settling)
  }

  #tell(): void {
    this.#settling = undefined
    const present = this.#look()
    if (isSame(present, this.#told)) return
    this.#told = present
    for (const subscriber of this.#subscribers) subscriber.next(present)
  }

  /** Among the interfaces that were just looked at. */
  #lookForAddresses(): void {
    const names = this.#options.list(INTERFACES)
    const doesExist = (name: string) => names.length === 0 || names.includes(name)
    const gone = this.#addresses.look(this.#interfaces, doesExist, performance.now())
    if (gone.length > 0) this.addressesGone$.next(gone)
  }

  #look(): Conditions {
    const {read, list} = this.#options
    const power = readPowerSupply(list, read)
    const local: LocalReading = {
      ...this.#connectivity(),
      hasDefaultRoute: hasDefaultRoute(read),
      foreground: isInForeground(read),
      ...(power === undefined ? {} : {power}),
    }
    return conditionsOf(local, this.#bus.reading)
  }

  /** Some systems forbid the question, and an answer that cannot be had must not stop anybody. */
  #connectivity(): Pick<LocalReading, 'connectivity'> {
    try {
      this.#interfaces = this.#options.interfaces()
      return {connectivity: connectivityOf(this.#interfaces)}
    } catch {
      this.#interfaces = {}
      return {}
    }
  }
}

function isSame(a: Conditions, b: Conditions): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
