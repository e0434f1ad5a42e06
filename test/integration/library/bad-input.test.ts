/**
 * What is given wrongly, as a program in JavaScript gives it: each call says which argument it cannot take, in an error of ours,
 * and has done nothing. Never a TypeError from inside.
 */

import {X509Certificate} from 'node:crypto'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {rootCertificates} from 'node:tls'
import {runInNewContext} from 'node:vm'
import {BehaviorSubject} from 'rxjs'
import {beforeEach, describe, expect, it, vi} from 'vitest'
import {CALLS} from '../../../src/host/protocol.ts'
import {
  BackgroundDownloader,
  BackgroundTaskBuilder,
  BackgroundTransferCompletionGroup,
  BackgroundTransferEngine,
  BackgroundUploader,
  diagnoseStore,
  GOOD_CONDITIONS,
  type OperationId,
  repairStore,
  s3Multipart,
  TransferError,
} from '../../../src/index.ts'
import {startInspector} from '../../../src/inspect.ts'
import {startOtelMetrics} from '../../../src/observe/otel.ts'
import {startPrometheusMetrics} from '../../../src/observe/prometheus.ts'
import {TaskEngine} from '../../../src/task/task-engine.ts'
import {BackgroundTaskInstance} from '../../../src/task/task-instance.ts'
import {makeClientWorld, makeDirectory, makeWorld, onCleanup, openEngine, type World} from '../harness.ts'
import {downloadIn, outcomeOf, streamOf, textPart, uploadIn, type Wrong} from './wrongly-given.ts'

const NO_OBJECT = [null, Number.NaN, 42, true, 'text', Symbol('of nothing'), 10n, []] as unknown as readonly Wrong[]
const NOTHING_USABLE = [...NO_OBJECT, {}, Object.create(null), () => 1] as unknown as readonly Wrong[]
const NO_TEXT = NOTHING_USABLE.filter((each) => typeof each !== 'string')
/** Text, but the name of no application. */
const NO_NAME = [...NO_TEXT, '', 'two words', '-', 'a'.repeat(65)] as unknown as readonly Wrong[]
const NO_NUMBER = NOTHING_USABLE.filter((each) => each !== 42)
const NO_FLAG = NOTHING_USABLE.filter((each) => each !== true)
const NO_ITERABLE = NOTHING_USABLE.filter((each) => !Array.isArray(each))
const NO_FUNCTION = NOTHING_USABLE.filter((each) => typeof each !== 'function')

const SIGNING = {name: 'bucket', create: () => 'id', partUrl: () => 'url', completeUrl: () => 'url'}

/** What is given, the argument that is to be named, and which values are refused there. */
type Case = readonly [
  call: string,
  where: string,
  values: readonly Wrong[],
  use: (world: World, value: Wrong) => unknown,
]

