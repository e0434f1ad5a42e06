/** One run of transfers, as `get`, `put` and `resume` have it: engine open, transfers followed and shown, orderly end, exit code. */

import {asTransferError, TransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {isTerminal} from '../domain/status.ts'
import {BackgroundTransferEngine, type BackgroundTransferEngineOptions, type HostInformation} from '../index.ts'
import {EXIT, exitCodeOf, gravest} from './exit-code.ts'
import {Follower, type Scope} from './follower.ts'
import {type Interrupts, watchInterrupts} from './interrupt.ts'
import type {Io} from './io.ts'
import {createBarsReporter} from './reporters/bars.ts'
import {createJsonReporter} from './reporters/json.ts'
import {createPlainReporter} from './reporters/plain.ts'
import {createQuietReporter} from './reporters/quiet.ts'
import type {Reporter} from './reporters/reporter.ts'
import {patienceOf, restingError} from './resting.ts'
import type {RunFlags} from './run-flags.ts'
import {noteOnFlags} from './shared-store.ts'
import {plural} from './text.ts'
import type {Known, Transfer} from './transfer.ts'

/** How a run tells what it met beside the transfers' own course. */
export interface Told {
  note(text: string): void
  /** An item that cannot be had. */
  fail(error: TransferError): void
  /** An item that is there already. */
  complete(known: Known): void
  /** An item that goes on, as it stands: it may be on its way already. */
  join(known: Known): void
  /** A file that is there, whoever made it, and is left as it is. `url` is redacted. */
  skip(file: string, url: string): void
}

/** What a run does with the open engine. */
export interface Run {
  readonly scope: Scope
  /** Sets the transfers going. */
  begin(engine: BackgroundTransferEngine, told: Told): Promise<void>
  /** Nothing moves any more, and the engine is still open. */
  end?(engine: BackgroundTransferEngine, told: Told): Promise<void>
  /** What an interrupt left of it, and what goes on with that; by default all of it, and the same command. */
  readonly left?: Left
}

export interface Left {
  /** It is on record, and unfinished: whoever has the store can go on with it. */
  readonly isKept: boolean
  readonly note: string
}

const ALL_IS_LEFT: Left = {
  isKept: true,
  note: 'what is here is kept: the same command, or bgt resume, goes on from it',
}

export async function runTransfers(
  io: Io,
  flags: RunFlags,
  options: BackgroundTransferEngineOptions,
  run: Run,
): Promise<number> {
  const interrupts = watchInterrupts()
  try {
    const engine = await BackgroundTransferEngine.openOrConnect({resumeOnOpen: 'nothing', prefetch: false, ...options})
    io.loaded?.()
    return await new RunningRun(io, flags, options.directory, engine, run, interrupts).play()
  } finally {
    interrupts.stop()
  }
}

class RunningRun {
  readonly #engine: BackgroundTransferEngine
  readonly #run: Run
  readonly #flags: RunFlags
  readonly #interrupts: Interrupts
  readonly #store: string
  readonly #follower: Follower
  readonly #reporter: Reporter
  readonly #codes: number[] = []
  /** Settles when it is written down of each that ended that it was shown. */
  #acknowledged: Promise<void> = Promise.resolve()

  constructor(
    io: Io,
    flags: RunFlags,
    store: string,
    engine: BackgroundTransferEngine,
    run: Run,
    interrupts: Interrupts,
  ) {
    this.#engine = engine
    this.#run = run
    this.#flags = flags
    this.#interrupts = interrupts
    this.#store = store
    this.#reporter = chooseReporter(io, flags, () => this.#follower.unfinished)
    this.#follower = new Follower(run.scope, {
      hearsQueued: this.#reporter.tellsQueued,
      tell: (notice) => {
        // In the order of a person's interest: the change, then why.
        this.#reporter.tell(notice)
        if (notice.happening === 'failed') this.#reporter.fail(errorOf(notice.transfer))
        if (isTerminal(notice.transfer.state)) this.#acknowledge(notice.transfer.guid)
      },
      skipped: (file, url, at) => this.#reporter.skip(file, url, at),
      progress: (changed, at) => this.#reporter.progress(changed, at),
      note: (text) => this.#reporter.note(text),
      codeOf,
      patienceOf: (transfer) => patienceOf(transfer, flags.wait),
    })
  }

  async play(): Promise<number> {
    // By no clock that somebody may set.
    const startedAt = performance.now()
    const {host} = this.#engine
    const note = host === null ? undefined : noteOnFlags(this.#flags, host)
    if (note !== undefined) this.#reporter.note(note)
    const subscription = this.#engine.events$.subscribe(this.#follower.handle)
    try {
      await Promise.race([this.#work(), this.#interrupts.asked])
      await this.#acknowledged
      await this.#engine.close()
      if (this.#interrupts.code !== undefined) return this.#interrupted(this.#interrupts.code, host)
      this.#explainResting()
      const {totals} = this.#follower
      const isWorthTelling = totals.completed > 0 || totals.files > 1 || totals.fetchedBytes > 0
      this.#reporter.end(isWorthTelling ? {...totals, elapsedMs: performance.now() - startedAt} : undefined)
      return gravest([...this.#codes, this.#follower.exitCode])
    } catch (thrown) {
      await this.#engine.close()
      this.#reporter.end(undefined)
      throw thrown
    } finally {
      this.#follower.stop()
      subscription.unsubscribe()
    }
  }

  async #work(): Promise<void> {
    const told: Told = {
      note: (text) => this.#reporter.note(text),
      fail: (error) => this.#fail(error),
      complete: (known) => this.#follower.alreadyComplete(known, Date.now()),
      join: (known) => this.#follower.join(known, Date.now()),
      skip: (file, url) => this.#follower.skip(file, url, Date.now()),
    }
    try {
      await this.#run.begin(this.#engine, told)
    } catch (thrown) {
      // An interrupt closes the engine under it.
      if (this.#interrupts.code === undefined) throw thrown
    }
    this.#follower.reconsider()
    await this.#follower.over
    const {storeFailure} = this.#follower
    if (storeFailure !== undefined) this.#fail(storeError(storeFailure, this.#store))
    else if (this.#interrupts.code === undefined) await this.#run.end?.(this.#engine, told)
  }

  /**
   * Told is told: a later run of the same command asks for the file anew. At once, while the engine has the operation in
   * memory: the store's group commit gathers what many end.
   */
  #acknowledge(guid: OperationId): void {
    // Losing this note costs nothing but a second telling.
    const acknowledged = this.#engine.acknowledgeAsync([guid]).catch(() => {})
    this.#acknowledged = this.#acknowledged.then(() => acknowledged)
  }

  #fail(error: TransferError): void {
    this.#codes.push(exitCodeOf(error))
    this.#reporter.fail(error)
  }

  #interrupted(code: number, host: HostInformation | null): number {
    const {isKept, note} = this.#run.left ?? ALL_IS_LEFT
    if (host !== null && isKept) {
      this.#reporter.note(`process ${host.pid} goes on with it; bgt pause and bgt cancel stop it there`)
      this.#reporter.end(undefined)
      return code
    }
    const {unfinished} = this.#follower
    const at = Date.now()
    for (const transfer of unfinished) this.#reporter.tell({happening: 'paused', at, transfer})
    this.#reporter.note(`interrupted; ${note}`)
    this.#reporter.end(undefined)
    return code
  }

  #explainResting(): void {
    for (const transfer of this.#follower.unfinished) {
      if (transfer.state.startsWith('paused')) this.#reporter.fail(restingError(transfer))
    }
    const resting = this.#follower.unfinished.length
    if (resting > 0) this.#reporter.note(`${plural(resting, 'transfer')} unfinished; what is here is kept`)
  }
}

function chooseReporter(io: Io, {json, quiet}: RunFlags, active: () => readonly Transfer[]): Reporter {
  if (json === true) return createJsonReporter(io)
  if (quiet === true) return createQuietReporter(io)
  const {CI, TERM} = io.env
  const canRedraw = io.stderr.isTTY === true && TERM !== 'dumb' && (CI ?? '') === ''
  return canRedraw ? createBarsReporter(io, active) : createPlainReporter(io)
}

/** A pause that only somebody else can end: for a command that ends now, it is an outcome. */
function codeOf({state, error}: Transfer): number {
  if (state === 'pausedForStorage') return EXIT.local
  if (state.startsWith('paused') || state === 'canceled') return EXIT.unfinished
  return error === undefined ? EXIT.internal : exitCodeOf(error)
}

function errorOf({error, file, url}: Transfer): TransferError {
  if (error === undefined) return asTransferError(new Error('the transfer failed without saying why'))
  const {where = file === '' ? url : file} = error
  // A connection knows its server only; of many files from there, the URL says which.
  return TransferError.fromSerialized({...error, where: url.startsWith(`${where}/`) ? url : where})
}

function storeError(message: string, store: string): TransferError {
  return new TransferError('DISK_FAILED', `a record could not be written: ${message}`, {
    where: store,
    advice: 'check the disk of the store and run the same command again; the bytes so far are kept',
  })
}
