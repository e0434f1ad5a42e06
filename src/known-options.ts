/** The members that the options of an engine have, and those of the objects in them: what is misspelt opens nothing. */

import type {EgressOptions} from './adapters/http/egress.ts'
import type {TlsSettings} from './adapters/http/tls-options.ts'
import type {ControlOptions} from './control.ts'
import {assertOptions, type Known, ownOf} from './domain/given.ts'
import type {ProxyOptions} from './domain/proxy.ts'
import {checkedApplications} from './engine/applications/application-options.ts'
import type {LimitOptions} from './engine/engine-limits.ts'
import type {BackgroundTaskOptions, PrefetchOptions, RetentionPolicy} from './engine/options.ts'
import type {
  BackgroundTransferEngineOptions,
  ConnectOptions,
  HostOnlyOptions,
  HostOrEmbedOptions,
} from './opening-options.ts'
import type {CacheOptions} from './platform.ts'

const OF_SUCCESSOR: Known<Omit<BackgroundTransferEngineOptions, 'directory'>> = {
  maxConcurrentTransfers: true,
  maxConnectionsPerOrigin: true,
  retention: true,
  maxBytesPerSecond: true,
  connectTimeoutMs: true,
  responseTimeoutMs: true,
  stallTimeoutMs: true,
  retries: true,
  retryDelayMs: true,
  checkpointIntervalMs: true,
  minSliceBytes: true,
  limits: true,
  drainTimeoutMs: true,
  resumeOnOpen: true,
  journal: true,
  unconstrainedConsent: true,
  backgroundTasks: true,
  beforeAttempt: true,
  beforeAttemptTimeoutMs: true,
  applications: true,
  prefetch: true,
  inspect: true,
  durability: true,
  diskReserveBytes: true,
  conditions: true,
  notifier: true,
  logger: true,
  taskRunner: true,
  proxy: true,
  tls: true,
  egress: true,
  cookies: true,
  cache: true,
  uploadProtocols: true,
  transport: true,
  control: true,
}

const OF_ENGINE: Known<BackgroundTransferEngineOptions> = {...OF_SUCCESSOR, directory: true}

/** Of what stands in the options of an engine. Ports and providers are looked at where they are used. */
const WITHIN = {
  retention: {count: true, ageMs: true} satisfies Known<RetentionPolicy>,
  limits: {operations: true, groups: true} satisfies Known<LimitOptions>,
  backgroundTasks: {
    maxConcurrent: true,
    maxRuns: true,
    retryDelayMs: true,
    timeoutMs: true,
    cancelGraceMs: true,
  } satisfies Known<BackgroundTaskOptions>,
  prefetch: {
    intervalMs: true,
    retryDelayMs: true,
    idleMs: true,
    fetchTimeoutMs: true,
  } satisfies Known<PrefetchOptions>,
  cache: {maxBytes: true, maxResourceBytes: true} satisfies Known<CacheOptions>,
  proxy: {http: true, https: true, noProxy: true} satisfies Known<ProxyOptions>,
  tls: {
    ca: true,
    cert: true,
    key: true,
    passphrase: true,
    pfx: true,
    servername: true,
    minVersion: true,
    dangerouslyAcceptAnyCertificate: true,
  } satisfies Known<TlsSettings>,
  egress: {hosts: true, refusePrivate: true} satisfies Known<EgressOptions>,
  control: {stays: true, whenIdle: true} satisfies Known<ControlOptions>,
}

const OF_CLIENT: Known<ConnectOptions> = {
  directory: true,
  app: true,
  hostTimeoutMs: true,
  succeed: true,
  startHost: true,
}

const {startHost: _, ...OF_HOST_ONLY} = {
  ...OF_CLIENT,
  shared: true,
  noHost: true,
  hostArguments: true,
} satisfies Known<HostOnlyOptions & ConnectOptions>

/**
 * The options, with what they inherit or have by their class as members of their own: they are copied on the way. Throws
 * INVALID_ARGUMENT for a member that there is not. `beside`: what else may be there.
 */
export function checkedEngineOptions(
  options: BackgroundTransferEngineOptions,
  beside: Partial<Known<HostOrEmbedOptions>> = {},
): BackgroundTransferEngineOptions {
  assertOptions<object>('options', options, {...OF_ENGINE, ...beside})
  const own = ownOf(options, OF_ENGINE)
  assertWithin('options', own)
  return own
}

/** The same, of a client. */
export function checkedConnectOptions(options: ConnectOptions): ConnectOptions {
  assertOptions('options', options, OF_CLIENT)
  return withSuccessor(ownOf(options, OF_CLIENT))
}

/** The same, of a client that never opens the engine itself at once. */
export function checkedHostOnlyOptions(options: HostOnlyOptions): HostOnlyOptions {
  assertOptions('options', options, OF_HOST_ONLY)
  return withSuccessor(ownOf(options, OF_HOST_ONLY))
}

function withSuccessor<Options extends Pick<ConnectOptions, 'succeed'>>(options: Options): Options {
  const {succeed} = options
  if (succeed === undefined) return options
  assertOptions('succeed', succeed, OF_SUCCESSOR, 'options.succeed')
  const own = ownOf(succeed, OF_SUCCESSOR)
  assertWithin('options.succeed', own)
  return {...options, succeed: own}
}

/** Whether they are objects at all is told by whoever uses them. */
function assertWithin(path: string, options: Omit<BackgroundTransferEngineOptions, 'directory'>): void {
  for (const [name, known] of Object.entries(WITHIN)) {
    const given: unknown = options[name as keyof typeof WITHIN]
    if (isObject(given)) assertOptions(name, given, known as Known<object>, `${path}.${name}`)
  }
  const {applications, control} = options
  if (applications !== undefined) checkedApplications(applications)
  const whenIdle = isObject(control) ? control.whenIdle : undefined
  if (isObject(whenIdle))
    assertOptions('control.whenIdle', whenIdle, {ms: true, call: true}, `${path}.control.whenIdle`)
}

function isObject<T>(value: T): value is T & object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