const CASES: readonly Case[] = [
  ['createDownloader', 'options', NO_OBJECT, ({engine}, value) => engine.createDownloader(value)],
  ['createUploader', 'options', NO_OBJECT, ({engine}, value) => engine.createUploader(value)],
  ['inspect', 'options', NO_OBJECT, ({engine}, value) => engine.inspect(value)],
  ['inspect: token', 'token', NOTHING_USABLE, ({engine}, value) => engine.inspect({token: value})],
  ['inspect: control', 'control', NO_FLAG, ({engine}, value) => engine.inspect({control: value})],
  ['queryAsync', 'query', NO_OBJECT, ({engine}, value) => engine.queryAsync(value)],
  ['queryAsync: limit', 'limit', NO_NUMBER, ({engine}, value) => engine.queryAsync({limit: value})],
  ['queryAsync: states', 'states', NO_ITERABLE, ({engine}, value) => engine.queryAsync({states: value})],
  ['queryAsync: group', 'group', NO_TEXT, ({engine}, value) => engine.queryAsync({group: value})],
  ['queryAsync: app', 'app', NO_NAME, ({engine}, value) => engine.queryAsync({app: value})],
  ['queryAsync: urlPrefix', 'urlPrefix', NO_TEXT, ({engine}, value) => engine.queryAsync({urlPrefix: value})],
  ['queryAsync: after', 'after', NO_TEXT, ({engine}, value) => engine.queryAsync({after: value})],
  ['queryAsync: endedFrom', 'endedFrom', NO_NUMBER, ({engine}, value) => engine.queryAsync({endedFrom: value})],
  ['journalAsync', 'guid', NO_TEXT, ({engine}, value) => engine.journalAsync(value)],
  ['journalAsync: page', 'page', NO_OBJECT, ({engine}, value) => engine.journalAsync('' as Wrong, value)],
  ['journalAsync: before', 'before', NO_NUMBER, ({engine}, value) => engine.journalAsync('' as Wrong, {before: value})],
  ['journalAsync: limit', 'limit', NO_NUMBER, ({engine}, value) => engine.journalAsync('' as Wrong, {limit: value})],
  ['inspect: port', 'port', NO_NUMBER, ({engine}, value) => engine.inspect({port: value})],
  ['exportAsync', 'guid', NO_TEXT, ({engine}, value) => engine.exportAsync(value)],
  ['forgetAsync', 'guid', NO_TEXT, ({engine}, value) => engine.forgetAsync(value)],
  ['acknowledgeAsync', 'guids', NO_ITERABLE, ({engine}, value) => engine.acknowledgeAsync(value)],
  ['acknowledgeAsync: one', 'guid', NO_TEXT, ({engine}, value) => engine.acknowledgeAsync([value])],
  ['findByFileAsync', 'file', NO_TEXT, ({engine}, value) => engine.findByFileAsync(value)],
  ['filesOnRecordAsync', 'files', NO_ITERABLE, ({engine}, value) => engine.filesOnRecordAsync(value)],
  ['filesOnRecordAsync: one', 'files', NO_TEXT, ({engine}, value) => engine.filesOnRecordAsync([value])],
  ['findUploadAsync', 'uri', NOTHING_USABLE, ({engine, file}, value) => engine.findUploadAsync(value, file('a'))],
  [
    'findUploadAsync: file',
    'sourceFile',
    NO_TEXT,
    ({engine, server}, value) => engine.findUploadAsync(server.origin, value),
  ],
  ['registerBackgroundTask', 'settings', NO_OBJECT, ({engine}, value) => engine.registerBackgroundTask(value)],
  ['new BackgroundDownloader', 'completionGroup', NOTHING_USABLE, (_, value) => new BackgroundDownloader(value)],
  ['new BackgroundUploader', 'completionGroup', NOTHING_USABLE, (_, value) => new BackgroundUploader(value)],
  ['new BackgroundTaskBuilder', 'engine', NOTHING_USABLE, (_, value) => new BackgroundTaskBuilder(value)],
  ['new …CompletionGroup', 'engine', NOTHING_USABLE, (_, value) => new BackgroundTransferCompletionGroup(value)],
  [
    'costPolicy',
    'costPolicy',
    NOTHING_USABLE,
    ({engine}, value) => Object.assign(engine.createDownloader(), {costPolicy: value}),
  ],
  ['priority', 'priority', NOTHING_USABLE, (world, value) => Object.assign(downloadIn(world), {priority: value})],
  [
    'transferBehavior',
    'transferBehavior',
    NOTHING_USABLE,
    ({engine}, value) => Object.assign(engine.createGroup('g'), {transferBehavior: value}),
  ],
  ['setRateLimit', 'bytesPerSecond', NO_NUMBER, ({engine}, value) => engine.setRateLimit(value)],
  [
    'createDownload: options',
    'options',
    NO_OBJECT,
    (world, value) =>
      world.engine
        .createDownloader()
        .createDownload(world.server.url('/a'), world.file('a'), world.file('body'), value),
  ],
  ['createDownload: retries', 'retries', NO_NUMBER, (world, value) => downloadIn(world, {retries: value})],
  ['createDownload: collision', 'collision', NOTHING_USABLE, (world, value) => downloadIn(world, {collision: value})],
  ['createDownload: checksum', 'checksum', NOTHING_USABLE, (world, value) => downloadIn(world, {checksum: value})],
  ['createDownload: expect', 'expect', NO_OBJECT, (world, value) => downloadIn(world, {expect: value})],
  [
    'createDownload: contentType',
    'expect',
    [...NOTHING_USABLE, new Set(['image/png'])] as unknown as readonly Wrong[],
    (world, value) => downloadIn(world, {expect: {contentType: value}}),
  ],
  ['createDownload: mirrors', 'mirrors', NO_ITERABLE, (world, value) => downloadIn(world, {mirrors: value})],
  ['createDownload: a mirror', 'mirrors', NOTHING_USABLE, (world, value) => downloadIn(world, {mirrors: [value]})],
  ['createDownloadAsync', 'requestBodyStream', NOTHING_USABLE, (world, value) => bodyDownloadIn(world, value)],
  [
    'createDownloadAsync: a chunk',
    'requestBodyStream',
    NO_TEXT,
    (world, value) => bodyDownloadIn(world, streamOf(value)),
  ],
  ['createDownloadAsync: options', 'options', NO_OBJECT, (world, value) => bodyDownloadIn(world, streamOf('a'), value)],
  [
    'createDownloadAsync: signal',
    'signal',
    NOTHING_USABLE,
    (world, value) => bodyDownloadIn(world, streamOf('a'), {signal: value}),
  ],
  ['createDownloads', 'downloads', NO_ITERABLE, ({engine}, value) => engine.createDownloader().createDownloads(value)],
  [
    'createDownloads: one',
    'downloads',
    NO_ITERABLE,
    ({engine}, value) => engine.createDownloader().createDownloads([value]),
  ],
  [
    'createDownloads: options',
    'options',
    NO_OBJECT,
    ({engine, server, file}, value) =>
      engine.createDownloader().createDownloads([[server.url('/a'), file('a'), value]]),
  ],
  ['createUpload: options', 'options', NO_OBJECT, (world, value) => uploadIn(world, value)],
  ['createUpload: metadata', 'metadata', NO_OBJECT, (world, value) => uploadIn(world, {metadata: value})],
  ['createUpload: partBytes', 'partBytes', NO_NUMBER, (world, value) => uploadIn(world, {partBytes: value})],
  [
    'createUploadAsync: options',
    'options',
    NO_OBJECT,
    ({engine, server}, value) =>
      engine.createUploader().createUploadAsync(server.url('/a'), [textPart()], 'form-data', 'b', value),
  ],
  ['createUploadFromStreamAsync', 'options', NO_OBJECT, (world, value) => streamUploadIn(world, value)],
  [
    'createUploadFromStreamAsync: signal',
    'signal',
    NOTHING_USABLE,
    (world, value) => streamUploadIn(world, {signal: value}),
  ],
  ['startAsync', 'options', NO_OBJECT, (world, value) => downloadIn(world).startAsync(value)],
  ['startAsync: signal', 'signal', NOTHING_USABLE, (world, value) => downloadIn(world).startAsync({signal: value})],
  [
    'startAsync: cancelSignal',
    'cancelSignal',
    NOTHING_USABLE,
    (world, value) => downloadIn(world).startAsync({cancelSignal: value}),
  ],
  ['changeOptions', 'options', NO_OBJECT, (world, value) => downloadIn(world).changeOptions(value)],
  ['setCredentials', 'given', NO_OBJECT, (world, value) => downloadIn(world).setCredentials(value)],
  [
    'addEventListener',
    'listener',
    NO_FUNCTION,
    (world, value) => downloadIn(world).addEventListener('rangesdownloaded', value),
  ],
  [
    'recoverableWebErrorStatuses',
    'recoverableWebErrorStatuses',
    NOTHING_USABLE,
    (world, value) => downloadIn(world).recoverableWebErrorStatuses.push(value),
  ],
  ['open', 'options', NO_OBJECT, (_, value) => BackgroundTransferEngine.open(value)],
  ['connect', 'options', NO_OBJECT, (_, value) => BackgroundTransferEngine.connect(value)],
  ['openOrConnect', 'options', NO_OBJECT, (_, value) => BackgroundTransferEngine.openOrConnect(value)],
  ['diagnoseStore', 'directory', NO_TEXT, (_, value) => diagnoseStore(value)],
  ['repairStore', 'directory', NO_TEXT, (_, value) => repairStore(value)],
  ['repairStore: options', 'options', NO_OBJECT, ({directory}, value) => repairStore(directory, value)],
  ['repairStore: search', 'search', NO_ITERABLE, ({directory}, value) => repairStore(directory, {search: value})],
  ['s3Multipart', 'options', NO_OBJECT, (_, value) => s3Multipart(value)],
  ['s3Multipart: name', 'name', [...NO_TEXT, '' as Wrong], (_, value) => s3Multipart({...SIGNING, name: value})],
  ['s3Multipart: partUrl', 'partUrl', NO_FUNCTION, (_, value) => s3Multipart({...SIGNING, partUrl: value})],
  ['s3Multipart: abortUrl', 'abortUrl', NO_FUNCTION, (_, value) => s3Multipart({...SIGNING, abortUrl: value})],
  ['s3Multipart: objectUrl', 'objectUrl', NO_FUNCTION, (_, value) => s3Multipart({...SIGNING, objectUrl: value})],
  ['of a task: createDownloader', 'options', NO_OBJECT, (_, value) => ofTask().createDownloader(value)],
  [
    'of a task: completionGroup',
    'completionGroup',
    NOTHING_USABLE,
    (_, value) => ofTask().createDownloader({completionGroup: value}),
  ],
  [
    'of a task: trigger',
    'trigger',
    NOTHING_USABLE,
    (_, value) => ofTask().registerBackgroundTask({name: '', taskEntryPoint: 'task.mjs', trigger: value}),
  ],
  [
    'of a task: an event',
    'type',
    NOTHING_USABLE,
    (_, value) => BackgroundTaskInstance.prototype.addEventListener(value, () => {}),
  ],
  [
    'of a task: a listener',
    'listener',
    NO_FUNCTION,
    (_, value) => BackgroundTaskInstance.prototype.addEventListener('canceled', value),
  ],
  ['startInspector', 'engine', NOTHING_USABLE, (_, value) => startInspector(value)],
  ['startOtelMetrics', 'meterProvider', NOTHING_USABLE, (_, value) => startOtelMetrics({meterProvider: value})],
  ['startPrometheusMetrics', 'registry', NOTHING_USABLE, (_, value) => startPrometheusMetrics({registry: value})],
  ['new TransferError', 'code', [...NOTHING_USABLE, 'toString' as Wrong], (_, value) => new TransferError(value, '')],
  ['TransferError.fromSerialized', 'plain', [null as Wrong], (_, value) => TransferError.fromSerialized(value)],
]

