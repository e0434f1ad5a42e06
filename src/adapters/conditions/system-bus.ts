/**
 * The services of the D-Bus system bus that know about network and power: NetworkManager, UPower and the power profiles.
 * Nobody is started by being asked, and a service that does not answer is absent.
 */

import {existsSync} from 'node:fs'
import type {MessageBus} from 'dbus-native'

/** What the services say, as they say it; absent for one that is not there. */
export interface BusReading {
  readonly network?: Properties
  readonly power?: Properties
  /** UPower's battery of all batteries. */
  readonly display?: Properties
  readonly profiles?: Properties
}

export type Properties = Readonly<Record<string, unknown>>

interface Service {
  readonly name: string
  readonly path: string
  readonly interface: string
}

const NETWORK: Service = {
  name: 'org.freedesktop.NetworkManager',
  path: '/org/freedesktop/NetworkManager',
  interface: 'org.freedesktop.NetworkManager',
}
const POWER: Service = {
  name: 'org.freedesktop.UPower',
  path: '/org/freedesktop/UPower',
  interface: 'org.freedesktop.UPower',
}
const DISPLAY: Service = {
  name: 'org.freedesktop.UPower',
  path: '/org/freedesktop/UPower/devices/DisplayDevice',
  interface: 'org.freedesktop.UPower.Device',
}
/** Its name since 0.20, and before. */
const PROFILES: readonly Service[] = [
  {
    name: 'org.freedesktop.UPower.PowerProfiles',
    path: '/org/freedesktop/UPower/PowerProfiles',
    interface: 'org.freedesktop.UPower.PowerProfiles',
  },
  {name: 'net.hadess.PowerProfiles', path: '/net/hadess/PowerProfiles', interface: 'net.hadess.PowerProfiles'},
]
const SERVICES = [NETWORK, POWER, DISPLAY, ...PROFILES]

const ANSWER_MS = 1_000
const SIGNAL = 4
const NO_AUTO_START = 2
const TELLING = new Set(['PropertiesChanged', 'NameOwnerChanged'])

export interface BusListener {
  /** Something may be different now. */
  changed(): void
  /** The connection is gone. */
  lost(): void
}

/** A socket that is not there needs no connection attempt. */
function isThere(address: string): boolean {
  const path = /^unix:(?:.*,)?path=([^,;]+)/.exec(address)?.[1]
  return path === undefined || existsSync(path)
}

export class SystemBus {
  readonly #bus: MessageBus
  readonly #toPlain: (value: unknown) => unknown
  #isOpen = true

  private constructor(bus: MessageBus, toPlain: (value: unknown) => unknown, listener: BusListener) {
    this.#bus = bus
    this.#toPlain = toPlain
    const {connection} = bus
    const lose = () => {
      if (!this.#isOpen) return
      this.close()
      listener.lost()
    }
    for (const event of ['error', 'end', 'close', 'handlerError']) connection.on(event, lose)
    connection.on('message', (message: {readonly type?: number; readonly member?: string}) => {
      if (message.type === SIGNAL && TELLING.has(message.member ?? '')) listener.changed()
    })
  }

  /** Undefined where there is no bus, or nobody who could speak to it: dbus-native is an optional dependency. */
  static async connect(address: string, listener: BusListener): Promise<SystemBus | undefined> {
    if (!isThere(address)) return undefined
    try {
      const {createClient, toPlain} = await import('dbus-native')
      return new SystemBus(createClient({busAddress: address, authMethods: ['EXTERNAL']}), toPlain, listener)
    } catch {
      return undefined
    }
  }

  /** Asks to be told of changes, and holds no process alive from now on. What the bus refuses, the next look finds. */
  watch(): void {
    unref(this.#bus.connection.stream)
    for (const {name, path} of SERVICES) {
      this.#addMatch(`type='signal',sender='${name}',path='${path}',member='PropertiesChanged'`)
      this.#addMatch(`type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='${name}'`)
    }
  }

  async read(): Promise<BusReading> {
    const [network, power, display, ...profiles] = await Promise.all(SERVICES.map((each) => this.#properties(each)))
    const profile = profiles.find((each) => each !== undefined)
    return {
      ...(network === undefined ? {} : {network}),
      ...(power === undefined ? {} : {power}),
      ...(display === undefined ? {} : {display}),
      ...(profile === undefined ? {} : {profiles: profile}),
    }
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#bus.connection.stream.destroy()
  }

  #addMatch(rule: string): void {
    this.#bus.addMatch(rule, () => undefined)
  }

  async #properties({name, path, interface: owner}: Service): Promise<Properties | undefined> {
    if (!this.#isOpen) return undefined
    const call = {
      destination: name,
      path,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'GetAll',
      signature: 's',
      body: [owner],
      flags: NO_AUTO_START,
    }
    try {
      const answer = this.#toPlain(await this.#bus.invoke(call, {timeout: ANSWER_MS}))
      return typeof answer === 'object' && answer !== null ? (answer as Properties) : undefined
    } catch {
      return undefined
    }
  }
}

function unref(stream: unknown): void {
  if (typeof stream === 'object' && stream !== null && 'unref' in stream && typeof stream.unref === 'function') {
    stream.unref()
  }
}
