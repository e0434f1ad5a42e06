/** The namespace's checklist, 17.K: completion groups and their background task, in real threads. Numbers are the items'. */

import {writeFile} from 'node:fs/promises'
import {pathToFileURL} from 'node:url'
import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  BackgroundDownloader,
  BackgroundTaskBuilder,
  BackgroundTaskRegistration,
  BackgroundTransferCompletionGroup,
  BackgroundTransferContentPart,
  BackgroundTransferStatus,
  BackgroundUploader,
  type TransferError,
} from '../../src/index.ts'
import {areHosted, digestOf, failure} from '../integration/harness.ts'
import {contentOf} from '../support/content.ts'
import {TaskWorld, useTaskProgram} from './task-world.ts'

useTaskProgram()

/** Notes the launch, and how each member ended. */
const LEDGER = `
  const {downloads, uploads} = task.triggerDetails
  const ends = downloads.map((each) => [each.progress.status, each.getResponseInformation()?.statusCode ?? null])
  note({id: task.instanceId, run: task.run, name: task.task.name, ends, uploads: uploads.length, guids: downloads.map(({guid}) => guid)})
`

function thrown(call: () => unknown): TransferError | undefined {
  try {
    call()
  } catch (error) {
    return error as TransferError
  }
  return undefined
}

/** A group with a task, and a downloader for it. */
async function groupIn(world: TaskWorld, body = LEDGER, options: {timeoutMs?: number; isolation?: 'process'} = {}) {
  const group = world.engine.createCompletionGroup()
  const downloader = world.engine.createDownloader({completionGroup: group})
  const registration = await world.engine.registerBackgroundTask({
    name: 'ledger',
    taskEntryPoint: await world.module(body),
    trigger: group.trigger,
    ...options,
  })
  const create = (name: string) => downloader.createDownload(world.url(name), world.file(name))
  return {group, downloader, registration, create}
}

describe('17.A construction and configuration', () => {
  it('1, 2, 3, 4. a downloader tells the completion group that it was built with, for good', async () => {
    const {engine} = await TaskWorld.make()
    expect(new BackgroundDownloader().completionGroup).toBeNull()
    const group = new BackgroundTransferCompletionGroup()
    const downloader = new BackgroundDownloader(group)
    expect(downloader.completionGroup).toBe(group)
    expect(engine.createDownloader({completionGroup: group}).completionGroup).toBe(group)
    expect(thrown(() => new BackgroundDownloader(null as never))?.code).toBe('INVALID_ARGUMENT')
    expect(thrown(() => engine.createDownloader({completionGroup: {} as never}))?.code).toBe('INVALID_ARGUMENT')
    for (const configurator of [downloader, new BackgroundUploader(group)]) {
      expect(() => Object.assign(configurator, {completionGroup: null})).toThrow(TypeError)
      expect(configurator.completionGroup).toBe(group)
    }
  })
})

