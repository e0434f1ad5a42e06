/** The composition root: the engine's ports made of this machine's network, disk, clock and keys. */

import {mkdir} from 'node:fs/promises'
import {join, resolve} from 'node:path'
import {BehaviorSubject, isObservable} from 'rxjs'
import {withCache} from './adapters/cache/cache-transport.ts'
import {HttpCache} from './adapters/cache/http-cache.ts'
import {createSystemClock} from './adapters/clock/system-clock.ts'
import {createMachineConditions} from './adapters/conditions/machine-conditions.ts'
import type {Cookies} from './adapters/cookies/jar.ts'
import {createContentSource} from './adapters/file/content-source.ts'
import {createFileBounds, readWithinBounds} from './adapters/file/file-bounds.ts'
import {createFileSink} from './adapters/file/file-sink.ts'
import {createFileSpool} from './adapters/file/file-spool.ts'
import {createUsageLedger} from './adapters/file/usage-ledger.ts'
import {byScheme, createFtpTransport} from './adapters/ftp/ftp-transport.ts'
import type {EgressOptions} from './adapters/http/egress.ts'
import {createHttpTransport, type HttpTransportOptions} from './adapters/http/http-transport.ts'
import {type TlsSettings, tlsOptionsOf} from './adapters/http/tls-options.ts'
import {createLevelStore} from './adapters/level/level-store.ts'
import {makeStoreDirectory} from './adapters/level/make-directory.ts'
import {createDesktopNotifier, sessionBusAddress} from './adapters/notify/desktop-notifier.ts'
import {createCryptoRandom} from './adapters/random/crypto-random.ts'
import {createFileSecrets} from './adapters/secrets/file-secrets.ts'
import {createTaskRunner} from './adapters/tasks/task-runner.ts'
import {uploadProtocols} from './adapters/uploads/registry.ts'
import {createIndexReader} from './adapters/xml/index-reader.ts'
import type {Applications} from './domain/applications.ts'
import {type Conditions, GOOD_CONDITIONS} from './domain/conditions.ts'
import {invalidArgument} from './domain/errors.ts'
import {assertObject, shown} from './domain/given.ts'
import type {ProxyOptions} from './domain/proxy.ts'
import type {EnginePorts} from './engine/ports.ts'
import type {ConditionsSource} from './ports/conditions.ts'
import type {Log} from './ports/log.ts'
import type {Notifier} from './ports/notifier.ts'
import type {TaskRunner} from './ports/task-runner.ts'
import type {Transport} from './ports/transport.ts'
import type {UploadProtocol} from './ports/upload-protocol.ts'

export interface PlatformOptions {
  /** Where the engine keeps its records; created (mode 0700) when missing. One engine at a time. */
  readonly directory: string
  /**
   * 'power' (default): what was told survives loss of power. 'process': it survives the death of the process, and the disk
   * is never waited for.
   */
  readonly durability?: 'power' | 'process'
  /**
   * Bytes of the destination's disk that stay free, so that records can still be written; 64 MiB by default, or 2 % of a
   * smaller disk. Without more than these a download pauses, and a stream to be sent is not taken (DISK_FULL).
   */
  readonly diskReserveBytes?: number
  /**
   * Connectivity, cost and power. 'machine' (default): what this machine says, which never concerns loopback addresses. 'good':
   * nothing ever waits for conditions. Or a source of your own.
   */
  readonly conditions?: 'machine' | 'good' | ConditionsSource
  /**
   * Who shows the notifications of downloaders and uploaders. 'desktop' (default): the desktop of this session, where there is
   * one. 'events': nobody; they are in `events$` in any case. Or a notifier of your own.
   */
  readonly notifier?: 'desktop' | 'events' | Notifier
  /** pino-shaped; silent by default. */
  readonly logger?: Log
  /** Another way to run background tasks; worker threads and child processes by default. */
  readonly taskRunner?: TaskRunner
  /** The proxy to ask where a downloader does not say it; none by default. The environment is not looked at. */
  readonly proxy?: string | ProxyOptions
  /** Authorities, client certificate and versions of TLS; those of Node.js by default. Kept in memory only. */
  readonly tls?: TlsSettings
  /** Where connections may lead, checked on the address of each hop: for services that take URLs from others. Anywhere by default. */
  readonly egress?: EgressOptions
  /**
   * Cookies of servers, kept and sent by the rules of RFC 6265, in downloads and uploads alike. false (default): none are. true:
   * in memory, for as long as the engine is open. A CookieJar or a Store of tough-cookie: yours to fill, to keep and to share.
   */
  readonly cookies?: Cookies
  /** The cache of what was fetched ahead of need, in the directory. */
  readonly cache?: CacheOptions
  /** Further protocols for resumable uploads, beside tus. Register them in each session: records name them. */
  readonly uploadProtocols?: readonly UploadProtocol[]
  /** Another way to speak HTTP (and FTP), which then knows of no `proxy`, `tls` and `egress`; ours by default. */
  readonly transport?: Transport
}

