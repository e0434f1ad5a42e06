/** Completion groups of an engine whose store refuses, and the turns that their tasks wait for. */

import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {describe, expect, it, vi} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {TallyId} from '../../src/domain/operation-id.ts'
import {Turns} from '../../src/engine/admission/turns.ts'
import {BackgroundTransferCompletionGroup} from '../../src/namespace/background-transfer-completion-group.ts'
import type {TaskRunner} from '../../src/ports/task-runner.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const HOUR = 3_600_000

const REGISTRATION = {
  taskId: 't',
  name: '',
  module: 'file:///task.mjs',
  isolation: 'worker',
  timeoutMs: 60_000,
} as const

/** Tasks are through at once. */
function countingTasks() {
  const instances: string[] = []
  const tasks: TaskRunner = {
    locate: String,
    start: ({instanceId}) => {
      instances.push(instanceId)
      return {ended: Promise.resolve(), cancel: () => undefined, stop: () => undefined}
    },
  }
  return {instances, tasks}
}

describe('17.K completion groups over a store that refuses', () => {
  it('232. a tally that cannot be read is read again, and the task runs in the same session', async () => {
    const {instances, tasks} = countingTasks()
    const world = new SimulatedWorld({tasks})
    const {completionGroups} = await world.open()
    const id = completionGroups.create()
    await world.until(completionGroups.register(id, REGISTRATION))
    const {store} = world.process
    const refused = new TransferError('DISK_FAILED', 'the store’s disk failed')
    vi.spyOn(store, 'tally').mockRejectedValueOnce(refused).mockRejectedValueOnce(refused)
    await world.until(completionGroups.enable(id))
    await world.until(() => instances.length > 0)
    await world.until(() => completionGroups.hasFired(id) && world.process.events.at(-1)?.type === 'task.completed')
    expect(instances).toEqual([id])
    expect(world.process.complaints).toHaveLength(2)
    await world.close()
  })

  it('one that is damaged waits for doctor, and holds nobody up', async () => {
    const {instances, tasks} = countingTasks()
    const world = new SimulatedWorld({tasks})
    const {completionGroups} = await world.open()
    const id = completionGroups.create()
    await world.until(completionGroups.register(id, REGISTRATION))
    vi.spyOn(world.process.store, 'tally').mockRejectedValue(new TransferError('STORE_DAMAGED', 'it does not verify'))
    await world.until(completionGroups.enable(id))
    await world.close()
    expect(instances).toEqual([])
  })
})

describe('17.K a task that is registered while the last member ends', () => {
  /** A group whose only member has ended durably, which the group has not heard yet; an empty one, whose enabling is durable. */
  async function unheard(isEmpty: boolean) {
    const {instances, tasks} = countingTasks()
    const world = new SimulatedWorld({tasks})
    const {completionGroups} = await world.open()
    const id = completionGroups.create()
    if (!isEmpty) {
      world.network.serve(urlOf(1), {seed: 1, size: 1_000})
      completionGroups.expect(id)
      await world.until(world.engine.startMany([{...world.draft(1), completionGroup: id}]))
      await world.until(completionGroups.enable(id))
    }
    const {store} = world.process
    const isDue = new Promise<void>((resolve) => {
      const watched = async <T>(written: Promise<T>) => {
        await written
        if ((await store.tally(id))?.state === 'due') resolve()
      }
      const {save, changeTally} = store
      vi.spyOn(store, 'save').mockImplementation((...args) => watched(save.apply(store, args)))
      vi.spyOn(store, 'changeTally').mockImplementation((...args) => watched(changeTally.apply(store, args)))
    })
    if (isEmpty) void completionGroups.enable(id)
    return {world, completionGroups, id, isDue, instances}
  }

  it.each([false, true])(
    '230, 232. runs, if nobody was told before that the group has fired (empty: %s)',
    async (isEmpty) => {
      const {world, completionGroups, id, isDue, instances} = await unheard(isEmpty)
      let registered: Promise<void> | undefined
      void isDue.then(() => {
        expect(completionGroups.hasFired(id)).toBe(false)
        registered = completionGroups.register(id, REGISTRATION)
      })
      await world.until(() =>
        ['task.completed', 'completion.dropped'].includes(world.process.events.at(-1)?.type ?? ''),
      )
      await registered
      expect(instances).toEqual([id])
      await world.close()
    },
  )

  it('unregistered then, it does not run', async () => {
    const {world, completionGroups, id, isDue, instances} = await unheard(false)
    await world.until(completionGroups.register(id, REGISTRATION))
    void isDue.then(() => completionGroups.unregister(id))
    await world.until(() => ['task.completed', 'completion.dropped'].includes(world.process.events.at(-1)?.type ?? ''))
    expect(instances).toEqual([])
    expect(world.process.events.at(-1)).toMatchObject({type: 'completion.dropped', group: id})
    await world.close()
  })
})

