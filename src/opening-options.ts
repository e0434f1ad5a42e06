/** What an application says that wants an engine: one of its own, or that of another process. */

import type {ControlOptions} from './control.ts'
import type {HostStay} from './domain/host-stay.ts'
import type {EngineOptions} from './engine/options.ts'
import type {PlatformOptions} from './platform.ts'

export interface BackgroundTransferEngineOptions extends EngineOptions, PlatformOptions {
  /**
   * Listen on the control socket of the directory, so that other processes of this user may connect; false by default. The
   * command line does: `bgt list` and its like then work while this engine runs.
   */
  readonly control?: boolean | ControlOptions
}

/** How an application uses the engine of another process. */
export interface ConnectOptions {
  /** The directory of the engine that runs, or will be back. */
  readonly directory: string
  /**
   * Name of the application, 1 to 64 letters, digits, dots and dashes: it sees its own operations and no others. Without one it
   * sees all of the store.
   */
  readonly app?: string
  /** ms to wait for a host that went away, before everything that waits for it rejects; 300,000 by default. */
  readonly hostTimeoutMs?: number
  /**
   * When the host goes away, this process takes its place, with an engine that is opened like this; of several such clients one
   * does, and the others become its clients. Without it a client only waits.
   */
  readonly succeed?: Omit<BackgroundTransferEngineOptions, 'directory'>
  /**
   * Starts `bgt host` in the background, with these arguments, where no host runs. It ends by itself a minute after its last
   * transfer and client, unless `--idle-exit` says otherwise; one that runs has to stay as long, or the new one waits for its end.
   * Another one is started when the host goes away while this client is there, without `succeed`. false by default.
   */
  readonly startHost?: boolean | readonly string[]
}

/** Uses the host where one runs, and opens the engine in this process where none does: the options are those of that. */
export interface HostOrEmbedOptions extends BackgroundTransferEngineOptions {
  readonly shared: 'host'
  readonly noHost?: 'embed'
}

/** Uses the host where one runs; where none does, one is started, or there is no engine. */
export interface HostOnlyOptions extends Omit<ConnectOptions, 'startHost'> {
  readonly shared: 'host'
  /** 'start': like `startHost` of connect. 'fail': rejects with HOST_UNREACHABLE. */
  readonly noHost: 'start' | 'fail'
  /** What `bgt host` is started with, beside the directory. */
  readonly hostArguments?: readonly string[]
}

/** For `open`: the engine of whoever has the directory, and what to do where nobody has. */
export type SharedEngineOptions = HostOrEmbedOptions | HostOnlyOptions

/** The process that has an engine. */
export interface HostInformation extends HostStay {
  /** Its number where it runs: in containers that share the directory they may all have the same. */
  readonly pid: number
  /** It is this process itself. */
  readonly isOwn: boolean
  /** Of the package. */
  readonly version: string
}
