/**
 * Applications with names at one host: none sees or commands what is another's, by any call of the protocol. The table has an entry for
 * each; the compiler asks for one when there is another call.
 */

import {randomUUID} from 'node:crypto'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import type {OperationRecord} from '../../src/domain/record.ts'
import {CALLS, type CallName} from '../../src/host/protocol.ts'
import {BackgroundTransferBehavior, BackgroundTransferEngine, ToastNotification} from '../../src/index.ts'
import {makeDirectory, openEngine, startServer} from '../integration/harness.ts'
import {ask, openSession, socketOf} from './raw-session.ts'

const UNKNOWN = {error: expect.objectContaining({code: 'OPERATION_UNKNOWN'})}
const NOT_SUPPORTED = {error: expect.objectContaining({code: 'NOT_SUPPORTED'})}
const NOTHING = {value: null}

interface Target {
  readonly record: OperationRecord
  readonly completionGroup: string
  readonly batch: string
  /** Of an inspector that the other application opened. */
  readonly port: number
}

interface Attempt {
  readonly input: (target: Target) => unknown
  readonly answer: unknown
}

const byId = ({record: {id}}: Target) => ({id})
const ofGroup = ({completionGroup: id}: Target) => ({id})
const nothing = () => ({})
const films = () => ({group: 'films'})

function draftLike({record}: Target, more: object) {
  const {direction, request, target, policy, createdAt} = record
  const file = `${target.file}-2`
  return {id: randomUUID(), direction, request, target: {...target, file}, policy, createdAt, ...more}
}

/** What an application asks about what is another's, and what it hears. */
const ATTEMPTS: Readonly<Record<CallName, Attempt>> = {
  start: {
    input: (target) => ({drafts: [draftLike(target, {completionGroup: target.completionGroup})], hold: true}),
    answer: UNKNOWN,
  },
  find: {input: byId, answer: NOTHING},
  findByFile: {input: ({record}) => ({file: record.target.file}), answer: NOTHING},
  filesOnRecord: {input: ({record}) => ({files: [record.target.file]}), answer: {value: []}},
  findMany: {input: () => ({query: {app: 'others'}}), answer: {value: []}},
  query: {input: () => ({query: {app: 'others'}}), answer: {value: []}},
  catchUp: {input: ({record: {id}}) => ({ids: [id], attach: [id]}), answer: {value: []}},
  refresh: {input: ({record: {id}}) => ({ids: [id]}), answer: {value: [null]}},
  release: {input: ({record: {id}}) => ({id, holds: 100}), answer: NOTHING},
  attach: {input: byId, answer: UNKNOWN},
  resumeAll: {input: nothing, answer: NOTHING},
  pause: {input: byId, answer: UNKNOWN},
  resume: {input: byId, answer: UNKNOWN},
  retry: {input: byId, answer: UNKNOWN},
  cancel: {input: byId, answer: UNKNOWN},
  changePolicy: {input: ({record: {id, policy}}) => ({id, policy: {...policy, priority: 2}}), answer: UNKNOWN},
  changeRequest: {input: ({record: {id, request}}) => ({id, request}), answer: UNKNOWN},
  makeCurrent: {input: byId, answer: UNKNOWN},
  move: {input: ({record: {id}}) => ({id, to: 'first'}), answer: UNKNOWN},
  markDelivered: {input: byId, answer: UNKNOWN},
  forget: {input: byId, answer: UNKNOWN},
  journal: {input: ({record: {id}}) => ({id, page: {}}), answer: UNKNOWN},
  damaged: {input: nothing, answer: {value: 0}},
  applications: {input: nothing, answer: {value: []}},
  setPrefetch: {input: () => ({wish: {uris: []}}), answer: NOT_SUPPORTED},
  prefetch: {input: nothing, answer: NOT_SUPPORTED},
  consent: {input: () => ({transfers: []}), answer: {value: false}},
  // Settings are the group's, which applications share by its name; and without rules the engine's rate is anybody's.
  setBehavior: {input: () => ({group: 'films', behavior: 1}), answer: NOTHING},
  limitRate: {input: () => ({bytesPerSecond: null}), answer: NOTHING},
  limitGroupRate: {input: () => ({group: 'films', bytesPerSecond: null}), answer: NOTHING},
  pauseGroup: {input: films, answer: NOTHING},
  resumeGroup: {input: films, answer: NOTHING},
  cancelGroup: {input: films, answer: NOTHING},
  watch: {input: () => ({events: true}), answer: NOTHING},
  createCompletionGroup: {
    input: ({completionGroup: id}) => ({id, expected: 1, again: true}),
    answer: UNKNOWN,
  },
  reviveCompletionGroup: {input: ofGroup, answer: {value: {isKnown: false, isEnabled: true}}},
  expectMember: {input: ofGroup, answer: UNKNOWN},
  withdrawMembers: {input: ({completionGroup}) => ({groups: [completionGroup]}), answer: NOTHING},
  enableCompletionGroup: {input: ofGroup, answer: UNKNOWN},
  registerTask: {
    input: ({completionGroup: id}) => ({
      id,
      task: {taskId: randomUUID(), name: '', module: 'file:///task.mjs', isolation: 'worker', timeoutMs: 1000},
    }),
    answer: UNKNOWN,
  },
  unregisterTask: {input: ofGroup, answer: UNKNOWN},
  expectNotified: {input: ({batch}) => ({batch, drafts: [randomUUID()]}), answer: UNKNOWN},
  withdrawNotified: {input: ({record: {id}}) => ({drafts: [id]}), answer: NOTHING},
  closeBytes: {input: () => ({source: 'theirs'}), answer: NOTHING},
  dropBody: {input: byId, answer: NOTHING},
  inspect: {input: () => ({port: 0}), answer: {value: expect.objectContaining({port: expect.any(Number)})}},
  closeInspector: {input: ({port}) => ({port}), answer: NOTHING},
}

