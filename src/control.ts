/** An engine that is shared: how a process offers its own over the control socket of the store, and how it uses that of another. */

import {readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {createSystemClock} from './adapters/clock/system-clock.ts'
import {demandSocket, findControlAddress, listenAt} from './adapters/control/control-address.ts'
import {makeStoreDirectory} from './adapters/level/make-directory.ts'
import {createCryptoRandom} from './adapters/random/crypto-random.ts'
import {createFileSecrets} from './adapters/secrets/file-secrets.ts'
import {locateTask} from './adapters/tasks/task-runner.ts'
import type {RemoteEngine, RemoteEngineOptions} from './client/remote-engine.ts'
import {BUNDLED_ADVICE} from './domain/bundled.ts'
import {TransferError} from './domain/errors.ts'
import {msOfSeconds} from './domain/seconds.ts'
import type {Engine} from './engine/engine.ts'
import type {HostServer} from './host/host-server.ts'
import type {Hello} from './host/protocol.ts'

/** How an engine is offered to other processes. */
export interface ControlOptions {
  /** This engine stays when its own work is done: what is handed to it is in good hands. False by default. */
  readonly stays?: boolean
  /** Called once, when no client was there and nothing was to do for so many ms. */
  readonly whenIdle?: {readonly ms: number; readonly call: () => void}
}

const IDLE_EXIT = '--idle-exit'

/** Lives of hosts in this process, also of those that are over. A number of a process tells nothing: in containers there is one that all of them have. */
const ownLives = new Set<string>()

/** Whether the host is this process itself. */
export function isOwnHost({epoch}: Pick<Hello, 'epoch'>): boolean {
  return ownLives.has(epoch)
}

/** Listens on the control socket of the engine's store. Rejects with FILE_ACCESS. */
export async function listenForClients(
  engine: Engine,
  directory: string,
  {stays = false, whenIdle}: ControlOptions = {},
): Promise<HostServer> {
  const {startHostServer} = await import('./host/host-server.ts')
  let remove = () => {}
  const epoch = createCryptoRandom().guid()
  // Before anybody can come: a client of this process may be answered while the listening is still being closed to others.
  ownLives.add(epoch)
  const server = await startHostServer({
    engine,
    clock: createSystemClock(),
    version: findPackage()?.version ?? 'unknown',
    pid: process.pid,
    epoch,
    stays,
    ...(whenIdle === undefined ? {} : {whenIdle}),
    listen: async (http) => {
      remove = await listenAt(http, directory)
    },
  })
  return {
    get clients() {
      return server.clients
    },
    close: () => {
      remove()
      return server.close()
    },
  }
}

/** The engine of whoever has this store open. Rejects with HOST_UNREACHABLE, HOST_VERSION, FILE_ACCESS, INVALID_ARGUMENT. */
export async function connectTo(directory: string, options: RemoteEngineOptions): Promise<RemoteEngine> {
  // Most runs find nobody, and need nothing of what a client is.
  if (options.firstPatienceMs === undefined) await demandSocket(directory)
  const [{createHttpConnection}, client] = await Promise.all([
    import('./adapters/control/http-connection.ts'),
    import('./client/remote-engine.ts'),
  ])
  const connection = createHttpConnection(directory, () => findControlAddress(directory))
  const engine = new client.RemoteEngine(
    {
      connection,
      clock: createSystemClock(),
      random: createCryptoRandom(),
      openSecrets: () => createFileSecrets(directory),
      tasks: {locate: locateTask},
      // Few clients send streams.
      copies: {
        open: async (id, chunks) => {
          const {createStreamCopies} = await import('./adapters/file/stream-copies.ts')
          return createStreamCopies(join(directory, 'spool')).open(id, chunks)
        },
      },
    },
    options,
  )
  await engine.open()
  return engine
}

/**
 * How long a host is to stay at the least that is asked for with these arguments, as stayOf says it: any will do where they do not say.
 * NaN, which none has, of what `bgt host` does not take: that is for it to say.
 */
export function wantedStay(args: readonly string[]): number {
  let stayMs = 0
  for (const [at, arg] of args.entries()) {
    if (arg !== IDLE_EXIT && !arg.startsWith(`${IDLE_EXIT}=`)) continue
    const value = arg === IDLE_EXIT ? (args[at + 1] ?? '') : arg.slice(IDLE_EXIT.length + 1)
    stayMs = value === 'never' ? Number.POSITIVE_INFINITY : msOfSeconds(value)
  }
  return stayMs
}

/**
 * Starts `bgt host` for a store, in the background; it ends by itself a minute after its work is done. Rejects with
 * HOST_UNREACHABLE, and with FILE_ACCESS, DISK_FULL or DISK_FAILED where the directory takes nothing.
 */
export async function startBackgroundHost(directory: string, args: readonly string[] = []): Promise<void> {
  const {root} = findPackage() ?? {}
  if (root === undefined) {
    throw new TransferError(
      'HOST_UNREACHABLE',
      'there is no host, and the command that would be one is not beside this program',
      {
        where: directory,
        advice: BUNDLED_ADVICE,
      },
    )
  }
  await makeStoreDirectory(directory)
  const {startHost} = await import('./adapters/control/start-host.ts')
  await startHost(join(root, 'dist', 'src', 'cli', 'bgt.cjs'), directory, [IDLE_EXIT, '60', ...args])
}

/** From this module upwards: it lies in src when tested and in dist/src when installed. */
function findPackage(): {readonly root: string; readonly version: string} | undefined {
  // Of a bundle that is no ES module.
  if (import.meta.url === undefined) return undefined
  for (let directory = dirname(fileURLToPath(import.meta.url)); ; ) {
    try {
      const {name, version} = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
      if (name === 'background-transfer') return {root: directory, version: String(version)}
    } catch {
      // Not here.
    }
    const parent = dirname(directory)
    if (parent === directory) return undefined
    directory = parent
  }
}
