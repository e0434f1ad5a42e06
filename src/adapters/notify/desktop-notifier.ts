/**
 * Notifier on a Linux desktop: org.freedesktop.Notifications on the session's D-Bus, as the Desktop Notifications Specification
 * has it. Toasts are shown; there are no tiles on such a desktop. A machine without a desktop shows nothing, and that is no error.
 * The connection lasts as long as something is being shown.
 */

import {existsSync} from 'node:fs'
import {join} from 'node:path'
import type {MessageBus} from 'dbus-native'
import type {Notice, ToastNotice} from '../../domain/notice.ts'
import {escaped, textsOf} from '../../domain/notice-content.ts'
import type {Notifier} from '../../ports/notifier.ts'
import {ShownToasts} from './shown-toasts.ts'

export interface DesktopNotifierOptions {
  /** Address of the session bus; undefined where there is none. */
  readonly busAddress: string | undefined
  /** Epoch ms; the system's clock by default. */
  readonly now?: () => number
}

/** The address that the session says, or where a session's bus is by convention. */
export function sessionBusAddress(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const {DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: directory} = environment
  if (address !== undefined && address !== '') return address
  return directory === undefined || directory === '' ? undefined : `unix:path=${join(directory, 'bus')}`
}

export function createDesktopNotifier(options: DesktopNotifierOptions): Notifier {
  return new DesktopNotifier(options)
}

const SERVICE = {
  destination: 'org.freedesktop.Notifications',
  path: '/org/freedesktop/Notifications',
  interface: 'org.freedesktop.Notifications',
}

/** Whoever shows notifications may have to be started first. */
const ANSWER_MS = 4_000

const APPLICATION = 'background-transfer'
/** Of the specification: the server's own choice of how long it is shown. */
const AS_LONG_AS_USUAL = -1
const URGENCY = {low: 0, normal: 1} as const

class DesktopNotifier implements Notifier {
  readonly #address: string | undefined
  readonly #now: () => number
  #connecting: Promise<Connection | undefined> | undefined
  #uses = 0
  readonly #shown = new ShownToasts()

  constructor({busAddress, now = Date.now}: DesktopNotifierOptions) {
    this.#address = busAddress
    this.#now = now
  }

  async show({toast, app}: Notice): Promise<boolean> {
    if (toast === undefined || this.#address === undefined || !isThere(this.#address)) return false
    const left = toast.expiresAt === undefined ? undefined : toast.expiresAt - this.#now()
    if (left !== undefined && left <= 0) return false
    this.#uses += 1
    this.#connecting ??= Connection.open(this.#address)
    const connecting = this.#connecting
    try {
      const connection = await connecting
      if (connection === undefined) return false
      return await this.#notify(connection, toast, left, app ?? APPLICATION)
    } catch {
      // Nobody on this bus shows notifications, or not now.
      return false
    } finally {
      this.#uses -= 1
      if (this.#uses === 0) this.#connecting = undefined
      if (this.#connecting === undefined) void connecting.then((connection) => connection?.close())
    }
  }

  async #notify(connection: Connection, toast: ToastNotice, left: number | undefined, app: string): Promise<boolean> {
    const [title = '', ...lines] = textsOf(toast.content)
    if (title === '') return false
    const capabilities = await connection.capabilities()
    const body = lines.join('\n')
    const urgency = toast.suppressPopup === true ? URGENCY.low : URGENCY.normal
    const id = await connection.call('Notify', 'susssasa{sv}i', [
      app,
      this.#shown.idOf(toast),
      '',
      title,
      capabilities.includes('body-markup') ? escaped(body) : body,
      [],
      [['urgency', ['y', urgency]]],
      left === undefined ? AS_LONG_AS_USUAL : Math.min(left, 2 ** 31 - 1),
    ])
    if (typeof id === 'number') this.#shown.remember(toast, id)
    return true
  }
}

/** A socket that is not there needs no connection attempt. */
function isThere(address: string): boolean {
  const path = /^unix:(?:.*,)?path=([^,;]+)/.exec(address)?.[1]
  return path === undefined || existsSync(path)
}

class Connection {
  readonly #bus: MessageBus
  readonly #lost: Promise<never>
  #capabilities: Promise<readonly unknown[]> | undefined

  private constructor(bus: MessageBus) {
    this.#bus = bus
    this.#lost = new Promise((_, reject) => {
      const lose = () => reject(new Error('the bus is gone'))
      for (const event of ['error', 'end', 'close', 'handlerError']) bus.connection.on(event, lose)
    })
    this.#lost.catch(() => undefined)
  }

  /** Undefined where nobody could speak to a bus: dbus-native is an optional dependency. */
  static async open(address: string): Promise<Connection | undefined> {
    try {
      const {createClient} = await import('dbus-native')
      return new Connection(createClient({busAddress: address, authMethods: ['EXTERNAL']}))
    } catch {
      return undefined
    }
  }

  /** What whoever shows them can do; the same for all that is shown over this connection. */
  capabilities(): Promise<readonly unknown[]> {
    this.#capabilities ??= this.call('GetCapabilities', '', []).then((answer) => (Array.isArray(answer) ? answer : []))
    return this.#capabilities
  }

  async call(member: string, signature: string, body: unknown[]): Promise<unknown> {
    const call = signature === '' ? {...SERVICE, member} : {...SERVICE, member, signature, body}
    return Promise.race([this.#bus.invoke(call, {timeout: ANSWER_MS}), this.#lost])
  }

  close(): void {
    this.#bus.connection.stream.destroy()
  }
}
