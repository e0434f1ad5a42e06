/**
 * What an options object has and nobody looks at: a misspelt `checkSum` must not look like a file that was verified. Every place
 * that takes such an object refuses a member that it does not know, and says where it stands and what it may have been meant to be.
 */

import {join} from 'node:path'
import {describe, expect, it, onTestFinished} from 'vitest'
import {
  BackgroundTransferCompletionGroup,
  BackgroundTransferEngine,
  type DownloadOperation,
  type OperationId,
  repairStore,
  s3Multipart,
  type UploadOperation,
} from '../../../src/index.ts'
import {startInspector} from '../../../src/inspect.ts'
import {RandomAccessStream} from '../../../src/namespace/random-access-stream.ts'
import {EngineTaskHost} from '../../../src/namespace/task-host.ts'
import {startOtelMetrics} from '../../../src/observe/otel.ts'
import {startPrometheusMetrics} from '../../../src/observe/prometheus.ts'
import {TaskEngine} from '../../../src/task/task-engine.ts'
import {optionsObjects} from '../../support/options-objects.ts'
import {makeClientWorld, makeDirectory, makeWorld, type World} from '../harness.ts'
import {downloadIn, outcomeOf, streamOf, textPart, uploadIn, type Wrong} from './wrongly-given.ts'

/** What an application makes, or has from us, and not what it says: it may have more members than we use. */
const OTHERS = [
  ...[
    'Transport',
    'Log',
    'Notifier',
    'TaskRunner',
    'ConditionsSource',
    'UploadProtocol',
    'CookieJar',
    'CompletionTrigger',
    'TaskTrigger',
  ],
  // Without its one member it is refused.
  '{ readonly before: OperationId; }',
  // It must not fail where it tells of a failure.
  ...['TransferErrorOptions', 'SerializedError'],
  // Of a method of every array.
  'NumberFormatOptions & DateTimeFormatOptions',
  // What only the package itself can give.
  ...['EngineApi', 'OpenedEngine', 'TaskRegistration', 'OperationDraft', 'RandomAccessTarget', 'ResponseFacts'],
  ...['OperationView', 'TaskDownload', 'HeldOperation'],
]

/** Made of what only the package itself has. */
const OURS = [
  'DownloadOperation',
  'UploadOperation',
  'BackgroundTaskInstance',
  'BackgroundTransferCompletionGroupTriggerDetails',
]

type Use = (world: World, value: Wrong) => unknown

const OF_ENGINE = [
  ...['backgroundTasks', 'cache', 'control', 'control.whenIdle', 'egress', 'limits', 'prefetch', 'proxy', 'retention'],
  ...['tls', 'applications', 'applications.others', 'applications.unnamed'],
]

const OF_TRANSFERS = ['checksum', 'expect']