export interface CacheOptions {
  /** Bytes of all bodies together; 256 MiB by default. What was used longest ago gives way. 0: nothing is kept. */
  readonly maxBytes?: number
  /** Bytes of one body; 32 MiB by default. What is larger is not fetched ahead of need. */
  readonly maxResourceBytes?: number
}

const MIB = 1024 * 1024

function networkOf({proxy, tls, egress}: PlatformOptions): HttpTransportOptions {
  if (tls !== undefined) assertObject('tls', tls)
  if (egress !== undefined) assertObject('egress', egress)
  return {
    tls: tlsOptionsOf(tls),
    ...(proxy === undefined ? {} : {proxy}),
    ...(egress === undefined ? {} : {egress}),
  }
}

const SILENT: Log = {debug: () => {}, info: () => {}, warn: () => {}, error: () => {}}

/** Throws INVALID_ARGUMENT, FILE_ACCESS. The store is not opened yet. `applications`: have been checked. */
export async function createPlatform(options: PlatformOptions, applications?: Applications): Promise<EnginePorts> {
  const durability = options.durability ?? 'power'
  if (durability !== 'power' && durability !== 'process') {
    throw invalidArgument('durability', `must be 'power' or 'process', not ${shown(durability)}`)
  }
  const {diskReserveBytes} = options
  if (diskReserveBytes !== undefined && !(Number.isSafeInteger(diskReserveBytes) && diskReserveBytes >= 0)) {
    throw invalidArgument('diskReserveBytes', `must be a whole number of bytes, not ${shown(diskReserveBytes)}`)
  }
  if (typeof options.directory !== 'string' || options.directory === '') {
    throw invalidArgument('directory', 'must be a path')
  }
  const directory = resolve(options.directory)
  await makeStoreDirectory(directory)
  if (options.cache !== undefined) assertObject('cache', options.cache)
  const spoolDirectory = join(directory, 'spool')
  const bounds = applications === undefined ? undefined : createFileBounds({applications, storeDirectory: directory})
  const content = createContentSource({spoolDirectory})
  const clock = createSystemClock()
  const cache = await HttpCache.at({
    directory: join(directory, 'cache'),
    durability,
    clock,
    maxBytes: wholeBytes('cache.maxBytes', options.cache?.maxBytes, 256 * MIB),
    maxBodyBytes: wholeBytes('cache.maxResourceBytes', options.cache?.maxResourceBytes, 32 * MIB),
  })
  const plainTransport = withCalls('transport', options.transport, 'exchange', 'close') ?? networkTransport(options)
  return {
    store: createLevelStore({directory, durability}),
    transport: await transportOf(options, withCache(plainTransport, cache)),
    plainTransport,
    cache,
    indexReader: createIndexReader(),
    sink: createFileSink({
      durability,
      ...(diskReserveBytes === undefined ? {} : {reserveBytes: diskReserveBytes}),
      ...(bounds === undefined ? {} : {bounds}),
    }),
    ...(bounds === undefined ? {} : {bounds, usage: createUsageLedger(directory)}),
    content: bounds === undefined ? content : readWithinBounds(content, bounds),
    spool: createFileSpool({
      directory: spoolDirectory,
      durability,
      ...(diskReserveBytes === undefined ? {} : {reserveBytes: diskReserveBytes}),
      makeDirectory: async (path) => {
        await mkdir(path, {recursive: true, mode: 0o700})
      },
    }),
    clock,
    random: createCryptoRandom(),
    secrets: await createFileSecrets(directory),
    conditions: await conditionsSource(options.conditions ?? 'machine'),
    log: loggerOf(options.logger ?? SILENT),
    tasks: withCalls('taskRunner', options.taskRunner, 'locate', 'start') ?? createTaskRunner(),
    notifier: notifierOf(options.notifier ?? 'desktop'),
    protocols: uploadProtocols(options.uploadProtocols),
  }
}

