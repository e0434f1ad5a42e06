/** What may be asked of one operation beside its record: why it is not moving, where it stands, what it did and what it would do. */

import {blockages, type Conditions, isLoopbackUrl} from '../domain/conditions.ts'
import {type Explanation, explain} from '../domain/explain.ts'
import type {JournalEntry, JournalPage} from '../domain/journal.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationRecord} from '../domain/record.ts'
import {dueAt} from '../domain/retry.ts'
import type {Dispatcher} from './admission/dispatcher.ts'
import type {Alarm} from './chores/alarm.ts'
import type {OpenConnection} from './operations/open-connections.ts'
import type {OperationEntry} from './operations/operation-entry.ts'
import type {Operations} from './operations/operations.ts'
import {type ChartPosition, positionOf, positionOfRecord} from './operations/position.ts'
import {type ResolvedEngineOptions, settingsFor} from './options.ts'
import type {EnginePorts} from './ports.ts'
import {type Supposed, whatIf} from './what-if.ts'

export interface InsightOptions {
  readonly ports: Pick<EnginePorts, 'store' | 'clock'>
  readonly options: Pick<ResolvedEngineOptions, 'settings' | 'journal'>
  readonly operations: Operations
  readonly line: Dispatcher
  readonly alarm: Alarm
  readonly conditions: () => Conditions
}

export class Insight {
  readonly #options: InsightOptions

  constructor(options: InsightOptions) {
    this.#options = options
  }

  /** Why it is not moving, and what would move it. */
  explain(entry: OperationEntry): Explanation {
    const {ports, line, conditions} = this.#options
    const {record} = entry
    const {policy, request} = record
    const retryAt = this.retryAt(record)
    return explain({
      record: {...record, state: entry.state, ...(retryAt === undefined ? {} : {retryAt})},
      now: ports.clock.now(),
      blockages: blockages(
        {
          costPolicy: policy.costPolicy,
          loopback: isLoopbackUrl(request.url),
          unconstrained: policy.unconstrained === true,
        },
        conditions(),
      ),
      group: line.groupRecord(policy.group),
      ahead: line.heads(policy.group).findIndex(({id}) => id === record.id),
      occupants: line.members(policy.group).filter(({id}) => id !== record.id).length,
      freeSlots: line.slots.free,
      originRefusal: line.slots.originRefusal(request.url),
      applicationRefusal: line.slots.applicationRefusal(record),
    })
  }

  /** When its wait is over, by the clock as it is set now (epoch ms); undefined where it waits for no time. */
  retryAt({id, retryAt}: OperationRecord): number | undefined {
    const {alarm, ports, options} = this.#options
    return retryAt && (alarm.dueAt(id) ?? dueAt(retryAt, ports.clock.now(), options.settings.retry))
  }

  /** Where it stands in its chart. */
  position(record: OperationRecord): ChartPosition {
    const {options, operations, conditions} = this.#options
    const entry = operations.get(record.id)
    const snapshot = entry?.snapshot ?? (entry && operations.carriedAt(entry))
    if (snapshot !== undefined) return positionOf(snapshot)
    return positionOfRecord(record, conditions(), settingsFor(record.policy, options.settings))
  }

  /** Who brings what of its bytes now; empty where there is to be one connection only. */
  connections(id: OperationId): readonly OpenConnection[] {
    return this.#options.operations.connections(id)
  }

  /** Its journal, with what is not in the store yet. */
  async journal(id: OperationId, page: JournalPage): Promise<readonly JournalEntry[]> {
    const {ports, options, operations} = this.#options
    const stored = await ports.store.journal(id, page)
    return options.journal ? (operations.get(id)?.journal.merge(stored, page) ?? stored) : stored
  }

  /** What its chart would do, now or where the journal says that it stood. Throws INVALID_ARGUMENT. */
  whatIf(record: OperationRecord, event: string, journalled?: string): Supposed {
    const {options, operations, conditions} = this.#options
    const {snapshot, carrier, path: present} = operations.get(record.id) ?? {}
    const path = journalled ?? (carrier && present)
    const settings = settingsFor(record.policy, options.settings)
    const supposition = {record, snapshot, conditions: conditions(), settings}
    return whatIf(path === undefined ? supposition : {...supposition, path}, event)
  }
}
