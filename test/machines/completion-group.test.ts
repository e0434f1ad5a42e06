/** A completion group's chart: what it waits for before it fires, and what it makes of its task's tries. */

import {describe, expect, it} from 'vitest'
import {type AnyEventObject, createActor, fromCallback, fromPromise} from 'xstate'
import {completionGroupMachine} from '../../machines/completion-group.machine.ts'
import type {CompletionGroupEvent, TaskCommand} from '../../machines/completion-group.setup.ts'
import type {SerializedError} from '../../src/domain/errors.ts'
import type {TallyId} from '../../src/domain/operation-id.ts'
import {applyChange, emptyTally, settleTally, type Tally, type TallyChange} from '../../src/domain/tally.ts'
import {operationId} from '../support/records.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const EMPTY = emptyTally({id: operationId(900), purpose: 'completionGroup'})
const TASK = {taskId: 't', name: '', module: 'file:///t.js', isolation: 'worker', timeoutMs: 1_000} as const
const FAILURE = {code: 'TASK_FAILED', message: 'no'} as const

/** The chart over a tally that is kept as the store keeps it. */
function stand(from: Partial<Tally> = {task: TASK}, {maxRuns = 2, isBusy = false, unheard = 0} = {}) {
  const clock = new SimulatedClock(0)
  const found: Tally = {...EMPTY, ...from}
  let tally: Tally = {...found, unfinished: found.unfinished - unheard}
  const commands: string[] = []
  const runs: number[] = []
  let giveTurn = () => {}
  let sendBack: (event: CompletionGroupEvent) => void = () => {}
  const commit = (change: TallyChange) => {
    commands.push(change.kind)
    tally = settleTally(applyChange(tally, change))
  }
  const actor = createActor(
    completionGroupMachine().provide({
      actors: {
        commitChange: fromPromise<void, {id: TallyId; change: TallyChange}>(async ({input}) => commit(input.change)),
        readTally: fromPromise<Tally | undefined, {id: TallyId}>(async () => tally),
        weighRun: fromPromise<{retryAt?: number}, {id: TallyId; runs: number; failure: SerializedError}>(
          async ({input}) => {
            const retryAt = input.runs < maxRuns ? clock.now() + 5_000 : undefined
            commit({kind: 'fail', error: input.failure, ...(retryAt === undefined ? {} : {retryAt})})
            return retryAt === undefined ? {} : {retryAt}
          },
        ),
        holdTurn: fromCallback<AnyEventObject, {id: TallyId}>(({sendBack}) => {
          giveTurn = () => sendBack({type: 'turn.come'})
          if (!isBusy) giveTurn()
          return () => commands.push('turn given back')
        }),
        runTask: fromCallback<TaskCommand, {id: TallyId; run: number}>(({input, receive, sendBack: back}) => {
          runs.push(input.run)
          sendBack = back
          receive(({type}) => commands.push(type))
          return () => commands.push('stopped')
        }),
      },
    }),
    {input: {tally: found, runTimeoutMs: 9_000, cancelGraceMs: 500}, clock},
  ).start()
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    commands,
    runs,
    clock,
    get tally() {
      return tally
    },
    /** Of an end or a start that is durable and was not told. */
    miscount(difference: number) {
      tally = {...tally, unfinished: tally.unfinished + difference}
    },
    /** Members come and go in the store as in the chart. */
    async play(...events: readonly (CompletionGroupEvent['type'] | number)[]) {
      for (const event of events) {
        if (typeof event === 'number') clock.advanceBy(event)
        else if (event === 'turn.come') giveTurn()
        else if (event.startsWith('task.')) sendBack({type: event, error: FAILURE} as CompletionGroupEvent)
        else {
          const change = event === 'member.started' ? 1 : event === 'member.ended' ? -1 : 0
          tally = settleTally({...tally, unfinished: tally.unfinished + change})
          actor.send({type: event} as CompletionGroupEvent)
        }
        await settle()
      }
      await settle()
      return actor.getSnapshot()
    },
  }
}

