/** How many unfinished operations each application has, where its rules bound that. Nothing is counted where none do. */

import type {Observable} from 'rxjs'
import {type Applications, quotaReached, rulesOfAccepted} from '../../domain/applications.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationFacts} from '../../domain/record.ts'
import {isTerminal, LIFE_STATES} from '../../domain/status.ts'
import type {RecordStore} from '../../ports/record-store.ts'
import type {EngineEvent} from '../events.ts'

const UNFINISHED = LIFE_STATES.filter((state) => !isTerminal(state))

type Draft = Pick<OperationFacts, 'id' | 'app'>

export class ApplicationOperations {
  readonly #applications: Applications | undefined
  readonly #unfinished = new Map<string, Set<OperationId>>()

  constructor(applications: Applications | undefined, events$: Observable<EngineEvent>) {
    this.#applications = applications
    if (this.#isBounded) events$.subscribe((event) => this.#hear(event))
  }

  /** What earlier sessions left counts too. */
  async begin(store: RecordStore): Promise<void> {
    if (!this.#isBounded) return
    for (let after: OperationId | undefined; ; ) {
      const page = await store.query({states: UNFINISHED, ...(after === undefined ? {} : {after})})
      for (const {id, app} of page) this.#of(app).add(id)
      after = page.at(-1)?.id
      if (after === undefined) return
    }
  }

  /** Counts these from now on, all or none. Throws LIMIT_REACHED. */
  take(drafts: readonly Draft[]): void {
    const taken: Draft[] = []
    try {
      for (const draft of drafts) {
        const {maxOperations} = rulesOfAccepted(this.#applications, draft.app)
        if (maxOperations === undefined) continue
        const unfinished = this.#of(draft.app)
        if (unfinished.size >= maxOperations) throw quotaReached(draft.app, 'maxOperations', maxOperations)
        unfinished.add(draft.id)
        taken.push(draft)
      }
    } catch (error) {
      this.drop(taken)
      throw error
    }
  }

  /** They were not accepted. */
  drop(drafts: readonly Draft[]): void {
    for (const {id, app = ''} of drafts) {
      const unfinished = this.#unfinished.get(app)
      unfinished?.delete(id)
      if (unfinished?.size === 0) this.#unfinished.delete(app)
    }
  }

  countOf({app}: Pick<OperationFacts, 'app'>): number {
    return this.#unfinished.get(app ?? '')?.size ?? 0
  }

  get #isBounded(): boolean {
    const {apps = {}, others, unnamed} = this.#applications ?? {}
    return [...Object.values(apps), others, unnamed].some((rules) => rules?.maxOperations !== undefined)
  }

  #of(app = ''): Set<OperationId> {
    const known = this.#unfinished.get(app)
    if (known !== undefined) return known
    const unfinished = new Set<OperationId>()
    this.#unfinished.set(app, unfinished)
    return unfinished
  }

  #hear(event: EngineEvent): void {
    if (event.type === 'operation.moved' && isTerminal(event.state)) this.drop([event.record])
  }
}
