/** Rules for the applications of a host: what each may have at once, of a day, and which files. */

import {existsSync, renameSync, symlinkSync} from 'node:fs'
import {mkdir, readdir, readFile, symlink, writeFile} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {firstValueFrom} from 'rxjs'
import {filter} from 'rxjs/operators'
import {describe, expect, it} from 'vitest'
import {
  type ApplicationRules,
  type Applications,
  BackgroundTransferEngine,
  BackgroundTransferStatus,
  type DownloadOperation,
} from '../../src/index.ts'
import {digestOf, failure, makeDirectory, onCleanup, openEngine, reaches, startServer} from '../integration/harness.ts'
import {contentOf, sha256} from '../support/content.ts'
import {openSession, socketOf} from './raw-session.ts'

const CONTENT = contentOf(5, 200_000)
const WHOLE = {content: CONTENT, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: 50_000, cut: 'stall'} as const

async function world(applications?: Applications, options: Parameters<typeof openEngine>[1] = {}) {
  const directory = await makeDirectory()
  const server = await startServer()
  const store = join(directory, '.store')
  const open = (rules = applications) =>
    openEngine(directory, {control: true, ...(rules === undefined ? {} : {applications: rules}), ...options})
  const host = await open()
  const connect = async (app?: string) => {
    const client = await BackgroundTransferEngine.connect({directory: store, ...(app === undefined ? {} : {app})})
    onCleanup(() => client.close())
    return client
  }
  return {directory, store, server, host, open, connect, file: (name: string) => join(directory, name)}
}

const films = (rules: ApplicationRules): Applications => ({apps: {films: rules}, others: {}})

function begin(engine: BackgroundTransferEngine, url: string, file: string) {
  const operation = engine.createDownloader().createDownload(url, file)
  const running = operation.startAsync()
  running.catch(() => undefined)
  return {operation, running}
}

const whenExplained = (operation: DownloadOperation, why: RegExp) =>
  expect.poll(() => operation.explain().why).toMatch(why)

describe('how many', () => {
  it('unfinished operations an application may have: one more is refused, others have their own, and a restart keeps count', async () => {
    const {server, host, open, connect, file} = await world(films({maxOperations: 2}))
    server.route('/a', STALLED)
    const app = await connect('films')
    await begin(app, server.url('/a'), file('a')).running.accepted
    const second = begin(app, server.url('/a'), file('b'))
    await second.running.accepted
    const refused = await failure(begin(app, server.url('/a'), file('c')).running)
    expect([refused.code, refused.toLine()]).toEqual([
      'LIMIT_REACHED',
      'the application films has 2 unfinished operations already (applications.films.maxOperations): wait until one of them ended',
    ])
    await begin(await connect('books'), server.url('/a'), file('d')).running.accepted
    expect(await app.applicationsAsync()).toEqual([
      {app: 'films', rules: {maxOperations: 2}, operations: 2, bytesOfDay: 0},
    ])
    await host.close()
    await open()
    expect((await failure(begin(app, server.url('/a'), file('c')).running)).code).toBe('LIMIT_REACHED')
    second.running.cancel()
    await reaches(second.operation, BackgroundTransferStatus.canceled)
    await begin(app, server.url('/a'), file('c')).running.accepted
  })

  it('of its operations have traffic at once: the others say why they wait, and those of others go by', async () => {
    const {server, host, open, connect, file} = await world(films({maxConcurrentTransfers: 1}))
    server.route('/stalled', STALLED)
    server.route('/a', WHOLE)
    const app = await connect('films')
    const first = begin(app, server.url('/stalled'), file('a'))
    await reaches(first.operation, BackgroundTransferStatus.running)
    const second = begin(app, server.url('/a'), file('b'))
    await second.running.accepted
    await begin(await connect('books'), server.url('/a'), file('c')).running
    expect(second.operation.progress.status).toBe(BackgroundTransferStatus.idle)
    const [found] = await Promise.all([(await connect()).getDownloadAsync(second.operation.guid)])
    expect(found.explain().why).toBe('its application has as many operations with traffic as the host allows it')
    await host.close()
    await open()
    // The next host has both in their line again.
    await expect.poll(() => server.requests.filter(({path}) => path === '/stalled').length).toBe(2)
    await begin(await connect('books'), server.url('/a'), file('d')).running
    expect(server.requests.filter(({path}) => path === '/a').length).toBe(2)
    first.running.cancel()
    await second.running
    expect(await digestOf(file('b'))).toBe(sha256(CONTENT))
  })

  it('bytes a second all operations of an application may have, of this host and the next: those of others go by', async () => {
    // It would take half an hour, behind the first pieces, which are let through and then waited for.
    const {server, host, open, connect, file} = await world(films({maxBytesPerSecond: 1_000}))
    server.route('/a', {content: Buffer.alloc(2_000_000), etag: '"1"'})
    const app = await connect('films')
    const books = await connect('books')
    const {operation, running} = begin(app, server.url('/a'), file('a'))
    const comes = () => expect.poll(() => operation.progress.bytesReceived).toBeGreaterThan(0)
    await comes()
    await begin(books, server.url('/a'), file('b')).running
    await host.close()
    await open()
    await begin(books, server.url('/a'), file('c')).running
    await comes()
    expect(operation.progress.bytesReceived).toBeLessThan(1_000_000)
    running.cancel()
    await reaches(operation, BackgroundTransferStatus.canceled)
  })

  it('bytes it may have of a day: downloads go back into the line with what they have, and new ones are refused until the next', async () => {
    const rules = films({maxBytesPerDay: 100_000})
    const {server, host, open, connect, file} = await world(rules)
    server.route('/a', {...WHOLE, pieceBytes: 8_192, pieceDelayMs: 2})
    const app = await connect('films')
    const {operation, running} = begin(app, server.url('/a'), file('a'))
    await running.accepted
    const all = await connect()
    const states = firstValueFrom(
      host.operations$.pipe(filter(({state, bytesReceived}) => state === 'queued' && bytesReceived > 0)),
    )
    await states
    await whenExplained(await all.getDownloadAsync(operation.guid), /has used its bytes of this day/)
    const refused = await failure(begin(app, server.url('/a'), file('b')).running)
    expect(refused.toLine()).toBe(
      'the application films has used its 100000 bytes of this day (applications.films.maxBytesPerDay): try again tomorrow (UTC)',
    )
    await begin(await connect('books'), server.url('/a'), file('c')).running
    // What was used is known to the next host, too.
    await host.close()
    const next = await open()
    expect((await next.applicationsAsync())[0]?.bytesOfDay).toBeGreaterThanOrEqual(100_000)
    expect((await failure(begin(app, server.url('/a'), file('b')).running)).code).toBe('LIMIT_REACHED')
    await next.close()
    await open(films({maxBytesPerDay: 10_000_000}))
    await running
    expect(await digestOf(file('a'))).toBe(sha256(CONTENT))
    // From the bytes that it had.
    expect(server.requests.filter(({path}) => path === '/a').some(({headers}) => headers.range !== undefined)).toBe(
      true,
    )
  })
})

