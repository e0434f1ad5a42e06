/** BackgroundTransferStatus: the ten public statuses. The numbers are the namespace's and are never renumbered. */

export const BackgroundTransferStatus = {
  /** Created, or waiting for its turn. */
  idle: 0,
  running: 1,
  pausedByApplication: 2,
  pausedCostedNetwork: 3,
  pausedNoNetwork: 4,
  completed: 5,
  canceled: 6,
  error: 7,
  pausedRecoverableWebErrorStatus: 8,
  pausedSystemPolicy: 32,
} as const

export type BackgroundTransferStatus = (typeof BackgroundTransferStatus)[keyof typeof BackgroundTransferStatus]

/** Where an operation's life stands, as its record says it. Persisted: never rename, never reuse a word. */
export type LifeState =
  | 'queued'
  | 'running'
  | 'returning'
  | 'waitingToRetry'
  | 'publishing'
  | 'canceling'
  | 'pausedByApplication'
  | 'pausedNoNetwork'
  | 'pausedCostedNetwork'
  | 'pausedSystemPolicy'
  | 'pausedForStorage'
  | 'pausedRecoverableWebErrorStatus'
  | 'completed'
  | 'canceled'
  | 'failed'

const STATUS_OF: Readonly<Record<LifeState, BackgroundTransferStatus>> = {
  queued: BackgroundTransferStatus.idle,
  running: BackgroundTransferStatus.running,
  returning: BackgroundTransferStatus.running,
  waitingToRetry: BackgroundTransferStatus.running,
  publishing: BackgroundTransferStatus.running,
  canceling: BackgroundTransferStatus.running,
  pausedByApplication: BackgroundTransferStatus.pausedByApplication,
  pausedNoNetwork: BackgroundTransferStatus.pausedNoNetwork,
  pausedCostedNetwork: BackgroundTransferStatus.pausedCostedNetwork,
  pausedSystemPolicy: BackgroundTransferStatus.pausedSystemPolicy,
  pausedForStorage: BackgroundTransferStatus.pausedSystemPolicy,
  pausedRecoverableWebErrorStatus: BackgroundTransferStatus.pausedRecoverableWebErrorStatus,
  completed: BackgroundTransferStatus.completed,
  canceled: BackgroundTransferStatus.canceled,
  failed: BackgroundTransferStatus.error,
}

export const LIFE_STATES = Object.keys(STATUS_OF) as readonly LifeState[]

/** The public status that a life state means. */
export function statusOf(state: LifeState): BackgroundTransferStatus {
  return STATUS_OF[state]
}

/** The member name of a status value, as the JavaScript projection spells it. */
export function statusName(status: BackgroundTransferStatus): keyof typeof BackgroundTransferStatus {
  for (const [name, value] of Object.entries(BackgroundTransferStatus)) {
    if (value === status) return name as keyof typeof BackgroundTransferStatus
  }
  return 'idle'
}

export function isTerminal(state: LifeState): boolean {
  return state === 'completed' || state === 'canceled' || state === 'failed'
}
