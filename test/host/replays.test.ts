/**
 * What a client says again to the next host, when the one that it had died over the answers: whatever of it the dead one had done
 * is done once, and each call is answered.
 */

import {describe, expect, it} from 'vitest'
import {CallQueue} from '../../src/client/call-queue.ts'
import {RemoteCompletionGroups} from '../../src/client/remote-completion-groups.ts'
import type {TallyId} from '../../src/domain/operation-id.ts'
import type {CallBatch} from '../../src/host/protocol.ts'
import {makeDirectory, openEngine, startServer} from '../integration/harness.ts'
import {operationId} from '../support/records.ts'
import {openSession, socketOf} from './raw-session.ts'

const GROUP = operationId(900)
const TASK = {
  taskId: operationId(901),
  name: 'told again',
  module: 'file:///nowhere/task.mjs',
  isolation: 'worker',
  timeoutMs: 1_000,
}

const draft = (directory: string, url: string) => ({
  id: operationId(1),
  direction: 'download',
  request: {url, method: 'GET', headers: []},
  target: {file: `${directory}/a`, collision: 'failIfExists'},
  policy: {priority: 0, costPolicy: 0, group: ''},
  createdAt: 1,
  completionGroup: GROUP,
})

/** Calls of a client from a new group to its enabling, as it says them first. */
const FIRST = (directory: string, url: string) =>
  [
    ['createCompletionGroup', {id: GROUP, expected: 0, again: false}],
    ['registerTask', {id: GROUP, task: TASK}],
    ['expectMember', {id: GROUP}],
    ['start', {drafts: [draft(directory, url)], hold: true}],
    ['enableCompletionGroup', {id: GROUP}],
  ] as const

describe('calls on a completion group', () => {
  it.each([0, 1, 2, 3, 4, 5])('of which %i were done before the host died come out the same', async (done) => {
    const directory = await makeDirectory()
    const server = await startServer()
    server.route('/a', {content: Buffer.alloc(10), cutAfter: 1, cut: 'stall'})
    const calls = FIRST(directory, server.url('/a'))
    const host = await openEngine(directory, {control: true})
    const session = await openSession(socketOf(directory))
    for (const [name, input] of calls.slice(0, done)) expect((await session.call(name, input)).error).toBeUndefined()
    await host.close()
    const next = await openEngine(directory, {control: true, backgroundTasks: {maxRuns: 1}})
    const failed: string[] = []
    next.events$.subscribe((event) => {
      if (event.type === 'task.failed') failed.push(event.error.message)
    })
    // No answer of all these reached the client: it says everything again, in one batch, behind what it knows of the group.
    const again = await openSession(socketOf(directory))
    const answers = await again.callAll([['createCompletionGroup', {id: GROUP, expected: 0, again: true}], ...calls])
    const refused = answers.flatMap(({error}, index) => (error === undefined ? [] : [calls[index - 1]?.[0]]))
    // Nothing more can be expected of a group that is enabled, and nobody hears of it.
    expect(refused).toEqual(done === 5 ? ['expectMember'] : [])
    const [operation] = await next.queryAsync()
    expect([operation?.guid, next.backgroundTasks.size]).toEqual([operationId(1), 1])
    // Enabled, with one member and nobody else to wait for: the member's end fires it.
    expect(await next.getCompletionGroupAsync(GROUP).then(({isEnabled}) => isEnabled)).toBe(true)
    const download = await next.getDownloadAsync(operationId(1))
    download.attachAsync().cancel()
    await expect.poll(() => failed.length).toBe(1)
    // The client has not heard of its registration still: that is not to look like a second one.
    const third = await openSession(socketOf(directory))
    expect((await third.call('registerTask', {id: GROUP, task: TASK})).error).toBeUndefined()
    const other = {...TASK, taskId: operationId(902)}
    expect((await third.call('registerTask', {id: GROUP, task: other})).error?.code).toBe('ILLEGAL_STATE')
  })

  it('are counted once by a client whose link is made anew, whatever was answered', async () => {
    const batches: CallBatch[] = []
    const calls = new CallQueue({
      post: async (batch) => void batches.push(JSON.parse(batch)),
      onBroken: () => {},
    })
    const groups = new RemoteCompletionGroups(calls, {demandOpen: () => {}}, () => GROUP as TallyId)
    const flushed = () => new Promise((resolve) => setImmediate(resolve))
    calls.linked(() => {})
    groups.create()
    groups.expect(GROUP)
    groups.expect(GROUP)
    await flushed()
    // The first of both was answered.
    for (const id of [0, 1]) calls.answered(id, null, undefined)
    await flushed()
    groups.withdraw([{completionGroup: GROUP}])
    groups.enable(GROUP).catch(() => undefined)
    await flushed()
    batches.splice(0)
    calls.broken()
    calls.linked(() => groups.resync())
    await flushed()
    expect(batches.flatMap((batch) => batch.calls).map(({name, input}) => [name, input])).toEqual([
      ['createCompletionGroup', {id: GROUP, expected: 1, again: true}],
      ['expectMember', {id: GROUP}],
      ['withdrawMembers', {groups: [GROUP]}],
      ['enableCompletionGroup', {id: GROUP}],
    ])
    for (const {id} of batches.flatMap((batch) => batch.calls)) calls.answered(id, null, undefined)
    await flushed()
    batches.splice(0)
    calls.broken()
    calls.linked(() => groups.resync())
    await flushed()
    expect(batches).toEqual([])
  })
})
