/** What no client of ours says: it is refused in a line, costs nobody anything, and tells nothing of the inside. */

import {pathToFileURL} from 'node:url'
import {describe, expect, it} from 'vitest'
import {makeDirectory, openEngine} from '../integration/harness.ts'
import {operationId} from '../support/records.ts'
import {ask, openSession, socketOf} from './raw-session.ts'

const GROUP = operationId(900)

async function hosted() {
  const directory = await makeDirectory()
  const engine = await openEngine(directory, {control: true})
  return {directory, engine, socket: socketOf(directory)}
}

describe('a host that is asked nonsense', () => {
  it('says of a path that is none that nothing is there', async () => {
    const {socket} = await hosted()
    for (const path of ['//', '///', 'http://[']) {
      const {status, body} = await ask(socket, 'GET', path)
      expect([status, body.error]).toEqual([404, {code: 'NOT_SUPPORTED', message: 'there is nothing here'}])
    }
  })

  it('counts any number of drafts at once, and lets go of them with their session', async () => {
    const {socket, engine} = await hosted()
    const session = await openSession(socket)
    const group = {id: GROUP, expected: Number.MAX_SAFE_INTEGER, again: false}
    expect((await session.call('createCompletionGroup', group)).error).toBeUndefined()
    expect((await session.call('enableCompletionGroup', {id: GROUP})).error).toBeUndefined()
    const ended = new Promise((resolve) => {
      engine.events$.subscribe(({type}) => type === 'completion.dropped' && resolve(type))
    })
    await ask(socket, 'DELETE', session.path)
    expect(await ended).toBe('completion.dropped')
  })

  it('refuses a module of a task that is no file of this machine', async () => {
    const {socket} = await hosted()
    const session = await openSession(socket)
    await session.call('createCompletionGroup', {id: GROUP, expected: 0, again: false})
    const task = {taskId: operationId(901), name: 'one', isolation: 'worker', timeoutMs: 1_000}
    for (const module of ['file://elsewhere/task.js', 'file:///a%2fb']) {
      const {error} = await session.call('registerTask', {id: GROUP, task: {...task, module}})
      expect(error).toMatchObject({code: 'INVALID_ARGUMENT', where: 'registerTask.task.module'})
    }
    const module = pathToFileURL('/a/b.js').href
    expect((await session.call('registerTask', {id: GROUP, task: {...task, module}})).error).toBeUndefined()
  })
})