describe('turns', () => {
  it('are had by as many as may, and by whoever asked first', () => {
    const turns = new Turns(2)
    const came: number[] = []
    const [first, second, third, fourth] = [1, 2, 3, 4].map((n) => turns.ask(() => came.push(n)))
    expect(came).toEqual([1, 2])
    third?.()
    first?.()
    first?.()
    expect(came).toEqual([1, 2, 4])
    second?.()
    fourth?.()
    turns.ask(() => came.push(5))
    turns.ask(() => came.push(6))
    turns.ask(() => came.push(7))
    expect(came).toEqual([1, 2, 4, 5, 6])
  })
})

describe('17.K a task whose next try an engine on a clock that was set back waits for', () => {
  it('waits no longer than the longest wait, also behind a crash', async () => {
    let tries = 0
    const tasks: TaskRunner = {
      locate: String,
      start: () => {
        tries += 1
        const ended = tries === 1 ? Promise.reject(new Error('it failed')) : Promise.resolve()
        return {ended, cancel: () => undefined, stop: () => undefined}
      },
    }
    const world = new SimulatedWorld({tasks})
    const {completionGroups} = await world.open()
    const id = completionGroups.create()
    await world.until(completionGroups.register(id, REGISTRATION))
    await world.until(completionGroups.enable(id))
    await world.until(() => world.process.events.at(-1)?.type === 'task.failed')
    world.crash('kill')
    world.clock.set(-24 * HOUR)
    await world.open()
    await world.until(() => tries === 2, HOUR)
    await world.close()
  })
})

describe('a completion group that nobody has a handle of any more', () => {
  it('is gone, however many there were, when nothing ever belonged to it', async () => {
    const world = new SimulatedWorld()
    const {completionGroups} = await world.open()
    const kept = completionGroups.create()
    const ids = Array.from({length: 20}, () => new BackgroundTransferCompletionGroup(world.engine).id as TallyId)
    await expect
      .poll(() => {
        collectGarbage()
        return ids.filter((id) => completionGroups.has(id)).length
      })
      .toBeLessThan(2)
    expect(completionGroups.has(kept)).toBe(true)
    await world.close()
  })

  it('stays with an operation, one to come, or a task, and can be enabled by its id', async () => {
    const {instances, tasks} = countingTasks()
    const world = new SimulatedWorld({tasks})
    const {completionGroups} = await world.open()
    const [started, expecting, registered] = [1, 2, 3].map(() => completionGroups.create())
    if (started === undefined || expecting === undefined || registered === undefined) throw new Error('there are three')
    world.network.serve(urlOf(1), {seed: 1, size: 1_000})
    completionGroups.expect(started)
    completionGroups.expect(expecting)
    await world.until(world.engine.startMany([{...world.draft(1), completionGroup: started}]))
    await world.until(completionGroups.register(registered, REGISTRATION))
    for (const id of [started, expecting, registered]) {
      completionGroups.letGo(id)
      expect(completionGroups.isEnabled(id)).toBe(false)
    }
    await world.until(completionGroups.enable(registered))
    await world.until(() => instances.length > 0)
    expect(instances).toEqual([registered])
    await world.close()
  })
})