describe('who', () => {
  it('has no rules is refused by name, unless there are some for others; who says no name is free, unless there are some', async () => {
    const {connect, server, file} = await world({apps: {films: {}}, unnamed: {maxOperations: 1}})
    const refused = await failure(connect('books'))
    expect(refused.toLine()).toBe(
      'the host has no rules for this application (books): have it named in applications.json, in the directory of the store',
    )
    await connect('films')
    server.route('/a', STALLED)
    const free = await connect()
    await begin(free, server.url('/a'), file('a')).running.accepted
    expect((await failure(begin(free, server.url('/a'), file('b')).running)).message).toMatch(/^clients without a name/)
  })

  it('writes applications.json bounds whoever shares the store; what is no rule opens nothing', async () => {
    const directory = await makeDirectory()
    const store = join(directory, '.store')
    await mkdir(store, {mode: 0o700})
    const write = (text: string) => writeFile(join(store, 'applications.json'), text)
    const path = join(store, 'applications.json')
    const notJson = `the rules of applications are no JSON (${path}, line 2): write it as docs/guides/host.md shows`
    const told = (what: string, advice = 'write it as docs/guides/host.md shows') => `${what} (${path}): ${advice}`
    const names = 'must be named by 1 to 64 letters, digits, dots and dashes'
    const paths = 'must be a list of absolute paths'
    const bytes = 'must be a whole number from 1 to 9007199254740991, not 1G'
    for (const [text, line] of [
      ['{"apps": {}\n"others": {}}', notJson],
      ['[]', told('what is in the file must be an object, not a list')],
      ['{"app": {}}', told('app is not known', 'did you mean apps?')],
      ['{"apps": {"a b": {}}}', told(`apps.a b ${names}`)],
      ['{"apps": {"films": 1}}', told('apps.films must be an object, not 1')],
      [
        '{"apps": {"films": {"maxOperation": 1}}}',
        told('apps.films.maxOperation is not known', 'did you mean maxOperations?'),
      ],
      [
        '{"apps": {"films": {"maxOperations": 0}}}',
        told('apps.films.maxOperations must be a whole number from 1 to 1000000, not 0'),
      ],
      ['{"apps": {"films": {"maxBytesPerDay": "1G"}}}', told(`apps.films.maxBytesPerDay ${bytes}`)],
      ['{"others": {"directories": ["films"]}}', told(`others.directories ${paths}`)],
      ['{"others": {"directories": "/films"}}', told(`others.directories ${paths}`)],
    ] as const) {
      await write(text)
      const error = await failure(openEngine(directory, {control: true}))
      expect([error.code, error.toLine()]).toEqual(['INVALID_ARGUMENT', line])
    }
    await write('{"apps": {"films": {"maxOperations": 3}}}')
    const engine = await openEngine(directory, {control: true})
    expect((await engine.applicationsAsync())[0]).toMatchObject({app: 'films', rules: {maxOperations: 3}})
    expect((await failure(BackgroundTransferEngine.connect({directory: store, app: 'books'}))).code).toBe(
      'INVALID_ARGUMENT',
    )
  })

  it('is kept to rules neither sets the rate of the engine nor opens its inspector, nor closes one', async () => {
    const {connect, directory} = await world(films({}))
    const app = await connect('films')
    expect((await failure(app.inspect())).code).toBe('NOT_SUPPORTED')
    const inspector = await (await connect()).inspect()
    const session = await openSession(socketOf(directory), undefined, 'films')
    const {error} = await session.call('closeInspector', {port: Number(new URL(inspector.origin).port)})
    expect(error.code).toBe('NOT_SUPPORTED')
    expect((await fetch(inspector.origin)).status).toBe(200)
    await inspector.close()
  })
})

