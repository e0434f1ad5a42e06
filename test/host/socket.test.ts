/** The control socket: who may open it, and what it takes from whoever does. */

import {execFile} from 'node:child_process'
import {randomUUID} from 'node:crypto'
import {once} from 'node:events'
import {chmod, mkdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises'
import {createServer} from 'node:http'
import {connect} from 'node:net'
import {basename, dirname, join} from 'node:path'
import {promisify} from 'node:util'
import {describe, expect, it} from 'vitest'
import {controlAddress, listenAt} from '../../src/adapters/control/control-address.ts'
import {STORE_ADVICE} from '../../src/adapters/file/file-errors.ts'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {HOST_API_VERSION} from '../../src/ports/host-connection.ts'
import {failure, makeDirectory, onCleanup, openEngine, startServer} from '../integration/harness.ts'
import {ask, openSession} from './raw-session.ts'

/** An engine that others may connect to, and its socket. */
async function shared(options: Parameters<typeof openEngine>[1] = {}) {
  const directory = await makeDirectory()
  const engine = await openEngine(directory, {...options, control: true})
  const store = join(directory, '.store')
  return {directory, engine, store, socket: controlAddress(store)}
}

describe('the control socket', () => {
  it('is for its user alone, and there only while somebody listens', async () => {
    const {engine, socket, store} = await shared()
    expect((await stat(socket)).mode & 0o777).toBe(0o600)
    expect((await stat(store)).mode & 0o777).toBe(0o700)
    await engine.close()
    await expect(stat(socket)).rejects.toThrow('ENOENT')
  })

  it.skipIf(process.getuid?.() === 0)('that may not be opened is said to be somebody else’s', async () => {
    const {socket, store} = await shared()
    await chmod(socket, 0o000)
    expect((await failure(BackgroundTransferEngine.connect({directory: store}))).code).toBe('FILE_ACCESS')
  })

  it.skipIf(process.getuid?.() === 0)('is not spoken of where nobody may look for one', async () => {
    const directory = await makeDirectory()
    await chmod(directory, 0o000)
    onCleanup(() => chmod(directory, 0o700))
    const store = join(directory, 'store')
    const error = await failure(BackgroundTransferEngine.openOrConnect({directory: store}))
    expect([error.code, error.message, error.where]).toEqual([
      'FILE_ACCESS',
      'access to the directory of the store is denied',
      store,
    ])
  })

  it.skipIf(process.getuid?.() !== 0)('is shut to another user, whatever the directory lets through', async () => {
    const {directory, socket, store} = await shared()
    for (const each of [directory, store]) await chmod(each, 0o755)
    const code = `require('node:net').connect(${JSON.stringify(socket)}).on('error', (e) => console.log(e.code)).on('connect', () => console.log('in'))`
    const {stdout} = await promisify(execFile)(process.execPath, ['-e', code], {uid: 65_534, gid: 65_534})
    expect(stdout.trim()).toBe('EACCES')
  })

  it('that a dead host left is taken over', async () => {
    const directory = await makeDirectory()
    const store = join(directory, '.store')
    await mkdir(store, {mode: 0o700})
    await writeFile(controlAddress(store), '')
    await openEngine(directory, {control: true})
    const client = await BackgroundTransferEngine.connect({directory: store})
    expect(await client.queryAsync()).toEqual([])
    await client.close()
  })

  it('of a store whose path is too long stands elsewhere, and is found', async () => {
    const directory = join(await makeDirectory(), 'a'.repeat(120))
    await mkdir(directory)
    await openEngine(directory, {control: true})
    const client = await BackgroundTransferEngine.connect({directory: join(directory, '.store')})
    expect(await client.queryAsync()).toEqual([])
    await client.close()
  })

  it.each(['a directory that others may enter', 'a link'])(
    'of a store whose path is too long is not spoken to, nor made, where somebody else could listen: %s',
    async (what) => {
      const directory = join(await makeDirectory(), 'a'.repeat(120))
      const store = join(directory, '.store')
      await mkdir(store, {recursive: true, mode: 0o700})
      const address = controlAddress(store)
      const place = dirname(address)
      const elsewhere = await makeDirectory()
      if (what === 'a link') await symlink(elsewhere, place)
      else await mkdir(place).then(() => chmod(place, 0o755))
      onCleanup(() => rm(place, {recursive: true}))
      let asked = 0
      const server = createServer((_, response) => {
        asked += 1
        response.writeHead(503).end(JSON.stringify({error: {code: 'CLOSED'}}))
      }).listen(what === 'a link' ? join(elsewhere, basename(address)) : address)
      await once(server, 'listening')
      onCleanup(async () => void server.close())
      const error = await failure(BackgroundTransferEngine.connect({directory: store}))
      expect([error.code, error.where]).toEqual(['FILE_ACCESS', place])
      expect(asked).toBe(0)
      expect((await failure(openEngine(directory, {control: true}))).code).toBe('FILE_ACCESS')
    },
  )

  it('that cannot be opened is said to be of the store, and not of a destination', async () => {
    const directory = await makeDirectory()
    const store = join(directory, '.store')
    const server = createServer()
    // As of a directory that was taken away meanwhile.
    const error = await failure(listenAt(server, store))
    expect(error).toMatchObject({code: 'FILE_ACCESS', where: controlAddress(store), advice: STORE_ADVICE.FILE_ACCESS})
  })

  it.each(['leads through a file', 'goes round in a circle'])(
    'of a store whose path is too long is nowhere where the way there %s',
    async (what) => {
      const directory = await makeDirectory()
      const store = join(directory, 'a'.repeat(120))
      await mkdir(store, {mode: 0o700})
      const way = join(directory, 'way')
      if (what === 'leads through a file') await writeFile(way, '')
      else await symlink(way, way)
      await writeFile(join(store, 'control.path'), join(way, 'sockets', 'control.sock'))
      expect((await failure(BackgroundTransferEngine.connect({directory: store}))).code).toBe('HOST_UNREACHABLE')
    },
  )

  it.skipIf(process.getuid?.() === 0)('of such a store is not asked for where nobody may look for it', async () => {
    const directory = await makeDirectory()
    const store = join(directory, 'a'.repeat(120))
    await mkdir(store, {mode: 0o700})
    const place = join(directory, 'way', 'sockets')
    await mkdir(place, {recursive: true, mode: 0o700})
    await writeFile(join(store, 'control.path'), join(place, 'control.sock'))
    await chmod(dirname(place), 0o000)
    onCleanup(() => chmod(dirname(place), 0o700))
    const error = await failure(BackgroundTransferEngine.connect({directory: store}))
    expect([error.code, error.where]).toEqual(['FILE_ACCESS', place])
  })

  it('is no engine’s that was not asked for it, and says so', async () => {
    const directory = await makeDirectory()
    await openEngine(directory)
    const error = await failure(BackgroundTransferEngine.connect({directory: join(directory, '.store')}))
    expect(error.code).toBe('HOST_UNREACHABLE')
    expect(error.toLine()).toBe(
      `no host runs for this store (${join(directory, '.store')}): start one with \`bgt host\`, or open the store in this process`,
    )
  })

  it('takes the other addresses of a file, and shows nobody what is secret in them', async () => {
    const {directory, engine, store} = await shared()
    const [server, mirror] = [await startServer(), await startServer()]
    server.route('/file', {status: 404})
    mirror.route('/copy', {content: Buffer.from('all of it'), etag: '"1"'})
    const client = await BackgroundTransferEngine.connect({directory: store})
    const file = join(directory, 'file')
    const operation = client.createDownloader().createDownload(server.url('/file'), file, {
      mirrors: [mirror.url('/copy?sig=s3cret')],
    })
    await operation.startAsync()
    expect(await readFile(file, 'utf8')).toBe('all of it')
    expect(mirror.requests.map(({path}) => path)).toEqual(['/copy?sig=s3cret'])
    const journal = await engine.journalAsync(operation.guid)
    expect(journal.length).toBeGreaterThan(0)
    expect(JSON.stringify(journal)).not.toContain('s3cret')
    await client.close()
  })

  it('of a host of another version is told apart', async () => {
    const {socket} = await shared()
    const {status, body} = await ask(socket, 'GET', `/api/v1/session?id=${randomUUID()}&api=7`)
    expect(status).toBe(426)
    expect(body.error).toMatchObject({code: 'HOST_VERSION'})
    expect(body.error?.message).toMatch(/^the host \(.+\) speaks version 6, and its client version 7$/)
    const more = await ask(socket, 'GET', `/api/v1/session?id=${randomUUID()}&api=7&later=1`)
    expect([more.status, more.body]).toEqual([status, body])
  })

  it('of one that waits for a host of an older version has an address that such a host takes, to say which it is', async () => {
    const store = await makeDirectory()
    const other = createServer((asked, answer) => {
      const {searchParams} = new URL(asked.url ?? '', 'http://control')
      const isTaken = [...searchParams.keys()].every((name) => ['id', 'app', 'api'].includes(name))
      const code = isTaken ? 'HOST_VERSION' : 'INVALID_ARGUMENT'
      answer.writeHead(isTaken ? 426 : 400).end(JSON.stringify({error: {code, message: 'no'}}))
    }).listen(controlAddress(store))
    await once(other, 'listening')
    onCleanup(async () => void other.close())
    const refused = await failure(BackgroundTransferEngine.openOrConnect({directory: store, control: {stays: true}}))
    expect(refused.code).toBe('HOST_VERSION')
  })

  it('of a host that refuses this version makes connect say so', async () => {
    const store = await makeDirectory()
    const other = createServer((asked, answer) => {
      const error = {code: 'HOST_VERSION', message: 'the host (9.0.0) speaks version 9, and its client version 3'}
      if (asked.url === '/api/v1/hello') answer.end('{"api":9}')
      else answer.writeHead(426).end(JSON.stringify({error}))
    }).listen(controlAddress(store))
    await once(other, 'listening')
    onCleanup(async () => void other.close())
    const advice = 'start the host again with the version of background-transfer that its clients have'
    const line = `the host (9.0.0) speaks version 9, and its client version 3: ${advice}`
    for (const open of [BackgroundTransferEngine.connect, BackgroundTransferEngine.openOrConnect]) {
      const refused = await failure(open.call(BackgroundTransferEngine, {directory: store}))
      expect([refused.code, refused.toLine()]).toEqual(['HOST_VERSION', line])
    }
  })
})

describe('what a client says', () => {
  it('is checked: no call gets by with less or more than it takes', async () => {
    const {directory, socket, engine} = await shared()
    const session = await openSession(socket)
    expect(session.welcome).toMatchObject({
      type: 'welcome',
      resumed: false,
      hello: {api: HOST_API_VERSION, pid: process.pid},
    })
    const id = '00000000-0000-7000-8000-000000000001'
    const good = {
      id,
      direction: 'download',
      request: {url: 'http://127.0.0.1:1/a', method: 'GET', headers: []},
      target: {file: join(directory, 'a'), collision: 'failIfExists'},
      policy: {priority: 0, costPolicy: 0, group: ''},
      createdAt: 1,
    }
    const wrong: readonly object[] = [
      {...good, id: '../../etc'},
      {...good, direction: 'sideways'},
      {...good, createdAt: -1},
      {...good, state: 'completed'},
      {...good, evidence: {generation: 1, ranges: [[0, 10]]}},
      {...good, app: 'another'},
      {...good, target: {...good.target, file: 'relative'}},
      {...good, target: {...good.target, file: `${directory}/a\0b`}},
      {...good, target: {...good.target, collision: 'whatever'}},
      {...good, request: {...good.request, url: 'file:///etc/passwd'}},
      {...good, request: {...good.request, method: 'GET / HTTP/1.1\r\nX: y'}},
      {...good, request: {...good.request, headers: [['X', 'a\r\nb']]}},
      {...good, request: {...good.request, headers: 'none'}},
      {...good, request: {...good.request, body: {pieces: [{kind: 'file', file: 'relative'}]}}},
      {...good, request: {...good.request, body: {pieces: [{kind: 'spool', name: 'another.body', size: 1}]}}},
      {...good, policy: {...good.policy, priority: 7}},
      {...good, policy: {...good.policy, retries: -1}},
      {...good, policy: {...good.policy, unconstrained: true}},
      {...good, policy: {...good.policy, checksum: {algorithm: 'sha256', hex: 'zz'}}},
      JSON.parse('{"__proto__": {"admin": true}}'),
    ]
    for (const draft of wrong) {
      const {error} = await session.call('start', {drafts: [draft], hold: true})
      expect(error?.code, JSON.stringify(draft)).toBe('INVALID_ARGUMENT')
    }
    expect(await engine.queryAsync()).toEqual([])
    for (const [name, input] of [
      ['find', {}],
      ['find', {id, more: 1}],
      ['pause', {id}],
      ['limitRate', {bytesPerSecond: -1}],
      ['query', {query: {limit: 1e9}}],
      [
        'registerTask',
        {id, task: {taskId: id, name: '', module: 'data:text/javascript,1', isolation: 'worker', timeoutMs: 1}},
      ],
    ] as const) {
      expect(['INVALID_ARGUMENT', 'OPERATION_UNKNOWN']).toContain((await session.call(name, input)).error?.code)
    }
    expect((await session.call('start', {drafts: [good], hold: true})).value).toHaveLength(1)
    const again = await session.call('start', {
      drafts: [{...good, request: {...good.request, url: 'http://h/'}}],
      hold: true,
    })
    expect(again.value[0].record.request.url).toBe('http://127.0.0.1:1/a')
  })

  it('is refused where it is no call, no JSON or no HTTP, and nothing breaks', async () => {
    const {socket, store} = await shared()
    const session = await openSession(socket)
    for (const [method, path, body, status] of [
      ['GET', '/', undefined, 404],
      ['GET', '/api/v1/../../secrets.key', undefined, 404],
      ['DELETE', '/api/v1/hello', undefined, 404],
      ['POST', `/api/v1/session/${randomUUID()}/calls`, '{}', 404],
      ['POST', `${session.path}/calls`, 'no json', 400],
      ['POST', `${session.path}/calls`, '[]', 400],
      ['POST', `${session.path}/calls`, '{"settled":0,"calls":[{"id":0,"name":"toString","input":{}}]}', 400],
      ['GET', `/api/v1/session?id=short&api=${HOST_API_VERSION}`, undefined, 400],
      ['GET', `${session.path}/bytes?guid=x&source=1&position=0&count=1`, undefined, 400],
      ['GET', `${session.path}/bytes?guid=${randomUUID()}&source=1&position=-1&count=1`, undefined, 400],
      ['GET', `${session.path}/answer?guid=${randomUUID()}&position=0`, undefined, 404],
    ] as const) {
      const answer = await ask(socket, method, path, body)
      expect([path, answer.status]).toEqual([path, status])
      expect(JSON.stringify(answer.body)).not.toMatch(/node:|\.ts|at /)
    }
    const raw = connect(socket)
    raw.on('error', () => undefined)
    raw.end('\0\0\0 nonsense\r\n\r\n')
    await once(raw.resume(), 'close')
    const client = await BackgroundTransferEngine.connect({directory: store})
    expect(await client.queryAsync()).toEqual([])
    await client.close()
  })

  it('33. counts against the limits of the engine, when it is started', async () => {
    const {directory, store} = await shared({limits: {operations: 2, groups: 1}})
    const server = await startServer()
    server.route('/a', {content: Buffer.alloc(10), cutAfter: 1, cut: 'stall'})
    const client = await BackgroundTransferEngine.connect({directory: store})
    onCleanup(() => client.close())
    const begin = (name: string, group = '') => {
      const downloader = client.createDownloader()
      downloader.group = group
      return downloader.createDownload(server.url('/a'), join(directory, name)).startAsync()
    }
    await begin('a', 'one').accepted
    expect((await failure(begin('b', 'two'))).code).toBe('LIMIT_REACHED')
    await begin('b', 'one').accepted
    const error = await failure(begin('c'))
    expect(error.code).toBe('LIMIT_REACHED')
  })

  it('is carried out once, however often it is said', async () => {
    const {directory, socket, engine} = await shared()
    const session = await openSession(socket)
    const draft = {
      id: '00000000-0000-7000-8000-000000000001',
      direction: 'download',
      request: {url: 'http://127.0.0.1:1/a', method: 'GET', headers: []},
      target: {file: join(directory, 'a'), collision: 'failIfExists'},
      policy: {priority: 0, costPolicy: 0, group: '', retries: 0},
      createdAt: 1,
    }
    let started = 0
    engine.events$.subscribe(({type}) => {
      if (type === 'operation.started') started += 1
    })
    const input = {drafts: [draft], hold: true}
    const first = await session.call('start', input)
    // The same call, as a client says it whose stream broke; and the same draft, as one whose host died.
    const again = JSON.stringify({settled: 0, calls: [{id: 0, name: 'start', input}]})
    for (let n = 0; n < 3; n += 1) await ask(socket, 'POST', `${session.path}/calls`, again)
    const other = await openSession(socket)
    const second = await other.call('start', input)
    expect([first, second].map(({value}) => value[0].record.id)).toEqual([draft.id, draft.id])
    expect(started).toBe(1)
    expect(await engine.queryAsync()).toHaveLength(1)
  })
})
