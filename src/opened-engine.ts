/** How an application comes to an engine: it opens that of a directory here, or connects to the process that has it. */

import {resolve} from 'node:path'
import {map, type Observable, of} from 'rxjs'
import {readRules} from './adapters/control/rules-file.ts'
import type {ControlOptions} from './control.ts'
import type {Applications} from './domain/applications.ts'
import {invalidArgument, TransferError} from './domain/errors.ts'
import {assertObject, shown} from './domain/given.ts'
import {stayOf} from './domain/host-stay.ts'
import type {InspectOptions} from './domain/inspect-options.ts'
import {isSilentHost} from './domain/silent-host.ts'
import {checkedApplications} from './engine/applications/application-options.ts'
import {Engine} from './engine/engine.ts'
import type {EngineApi} from './engine/engine-api.ts'
import {Heir} from './heir.ts'
import type {Hello} from './host/protocol.ts'
import {HostStarter} from './host-starter.ts'
import type {Inspector} from './inspector/inspector.ts'
import {checkedConnectOptions, checkedEngineOptions, checkedHostOnlyOptions} from './known-options.ts'
import {EngineTaskHost} from './namespace/task-host.ts'
import {observe} from './observe/observe.ts'
import type {
  BackgroundTransferEngineOptions,
  ConnectOptions,
  HostInformation,
  SharedEngineOptions,
} from './opening-options.ts'
import {createPlatform} from './platform.ts'

/** An engine, and what differs between one of this process and that of another. */
export interface OpenedEngine {
  readonly engine: EngineApi
  readonly close: () => Promise<void>
  readonly startInspector: (options: InspectOptions) => Promise<Inspector>
  /** The process that has it; null when it is this one. */
  readonly host: () => HostInformation | null
  /** The same now, and whenever it is another one. */
  readonly host$: Observable<HostInformation | null>
}

/** ms in which the holder of a store that was found locked begins to listen, if it ever does. */
const LATE_PATIENCE_MS = 1_000

/** As BackgroundTransferEngine.open says. */
export async function openEngine(
  options: BackgroundTransferEngineOptions | SharedEngineOptions,
): Promise<OpenedEngine> {
  assertObject('options', options)
  if ('shared' in options && options.shared !== undefined) return openShared(options)
  return openHere(checkedEngineOptions(options, {shared: true}))
}

async function openShared(options: SharedEngineOptions): Promise<OpenedEngine> {
  if (options.shared !== 'host') throw invalidArgument('shared', `must be 'host', not ${shown(options.shared)}`)
  switch (options.noHost) {
    case undefined:
    case 'embed': {
      // Its name would be lost on what it started here.
      if ('app' in options) throw invalidArgument('app', "needs a host: say noHost: 'start' or 'fail'")
      return openOrConnectEngine(checkedEngineOptions(options, {shared: true, noHost: true}))
    }
    case 'start':
    case 'fail': {
      const {shared: _, noHost, hostArguments = true, ...own} = checkedHostOnlyOptions(options)
      return connectEngine({...own, startHost: noHost === 'start' ? hostArguments : false})
    }
    default:
      throw invalidArgument(
        'noHost',
        `must be 'embed', 'start' or 'fail', not ${shown((options as SharedEngineOptions).noHost)}`,
      )
  }
}

/** As BackgroundTransferEngine.connect says. */
export async function connectEngine(given: ConnectOptions): Promise<OpenedEngine> {
  const options = checkedConnectOptions(given)
  const {directory, startHost = false} = options
  assertHostStart(startHost)
  if (startHost === false) return connectTo(options)
  const args = startHost === true ? [] : startHost
  const {startBackgroundHost, wantedStay} = await import('./control.ts')
  const start = () => startBackgroundHost(resolve(directory), args)
  const connect = (firstPatienceMs?: number) =>
    // A host that this process becomes itself is one, too.
    connectTo(options, firstPatienceMs, options.succeed === undefined ? new HostStarter(start) : undefined)
  const found = await unlessUnreachable(connect())
  const isEnough = (opened: OpenedEngine) => {
    const host = opened.host()
    return host?.stays === true && stayOf(host) >= wantedStay(args)
  }
  if (found !== undefined && isEnough(found)) return found
  // Behind whoever has the store for less time, the host waits for it.
  try {
    await start()
  } catch (error) {
    await found?.close()
    // Of two that are started at once, one ends because the other one is there.
    const other = await unlessUnreachable(connect())
    if (other !== undefined && isEnough(other)) return other
    await other?.close()
    throw error
  }
  return found ?? connect(LATE_PATIENCE_MS)
}

/** As BackgroundTransferEngine.openOrConnect says. */
export async function openOrConnectEngine(given: BackgroundTransferEngineOptions): Promise<OpenedEngine> {
  const options = checkedEngineOptions(given)
  const {directory} = options
  const connect = (firstPatienceMs?: number) =>
    unlessUnreachable(connectTo({directory, succeed: options}, firstPatienceMs))
  const connected = await connect()
  if (connected !== undefined) return connected
  try {
    return await openEngine({control: true, ...options})
  } catch (error) {
    if (!(error instanceof TransferError) || error.code !== 'STORE_LOCKED') throw error
    // Its holder is about to listen, or to go away; or it does not share.
    const late = await connect(LATE_PATIENCE_MS)
    if (late === undefined) throw error
    return late
  }
}