/** The place, where the member is said to stand, and how something is given there. */
const CASES: readonly (readonly [place: string, path: string, use: Use])[] = [
  ...within('BackgroundDownloader.createDownload(options)', 'options', OF_TRANSFERS, ({engine, server, file}, value) =>
    engine.createDownloader().createDownload(server.url('/a'), file('a'), value),
  ),
  ...within(
    'BackgroundDownloader.createDownloadAsync(options)',
    'options',
    OF_TRANSFERS,
    ({engine, server, file}, value) =>
      engine.createDownloader().createDownloadAsync(server.url('/a'), file('a'), streamOf('a'), value),
  ),
  ...within(
    'BackgroundDownloader.createDownloads(downloads)[][]',
    'options',
    OF_TRANSFERS,
    ({engine, server, file}, value) =>
      engine.createDownloader().createDownloads([[server.url('/a'), file('a'), value]]),
  ),
  [
    'BackgroundTaskRegistration.register(settings)',
    'settings',
    ({engine}, value) => engine.registerBackgroundTask(value),
  ],
  [
    'BackgroundTransferEngine.registerBackgroundTask(settings)',
    'settings',
    ({engine}, value) => engine.registerBackgroundTask(value),
  ],
  ...within('BackgroundTransferEngine.open(options)', 'options', OF_ENGINE, (world, value) =>
    BackgroundTransferEngine.open(Object.assign({directory: otherIn(world)}, value)),
  ),
  ...within('BackgroundTransferEngine.openOrConnect(options)', 'options', OF_ENGINE, (world, value) =>
    BackgroundTransferEngine.openOrConnect(Object.assign({directory: otherIn(world)}, value)),
  ),
  ['BackgroundTransferEngine.connect(options)', 'options', (world, value) => connect(world, value)],
  ...within('BackgroundTransferEngine.connect(options).succeed', 'options.succeed', OF_ENGINE, (world, value) =>
    connect(world, {succeed: value}),
  ),
  [
    'BackgroundTransferEngine.createDownloader(options)',
    'options',
    ({engine}, value) => engine.createDownloader(value),
  ],
  ['BackgroundTransferEngine.createUploader(options)', 'options', ({engine}, value) => engine.createUploader(value)],
  ['BackgroundTransferEngine.inspect(options)', 'options', ({engine}, value) => engine.inspect(value)],
  ['startInspector(options)', 'options', ({engine}, value) => startInspector(engine, value)],
  ['BackgroundTransferEngine.journalAsync(page)', 'page', ({engine}, value) => engine.journalAsync('' as Wrong, value)],
  ['BackgroundTransferEngine.queryAsync(query)', 'query', ({engine}, value) => engine.queryAsync(value)],
  ['BackgroundUploader.createUpload(options)', 'options', (world, value) => uploadIn(world, value)],
  [
    'BackgroundUploader.createUploadAsync(options)',
    'options',
    ({engine, server}, value) =>
      engine.createUploader().createUploadAsync(server.url('/a'), [textPart()], 'form-data', 'b', value),
  ],
  [
    'BackgroundUploader.createUploadFromStreamAsync(options)',
    'options',
    ({engine, server}, value) =>
      engine.createUploader().createUploadFromStreamAsync(server.url('/a'), streamOf('a'), value),
  ],
  ...[downloadIn, uploadIn].flatMap((create, index) => {
    const type = ['DownloadOperation', 'UploadOperation'][index]
    return [
      [`${type}.startAsync(options)`, 'options', (world, value) => create(world).startAsync(value)],
      [`${type}.attachAsync(options)`, 'options', (world, value) => started(create(world)).attachAsync(value)],
      [`${type}.setCredentials(given)`, 'given', (world, value) => create(world).setCredentials(value)],
      ...within(`${type}.changeOptions(options)`, 'options', OF_TRANSFERS, (world, value) =>
        create(world).changeOptions(value),
      ),
    ] satisfies typeof CASES
  }),
  [
    'RandomAccessStream.readAsync(options)',
    'options',
    (_, value) => new RandomAccessStream({} as Wrong).readAsync(1, value),
  ],
  ...within(
    'TaskDownloader.createDownload(options)',
    'options',
    OF_TRANSFERS,
    ({engine, server, file}, value) =>
      taskEngine(engine).createDownloader().createDownload(server.url('/a'), file('a'), value).startAsync().accepted,
  ),
  ['TaskEngine.createDownloader(options)', 'options', ({engine}, value) => taskEngine(engine).createDownloader(value)],
  [
    'TaskEngine.registerBackgroundTask(registration)',
    'registration',
    ({engine}, value) => taskEngine(engine).registerBackgroundTask(value),
  ],
  ['repairStore(options)', 'options', ({directory}, value) => repairStore(directory, value)],
  ['s3Multipart(options)', 'options', (_, value) => s3Multipart(value)],
  ['startOtelMetrics(options)', 'options', (_, value) => startOtelMetrics(value)],
  ['startPrometheusMetrics(options)', 'options', (_, value) => startPrometheusMetrics(value)],
]