function notifierOf(wanted: 'desktop' | 'events' | Notifier): Notifier {
  switch (wanted) {
    case 'desktop':
      return createDesktopNotifier({busAddress: sessionBusAddress(process.env)})
    case 'events':
      return {show: async () => false}
    default:
      if (typeof wanted === 'object' && wanted !== null && typeof wanted.show === 'function') return wanted
      throw invalidArgument('notifier', "must be 'desktop', 'events' or an object with a function show")
  }
}

function loggerOf(log: Log): Log {
  const isWhole = Object.keys(SILENT).every((level) => typeof log[level as keyof Log] === 'function')
  if (isWhole) return log
  throw invalidArgument('logger', `must have the functions ${Object.keys(SILENT).join(', ')}`)
}

/** What an application brings for a port of ours. Throws INVALID_ARGUMENT unless it has these functions. */
function withCalls<Port extends object>(
  name: string,
  port: Port | undefined,
  ...calls: readonly (keyof Port & string)[]
): Port | undefined {
  if (port === undefined || calls.every((call) => typeof port?.[call] === 'function')) return port
  throw invalidArgument(name, `must have the functions ${calls.join(', ')}`)
}

function networkTransport(options: PlatformOptions): Transport {
  const network = networkOf(options)
  return byScheme(createHttpTransport(network), createFtpTransport(network))
}

function wholeBytes(name: string, value: number | undefined, usual: number): number {
  if (value === undefined) return usual
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalidArgument(name, `must be a whole number of bytes, not ${shown(value)}`)
}

/** Cookies say who asks: what they are sent with is not answered from the cache. */
async function transportOf({cookies = false}: PlatformOptions, transport: Transport): Promise<Transport> {
  if (cookies === false) return transport
  const [{jarOf}, {withCookies}] = await Promise.all([
    import('./adapters/cookies/jar.ts'),
    import('./adapters/cookies/cookie-transport.ts'),
  ])
  const jar = jarOf(cookies)
  return jar === undefined ? transport : withCookies(transport, jar)
}

async function conditionsSource(wanted: 'machine' | 'good' | ConditionsSource): Promise<ConditionsSource> {
  switch (wanted) {
    case 'machine':
      return createMachineConditions({busAddress: process.env.DBUS_SYSTEM_BUS_ADDRESS})
    case 'good':
      return {conditions$: new BehaviorSubject<Conditions>(GOOD_CONDITIONS)}
    default:
      if (typeof wanted !== 'object' || wanted === null || !isObservable(wanted.conditions$)) {
        throw invalidArgument('conditions', "must be 'machine', 'good' or an object with an Observable conditions$")
      }
      if (wanted.addressesGone$ === undefined || isObservable(wanted.addressesGone$)) return wanted
      throw invalidArgument('conditions', 'must have an Observable as addressesGone$, or none')
  }
}
