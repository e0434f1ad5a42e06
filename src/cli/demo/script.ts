/** What the demo plays: the files, how the server treats each of them, and the moments when something happens. */

import type {ServedFile} from './flaky-server.ts'

const MIB = 1024 * 1024

export const GROUP = 'season one'

/** The worker's engine is less patient than by default, so that the whole play takes seconds. */
export const ENGINE = {checkpointIntervalMs: 250, stallTimeoutMs: 1_500, retryDelayMs: 400} as const

/** These three wait for each other. */
export const EPISODES: readonly ServedFile[] = [
  {name: 'episode-1', sizeBytes: 4 * MIB, bytesPerSecond: 4 * MIB, mishaps: [{kind: 'cut', at: 2.4 * MIB}]},
  {name: 'episode-2', sizeBytes: 6 * MIB, bytesPerSecond: 4 * MIB, mishaps: [{kind: 'stall', at: 2.4 * MIB}]},
  {name: 'episode-3', sizeBytes: 4 * MIB, bytesPerSecond: 4 * MIB, mishaps: [{kind: 'busy', retryAfterSeconds: 1}]},
]

/** Comes last and has high priority. */
export const LATECOMER: ServedFile = {name: 'trailer', sizeBytes: 3 * MIB, bytesPerSecond: 3 * MIB, mishaps: []}

export const FILES: readonly ServedFile[] = [...EPISODES, LATECOMER]

/** The latecomer is added when the server has sent so much of this file; the worker dies in the same way. */
export const LATECOMER_CUE = {name: 'episode-1', at: 1.2 * MIB} as const
export const KILL_CUE = {name: 'episode-2', at: 4.8 * MIB} as const

/** Slow machines may take their time; a demo that hangs may not. */
export const PATIENCE_MS = 90_000