/** The same call with what stands in its options. */
function within(place: string, path: string, members: readonly string[], use: Use): typeof CASES {
  return [
    [place, path, use],
    ...members.map(
      (member) =>
        [
          `${place}.${member}`,
          // As they are called wherever they come from.
          member.startsWith('applications') ? member : `${path}.${member}`,
          (world: World, value: Wrong) => use(world, nested(member.split('.'), value) as Wrong),
        ] as const,
    ),
  ]
}

function nested([first = '', ...rest]: readonly string[], value: unknown): unknown {
  return {[first]: rest.length === 0 ? value : nested(rest, value)}
}

function connect({directory}: World, value: Wrong | object) {
  return BackgroundTransferEngine.connect(Object.assign({directory: join(directory, '.store')}, value))
}

/** Nobody has it open. */
function otherIn({directory}: World): string {
  return join(directory, '.other')
}

function started<Operation extends DownloadOperation | UploadOperation>(operation: Operation): Operation {
  operation.startAsync().catch(() => undefined)
  return operation
}

function taskEngine(engine: BackgroundTransferEngine): TaskEngine {
  const host = new EngineTaskHost(BackgroundTransferCompletionGroup.engineOf(engine.createCompletionGroup()))
  // As a message of a thread arrives.
  return new TaskEngine((call) => host.call(structuredClone(call)))
}

/** Nothing runs, so that nothing is asked of the server. */
const AT_REST = {maxConcurrentTransfers: 0}

