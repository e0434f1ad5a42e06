/**
 * The chart of a completion group with the actors that ports make real: its tally, its turn, its task, and the throw of the dice.
 */

import {type AnyEventObject, fromCallback, fromPromise} from 'xstate'
import {completionGroupMachine} from '../../../machines/completion-group.machine.ts'
import type {CommitInput, TaskCommand, WeighRunInput} from '../../../machines/completion-group.setup.ts'
import {asTransferError, TransferError} from '../../domain/errors.ts'
import type {OperationId, TallyId} from '../../domain/operation-id.ts'
import {nextRunAt, type RunRetry, type Tally, type TallyChange} from '../../domain/tally.ts'
import {type OperationView, operationViewOf, type TaskLaunch} from '../../domain/task-view.ts'
import type {Clock} from '../../ports/clock.ts'
import type {Log} from '../../ports/log.ts'
import type {Random} from '../../ports/random.ts'
import type {RecordStore} from '../../ports/record-store.ts'
import type {RunningTask, TaskHost, TaskRunner} from '../../ports/task-runner.ts'
import {Turns} from '../admission/turns.ts'
import type {EngineEvent} from '../events.ts'

export interface TaskProvisions {
  readonly store: RecordStore
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly tasks: TaskRunner
  readonly retry: RunRetry
  /** Answers the calls of a task. */
  readonly hostOf: (launch: TaskLaunch) => Pick<TaskHost, 'call'>
  readonly emit: (event: EngineEvent) => void
  /** Resolves when the change is durable. */
  readonly commit: (id: TallyId, change: TallyChange) => Promise<void>
  /** Asks until the store answers. Rejects when the engine closes first, and when what it reads does not verify. */
  readonly read: <T>(id: TallyId, read: (store: RecordStore) => Promise<T>) => Promise<T>
  /** Tasks that may run at once. */
  readonly maxConcurrent: number
}

const PAGE = 1000

export function provideCompletionGroupMachine(provisions: TaskProvisions) {
  const {clock, random, retry, commit, read} = provisions
  /** Settles when the last try of a group's task is gone: two never run at once. */
  const lastRuns = new Map<TallyId, Promise<void>>()
  const turns = new Turns(provisions.maxConcurrent)

  return completionGroupMachine().provide({
    actors: {
      commitChange: fromPromise<void, CommitInput>(({input}) => commit(input.id, input.change)),
      readTally: fromPromise<Tally | undefined, {id: TallyId}>(({input: {id}}) => read(id, (store) => store.tally(id))),
      holdTurn: fromCallback<AnyEventObject, {id: TallyId}>(({input: {id}, sendBack}) => {
        // One chart's step must not step another chart.
        const giveBack = turns.ask(() => queueMicrotask(() => sendBack({type: 'turn.come'})))
        return () => {
          const lastRun = lastRuns.get(id)
          if (lastRun === undefined) giveBack()
          else void lastRun.then(giveBack)
        }
      }),
      weighRun: fromPromise<{retryAt?: number}, WeighRunInput>(async ({input: {id, runs, failure}}) => {
        const now = clock.now()
        const isUncounted = failure.code === 'CLOSED'
        const retryAt = isUncounted ? now : nextRunAt(runs, retry, now, random.next())
        await commit(id, {
          kind: 'fail',
          error: failure,
          ...(retryAt === undefined ? {} : {retryAt}),
          ...(isUncounted ? {uncounted: true} : {}),
        })
        return retryAt === undefined ? {} : {retryAt}
      }),
      runTask: fromCallback<TaskCommand, {id: TallyId; run: number}>(({input: {id, run}, sendBack, receive}) => {
        const attempt = new TaskAttempt(provisions, id, run)
        const ended = attempt.run(lastRuns.get(id)).then(
          () => sendBack({type: 'task.through'}),
          (error) => sendBack({type: 'task.failed', error: asTransferError(error).toSerialized()}),
        )
        lastRuns.set(id, ended)
        void ended.then(() => {
          if (lastRuns.get(id) === ended) lastRuns.delete(id)
        })
        receive(() => attempt.cancel())
        return () => attempt.stop()
      }),
    },
  })
}

/** One try: reads what the task is told, launches it, and follows it to its end. */
class TaskAttempt {
  readonly #provisions: TaskProvisions
  readonly #id: TallyId
  readonly #run: number
  #task: RunningTask | undefined
  #wish: 'none' | 'cancel' | 'stop' = 'none'

  constructor(provisions: TaskProvisions, id: TallyId, run: number) {
    this.#provisions = provisions
    this.#id = id
    this.#run = run
  }

  async run(before: Promise<void> | undefined): Promise<void> {
    await before
    const {launch, of} = await this.#launch()
    if (this.#wish !== 'none') throw new TransferError('CANCELED', 'the background task was canceled before it began')
    const {tasks, hostOf, emit, clock} = this.#provisions
    const host = hostOf(launch)
    this.#task = tasks.start(launch, {
      call: (call) => host.call(call),
      progressed: (progress) => emit({type: 'task.progressed', at: clock.now(), group: this.#id, ...of, progress}),
    })
    await this.#task.ended
  }

  cancel(): void {
    if (this.#wish === 'none') this.#wish = 'cancel'
    this.#task?.cancel()
  }

  stop(): void {
    this.#wish = 'stop'
    this.#task?.stop()
  }

  async #launch(): Promise<{readonly launch: TaskLaunch; readonly of: Pick<Tally, 'app'>}> {
    const tally = await this.#provisions.read(this.#id, (store) => store.tally(this.#id))
    if (tally?.task === undefined) throw new TransferError('TASK_FAILED', 'the background task’s registration is lost')
    const {taskId, name, module, isolation} = tally.task
    const views = await this.#views()
    const launch = {
      instanceId: this.#id,
      taskId,
      name,
      module,
      isolation,
      run: this.#run,
      downloads: views.filter(({direction}) => direction === 'download'),
      uploads: views.filter(({direction}) => direction !== 'download'),
    }
    return {launch, of: tally.app === undefined ? {} : {app: tally.app}}
  }

  /** In the order of creation, without those whose records are gone. */
  async #views(): Promise<readonly OperationView[]> {
    const {read} = this.#provisions
    const views: OperationView[] = []
    for (let after: OperationId | undefined; ; ) {
      const from = after
      const ids = await read(this.#id, (store) => store.members(this.#id, from, PAGE))
      after = ids.at(-1)
      if (after === undefined) return views
      const records = await read(this.#id, (store) => store.getMany(ids))
      for (const record of records) if (record !== undefined) views.push(operationViewOf(record))
    }
  }
}