function assertHostStart(startHost: boolean | readonly string[]): void {
  const isArguments = Array.isArray(startHost) && startHost.every((each) => typeof each === 'string')
  if (typeof startHost === 'boolean' || isArguments) return
  throw invalidArgument('startHost', `must be true, false or a list of arguments, not ${shown(startHost)}`)
}

function assertControl(control: boolean | ControlOptions): void {
  if (typeof control === 'boolean') return
  assertObject('control', control)
  const {stays, whenIdle} = control
  if (stays !== undefined && typeof stays !== 'boolean') throw invalidArgument('control.stays', 'must be true or false')
  if (whenIdle === undefined) return
  assertObject('control.whenIdle', whenIdle)
  const {ms, call} = whenIdle
  if (Number.isFinite(ms) && ms >= 0 && typeof call === 'function') return
  throw invalidArgument('control.whenIdle', 'must have ms, from 0, and a function call')
}

/** `starter`: has another host started when the one goes away. */
async function connectTo(
  options: ConnectOptions,
  firstPatienceMs?: number,
  starter?: HostStarter,
): Promise<OpenedEngine> {
  const {directory, app, hostTimeoutMs = 300_000, succeed} = options
  if (typeof directory !== 'string' || directory === '') throw invalidArgument('directory', 'must be a path')
  const {connectTo: connectRemote, isOwnHost} = await import('./control.ts')
  // It asks its own engine over the socket, like everybody else: one that is not to be shared would answer nobody.
  const takeOver = () => openHere({...succeed, control: succeed?.control || true, directory})
  const successor = succeed === undefined ? starter : new Heir(takeOver)
  const informed = ({pid, version, stays, idleExitMs, epoch}: Hello): HostInformation => ({
    pid,
    version,
    stays,
    ...(idleExitMs === undefined ? {} : {idleExitMs}),
    isOwn: isOwnHost({epoch}),
  })
  try {
    const engine = await connectRemote(resolve(directory), {
      app,
      patienceMs: hostTimeoutMs,
      ...(firstPatienceMs === undefined ? {} : {firstPatienceMs}),
      isHeir: typeof succeed?.control === 'object' && succeed.control.stays === true,
      onHostGone: () => successor?.offer(),
      onHostFound: () => starter?.found(),
    })
    return {
      engine,
      close: async () => {
        try {
          await engine.close()
        } finally {
          await successor?.close()
        }
      },
      startInspector: (inspectOptions) => engine.pages.open(inspectOptions),
      host: () => (engine.host === undefined ? null : informed(engine.host)),
      host$: engine.host$.pipe(map(informed)),
    }
  } catch (error) {
    await successor?.close()
    throw error
  }
}

/** Undefined where there is no host; one that is there and says nothing is none to take the place of. */
async function unlessUnreachable(connected: Promise<OpenedEngine>): Promise<OpenedEngine | undefined> {
  try {
    return await connected
  } catch (error) {
    const isNobody = error instanceof TransferError && error.code === 'HOST_UNREACHABLE' && !isSilentHost(error)
    if (isNobody) return undefined
    throw error
  }
}

/** Opens an engine of this process; what others have of it ends before it does. */
async function openHere(options: BackgroundTransferEngineOptions): Promise<OpenedEngine> {
  const {control = false, directory} = options
  assertControl(control)
  const applications =
    options.applications === undefined ? await rulesOf(directory, control) : checkedApplications(options.applications)
  const ports = await createPlatform(options, applications)
  const engine = new Engine(ports, applications === undefined ? options : {...options, applications})
  engine.serveTasks(() => new EngineTaskHost(engine))
  await engine.open(observe(engine, ports, options))
  return {
    engine,
    close: control === false ? () => engine.close() : await share(engine, directory, control),
    startInspector: async (inspectOptions) => {
      const {startInspector} = await import('./inspector/inspector.ts')
      return startInspector(engine, inspectOptions)
    },
    host: () => null,
    host$: of(null),
  }
}

/** Those of the directory, where others may come. */
async function rulesOf(directory: string, control: boolean | ControlOptions): Promise<Applications | undefined> {
  return control === false ? undefined : readRules(resolve(directory), checkedApplications)
}

/** Listens for clients; resolves with what closes both. */
async function share(engine: Engine, directory: string, control: true | ControlOptions): Promise<() => Promise<void>> {
  try {
    const {listenForClients} = await import('./control.ts')
    const server = await listenForClients(engine, resolve(directory), control === true ? {} : control)
    return async () => {
      await server.close()
      await engine.close()
    }
  } catch (error) {
    // It was asked to be shared, and is not to stay open with nobody to close it.
    await engine.close()
    throw error
  }
}
