/** Why an operation is not moving, and what would move it: facts in, sentences out. */

import {BackgroundTransferBehavior} from './behavior.ts'
import type {Blockage} from './conditions.ts'
import {toldOfSources} from './mirrors.ts'
import {sizeOf} from './range-set.ts'
import type {GroupRecord, OperationRecord} from './record.ts'
import {isTaken} from './upload.ts'

export interface ExplainInput {
  readonly record: OperationRecord
  /** Epoch ms. */
  readonly now: number
  /** Every reason of the system that holds now. */
  readonly blockages: readonly Blockage[]
  readonly group: GroupRecord
  /** How many stand before it in its line; -1 when that is not known. */
  readonly ahead: number
  /** Other members of its group that run or keep a place. */
  readonly occupants: number
  readonly freeSlots: number
  /** Why the origin of its URL takes nobody now: every connection in use, or it asked for quiet. */
  readonly originRefusal?: 'full' | 'quiet' | undefined
  /** Why its application may have no more traffic now. */
  readonly applicationRefusal?: 'busy' | 'spent' | undefined
}

export interface Explanation {
  /** What it is doing, or why it does nothing. */
  readonly why: string
  /** What has to happen for it to go on; absent when it moves or has ended. */
  readonly next?: string
}

const REASONS: Readonly<Record<Blockage, Explanation>> = {
  noNetwork: {why: 'there is no network', next: 'it goes on by itself when the network is back'},
  costedNetwork: {
    why: 'its cost policy forbids the present network',
    next: 'it goes on by itself on an acceptable network, or set another costPolicy',
  },
  systemPolicy: {
    why: 'the machine saves power',
    next: 'it goes on by itself on mains power, or ask for an unconstrained transfer',
  },
}

function durable(bytes: number): string {
  return bytes === 1 ? '1 byte is durable' : `${bytes} bytes are durable`
}

export function explain(input: ExplainInput): Explanation {
  const {record, now} = input
  const inSeconds = `${Math.max(0, Math.ceil(((record.retryAt ?? now) - now) / 1000))} s`
  const error = record.error === undefined ? '' : `: ${record.error.message}`
  switch (record.state) {
    case 'queued':
      return explainQueued(input)
    case 'running':
      if (record.direction === 'upload') return {why: 'it is being sent'}
      return {
        why: [`it is transferring, ${durable(sizeOf(record.evidence.ranges))}`, toldOfSources(record)]
          .filter((each) => each !== undefined)
          .join('; '),
      }
    case 'returning':
      if (input.originRefusal !== undefined) return REFUSALS[input.originRefusal]
      if (input.applicationRefusal !== undefined) return APPLICATION_REFUSALS[input.applicationRefusal]
      return {
        why: 'its wait is over and every slot is taken',
        next: 'it goes on before anything that is queued, when a slot frees',
      }
    case 'waitingToRetry':
      return {
        why: `the last try failed${error}`,
        next: `it tries again in ${inSeconds} (${record.attempts.failures} failed in a row)`,
      }
    case 'publishing':
      return {why: 'every byte is here and the file is taking its name'}
    case 'canceling':
      return {why: 'it was canceled and its partial file is being removed'}
    case 'pausedByApplication':
      return {why: 'the application paused it', next: 'resume it'}
    case 'pausedNoNetwork':
      return REASONS.noNetwork
    case 'pausedCostedNetwork':
      return REASONS.costedNetwork
    case 'pausedSystemPolicy':
      return REASONS.systemPolicy
    case 'pausedForStorage':
      return {
        why: `there is no room on the disk${error}`,
        next: `free some space; it looks again in ${inSeconds}, or resume it`,
      }
    case 'pausedRecoverableWebErrorStatus':
      return {
        why: `the application wanted to mend this error${error}`,
        next: 'change the URL or the headers, then resume it',
      }
    case 'completed':
      return {why: 'it is complete'}
    case 'canceled':
      return {why: 'it was canceled'}
    case 'failed':
      return {
        why: `it failed${error}`,
        next:
          record.direction === 'upload'
            ? isTaken(record)
              ? 'ask its server what became of it: it has all of it'
              : 'send it again'
            : 'start it again with the same URL and file to go on from the bytes that are here',
      }
  }
}

const REFUSALS: Readonly<Record<'full' | 'quiet', Explanation>> = {
  full: {why: 'its server has all the connections that it may have', next: 'it starts when one of them ends'},
  quiet: {
    why: 'its server asked for quiet (Retry-After)',
    next: 'one operation asks again when the quiet is over, and the others follow when it is answered',
  },
}

const APPLICATION_REFUSALS: Readonly<Record<'busy' | 'spent', Explanation>> = {
  busy: {
    why: 'its application has as many operations with traffic as the host allows it',
    next: 'it starts when one of them ends',
  },
  spent: {why: 'its application has used its bytes of this day', next: 'it goes on tomorrow (UTC)'},
}

function explainQueued(input: ExplainInput): Explanation {
  const {record, group, ahead, occupants, freeSlots, blockages, originRefusal, applicationRefusal} = input
  const [blockage] = blockages
  if (ahead > 0) {
    const others = ahead === 1 ? 'one operation of its group stands' : `${ahead} operations of its group stand`
    return {why: `${others} before it`, next: 'it starts when its turn comes'}
  }
  if (group.behavior === BackgroundTransferBehavior.serialized && occupants > 0) {
    return {
      why: `another member of the serialized group ${record.policy.group} goes first`,
      next: 'it starts when that one ended',
    }
  }
  if (originRefusal !== undefined) return REFUSALS[originRefusal]
  if (applicationRefusal !== undefined) return APPLICATION_REFUSALS[applicationRefusal]
  if (freeSlots <= 0) return {why: 'every slot of the engine is taken', next: 'it starts when one frees'}
  if (blockage !== undefined) return REASONS[blockage]
  return {why: 'it is queued, and nothing has set it going in this session', next: 'attach it, or resume everything'}
}
