/** What applications used of their bytes of this day: counted as bytes pass, kept about each second while they do. */

import {
  type Applications,
  type DayUse,
  dayOf,
  quotaReached,
  rulesOfAccepted,
  untilNextDay,
  used,
} from '../../domain/applications.ts'
import type {OperationFacts} from '../../domain/record.ts'
import type {Clock} from '../../ports/clock.ts'
import type {Log} from '../../ports/log.ts'
import type {UsageLedger} from '../../ports/usage-ledger.ts'

/** A death of the process loses what was used in about this time. */
const KEEP_EACH_MS = 1_000

type Application = Pick<OperationFacts, 'app'>

export interface ApplicationUsageOptions {
  readonly applications: Applications | undefined
  readonly clock: Clock
  readonly log: Log
  readonly ledger: UsageLedger
  /** Told at each byte beyond the last; ms until there are new ones. */
  readonly onSpent: (application: Application, restMs: number) => void
}

export class ApplicationUsage {
  readonly #options: ApplicationUsageOptions
  readonly #used = new Map<string, DayUse>()
  #keptAt = Number.NEGATIVE_INFINITY
  #hasChanged = false
  /** While what is known is on its way to the disk. */
  #writing: Promise<void> | undefined

  constructor(options: ApplicationUsageOptions) {
    this.#options = options
  }

  /** What earlier sessions used of this day. */
  async begin(): Promise<void> {
    const {ledger, clock, onSpent, log} = this.#options
    try {
      for (const [name, use] of Object.entries(await ledger.read())) this.#used.set(name, use)
    } catch (error) {
      log.error({error: String(error)}, 'what applications used of this day could not be read')
    }
    for (const name of this.#used.keys()) {
      const application = name === '' ? {} : {app: name}
      if (this.#isSpent(application)) onSpent(application, untilNextDay(clock.now()))
    }
  }

  /** Whether the bytes of this application are counted. */
  counts({app}: Application): boolean {
    return rulesOfAccepted(this.#options.applications, app).maxBytesPerDay !== undefined
  }

  /** So many bytes passed. */
  spend(application: Application, bytes: number): void {
    if (!this.counts(application)) return
    const {clock, onSpent} = this.#options
    const {app = ''} = application
    this.#used.set(app, used(this.#used.get(app), bytes, clock.now()))
    this.#hasChanged = true
    if (this.#isSpent(application)) onSpent(application, untilNextDay(clock.now()))
  }

  /** Throws LIMIT_REACHED when nothing is left of this day. */
  demand(application: Application): void {
    const {app} = application
    const {maxBytesPerDay} = rulesOfAccepted(this.#options.applications, app)
    if (maxBytesPerDay !== undefined && this.#isSpent(application)) {
      throw quotaReached(app, 'maxBytesPerDay', maxBytesPerDay)
    }
  }

  /** Bytes of this day. */
  usedBy({app = ''}: Application): number {
    const use = this.#used.get(app)
    return use?.day === dayOf(this.#options.clock.now()) ? use.bytes : 0
  }

  /** Ten times a second while anything moves. */
  tick(): void {
    const now = this.#options.clock.now()
    // A clock that was set back is no reason to keep nothing.
    if (this.#hasChanged && this.#writing === undefined && Math.abs(now - this.#keptAt) >= KEEP_EACH_MS) this.#keep(now)
  }

  /** Resolves when what is known is kept, or cannot be. */
  async close(): Promise<void> {
    await this.#writing
    if (this.#hasChanged) this.#keep(this.#options.clock.now())
    await this.#writing
  }

  #isSpent(application: Application): boolean {
    const {maxBytesPerDay = Number.POSITIVE_INFINITY} = rulesOfAccepted(this.#options.applications, application.app)
    return this.usedBy(application) >= maxBytesPerDay
  }

  #keep(now: number): void {
    const {ledger, log} = this.#options
    const today = dayOf(now)
    for (const [name, {day}] of this.#used) if (day !== today) this.#used.delete(name)
    this.#keptAt = now
    this.#hasChanged = false
    this.#writing = ledger
      .write(Object.fromEntries(this.#used))
      .catch((error) => log.error({error: String(error)}, 'what applications used of this day could not be written'))
      .then(() => {
        this.#writing = undefined
      })
  }
}