/** Of the engine's own options, what nothing said of their type before. */
const OPTIONS: readonly (readonly [option: string, where: string, values: readonly Wrong[]])[] = [
  ['maxConcurrentTransfers', 'maxConcurrentTransfers', NO_NUMBER],
  ['journal', 'journal', NO_FLAG.filter((each) => each !== null)],
  ['durability', 'durability', NOTHING_USABLE.filter((each) => each !== null)],
  [
    'conditions',
    'conditions',
    [
      ...NOTHING_USABLE.filter((each) => each !== null),
      ...[...NOTHING_USABLE, {connectivity: 'none'}].map(
        (each) => ({conditions$: new BehaviorSubject(each)}) as unknown as Wrong,
      ),
      ...NOTHING_USABLE.map(
        (each) => ({conditions$: new BehaviorSubject(GOOD_CONDITIONS), addressesGone$: each}) as unknown as Wrong,
      ),
    ],
  ],
  ['retention', 'retention', NO_OBJECT],
  ['limits', 'limits', NO_OBJECT],
  ['backgroundTasks', 'backgroundTasks', NO_OBJECT],
  ['beforeAttempt', 'beforeAttempt', NO_OBJECT],
  ['cache', 'cache', NO_OBJECT],
  ['tls', 'tls', NO_OBJECT],
  // A certificate that is not in PEM, too: Node.js passes over it.
  [
    'tls.ca',
    'tls.ca',
    [...NOTHING_USABLE, '' as Wrong, new X509Certificate(rootCertificates[0] ?? '').raw as unknown as Wrong],
  ],
  ['tls.passphrase', 'tls.passphrase', NO_TEXT],
  ['tls.servername', 'tls.servername', NO_TEXT],
  ['proxy', 'proxy', NOTHING_USABLE.filter((each) => typeof each !== 'object' || Array.isArray(each))],
  ['prefetch', 'prefetch', NO_OBJECT.filter((each) => each !== null)],
  ['egress', 'egress', NO_OBJECT],
  ['transport', 'transport', NOTHING_USABLE],
  ['taskRunner', 'taskRunner', NOTHING_USABLE],
  ['uploadProtocols', 'uploadProtocols', [...NO_ITERABLE, ...NOTHING_USABLE.map((each) => [each] as unknown as Wrong)]],
  ['control', 'control', NO_OBJECT.filter((each) => each !== true)],
]