describe('the chart of a completion group', () => {
  it('228. collects for ever while nobody enables it', async () => {
    const {play, runs} = stand()
    const snapshot = await play('member.created', 'member.started', 'member.ended')
    expect(snapshot.value).toBe('collecting')
    expect(runs).toEqual([])
  })

  it('232. fires when it is enabled and the last member ended, not before', async () => {
    const group = stand()
    await group.play('member.created', 'member.created', 'member.started', 'member.started', 'group.enable')
    expect((await group.play('member.ended')).value).toBe('waiting')
    expect((await group.play('member.ended')).value).toEqual({firing: {running: 'working'}})
    const snapshot = await group.play('task.through')
    expect(snapshot.value).toBe('fired')
    expect(group.tally).toMatchObject({state: 'done', outcome: 'ran', runs: 1})
    expect(group.commands).toEqual(['close', 'release', 'begin', 'stopped', 'finish', 'turn given back'])
  })

  it('234, 235. is enabled before its members are started, or after all have ended', async () => {
    const before = stand()
    expect((await before.play('member.created', 'group.enable')).value).toBe('held')
    expect((await before.play('member.started')).value).toBe('waiting')
    expect((await before.play('member.ended')).hasTag('firing')).toBe(true)
    const after = stand()
    await after.play('member.created', 'member.started', 'member.ended')
    expect((await after.play('group.enable')).hasTag('firing')).toBe(true)
  })

  it('a member that was never started holds it until it is withdrawn', async () => {
    const group = stand()
    expect((await group.play('member.created', 'group.enable')).value).toBe('held')
    expect(group.tally).toMatchObject({state: 'closed', held: true})
    expect((await group.play('member.withdrawn')).hasTag('firing')).toBe(true)
  })

  it('O13. an empty one fires at once', async () => {
    expect((await stand().play('group.enable')).value).toEqual({firing: {running: 'working'}})
  })

  it('O14. without a task it fires into nothing', async () => {
    const group = stand({})
    expect((await group.play('group.enable')).value).toBe('dropped')
    expect(group.runs).toEqual([])
    expect(group.tally).toMatchObject({state: 'done', outcome: 'dropped'})
    // The same where the process died before it was dropped.
    expect((await stand({state: 'due', members: 1}).play()).value).toBe('dropped')
  })

  it('tries a task that fails again at a deadline, and gives it up after its last try', async () => {
    const group = stand()
    const snapshot = await group.play('group.enable', 'task.failed')
    expect(snapshot.value).toBe('backingOff')
    expect(snapshot.context).toMatchObject({retryAt: 5_000, runs: 1, failure: FAILURE})
    expect(group.tally).toMatchObject({state: 'due', runs: 1, retryAt: 5_000})
    expect((await group.play('retry.due')).value).toEqual({firing: {running: 'working'}})
    expect((await group.play('task.failed')).value).toBe('failed')
    expect(group.tally).toMatchObject({state: 'done', outcome: 'failed', runs: 2, error: FAILURE})
    expect(group.runs).toEqual([1, 2])
  })

  it('cancels a task that takes too long, and stops it after a grace', async () => {
    const group = stand()
    await group.play('group.enable', 999)
    expect((await group.play(1)).value).toEqual({firing: {running: 'canceling'}})
    expect(group.commands).toContain('task.cancel')
    expect(group.commands).not.toContain('stopped')
    expect((await group.play(500)).value).toBe('backingOff')
    expect(group.commands).toContain('stopped')
    expect(group.tally.error).toMatchObject({code: 'TASK_TIMED_OUT'})
  })

  it('takes the end of a task that was canceled and got through', async () => {
    const group = stand()
    await group.play('group.enable', 'engine.draining')
    expect((await group.play('task.through')).value).toBe('fired')
  })

  it('O15. goes on where its tally stands', async () => {
    const closed = {...EMPTY, task: TASK, state: 'closed', members: 2} as const
    expect((await stand({...closed, unfinished: 1}).play()).value).toBe('waiting')
    // Nobody is left who could start what held it.
    expect((await stand({...closed, held: true}).play()).hasTag('firing')).toBe(true)
    const due = {...closed, state: 'due', runs: 1} as const
    expect((await stand(due).play()).value).toEqual({firing: {running: 'working'}})
    expect((await stand({...due, retryAt: 7}).play()).value).toBe('backingOff')
  })

  it('believes the store, and not its own count', async () => {
    const low = stand({...EMPTY, task: TASK, state: 'closed', members: 2, unfinished: 2})
    await low.play()
    low.miscount(+1)
    await low.play('member.ended')
    expect((await low.play('member.ended')).value).toBe('waiting')
    expect(low.runs).toEqual([])
    expect((await low.play('member.ended')).hasTag('firing')).toBe(true)
  })

  it('takes an end that is told before its start, or before the group is known', async () => {
    const early = stand()
    await early.play('member.created', 'member.ended', 'member.started', 'group.enable')
    expect((await early.play()).hasTag('firing')).toBe(true)
    const found = stand({...EMPTY, task: TASK, state: 'closed', members: 2, unfinished: 2}, {unheard: 1})
    expect((await found.play()).context.unfinished).toBe(1)
    expect((await found.play('member.ended')).hasTag('firing')).toBe(true)
  })

  it('waits for its turn, and gives it back between two tries', async () => {
    const group = stand({task: TASK}, {isBusy: true})
    expect((await group.play('group.enable')).value).toEqual({firing: 'queued'})
    expect(group.runs).toEqual([])
    expect((await group.play('turn.come')).value).toEqual({firing: {running: 'working'}})
    expect((await group.play('task.failed')).value).toBe('backingOff')
    expect(group.commands.at(-1)).toBe('turn given back')
    expect((await group.play('retry.due')).value).toEqual({firing: 'queued'})
  })

  it('rests when the engine closes, wherever it is, and that try does not count', async () => {
    const queued = stand({task: TASK}, {isBusy: true})
    await queued.play('group.enable')
    expect((await queued.play('engine.draining')).value).toBe('interrupted')
    const due = {...EMPTY, task: TASK, state: 'due', members: 1} as const
    const beginning = stand(due)
    const [snapshot] = await Promise.all([beginning.play(), beginning.play('engine.draining')])
    expect(snapshot.value).toBe('interrupted')
    expect(beginning.runs).toEqual([])
    const running = stand(due)
    await running.play('engine.draining')
    expect((await running.play('task.failed')).value).toBe('interrupted')
    expect(running.tally).toMatchObject({state: 'due', runs: 1, error: {code: 'CLOSED'}})
    const consulting = stand({...EMPTY, task: TASK, state: 'closed', members: 1, unfinished: 1})
    const [over] = await Promise.all([consulting.play(), consulting.play('engine.draining')])
    expect(over.value).toBe('interrupted')
  })
})
