/** Flags of every command that transfers, and the engine options that they stand for. */

import type {BackgroundTransferEngineOptions} from '../index.ts'
import type {Io} from './io.ts'
import {type NetworkFlags, networkOptions} from './network-options.ts'
import {storeDirectory} from './store-directory.ts'

/** Flags of every command that transfers. */
export interface RunFlags extends NetworkFlags {
  readonly store?: string
  readonly durability?: 'power' | 'process'
  readonly maxConcurrent?: number
  readonly maxConnectionsPerOrigin?: number
  /** Bytes a second, all files together. */
  readonly limitRate?: number
  readonly conditions?: 'machine' | 'good'
  /** ms to wait for a pause of the machine to end when nothing else is left to do. */
  readonly wait?: number
  readonly json?: boolean
  readonly quiet?: boolean
}

export function engineOptions(flags: RunFlags, env: Io['env']): BackgroundTransferEngineOptions {
  const {store, durability, maxConcurrent, maxConnectionsPerOrigin, limitRate, conditions} = flags
  return {
    directory: storeDirectory(store, env),
    ...(durability === undefined ? {} : {durability}),
    ...(maxConcurrent === undefined ? {} : {maxConcurrentTransfers: maxConcurrent}),
    ...(maxConnectionsPerOrigin === undefined ? {} : {maxConnectionsPerOrigin}),
    ...(limitRate === undefined ? {} : {maxBytesPerSecond: limitRate}),
    ...(conditions === undefined ? {} : {conditions}),
    ...networkOptions(flags, env),
  }
}