describe('options that there are not', () => {
  it('are looked for wherever the public API takes options', async () => {
    const places = await optionsObjects((type) => OTHERS.includes(type))
    const isOurs = (place: string) => OURS.some((each) => place.startsWith(`new ${each}(`))
    expect(CASES.map(([place]) => place).sort()).toEqual(places.filter((each) => !isOurs(each)))
  })

  it.each(CASES)('%s refuses %s.misspelt', async (_, path, use) => {
    for (const world of [await makeWorld(AT_REST), await makeClientWorld(AT_REST)]) {
      for (const value of [1, undefined]) {
        const outcome = await outcomeOf(() => use(world, {misspelt: value} as Wrong))
        expect(outcome).toEqual({code: 'INVALID_ARGUMENT', where: `${path}.misspelt`})
      }
    }
  })

  it.each([
    ['embed', {noHost: 'embed'}, 'hostTimeoutMs'],
    ['no word', {}, 'hostArguments'],
    ['start', {noHost: 'start'}, 'startHost'],
    ['fail', {noHost: 'fail'}, 'maxConcurrentTransfers'],
  ])('are those of other words of a shared engine, too: %s', async (_, options, name) => {
    const directory = await makeDirectory()
    const opening = () => BackgroundTransferEngine.open({directory, shared: 'host', ...options, [name]: 1} as Wrong)
    expect(await outcomeOf(opening)).toEqual({code: 'INVALID_ARGUMENT', where: `options.${name}`})
  })

  it('are told with the one that may have been meant', async () => {
    const {engine, server, file} = await makeWorld()
    const options = {checkSum: {algorithm: 'sha256', hex: 'ab'}} as Wrong
    expect(() => engine.createDownloader().createDownload(server.url('/a'), file('a'), options)).toThrow(
      expect.objectContaining({message: 'options.checkSum is not known', advice: 'did you mean checksum?'}),
    )
  })

  it('are told with all that there are where none is near', async () => {
    const opening = BackgroundTransferEngine.open({
      directory: await makeDirectory(),
      egress: {host: 'x', private: false},
    } as Wrong)
    await expect(opening).rejects.toMatchObject({advice: 'did you mean hosts?', where: 'options.egress.host'})
    const other = BackgroundTransferEngine.open({directory: await makeDirectory(), egress: {private: false}} as Wrong)
    await expect(other).rejects.toMatchObject({advice: 'leave it out: there are only hosts, refusePrivate'})
  })

  it('are members of the object itself, by a name', async () => {
    const {engine, server, file} = await makeWorld()
    const options = Object.assign(Object.create({inherited: 1}), {[Symbol('own')]: 1})
    Object.defineProperty(options, 'hidden', {value: 1})
    expect(() => engine.createDownloader().createDownload(server.url('/a'), file('a'), options)).not.toThrow()
  })

  it('are looked for beside what is inherited, which counts like what is their own', async () => {
    const directory = await makeDirectory()
    const engine = await BackgroundTransferEngine.open(
      Object.assign(Object.create({limits: {operations: 3}, prefetch: false}), {directory, applications: {others: {}}}),
    )
    onTestFinished(() => engine.close())
    const uri = 'http://127.0.0.1:1/a'
    const wrong = Object.create({checksum: {algorithm: 'sha256', hex: 'short'}})
    await expect(
      engine.createDownloader().createDownloadAsync(uri, join(directory, 'a'), streamOf(Buffer.from('a')), wrong),
    ).rejects.toMatchObject({where: 'checksum'})
    const upload = () =>
      engine.createUploader().createUpload(uri, join(directory, 'a'), Object.create({partBytes: 0.5}))
    expect(upload).toThrow(expect.objectContaining({where: 'partBytes'}))
    for (const name of 'abc') engine.createDownloader().createDownload(uri, join(directory, name))
    expect(() => engine.createDownloader().createDownload(uri, join(directory, 'd'))).toThrow(
      expect.objectContaining({code: 'LIMIT_REACHED'}),
    )
  })

  it('are told by a task with what they inherit, and with mirrors of either kind', async () => {
    const {engine, server, file} = await makeWorld(AT_REST)
    const checksum = Object.create({algorithm: 'sha256', hex: 'ab'.repeat(32)})
    const mirrors = [new URL(server.url('/b')), server.url('/c')]
    const downloader = taskEngine(engine).createDownloader()
    const options = Object.create({retries: 7, expect: Object.create({minBytes: 1}), checksum, mirrors})
    const guid = await downloader.createDownload(server.url('/a'), file('a'), options).startAsync().accepted
    expect((await engine.exportAsync(guid as OperationId)).record).toMatchObject({
      request: {mirrors: mirrors.map(String)},
      policy: {retries: 7, expect: {minBytes: 1}, checksum: {algorithm: 'sha256', hex: 'ab'.repeat(32)}},
    })
  })

  it.each([
    ['open', (given: Wrong) => BackgroundTransferEngine.open(given)],
    ['openOrConnect', (given: Wrong) => BackgroundTransferEngine.openOrConnect(given)],
    ['open, shared', (given: object) => BackgroundTransferEngine.open({shared: 'host', ...given} as Wrong)],
  ])('are looked for in objects of every kind: %s', async (name, open) => {
    class Configuration {
      readonly #directory: string
      constructor(directory: string) {
        this.#directory = directory
      }
      get directory() {
        return this.#directory
      }
      get limits() {
        return {operations: 1}
      }
    }
    const directory = await makeDirectory()
    const kinds = [
      Object.freeze({directory, limits: Object.freeze({operations: 1})}),
      new Proxy({directory, limits: {operations: 1}}, {}),
      ...(name === 'open, shared'
        ? []
        : [new Configuration(directory), Object.create({directory, limits: {operations: 1}})]),
    ]
    for (const kind of kinds) {
      const engine = await open(kind as Wrong)
      const create = () => engine.createDownloader().createDownload('http://127.0.0.1:1/a', join(directory, 'a'))
      create()
      expect(create).toThrow(expect.objectContaining({code: 'LIMIT_REACHED'}))
      await engine.close()
    }
  })

  it('are quoted only as far as a person reads', async () => {
    const {engine} = await makeWorld()
    const where = `query.${'x'.repeat(100)}… (100000 characters)`
    expect(await outcomeOf(() => engine.queryAsync({['x'.repeat(100_000)]: 1} as Wrong))).toMatchObject({where})
  })

  it('may be there of an object that has a class', () => {
    class Signer {
      readonly client = 'the own'
      readonly name = 's3'
      readonly create = () => ''
      readonly partUrl = () => ''
      readonly completeUrl = () => ''
    }
    expect(s3Multipart(new Signer()).name).toBe('s3')
  })
})