describe('17.K completion groups and background task', () => {
  it('225, 226, 227. is enabled once, and takes nobody afterwards', async () => {
    const {engine, ...world} = await TaskWorld.make()
    const group = new BackgroundTransferCompletionGroup()
    const downloader = new BackgroundDownloader(group)
    expect(group.isEnabled).toBe(false)
    group.enable()
    expect(group.isEnabled).toBe(true)
    expect(thrown(() => group.enable())).toMatchObject({code: 'ILLEGAL_STATE', hresult: 0x8000000e})
    const create = (with_: BackgroundDownloader) => thrown(() => with_.createDownload('http://127.0.0.1/', '/x'))
    expect(create(downloader)?.code).toBe('ILLEGAL_STATE')
    expect(create(new BackgroundDownloader(group))?.code).toBe('ILLEGAL_STATE')
    expect(await failure(downloader.createDownloads([['http://127.0.0.1/', '/x']]))).toMatchObject({
      code: 'ILLEGAL_STATE',
    })
    expect(world.events).toEqual([])
  })

  it('226, 227, 230. is said to be closed with its engine, and not enabled, nor fired', async () => {
    const world = await TaskWorld.make()
    const {engine} = world
    const group = engine.createCompletionGroup()
    const downloader = engine.createDownloader({completionGroup: group})
    const taskEntryPoint = await world.module(LEDGER)
    await engine.close()
    expect(group.isEnabled).toBe(false)
    const owner = BackgroundTransferCompletionGroup.engineOf(group)
    const register = () => BackgroundTaskRegistration.register(owner, {taskEntryPoint, trigger: group.trigger})
    const calls = {
      enable: () => group.enable(),
      enableAsync: () => group.enableAsync(),
      createDownload: () => downloader.createDownload(world.url('a'), world.file('a')),
      createCompletionGroup: () => engine.createCompletionGroup(),
      register,
    }
    for (const [name, call] of Object.entries(calls)) expect([name, thrown(call)?.code]).toEqual([name, 'CLOSED'])
    expect(group.isEnabled).toBe(false)
  })

  it('228. without enable the task never runs', async () => {
    const world = await TaskWorld.make()
    const {create} = await groupIn(world)
    world.server.route('/a', {content: contentOf(1, 10)})
    await create('a').startAsync()
    await world.reopen()
    expect(await world.ledger()).toEqual([])
    expect(world.events.filter(({type}) => type === 'task.launched')).toEqual([])
  })

  it('229, 230. its trigger is one, takes one task, and none once it has fired (O40)', async () => {
    const world = await TaskWorld.make()
    const {group, registration} = await groupIn(world)
    expect(group.trigger).toBe(group.trigger)
    expect(group.trigger.completionGroup).toBe(group)
    const again = async () =>
      world.engine.registerBackgroundTask({taskEntryPoint: await world.module(LEDGER), trigger: group.trigger})
    expect(await failure(again())).toMatchObject({code: 'ILLEGAL_STATE', message: 'the trigger has a task already'})
    await registration.unregister()
    const second = await again()
    expect([...BackgroundTaskRegistration.allTasks.keys()]).toEqual([second.taskId])
    group.enable()
    await world.event('task.completed')
    expect(await failure(again())).toMatchObject({code: 'ILLEGAL_STATE', message: 'the trigger has fired'})
    expect(await world.ledger()).toHaveLength(1)
  })

  it('231. the registration ends by itself when the trigger fires', async () => {
    const world = await TaskWorld.make()
    const {group, registration} = await groupIn(world)
    expect(world.engine.backgroundTasks.get(registration.taskId)?.name).toBe('ledger')
    expect(world.engine.backgroundTasks.get(registration.taskId)?.trigger).toBe(group.trigger)
    const completed = firstValueFrom(registration.completed$)
    group.enable()
    await world.event('task.launched')
    expect(world.engine.backgroundTasks.size).toBe(0)
    expect(await completed).toEqual({succeeded: true})
    await registration.unregister()
  })

  it('232, 233, 236, 237. the task runs once, after the last member ended, whatever its end, beside the promises', async () => {
    const world = await TaskWorld.make()
    const {group, create} = await groupIn(world)
    world.server.route('/good', {content: contentOf(1, 1000), etag: '"1"'})
    world.server.route('/gone', {status: 404})
    world.server.route('/slow', {content: contentOf(1, 1000), cutAfter: 100, cut: 'stall'})
    const [good, gone, slow] = [create('good'), create('gone'), create('slow')]
    const running = [slow, gone, good].map((each) => each.startAsync())
    group.enable()
    expect(await running[2]).toBe(good)
    expect(await failure(running[1] as never)).toMatchObject({code: 'HTTP_STATUS'})
    expect(await world.ledger()).toEqual([])
    running[0]?.cancel()
    expect(await failure(running[0] as never)).toMatchObject({code: 'CANCELED'})
    await world.event('task.completed')
    const {completed, error, canceled} = BackgroundTransferStatus
    expect(await world.ledger()).toEqual([
      {
        ...{id: group.id, run: 1, name: 'ledger', uploads: 0},
        guids: [good, gone, slow].map(({guid}) => guid),
        ends: [
          [completed, 200],
          [error, 404],
          [canceled, 200],
        ],
      },
    ])
  })

  it('6, 236. downloads and uploads share a group, and the task is told of both', async () => {
    const world = await TaskWorld.make()
    const {group, create} = await groupIn(world)
    const uploader = world.engine.createUploader({completionGroup: group})
    expect(uploader.completionGroup).toBe(group)
    expect(uploader.method).toBe('POST')
    world.server.route('/down', {content: contentOf(1, 10)})
    world.server.route('/up', {status: 200})
    await writeFile(world.file('source'), 'bytes')
    const running = [create('down'), uploader.createUpload(world.url('up'), world.file('source'))].map((each) =>
      each.startAsync(),
    )
    group.enable()
    await Promise.all(running)
    await world.event('task.completed')
    expect(await world.ledger()).toMatchObject([{ends: [[5, 200]], uploads: 1}])
    expect(thrown(() => uploader.createUpload(world.url('up'), world.file('source')))?.code).toBe('ILLEGAL_STATE')
  })

  it('236. the task is told of each upload which file was sent, and how much of it', async () => {
    const world = await TaskWorld.make()
    const {group} = await groupIn(
      world,
      `for (const {sourceFile, progress, ...rest} of task.triggerDetails.uploads) note({sourceFile, progress, file: rest.resultFile})`,
    )
    const uploader = world.engine.createUploader({completionGroup: group})
    world.server.route('/up', {content: Buffer.from('thanks')})
    await writeFile(world.file('source'), 'bytes')
    const form = new BackgroundTransferContentPart('title')
    form.setText('words')
    await uploader.createUpload(world.url('up'), world.file('source')).startAsync()
    const sent = await uploader.createUploadAsync(world.url('up'), [form])
    await sent.startAsync()
    group.enable()
    await world.event('task.completed')
    const {bytesSent} = sent.progress
    const ends = {status: BackgroundTransferStatus.completed, bytesReceived: 6, totalBytesToReceive: 6}
    expect(await world.ledger()).toEqual([
      {sourceFile: world.file('source'), progress: {...ends, bytesSent: 5, totalBytesToSend: 5}},
      {sourceFile: null, progress: {...ends, bytesSent, totalBytesToSend: bytesSent}},
    ])
  })

  it('234, 235. is enabled before its members are started, or after all of them have ended', async () => {
    const world = await TaskWorld.make()
    world.server.route('/a', {content: contentOf(1, 10)})
    world.server.route('/b', {content: contentOf(1, 10)})
    const first = await groupIn(world)
    const operation = first.create('a')
    first.group.enable()
    await operation.startAsync()
    await world.event('task.completed', first.group.id)
    const second = await groupIn(world)
    await second.create('b').startAsync()
    await second.group.enableAsync()
    await world.event('task.completed', second.group.id)
    expect((await world.ledger()).map((entry) => (entry as {id: string}).id)).toEqual([first.group.id, second.group.id])
  })

  it.skipIf(areHosted())('a member that was never started holds it, and with its session it is gone', async () => {
    const world = await TaskWorld.make()
    world.server.route('/a', {content: contentOf(1, 10)})
    const {group, create} = await groupIn(world)
    const operation = create('a')
    create('never')
    await operation.startAsync()
    await group.enableAsync()
    await world.reopen()
    await world.event('task.completed')
    expect(world.events.filter(({type}) => type.startsWith('task.')).map(({type}) => type)).toEqual([
      'task.launched',
      'task.completed',
    ])
    expect(await world.ledger()).toMatchObject([{guids: [operation.guid]}])
  })

  it('O13. an empty group that is enabled fires at once, with empty lists', async () => {
    const world = await TaskWorld.make()
    const {group} = await groupIn(world)
    group.enable()
    await world.event('task.completed')
    expect(await world.ledger()).toMatchObject([{ends: [], uploads: 0}])
  })

  it('O14. without a registration the firing is dropped, and not replayed', async () => {
    const world = await TaskWorld.make()
    const {group, registration} = await groupIn(world)
    await registration.unregister()
    group.enable()
    await world.event('completion.dropped')
    expect(
      await failure(
        world.engine.registerBackgroundTask({taskEntryPoint: await world.module(LEDGER), trigger: group.trigger}),
      ),
    ).toMatchObject({code: 'ILLEGAL_STATE'})
    await world.reopen()
    expect(await world.ledger()).toEqual([])
  })

  it('238. a transfer group and a completion group go together', async () => {
    const world = await TaskWorld.make()
    world.server.route('/a', {content: contentOf(1, 10)})
    const {group, downloader, create} = await groupIn(world)
    downloader.transferGroup = world.engine.createGroup('episodes')
    const operation = create('a')
    expect(operation.transferGroup?.name).toBe('episodes')
    group.enable()
    await operation.startAsync()
    await world.event('task.completed')
    expect(await world.ledger()).toMatchObject([{guids: [operation.guid]}])
  })

  it('239. two groups share one entry point', async () => {
    const world = await TaskWorld.make()
    const groups = [await groupIn(world), await groupIn(world)]
    for (const {group} of groups) group.enable()
    for (const {group} of groups) await world.event('task.completed', group.id)
    expect(new Set((await world.ledger()).map((entry) => (entry as {id: string}).id)).size).toBe(2)
  })

  it('240. inside the task a new group is created, filled, started and enabled, and nothing is awaited', async () => {
    const world = await TaskWorld.make()
    const second = await world.module(LEDGER, 'second.mjs')
    const body = `
      const failed = task.triggerDetails.downloads.filter(({progress}) => progress.status === 7)
      const group = task.engine.createCompletionGroup()
      void task.engine.registerBackgroundTask({name: 'second', taskEntryPoint: ${JSON.stringify(second)}, trigger: group.trigger})
      const downloader = task.engine.createDownloader({completionGroup: group})
      downloader.setRequestHeader('X-Again', 'yes')
      for (const {requestedUri, resultFile} of failed) {
        downloader.createDownload(requestedUri.href.replace('/old', '/new'), resultFile).startAsync()
      }
      void group.enable()
      note('first')
    `
    world.server.route('/old', {status: 404})
    world.server.route('/new', {content: contentOf(7, 5000)})
    const {group, create} = await groupIn(world, body)
    const operation = create('old')
    group.enable()
    await failure(operation.startAsync())
    await firstValueFrom(world.engine.events$.pipe(filter(({type}) => type === 'task.completed')))
    const isSecond = (event: {type: string; group?: string}) =>
      event.type === 'task.completed' && event.group !== group.id
    if (!world.events.some(isSecond)) await firstValueFrom(world.engine.events$.pipe(filter(isSecond)))
    expect(await world.ledger()).toMatchObject(['first', {name: 'second', ends: [[5, 200]]}])
    expect(await digestOf(world.file('old'))).toBe((await import('../support/content.ts')).sha256(contentOf(7, 5000)))
    expect(world.server.requests.at(-1)?.headers['x-again']).toBe('yes')
  })

  it('241. runs in whichever session the last member ends, and members stay enumerable until delivered (O15, O16)', async () => {
    const world = await TaskWorld.make()
    world.server.route('/a', {content: contentOf(1, 100_000), etag: '"a"', cutAfter: 10, cut: 'stall'})
    const {group, create} = await groupIn(world)
    const operation = create('a')
    await operation.startAsync().accepted
    await group.enableAsync()
    await world.engine.close()
    world.server.route('/a', {content: contentOf(1, 100_000), etag: '"a"'})
    // Nobody attaches, and nobody registers anything again.
    await world.reopen()
    await world.event('task.completed')
    expect(await world.ledger()).toMatchObject([
      {id: group.id, guids: [operation.guid], ends: [[5, expect.any(Number)]]},
    ])
    expect((await world.engine.getCurrentDownloadsAsync()).map(({guid}) => guid)).toEqual([operation.guid])
  })

  it('a group that was never enabled is found again by its id', async () => {
    const world = await TaskWorld.make()
    const {group, create} = await groupIn(world)
    world.server.route('/a', {content: contentOf(1, 10)})
    await create('a').startAsync()
    await world.reopen()
    expect([...world.engine.backgroundTasks.values()].map(({name}) => name)).toEqual(['ledger'])
    const found = await world.engine.getCompletionGroupAsync(group.id)
    expect(found.isEnabled).toBe(false)
    await found.enableAsync()
    await world.event('task.completed')
    expect(await world.ledger()).toMatchObject([{ends: [[5, 200]]}])
    expect(await failure(world.engine.getCompletionGroupAsync('nonsense'))).toMatchObject({code: 'INVALID_ARGUMENT'})
    expect(
      await failure(world.engine.getCompletionGroupAsync(world.engine.createCompletionGroup().id.replace(/.$/, 'x'))),
    ).toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  it('keeps the records of members until the task ran, whatever the retention', async () => {
    const world = await TaskWorld.make({retention: {count: 0, ageMs: 0}})
    world.server.route('/a', {content: contentOf(1, 10)})
    const {group, create} = await groupIn(world)
    await create('a').startAsync()
    group.enable()
    await world.event('task.completed')
    expect(await world.ledger()).toMatchObject([{ends: [[5, 200]]}])
  })
})

describe('a background task', () => {
  it('waits for its deferral, tells progress, and works in a process of its own', async () => {
    const world = await TaskWorld.make()
    const body = `
      const deferral = task.getDeferral()
      task.progress = 50
      setTimeout(() => { note(process.pid); deferral.complete() }, 20)
    `
    const {group, registration} = await groupIn(world, body, {isolation: 'process'})
    const progress = firstValueFrom(registration.progress$)
    group.enable()
    expect(await progress).toBe(50)
    await world.event('task.completed')
    const [pid] = await world.ledger()
    expect(pid).not.toBe(process.pid)
  })

  it.each([
    ['throws', `if (task.run < 3) throw new Error('not yet')`, 'Error: not yet'],
    ['crashes', `if (task.run < 3) process.exit(3)`, 'it ended with exit code 3'],
    [
      'leaves a rejection alone',
      `if (task.run < 3) { Promise.reject(new Error('lost')); await sleep(1000) }`,
      'Error: lost',
    ],
  ])('that %s is tried again, under the same instanceId, until it gets through', async (_, body, message) => {
    const world = await TaskWorld.make()
    const {group} = await groupIn(world, `note([task.run, task.instanceId]); ${body}`)
    group.enable()
    await world.event('task.completed')
    expect(await world.ledger()).toEqual([1, 2, 3].map((run) => [run, group.id]))
    const failures = world.events.filter((event) => event.type === 'task.failed')
    expect(failures).toMatchObject([
      {run: 1, error: {code: 'TASK_FAILED', message: `the background task failed: ${message}`}},
      {run: 2, retryAt: expect.any(Number)},
    ])
  })

  it('that never gets through is given up after its last try', async () => {
    const world = await TaskWorld.make({backgroundTasks: {maxRuns: 2}})
    const {group, registration} = await groupIn(world, `note(task.run); throw new Error('never')`)
    const completed = firstValueFrom(registration.completed$)
    group.enable()
    expect(await completed).toEqual({succeeded: false})
    await world.reopen()
    expect(await world.ledger()).toEqual([1, 2])
    const last = world.events.filter((event) => event.type === 'task.failed').at(-1)
    expect(last).toMatchObject({run: 2})
    expect(last).not.toHaveProperty('retryAt')
  })

  it('waits for its turn while as many run as may', async () => {
    const world = await TaskWorld.make({backgroundTasks: {maxConcurrent: 1}})
    const body = `note('begins'); await sleep(20); note('ends')`
    const groups = [await groupIn(world, body), await groupIn(world, body), await groupIn(world, body)]
    for (const {group} of groups) group.enable()
    for (const {group} of groups) await world.event('task.completed', group.id)
    expect(await world.ledger()).toEqual(['begins', 'ends', 'begins', 'ends', 'begins', 'ends'])
  })

  it('that takes too long and does not end is stopped, and that try failed', async () => {
    const world = await TaskWorld.make({backgroundTasks: {maxRuns: 1, cancelGraceMs: 50}})
    const {group} = await groupIn(world, 'for (;;) await sleep(1000)', {timeoutMs: 50})
    group.enable()
    expect(await world.event('task.failed')).toMatchObject({run: 1, error: {code: 'TASK_TIMED_OUT'}})
    expect(world.events.at(-1)).not.toHaveProperty('retryAt')
  })

  it.skipIf(areHosted())('is canceled when the engine closes, and that try does not count', async () => {
    const patient = {drainTimeoutMs: 60_000, backgroundTasks: {maxRuns: 1, cancelGraceMs: 60_000}}
    const world = await TaskWorld.make(patient)
    const body = `
      const {existsSync, writeFileSync} = await import('node:fs')
      note(task.run)
      if (existsSync(${JSON.stringify(world.file('seen'))})) return
      writeFileSync(${JSON.stringify(world.file('seen'))}, '')
      const canceled = new Promise((_, reject) => task.addEventListener('canceled', (reason) => reject(reason)))
      task.progress = 1
      await canceled
    `
    const {group} = await groupIn(world, body)
    group.enable()
    await world.event('task.progressed')
    await world.reopen(patient)
    await world.event('task.completed')
    expect(await world.ledger()).toEqual([1, 1])
    expect(world.events.find(({type}) => type === 'task.failed')).toMatchObject({error: {code: 'CLOSED'}})
  })

  it('hears what the engine refuses', async () => {
    const world = await TaskWorld.make({backgroundTasks: {maxRuns: 1}})
    const body = `
      const downloader = task.engine.createDownloader()
      const refused = await downloader.createDownload('http://127.0.0.1/', '').startAsync().accepted.catch((error) => error.code)
      note(refused)
      void downloader.createDownload('gopher://127.0.0.1/x', '/x').startAsync()
    `
    const {group} = await groupIn(world, body)
    group.enable()
    const failed = await world.event('task.failed')
    expect(failed.error.code).toBe('TASK_FAILED')
    expect(await world.ledger()).toEqual(['INVALID_ARGUMENT'])
  })

  it('is refused where it cannot be registered', async () => {
    const world = await TaskWorld.make()
    const {trigger} = world.engine.createCompletionGroup()
    const taskEntryPoint = await world.module(LEDGER)
    const refused = async (settings: object) =>
      (await failure(world.engine.registerBackgroundTask({taskEntryPoint, trigger, ...settings}))).code
    expect(await refused({taskEntryPoint: world.file('missing.mjs')})).toBe('INVALID_ARGUMENT')
    expect(await refused({taskEntryPoint: ''})).toBe('INVALID_ARGUMENT')
    expect(await refused({trigger: {}})).toBe('INVALID_ARGUMENT')
    expect(await refused({timeoutMs: 0})).toBe('INVALID_ARGUMENT')
    expect(await refused({isolation: 'moon'})).toBe('INVALID_ARGUMENT')
    expect(world.engine.backgroundTasks.size).toBe(0)
  })

  it('is registered with a builder, by the URL of its module', async () => {
    const world = await TaskWorld.make()
    const group = new BackgroundTransferCompletionGroup()
    const builder = new BackgroundTaskBuilder()
    builder.name = 'built'
    expect(thrown(() => builder.register())?.code).toBe('INVALID_ARGUMENT')
    builder.setTrigger(group.trigger)
    builder.taskEntryPoint = pathToFileURL(await world.module(LEDGER))
    const registration = builder.register()
    await registration.accepted
    group.enable()
    await world.event('task.completed')
    expect(await world.ledger()).toMatchObject([{name: 'built'}])
  })

  it('whose module exports no run says so', async () => {
    const world = await TaskWorld.make({backgroundTasks: {maxRuns: 1}})
    const {trigger, ...group} = {trigger: world.engine.createCompletionGroup().trigger}
    const module = world.file('empty.mjs')
    await writeFile(module, 'export const nothing = 1')
    await world.engine.registerBackgroundTask({taskEntryPoint: module, trigger, ...group})
    trigger.completionGroup.enable()
    expect((await world.event('task.failed')).error.message).toContain('the module exports no function run')
  })
})
