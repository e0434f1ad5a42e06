/** What a client remembers of completion groups. */

import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {expect, it} from 'vitest'
import {CallQueue} from '../../src/client/call-queue.ts'
import {RemoteCompletionGroups} from '../../src/client/remote-completion-groups.ts'
import type {CallBatch} from '../../src/host/protocol.ts'
import {operationId} from '../support/records.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

it('is nothing of those that are enabled, however many there were', async () => {
  const queue: CallBatch[] = []
  const calls = new CallQueue({post: async (batch) => void queue.push(JSON.parse(batch)), onBroken: () => {}})
  const ids: WeakRef<object>[] = []
  // Objects in the place of texts: whoever remembers one keeps it alive.
  const groups = new RemoteCompletionGroups(calls, {demandOpen: () => {}}, () => {
    const id = Object(operationId(1000 + ids.length))
    ids.push(new WeakRef(id))
    return id
  })
  const answerAll = async () => {
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      for (const {id} of batch.calls) calls.answered(id, null, undefined)
    }
  }
  const flushed = () => new Promise((resolve) => setImmediate(resolve))
  calls.linked(() => {})
  for (let n = 0; n < 20; n++) {
    const id = groups.create()
    groups.expect(id)
    groups.started([{completionGroup: id}])
    const enabled = groups.enable(id)
    expect(() => groups.expect(id)).toThrow(/is enabled/)
    await flushed()
    await answerAll()
    await enabled
    expect(groups.isEnabled(id)).toBe(true)
    expect(() => groups.enable(id)).toThrow(/is enabled already/)
  }
  await flushed()
  collectGarbage()
  expect(ids.filter((id) => id.deref() !== undefined).length).toBeLessThan(2)
})

it('is a group with a task also where nobody has a handle of it: whoever finds the task can enable it', async () => {
  const calls = new CallQueue({post: async () => undefined, onBroken: () => {}})
  const groups = new RemoteCompletionGroups(calls, {demandOpen: () => {}}, () => operationId(1))
  const id = groups.create()
  const task = {taskId: operationId(2), name: '', module: 'file:///t.mjs', isolation: 'worker', timeoutMs: 1} as const
  groups.told([[id, task]])
  groups.letGo(id)
  expect(groups.isEnabled(id)).toBe(false)
  groups.told([])
  groups.letGo(id)
  expect(groups.isEnabled(id)).toBe(true)
})