/** Nobody answers it. */
function ofTask(): TaskEngine {
  return new TaskEngine(() => new Promise(() => undefined))
}

function bodyDownloadIn({engine, server, file}: World, stream: Wrong, options: object = {}) {
  return engine.createDownloader().createDownloadAsync(server.url('/a'), file('a'), stream, options)
}

function streamUploadIn({engine, server}: World, options: Wrong | object) {
  return engine.createUploader().createUploadFromStreamAsync(server.url('/a'), streamOf('a'), options)
}

describe('bad input', () => {
  let world: World

  beforeEach(async () => {
    world = await makeWorld()
    await writeFile(world.file('source'), 'bytes')
  })

  it.each(CASES)('%s refuses what cannot be its %s', async (_, where, values, use) => {
    const client = await makeClientWorld()
    await writeFile(client.file('source'), 'bytes')
    for (const each of [world, client]) {
      const outcomes: unknown[] = []
      for (const value of values) outcomes.push(await outcomeOf(() => use(each, value)))
      expect(outcomes, each === client ? 'with a host' : 'alone').toEqual(
        values.map(() => ({code: 'INVALID_ARGUMENT', where})),
      )
      expect(await each.engine.queryAsync()).toEqual([])
      expect(each.server.requests).toEqual([])
    }
  })

  it.each(OPTIONS)('open refuses what cannot be its %s', async (option, where, values) => {
    const directory = await makeDirectory()
    const outcomes: unknown[] = []
    for (const [at, value] of values.entries()) {
      const given = option.split('.').reduceRight<unknown>((inner, name) => ({[name]: inner}), value) as object
      const options = {directory: join(directory, String(at)), notifier: 'events', ...given} as Wrong
      outcomes.push(await outcomeOf(() => BackgroundTransferEngine.open(options)))
    }
    expect(outcomes).toEqual(values.map(() => ({code: 'INVALID_ARGUMENT', where})))
  })

  it.each([
    ['group', 'x'.repeat(257)],
    ['states', Array(65).fill('failed')],
    ['states', ['x'.repeat(65)]],
    ['urlPrefix', 'x'.repeat(65_537)],
    ['after', '01a2224c-2a09-7000-8000-0000000000000'],
    ['after', '01A2'],
    ['after', 'x'],
    ['app', 'no name'],
    ['createdFrom', Number.NaN],
    ['limit', -1],
  ])(
    'a query has the bounds of its %s wherever it is asked, and they are told in the same words',
    async (name, value) => {
      const given = {[name]: value} as Wrong
      const refusalIn = ({engine}: World) =>
        engine.queryAsync(given).then(
          () => 'accepted',
          ({code, where, message}) => ({code, where, message}),
        )
      const refusal = await refusalIn(world)
      expect(refusal).toMatchObject({code: 'INVALID_ARGUMENT', where: name})
      expect(await refusalIn(await makeClientWorld())).toEqual(refusal)
      // Of a client that looks at nothing itself, too.
      const {error} = CALLS.query.safeParse({query: given})
      const [rule = 'none'] = error?.issues.map((issue) => issue.message) ?? []
      expect(refusal).toMatchObject({message: expect.stringContaining(rule)})
    },
  )

  it.each([
    ['group', 'x'.repeat(256)],
    ['states', Array(64).fill('x'.repeat(64))],
    ['urlPrefix', 'x'.repeat(65_536)],
    ['after', ''],
    ['after', '01a2'],
  ])('a query may have all that the bounds of its %s let it have', async (name, value) => {
    const given = {[name]: value} as Wrong
    for (const {engine} of [world, await makeClientWorld()]) expect(await engine.queryAsync(given)).toEqual([])
  })

  it('a completion group is no options: what is created would not be in it', () => {
    const group: unknown = world.engine.createCompletionGroup()
    const refusal = expect.objectContaining({code: 'INVALID_ARGUMENT', where: 'options'})
    expect(() => world.engine.createDownloader(group as Wrong)).toThrow(refusal)
    expect(() => world.engine.createUploader(group as Wrong)).toThrow(refusal)
  })

  it('a guid that is none is the guid of nothing, of a host, too', async () => {
    const nothing = {code: 'OPERATION_UNKNOWN', where: 'nonsense'}
    for (const {engine} of [world, await makeClientWorld()]) {
      const outcomes: unknown[] = []
      for (const value of NO_TEXT) outcomes.push(await outcomeOf(() => engine.getOperationAsync(value)))
      expect(outcomes).toEqual(NO_TEXT.map(() => expect.objectContaining({code: 'OPERATION_UNKNOWN'})))
      const guid = 'nonsense' as Wrong
      expect(await outcomeOf(() => engine.getOperationAsync(guid))).toEqual(nothing)
      expect(await outcomeOf(() => engine.exportAsync(guid))).toEqual(nothing)
      expect(await outcomeOf(() => engine.forgetAsync(guid))).toBe('accepted')
      expect(await engine.journalAsync(guid)).toEqual([])
      expect(await outcomeOf(() => engine.acknowledgeAsync([guid]))).toBe('accepted')
    }
  })

  it('nothing is acknowledged of a list that holds what is no guid', async () => {
    await world.engine.createDownloader().createDownloads([[world.server.url('/missing'), world.file('a')]])
    const ended = async () => (await world.engine.queryAsync({states: ['failed']})).map(({guid}) => guid)
    await expect.poll(ended).toHaveLength(1)
    const [guid = '' as OperationId] = await ended()
    const find = world.engine.acknowledgeAsync([guid, 42 as Wrong])
    await expect(find).rejects.toMatchObject({code: 'INVALID_ARGUMENT', where: 'guid'})
    const told = await world.engine.getCurrentDownloadsAsync()
    expect(told.map((each) => each.guid)).toEqual([guid])
  })

  it.each([
    ['requestBodyStream', bodyDownloadIn],
    [
      'sourceStream',
      ({engine, server}: World, stream: Wrong) =>
        engine.createUploader().createUploadFromStreamAsync(server.url('/a'), stream),
    ],
  ])('a %s whose iterator is no function is refused', async (where, use) => {
    const stream = {[Symbol.asyncIterator]: 1} as unknown as Wrong
    expect(await outcomeOf(() => use(world, stream))).toEqual({code: 'INVALID_ARGUMENT', where})
  })

  it('an engine where a part of it is built is told the call that was meant', () => {
    const advice = 'of an engine that is not the default one, call registerBackgroundTask'
    expect(() => new BackgroundTaskBuilder(world.engine as Wrong)).toThrow(expect.objectContaining({advice}))
  })

  it('bytes of another realm are bytes', async () => {
    const bytes = runInNewContext('new Uint8Array([1, 2, 3])')
    expect(await outcomeOf(() => bodyDownloadIn(world, streamOf(bytes)))).toBe('accepted')
  })

  it('whoever waits for the next chunk of a stream is told at once that it is wanted no more', async () => {
    const controller = new AbortController()
    const next = vi.fn(() => new Promise(() => undefined))
    const leave = vi.fn(async () => ({done: true, value: undefined}))
    const silent = {[Symbol.asyncIterator]: () => ({next, return: leave})} as unknown as Wrong
    const outcome = outcomeOf(() => bodyDownloadIn(world, silent, {signal: controller.signal}))
    await expect.poll(() => next.mock.calls.length).toBe(1)
    controller.abort('enough')
    expect(await outcome).toBe('enough')
    expect(leave).toHaveBeenCalledOnce()
  })

  it('a port may be a function that has those of the port', async () => {
    const transport = Object.assign(() => {}, {exchange: () => {}, close: async () => {}})
    const taskRunner = Object.assign(() => {}, {locate: async () => {}, start: () => {}})
    const options: unknown = {directory: join(world.directory, 'own'), notifier: 'events', transport, taskRunner}
    const opened = async () => (await BackgroundTransferEngine.open(options as Wrong)).close()
    expect(await outcomeOf(opened)).toBe('accepted')
  })

  it.each([{}, {control: true}])(
    'the times of a query may be without bound, of an engine opened with %j',
    async (sharing) => {
      const directory = await makeDirectory()
      const own = await openEngine(directory, sharing)
      const engine =
        'control' in sharing ? await BackgroundTransferEngine.connect({directory: join(directory, '.store')}) : own
      onCleanup(() => engine.close())
      await engine.createDownloader().createDownloads([[world.server.url('/missing'), world.file('a')]])
      await expect.poll(() => engine.queryAsync({states: ['failed']})).toHaveLength(1)
      const [least, most] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
      expect(await engine.queryAsync({createdFrom: least, createdBefore: most})).toHaveLength(1)
      expect(await engine.queryAsync({endedFrom: least, endedBefore: most})).toHaveLength(1)
      expect(await engine.queryAsync({endedFrom: most})).toHaveLength(0)
    },
  )
})
