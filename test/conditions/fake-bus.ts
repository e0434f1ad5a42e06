/** A system bus of the test's own, and services on it that say what the test wants. */

import {join} from 'node:path'
import {createBroker, createClient, type MessageBus} from 'dbus-native'
import {makeDirectory, onCleanup} from '../integration/harness.ts'

export interface FakeBus {
  readonly address: string
  stop(): void
}

/** `socket`: a path that another bus had before. */
export async function startBus(socket?: string): Promise<FakeBus & {readonly socket: string}> {
  const path = socket ?? join(await makeDirectory(), 'bus')
  const broker = createBroker()
  await new Promise<void>((resolve, reject) => {
    broker.listen({socket: path}, (error) => (error === null || error === undefined ? resolve() : reject(error)))
  })
  let isStopped = false
  const stop = () => {
    if (!isStopped) broker.close()
    isStopped = true
  }
  onCleanup(async () => stop())
  return {socket: path, address: `unix:path=${path}`, stop}
}

type Kind = 'u' | 'b' | 's' | 'd'

export interface FakeService {
  set(property: string, value: unknown): void
  stop(): void
}

/** A service with one object and its properties. */
export async function startService(
  {address}: FakeBus,
  name: string,
  path: string,
  kinds: Readonly<Record<string, Kind>>,
  values: Record<string, unknown>,
): Promise<FakeService> {
  const bus: MessageBus = createClient({busAddress: address})
  bus.connection.on('error', () => undefined)
  const implementation = {...values}
  bus.exportInterface(implementation, path, {name, methods: {}, signals: {}, properties: {...kinds}})
  await bus.requestName(name, 0)
  const stop = () => {
    bus.connection.stream.destroy()
  }
  onCleanup(async () => stop())
  return {
    set: (property, value) => {
      implementation[property] = value
      bus.emitPropertiesChanged(path, name, {[property]: value})
    },
    stop,
  }
}

export function startNetworkManager(bus: FakeBus, values: Record<string, unknown>): Promise<FakeService> {
  const name = 'org.freedesktop.NetworkManager'
  return startService(bus, name, '/org/freedesktop/NetworkManager', {Connectivity: 'u', Metered: 'u'}, values)
}

export function startUPower(bus: FakeBus, values: Record<string, unknown>): Promise<FakeService> {
  return startService(bus, 'org.freedesktop.UPower', '/org/freedesktop/UPower', {OnBattery: 'b'}, values)
}