/** Of another application: a download that waits to be attached to, its completion group with a task, and its notification. */
async function world() {
  const directory = await makeDirectory()
  const server = await startServer()
  const module = join(directory, 'task.mjs')
  await writeFile(module, 'export const run = () => {}')
  const first = await openEngine(directory, {control: true, maxConcurrentTransfers: 1})
  const others = await BackgroundTransferEngine.connect({directory: join(directory, '.store'), app: 'others'})
  const completionGroup = others.createCompletionGroup()
  await others.registerBackgroundTask({name: 'theirs', taskEntryPoint: module, trigger: completionGroup.trigger})
  const downloader = others.createDownloader({completionGroup})
  downloader.transferGroup = others.createGroup('films')
  downloader.successToastNotification = ToastNotification.ofTexts('They are here')
  server.route('/a', {content: Buffer.alloc(100_000), cutAfter: 10_000, cut: 'stall', etag: '"1"'})
  await downloader.createDownload(server.url('/a'), join(directory, 'theirs')).startAsync().accepted
  await others.close()
  await first.close()
  await openEngine(directory, {control: true, resumeOnOpen: false})
  const theirs = await openSession(socketOf(directory), undefined, 'others')
  const all = await openSession(socketOf(directory))
  const {value: records} = await all.call('query', {query: {}})
  const record = records[0] as OperationRecord
  const {value: inspector} = await theirs.call('inspect', {port: 0})
  await theirs.call('reviveCompletionGroup', {id: completionGroup.id})
  const target: Target = {
    record,
    completionGroup: completionGroup.id,
    batch: record.notificationBatch?.id ?? '',
    port: inspector.port,
  }
  /** All of it, as whoever sees everything sees it. */
  const state = async () => {
    const {value} = await all.call('query', {query: {}})
    const {value: group} = await theirs.call('reviveCompletionGroup', {id: completionGroup.id})
    const {welcome, leave} = await openSession(socketOf(directory))
    leave()
    return {records: value, group, tasks: welcome.tasks, inspector: (await fetch(inspector.origin)).status}
  }
  const mine = await openSession(socketOf(directory), undefined, 'mine')
  const goodbye = () => ask(socketOf(directory), 'DELETE', mine.path)
  return {mine, theirs, target, state, goodbye, server}
}

describe('an application with a name', () => {
  it('neither sees nor commands what is another’s, by any call', async () => {
    const {mine, target, state} = await world()
    expect(Object.keys(ATTEMPTS).sort()).toEqual(Object.keys(CALLS).sort())
    const before = await state()
    expect(before).toMatchObject({group: {isKnown: true, isEnabled: false}, inspector: 200})
    expect([before.records.length, before.tasks.length, mine.welcome.tasks]).toEqual([1, 1, []])
    for (const [name, {input, answer}] of Object.entries(ATTEMPTS)) {
      expect([name, await mine.call(name, input(target))]).toEqual([name, expect.objectContaining(answer as object)])
      expect([name, await state()]).toEqual([name, before])
    }
  })

  it('joins no batch with notifications of another, and stands before nobody else’s operation', async () => {
    const {mine, target, state} = await world()
    const before = await state()
    const notificationBatch = {id: target.batch, notices: {}}
    const joining = {drafts: [draftLike(target, {notificationBatch})], hold: true}
    expect(await mine.call('start', joining)).toMatchObject(UNKNOWN)
    expect(await state()).toEqual(before)
    await mine.call('setBehavior', {group: 'films', behavior: BackgroundTransferBehavior.serialized})
    const [own, waiting] = [draftLike(target, {}), draftLike(target, {})]
    waiting.target.file += '-3'
    await mine.call('start', {drafts: [own, waiting], hold: true})
    expect(await mine.call('move', {id: waiting.id, to: {before: target.record.id}})).toMatchObject({
      error: {code: 'ILLEGAL_STATE', message: 'the one to stand before does not wait in its line'},
    })
  })

  it('resumes all that is its own', async () => {
    const {theirs, target, server} = await world()
    const asked = server.requests.length
    await theirs.call('resumeAll', {})
    await expect.poll(() => server.requests.length).toBeGreaterThan(asked)
    const {value} = await theirs.call('find', {id: target.record.id})
    expect(value.state).toBe('running')
  })

  it('has its own completion group and task after a restart, and is told of them alone', async () => {
    const {mine, theirs, target, goodbye} = await world()
    expect(theirs.welcome.tasks.map(([group]: [string]) => group)).toEqual([target.completionGroup])
    await mine.call('watch', {events: true})
    await theirs.call('watch', {events: true})
    expect(await theirs.call('unregisterTask', {id: target.completionGroup})).toMatchObject(NOTHING)
    expect(await theirs.call('enableCompletionGroup', {id: target.completionGroup})).toMatchObject(NOTHING)
    await theirs.call('find', {id: target.record.id})
    await theirs.call('cancel', {id: target.record.id})
    expect(await nextOf(theirs, 'completion.dropped')).toMatchObject({app: 'others', group: target.completionGroup})
    const heard: unknown[] = []
    await goodbye()
    for await (const message of mine.messages) heard.push(message)
    expect(heard.filter((each) => JSON.stringify(each).includes(target.completionGroup))).toEqual([])
  })
})

/** The next event of this type. */
async function nextOf({messages}: Pick<Awaited<ReturnType<typeof openSession>>, 'messages'>, type: string) {
  for await (const message of messages) if (message.event?.type === type) return message.event
  throw new Error(`nobody told of ${type}`)
}
