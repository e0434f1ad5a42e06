/**
 * The namespace's limits (1.4, 1.5): so many operations that have not ended, drafts that somebody has included, and so many
 * names of groups. Off unless the application asks for them; nothing is counted then.
 */

import type {Observable} from 'rxjs'
import {TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {isTerminal, LIFE_STATES} from '../domain/status.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {EngineEvent} from './events.ts'

export interface LimitOptions {
  /** Operations that have not ended, those that were never started included. 1 to 1,000,000; no limit by default. */
  readonly operations?: number
  /** Names of groups: those with settings, with unfinished members, or asked for in this session. No limit by default. */
  readonly groups?: number
}

const UNFINISHED = LIFE_STATES.filter((state) => !isTerminal(state))

export class EngineLimits {
  readonly #options: LimitOptions
  readonly #drafts = new Set<OperationId>()
  readonly #unfinished = new Set<OperationId>()
  readonly #groups = new Set<string>()

  constructor(options: LimitOptions, events$: Observable<EngineEvent>) {
    this.#options = options
    if (options.operations !== undefined) events$.subscribe((event) => this.#hear(event))
  }

  /** What earlier sessions left counts too. */
  async begin(store: RecordStore): Promise<void> {
    const {operations, groups} = this.#options
    if (operations === undefined && groups === undefined) return
    if (groups !== undefined) for (const {name} of await store.groups()) this.#groups.add(name)
    for (let after: OperationId | undefined; ; ) {
      const page = await store.query({states: UNFINISHED, ...(after === undefined ? {} : {after})})
      for (const {id, policy} of page) {
        if (operations !== undefined) this.#unfinished.add(id)
        if (groups !== undefined && policy.group !== '') this.#groups.add(policy.group)
      }
      after = page.at(-1)?.id
      if (after === undefined) return
    }
  }

  /** A draft is made. Throws LIMIT_REACHED. */
  addDraft(id: OperationId): void {
    const {operations} = this.#options
    if (operations === undefined) return
    if (this.#drafts.size + this.#unfinished.size >= operations) throw reached('operations', operations)
    this.#drafts.add(id)
  }

  /** Nobody has the draft any more. */
  dropDraft(id: OperationId): void {
    this.#drafts.delete(id)
  }

  /** A group is asked for by name. Throws LIMIT_REACHED for one name too many; those that are known go on working. */
  addGroup(name: string): void {
    const {groups} = this.#options
    if (groups === undefined || this.#groups.has(name)) return
    if (this.#groups.size >= groups) throw reached('groups', groups)
    this.#groups.add(name)
  }

  #hear(event: EngineEvent): void {
    if (event.type === 'operation.started') {
      this.#drafts.delete(event.record.id)
      this.#unfinished.add(event.record.id)
    } else if (event.type === 'operation.moved' && isTerminal(event.state)) {
      this.#unfinished.delete(event.id)
    }
  }
}

function reached(what: 'operations' | 'groups', limit: number): TransferError {
  return new TransferError('LIMIT_REACHED', `there are ${limit} ${what} already`, {where: `limits.${what}`})
}
