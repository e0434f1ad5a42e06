/**
 * A D-Bus daemon of a test's own, with services as python3-dbusmock plays them. Tests are left out, and say so, where one of the two
 * is missing.
 */

import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {createInterface} from 'node:readline'
import {createClient, type MessageBus} from 'dbus-native'
import {expect} from 'vitest'
import {onCleanup} from '../integration/harness.ts'

/** Debian's: its packages are there. */
const PYTHON = '/usr/bin/python3'
const DAEMON = 'dbus-daemon'

/** Whether a test may be left out; told on the way. */
export function dbusPeers(file: string): {readonly isThere: boolean; readonly isLeftOut: boolean} {
  const isThere = isInstalled()
  const isLeftOut = !isThere && process.env.BGT_REQUIRE_PEERS !== '1'
  if (isLeftOut) console.log(`${file}: left out, because dbus and python3-dbusmock are not installed`)
  return {isThere, isLeftOut}
}

function isInstalled(): boolean {
  try {
    execFileSync(DAEMON, ['--version'], {stdio: 'ignore'})
    execFileSync(PYTHON, ['-c', 'import dbusmock'], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

/** Resolves with its address. */
export async function startDaemon(): Promise<string> {
  const daemon = spawn(DAEMON, ['--session', '--nofork', '--print-address'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onCleanup(async () => {
    daemon.kill()
  })
  const [address] = await once(createInterface({input: daemon.stdout}), 'line')
  return String(address)
}

/** A service of dbusmock's templates, once it is on the bus. */
export class MockService {
  readonly #bus: MessageBus
  readonly #name: string
  readonly #path: string

  private constructor(bus: MessageBus, name: string) {
    this.#bus = bus
    this.#name = name
    this.#path = `/${name.replaceAll('.', '/')}`
  }

  static async start(address: string, template: string, name: string, parameters: object = {}): Promise<MockService> {
    const env = {...process.env, DBUS_SYSTEM_BUS_ADDRESS: address, DBUS_SESSION_BUS_ADDRESS: address}
    const kind = template === 'notification_daemon' ? '--session' : '--system'
    const given = ['--parameters', JSON.stringify(parameters)]
    const mock = spawn(PYTHON, ['-m', 'dbusmock', kind, '--template', template, ...given], {env, stdio: 'ignore'})
    const bus = createClient({busAddress: address})
    onCleanup(async () => {
      bus.connection.stream.destroy()
      mock.kill()
    })
    await expect.poll(async () => bus.nameHasOwner(name)).toBe(true)
    return new MockService(bus, name)
  }

  /** Sets properties and tells of them. */
  async update(owner: string, properties: Record<string, readonly [signature: string, value: unknown]>): Promise<void> {
    await this.call('UpdateProperties', 'sa{sv}', [owner, Object.entries(properties)])
  }

  /** A method of dbusmock itself. */
  call(member: string, signature: string, body: readonly unknown[]): PromiseLike<unknown> {
    const call = {destination: this.#name, path: this.#path, interface: 'org.freedesktop.DBus.Mock', member}
    return this.#bus.invoke({...call, signature, body: [...body]})
  }
}