describe('which files', () => {
  async function bounded() {
    const directory = await makeDirectory()
    const server = await startServer()
    server.route('/a', WHOLE)
    const inside = join(directory, 'films')
    const outside = join(directory, 'secret')
    for (const each of [inside, outside, join(inside, 'deep'), join(directory, 'films-too')]) await mkdir(each)
    const options = {control: true, applications: films({directories: [inside]})} as const
    const host = await openEngine(directory, options)
    const app = await BackgroundTransferEngine.connect({directory: join(directory, '.store'), app: 'films'})
    onCleanup(() => app.close())
    return {directory, server, inside, outside, host, app}
  }

  it('an application may write: below its directories as they really are, and nowhere else', async () => {
    const {directory, server, inside, outside, app} = await bounded()
    await symlink(outside, join(inside, 'link'))
    await symlink(join(outside, 'to-come'), join(inside, 'dangling'))
    await symlink(join(inside, 'deep'), join(directory, 'way-in'))
    for (const file of [
      join(outside, 'a'),
      join(inside, 'link', 'a'),
      join(inside, 'dangling', 'a'),
      `${inside}/../secret/a`,
      join(directory, 'films-too', 'a'),
      inside,
      join(directory, '.store', 'a'),
      '/a',
    ]) {
      const error = await failure(begin(app, server.url('/a'), file).running)
      expect([file, error.code, error.message]).toEqual([
        file,
        'FILE_ACCESS',
        'the application films may not write this file',
      ])
    }
    await begin(app, server.url('/a'), join(inside, 'a')).running
    await begin(app, server.url('/a'), join(directory, 'way-in', 'b')).running
    expect(await digestOf(join(inside, 'deep', 'b'))).toBe(sha256(CONTENT))
    expect(existsSync(join(outside, 'a'))).toBe(false)
  })

  it('it gets even where a link is put in the way after it was accepted: none outside', async () => {
    const {server, inside, outside, app} = await bounded()
    server.route('/slow', {...STALLED, cutAfter: 50_000})
    const deep = join(inside, 'deep')
    const {operation, running} = begin(app, server.url('/slow'), join(deep, 'a'))
    await reaches(operation, BackgroundTransferStatus.running)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    renameSync(deep, join(inside, 'moved'))
    symlinkSync(outside, deep)
    operation.resume()
    const error = await failure(running)
    expect([error.code, error.message]).toEqual(['FILE_ACCESS', 'the application films may not write this file'])
    expect(existsSync(join(outside, 'a'))).toBe(false)
  })

  it('it gets under no other name than its own: not by a link in its place or its part’s, nor from the server', async () => {
    const {server, inside, outside, app} = await bounded()
    server.route('/named', {...WHOLE, headers: [['Content-Disposition', 'attachment; filename="../secret/named"']]})
    await writeFile(join(outside, 'kept'), 'kept')
    // The destination’s name is taken from the link, not what it leads to.
    await symlink(join(outside, 'kept'), join(inside, 'link'))
    const replacing = {collision: 'replaceExisting'} as const
    await app.createDownloader().createDownload(server.url('/a'), join(inside, 'link'), replacing).startAsync()
    await symlink(join(outside, 'kept'), join(inside, 'one'))
    const unique = {collision: 'generateUniqueName'} as const
    const second = await app
      .createDownloader()
      .createDownload(server.url('/a'), join(inside, 'one'), unique)
      .startAsync()
    const named = await app
      .createDownloader()
      .createDownload(server.url('/named'), join(inside, 'deep', 'x'), {nameFromServer: true})
      .startAsync()
    expect([second.resultFile, dirname(String(named.resultFile))]).toEqual([
      join(inside, 'one (2)'),
      join(inside, 'deep'),
    ])
    // Who knows the guid knows the name of the part.
    const trapped = app.createDownloader().createDownload(server.url('/a'), join(inside, 'trap'))
    trapped.isRandomAccessRequired = true
    for (const generation of [0, 1]) {
      await symlink(join(outside, 'made'), join(inside, `.trap.${trapped.guid.slice(-8)}.${generation}.part`))
    }
    expect((await failure(trapped.startAsync())).code).toBe('FILE_ACCESS')
    expect(await readdir(outside)).toEqual(['kept'])
    expect(await readFile(join(outside, 'kept'), 'utf8')).toBe('kept')
  })

  it('it may read again are those below its directories, whatever takes their place', async () => {
    const {server, inside, outside, app} = await bounded()
    const operation = await begin(app, server.url('/a'), join(inside, 'deep', 'a')).running
    expect(await new Response(operation.getResultStreamAt(199_990)).arrayBuffer()).toHaveProperty('byteLength', 10)
    await writeFile(join(outside, 'a'), Buffer.alloc(200_000, 's'))
    renameSync(join(inside, 'deep'), join(inside, 'moved'))
    symlinkSync(outside, join(inside, 'deep'))
    const reading = new Response(operation.getResultStreamAt(199_990)).text()
    await expect(reading).rejects.toMatchObject({code: 'FILE_ACCESS'})
  })

  it('an upload that waits may read: those below its directories when its turn comes', async () => {
    const directory = await makeDirectory()
    const [inside, outside] = [join(directory, 'films'), join(directory, 'secret')]
    for (const each of [inside, outside]) {
      await mkdir(join(each, 'deep'), {recursive: true})
      await writeFile(join(each, 'deep', 'a'), each)
    }
    const server = await startServer()
    server.route('/stalled', STALLED)
    server.route('/in', {content: Buffer.alloc(0)})
    const applications = films({directories: [inside], maxConcurrentTransfers: 1})
    await openEngine(directory, {control: true, applications})
    const app = await BackgroundTransferEngine.connect({directory: join(directory, '.store'), app: 'films'})
    onCleanup(() => app.close())
    const first = begin(app, server.url('/stalled'), join(inside, 'b'))
    await reaches(first.operation, BackgroundTransferStatus.running)
    const upload = app.createUploader().createUpload(server.url('/in'), join(inside, 'deep', 'a'))
    const running = upload.startAsync()
    const failed = failure(running)
    await running.accepted
    renameSync(join(inside, 'deep'), join(inside, 'moved'))
    symlinkSync(join(outside, 'deep'), join(inside, 'deep'))
    first.running.cancel()
    const error = await failed
    expect([error.code, error.message]).toEqual(['FILE_ACCESS', 'the application films may not read this file'])
    expect(server.requests.some(({path}) => path === '/in')).toBe(false)
  })

  it('an upload may read: those below its directories', async () => {
    const {directory, server, inside, outside, app} = await bounded()
    server.route('/in', {content: Buffer.alloc(0)})
    await writeFile(join(outside, 'a'), 'secret')
    await writeFile(join(inside, 'a'), 'a film')
    await symlink(join(outside, 'a'), join(inside, 'link'))
    for (const file of [join(outside, 'a'), join(inside, 'link'), join(directory, '.store', 'secrets.key')]) {
      const upload = app.createUploader().createUpload(server.url('/in'), file)
      const error = await failure(upload.startAsync())
      expect([file, error.code, error.message]).toEqual([
        file,
        'FILE_ACCESS',
        'the application films may not read this file',
      ])
    }
    await app.createUploader().createUpload(server.url('/in'), join(inside, 'a')).startAsync()
  })

  it('its background tasks may run: none but those of directories that are for modules', async () => {
    const {directory, host, inside, app} = await bounded()
    const module = join(inside, 'task.mjs')
    await writeFile(module, 'export const run = () => {}')
    const register = (engine: BackgroundTransferEngine) => {
      const {trigger} = engine.createCompletionGroup()
      return engine.registerBackgroundTask({name: 'task', taskEntryPoint: module, trigger})
    }
    const error = await failure(register(app))
    expect([error.code, error.message]).toEqual(['FILE_ACCESS', 'the application films may not run this file'])
    expect(host.backgroundTasks.size).toBe(0)
    await host.close()
    const applications = films({directories: [inside], modules: [inside]})
    const next = await openEngine(directory, {control: true, applications})
    await register(app)
    expect([...next.backgroundTasks.values()].map(({name}) => name)).toEqual(['task'])
  })
})
