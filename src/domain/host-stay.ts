/** How long a host is there when nothing is left to do: what was found may not be what was asked for. */

/** What a host says of it. */
export interface HostStay {
  /** It stays when its own work is done; an engine that is only shared ends with its application. */
  readonly stays: boolean
  /** ms after its last transfer, task and client in which it ends by itself; absent where it does not. */
  readonly idleExitMs?: number
}

/** ms; infinite for one that does not end by itself. */
export function stayOf({stays, idleExitMs = Number.POSITIVE_INFINITY}: HostStay): number {
  return stays ? idleExitMs : 0
}
