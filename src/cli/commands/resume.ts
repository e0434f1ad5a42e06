/** `bgt resume`: everything unfinished goes on, but what was paused on purpose; or the operations that are named. */

import {BackgroundTransferStatus} from '../../domain/status.ts'
import type {BackgroundTransferEngine, OperationId, OperationSummary} from '../../index.ts'
import {type Io, say} from '../io.ts'
import {commandOf, goOn, leftOut, operationOf, unknownOperation} from '../operations.ts'
import {usageError} from '../parse.ts'
import {type Run, runTransfers, type Told} from '../run.ts'
import {engineOptions, type RunFlags} from '../run-flags.ts'
import {MOVING_STATES, OwnOperations, WholeStore} from '../scopes.ts'
import {holdsStore} from '../store-directory.ts'
import {plural} from '../text.ts'

export async function resume(io: Io, guids: readonly string[], flags: RunFlags): Promise<number> {
  const options = engineOptions(flags, io.env)
  if (!(await holdsStore(options.directory))) {
    const [guid] = guids
    if (guid !== undefined) throw unknownOperation(guid)
    if (flags.quiet !== true && flags.json !== true) say(io, 'nothing to do: there is no unfinished transfer')
    return 0
  }
  return runTransfers(io, flags, options, guids.length === 0 ? new ResumeAll(options.directory) : new ResumeSome(guids))
}

/** They wait for a person: the one who paused them, or who can mend their error. */
const LEFT_ALONE = ['pausedByApplication', 'pausedRecoverableWebErrorStatus'] as const
/** They wait for the machine. */
const PAUSED_BY_SYSTEM = ['pausedForStorage', 'pausedNoNetwork', 'pausedCostedNetwork', 'pausedSystemPolicy'] as const

class ResumeAll implements Run {
  readonly scope = new WholeStore()
  readonly #store: string

  constructor(store: string) {
    this.#store = store
  }

  async begin(engine: BackgroundTransferEngine, told: Told): Promise<void> {
    const {note} = told
    const {length: leftAlone} = await summariesOf(engine, LEFT_ALONE)
    const left = leftAlone === 0 ? '' : `; ${plural(leftAlone, 'paused download')} left alone (bgt unpause)`
    const [moving] = await engine.queryAsync({states: MOVING_STATES, limit: 1})
    const waiting = await summariesOf(engine, PAUSED_BY_SYSTEM)
    if (moving === undefined && waiting.length === 0) note(`nothing to do: there is no unfinished transfer${left}`)
    else if (left !== '') note(left.slice(2))
    for (const {guid} of waiting) {
      this.scope.expect(guid)
      goOn(await engine.getOperationAsync(guid), told)
    }
    await engine.resumeAllAsync()
    this.scope.begin(engine)
  }

  async end(engine: BackgroundTransferEngine, {fail}: Told): Promise<void> {
    const damaged = await engine.damagedAsync()
    if (damaged > 0) fail(leftOut(damaged, this.#store))
  }
}

class ResumeSome implements Run {
  readonly scope = new OwnOperations()
  readonly #guids: readonly string[]

  constructor(guids: readonly string[]) {
    this.#guids = guids
  }

  async begin(engine: BackgroundTransferEngine, told: Told): Promise<void> {
    const operations = new Set(await Promise.all(this.#guids.map((guid) => operationOf(engine, guid))))
    for (const operation of operations) {
      const {status} = operation.progress
      if (status === BackgroundTransferStatus.canceled || status === BackgroundTransferStatus.error) {
        const what = status === BackgroundTransferStatus.error ? 'failed' : 'was canceled'
        throw usageError(
          `the operation ${what}`,
          operation.guid,
          `run ${commandOf(operation.describe())} with its URL and file again`,
        )
      }
    }
    for (const operation of operations) {
      const {status} = operation.progress
      if (status === BackgroundTransferStatus.completed) {
        told.note(`${operation.describe().file}: is complete already`)
        continue
      }
      this.scope.add(operation.guid)
      goOn(operation, told)
    }
    this.scope.close()
  }
}

async function summariesOf(
  engine: BackgroundTransferEngine,
  states: readonly string[],
): Promise<readonly OperationSummary[]> {
  const found: OperationSummary[] = []
  for (let after: OperationId | undefined; ; ) {
    const page = await engine.queryAsync({states, ...(after === undefined ? {} : {after})})
    found.push(...page)
    after = page.at(-1)?.guid
    if (after === undefined) return found
  }
}
