/** From records and the engine's live counters to the rows and pages of the protocol. */

import {basename} from 'node:path'
import {sourcesOf} from '../domain/mirrors.ts'
import {printable} from '../domain/printable.ts'
import {sizeOf} from '../domain/range-set.ts'
import {fileOf, type OperationRecord} from '../domain/record.ts'
import {redactUrl} from '../domain/redaction.ts'
import {statusName, statusOf} from '../domain/status.ts'
import type {GroupStanding} from '../engine/admission/groups.ts'
import type {Engine} from '../engine/engine.ts'
import type {OperationEntry} from '../engine/operations/operation-entry.ts'
import {attemptsOf} from './attempts.ts'
import {maskExplanation, maskRecord, maskText, secretsOf} from './mask.ts'
import type {ConnectionView, GroupView, OperationDetail, OperationView} from './protocol.ts'
import type {RateMeter} from './rate-meter.ts'

/** Of a waiting line that may be a million long. */
const SHOWN_OF_LINE = 50
const SHOWN_TRANSITIONS = 200

export class Views {
  readonly #engine: Engine
  readonly #rates: RateMeter

  constructor(engine: Engine, rates: RateMeter) {
    this.#engine = engine
    this.#rates = rates
  }

  operation(record: OperationRecord, path?: string): OperationView {
    const {id, request, policy, endedAt, error} = record
    const retryAt = this.#engine.insight.retryAt(record)
    const entry = this.#engine.live(id)
    const live =
      entry === undefined
        ? {received: sizeOf(record.evidence.ranges), total: record.evidence.total ?? 0}
        : this.#engine.progressOf(entry)
    return {
      guid: id,
      url: redactUrl(request.url),
      name: printable(basename(fileOf(record))),
      direction: record.direction,
      group: policy.group,
      priority: policy.priority,
      status: statusName(statusOf(record.state)),
      state: record.state,
      path: path ?? (entry?.isLive !== true ? record.state : entry.path),
      bytesReceived: live.received,
      totalBytesToReceive: live.total,
      rate: this.#rates.of(id, this.#engine.now()),
      attempts: record.attempts.total,
      createdAt: record.createdAt,
      ...(endedAt === undefined ? {} : {endedAt}),
      ...(retryAt === undefined ? {} : {retryAt}),
      ...(error === undefined ? {} : {error: maskText(error.message, secretsOf(record))}),
    }
  }

  group({name, behavior, state, members, line}: GroupStanding): GroupView {
    return {
      name,
      behavior: behavior === 1 ? 'serialized' : 'parallel',
      state,
      members,
      line: line.slice(0, SHOWN_OF_LINE),
    }
  }

  async detail(entry: OperationEntry): Promise<OperationDetail> {
    const {record} = entry
    const journal = await this.#engine.journal(record.id)
    const masked = maskRecord(record)
    const {activeStates, availableEvents} = this.#engine.insight.position(record)
    return {
      operation: this.operation(record),
      record: masked,
      explanation: maskExplanation(this.#engine.explain(entry), record),
      activeStates,
      availableEvents,
      attempts: attemptsOf(journal),
      connections: this.#connections(record),
      transitions: journal.slice(-SHOWN_TRANSITIONS),
      responseHeaders: masked.response?.headers ?? [],
    }
  }

  #connections({id, request}: OperationRecord): readonly ConnectionView[] {
    const sources = sourcesOf(request)
    return this.#engine.insight.connections(id).map(({connection, path, source, start, end, position, rate}) => ({
      connection,
      path,
      ...(source === undefined ? {} : {url: redactUrl(sources[source] ?? '')}),
      ...(start === undefined || position === undefined ? {} : {start, received: position - start}),
      ...(end === undefined ? {} : {end}),
      ...(rate === undefined ? {} : {rate: Math.round(rate)}),
    }))
  }
}
