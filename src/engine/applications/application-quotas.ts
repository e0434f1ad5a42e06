/** The rules of applications as the parts of an engine ask them: operations, traffic at once, bytes per second and per day. */

import type {Observable} from 'rxjs'
import {type ApplicationRules, type Applications, rulesOfAccepted} from '../../domain/applications.ts'
import type {OperationFacts} from '../../domain/record.ts'
import type {Clock} from '../../ports/clock.ts'
import type {Log} from '../../ports/log.ts'
import type {RecordStore} from '../../ports/record-store.ts'
import type {Usage, UsageLedger} from '../../ports/usage-ledger.ts'
import type {EngineEvent} from '../events.ts'
import {ApplicationOperations} from './application-operations.ts'
import {ApplicationUsage} from './application-usage.ts'

type Application = Pick<OperationFacts, 'app'>

/** How an application stands to its rules. */
export interface ApplicationStanding {
  /** null for those without a name. */
  readonly app: string | null
  readonly rules: ApplicationRules
  /** Unfinished operations, where they are counted. */
  readonly operations: number
  /** Bytes of this day (UTC), where they are counted. */
  readonly bytesOfDay: number
}

export interface ApplicationQuotasOptions {
  readonly applications: Applications | undefined
  readonly clock: Clock
  readonly log: Log
  /** Without one nothing is kept across sessions. */
  readonly ledger: UsageLedger | undefined
  readonly events$: Observable<EngineEvent>
  readonly onSpent: (application: Application, restMs: number) => void
}

export class ApplicationQuotas {
  readonly operations: ApplicationOperations
  readonly usage: ApplicationUsage
  readonly #applications: Applications | undefined

  constructor({events$, ledger, ...options}: ApplicationQuotasOptions) {
    this.#applications = options.applications
    this.operations = new ApplicationOperations(options.applications, events$)
    this.usage = new ApplicationUsage({...options, ledger: ledger ?? createMemoryLedger()})
  }

  async begin(store: RecordStore): Promise<void> {
    if (this.#applications === undefined) return
    await this.operations.begin(store)
    await this.usage.begin()
  }

  counts(application: Application): boolean {
    return this.usage.counts(application)
  }

  spend(application: Application, bytes: number): void {
    this.usage.spend(application, bytes)
  }

  rateOf({app}: Application): number | undefined {
    return rulesOfAccepted(this.#applications, app).maxBytesPerSecond
  }

  /** Each that has rules of its own, and who has no name where there are rules for that. */
  standings(): readonly ApplicationStanding[] {
    const {apps = {}, unnamed} = this.#applications ?? {}
    const names = [...Object.keys(apps), ...(unnamed === undefined ? [] : [undefined])]
    return names.map((app) => {
      const application = app === undefined ? {} : {app}
      return {
        app: app ?? null,
        rules: rulesOfAccepted(this.#applications, app),
        operations: this.operations.countOf(application),
        bytesOfDay: this.usage.usedBy(application),
      }
    })
  }
}

function createMemoryLedger(): UsageLedger {
  let kept: Usage = {}
  return {
    read: () => Promise.resolve(kept),
    write: (usage) => {
      kept = usage
      return Promise.resolve()
    },
  }
}
