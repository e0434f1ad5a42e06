/** The namespace's checklist, 17.A: construction and configuration. Numbers are the items'. */

import {inspect} from 'node:util'
import {describe, expect, it} from 'vitest'
import {
  BackgroundDownloader,
  BackgroundTransferCostPolicy,
  BackgroundTransferEngine,
  BackgroundTransferGroup,
  BackgroundTransferStatus,
  TransferError,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {failure, makeDirectory, makeWorld, openEngine, receives, requestsFor} from '../harness.ts'

const E_INVALIDARG = 0x80070057 | 0
const BYTES = contentOf(1, 50_000)

/** What a call throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}

describe('17.A construction and configuration', () => {
  it('5, 6, 7, 8. a downloader has GET, an uploader POST, both the default cost policy, and nothing else', async () => {
    const {engine} = await makeWorld()
    const [downloader, uploader] = [engine.createDownloader(), engine.createUploader()]
    expect(downloader).toBeInstanceOf(BackgroundDownloader)
    expect([downloader.method, uploader.method]).toEqual(['GET', 'POST'])
    for (const configurator of [downloader, uploader]) {
      expect(configurator).toMatchObject({
        costPolicy: BackgroundTransferCostPolicy.default,
        group: '',
        transferGroup: null,
        serverCredential: null,
        proxyCredential: null,
        successToastNotification: null,
        failureToastNotification: null,
        successTileNotification: null,
        failureTileNotification: null,
      })
    }
  })

  it('an operation that is printed shows how it stands, masked, and nothing of the engine', async () => {
    const {engine, file} = await makeWorld()
    const operation = engine.createDownloader().createDownload('http://ann:pw@127.0.0.1/a?sig=s3cret', file('a'))
    const summary = operation.describe()
    expect(summary).toMatchObject({url: 'http://127.0.0.1/a?sig=***', file: file('a'), status: 'idle'})
    expect(JSON.parse(JSON.stringify({operation}))).toEqual({operation: summary})
    expect(inspect(operation)).toBe(`DownloadOperation ${inspect(summary)}`)
  })

  it.each([
    {retries: -1},
    {retryDelayMs: Number.NaN},
    {connectTimeoutMs: 0},
    {responseTimeoutMs: 2 ** 31},
    {stallTimeoutMs: '5' as unknown as number},
    {maxBytesPerSecond: 0},
    {priority: 3 as 0},
    {collision: 'overwrite' as 'replaceExisting'},
    {checksum: {algorithm: 'crc32' as 'md5', hex: '00000000'}},
    {checksum: {algorithm: 'sha256' as const, hex: 'abc'}},
  ])('a download with %j is refused before anything is written', async (options) => {
    const {engine, file} = await makeWorld()
    const create = () => engine.createDownloader().createDownload('http://127.0.0.1/a', file('a'), options)
    expect(thrownBy(create)).toMatchObject({code: 'INVALID_ARGUMENT', where: Object.keys(options)[0]})
  })

  it('a digest may be in capitals', async () => {
    const {engine, server, file} = await makeWorld()
    server.route('/a', {content: BYTES})
    const options = {checksum: {algorithm: 'sha256' as const, hex: sha256(BYTES).toUpperCase()}}
    const operation = engine.createDownloader().createDownload(server.url('/a'), file('a'), options)
    await operation.startAsync()
    expect(operation.checksum?.hex).toBe(sha256(BYTES))
    expect(thrownBy(() => operation.changeOptions({retries: 1.5e9}))).toMatchObject({code: 'INVALID_ARGUMENT'})
  })

  it('new BackgroundDownloader() acts on the default engine, the first one that is open', async () => {
    const {engine, file} = await makeWorld()
    expect(BackgroundTransferEngine.default).toBe(engine)
    const operation = new BackgroundDownloader().createDownload('http://127.0.0.1:1/', file('a'))
    expect(operation.progress.status).toBe(BackgroundTransferStatus.idle)
    await engine.close()
    expect(thrownBy(() => new BackgroundDownloader())).toMatchObject({code: 'CLOSED'})
  })

  it('9. operations have the method of their downloader', async () => {
    const {engine, file} = await makeWorld()
    const downloader = engine.createDownloader()
    downloader.method = 'POST'
    expect(downloader.createDownload('http://127.0.0.1:1/', file('a')).method).toBe('POST')
    for (const method of ['BAD METHOD', 'CONNECT']) {
      expect(thrownBy(() => (downloader.method = method))).toMatchObject({code: 'INVALID_ARGUMENT'})
    }
  })

  it('10, 11. operations have the group of their downloader, as group and as string', async () => {
    const {engine, file} = await makeWorld()
    const group = engine.createGroup('episodes')
    const downloader = engine.createDownloader()
    downloader.transferGroup = group
    const first = downloader.createDownload('http://127.0.0.1:1/', file('a'))
    expect(first.transferGroup).toBe(group)
    expect(first.group).toBe('episodes')
    downloader.group = 'others'
    const second = downloader.createDownload('http://127.0.0.1:1/', file('b'))
    expect(second.group).toBe('others')
    expect(second.transferGroup).toBe(engine.createGroup('others'))
  })

  it.each([3, -1, 0.5, '1', null])('14. a cost policy of %j is refused, of an operation too', async (value) => {
    const {engine, server, file} = await makeWorld()
    const downloader = engine.createDownloader()
    const operation = downloader.createDownload(server.url('/a'), file('a'))
    for (const target of [downloader, operation]) {
      expect(thrownBy(() => Object.assign(target, {costPolicy: value}))).toMatchObject({number: E_INVALIDARG})
      expect(target.costPolicy).toBe(BackgroundTransferCostPolicy.default)
    }
  })

  it('12, 13, 14. cost policy: inherited at creation, independent afterwards', async () => {
    const {engine, file} = await makeWorld()
    const downloader = engine.createDownloader()
    downloader.costPolicy = BackgroundTransferCostPolicy.always
    const operation = downloader.createDownload('http://127.0.0.1:1/', file('a'))
    expect(operation.costPolicy).toBe(BackgroundTransferCostPolicy.always)
    downloader.costPolicy = BackgroundTransferCostPolicy.unrestrictedOnly
    downloader.method = 'POST'
    downloader.group = 'later'
    expect(operation).toMatchObject({costPolicy: BackgroundTransferCostPolicy.always, method: 'GET', group: ''})
    operation.costPolicy = BackgroundTransferCostPolicy.default
    expect(downloader.costPolicy).toBe(BackgroundTransferCostPolicy.unrestrictedOnly)
  })

  it('15, 16. headers of the downloader are sent with each download, repeated ones as one', async () => {
    const {engine, server, file} = await makeWorld()
    server.route('/a', {content: Buffer.from('a')})
    server.route('/b', {content: Buffer.from('b')})
    const downloader = engine.createDownloader()
    downloader.setRequestHeader('X-Colour', 'red')
    downloader.setRequestHeader('x-colour', 'blue')
    downloader.setRequestHeader('Authorization', 'Bearer secret')
    await downloader.createDownload(server.url('/a'), file('a')).startAsync()
    await downloader.createDownload(server.url('/b'), file('b')).startAsync()
    for (const {headers} of server.requests) {
      expect(headers).toMatchObject({'x-colour': 'red, blue', authorization: 'Bearer secret'})
    }
  })

  it('13. a header that is set after creation is not sent', async () => {
    const {engine, server, file} = await makeWorld()
    server.route('/a', {content: Buffer.from('a')})
    const downloader = engine.createDownloader()
    const operation = downloader.createDownload(server.url('/a'), file('a'))
    downloader.setRequestHeader('X-Late', 'yes')
    await operation.startAsync()
    expect(server.requests[0]?.headers['x-late']).toBeUndefined()
  })

  it.each<[string, string]>([
    ['', 'value'],
    ['X-Split', 'a\r\nInjected: yes'],
    ['X-Split', 'a\nb'],
    ['Bad Name', 'value'],
    ['Range', 'bytes=0-1'],
    ['If-Range', '"x"'],
    ['Host', 'elsewhere'],
    ['Content-Length', '5'],
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'close'],
    ['Expect', '100-continue'],
  ])('18. setRequestHeader(%j, %j) throws E_INVALIDARG', async (name, value) => {
    const {engine} = await makeWorld()
    const error = thrownBy(() => engine.createDownloader().setRequestHeader(name, value))
    expect(error).toBeInstanceOf(TransferError)
    expect(error).toMatchObject({code: 'INVALID_ARGUMENT', number: E_INVALIDARG})
  })

  it.each<[string, unknown, unknown]>([
    ['no URI', null, 'file'],
    ['no file', 'http://127.0.0.1/', null],
    ['an empty file name', 'http://127.0.0.1/', ''],
    ['a file name that no file can have', 'http://127.0.0.1/', 'a\0b'],
    ['a relative address', '/path', 'file'],
  ])('19. createDownload with %s throws E_INVALIDARG', async (_, uri, file) => {
    const {engine} = await makeWorld()
    const call = () => engine.createDownloader().createDownload(uri as string, file as string)
    expect(thrownBy(call)).toMatchObject({code: 'INVALID_ARGUMENT', number: E_INVALIDARG})
  })

  it.each(['ftps://127.0.0.1/a', 'file:///etc/passwd', 'data:,x', 'javascript:1'])(
    '20. createDownload of %s throws',
    async (uri) => {
      const {engine, file} = await makeWorld()
      expect(thrownBy(() => engine.createDownloader().createDownload(uri, file('a')))).toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
    },
  )

  it('22, 23. a new operation sends nothing, is idle, and has counted nothing', async () => {
    const {engine, server, file, names} = await makeWorld()
    server.route('/a', {content: Buffer.from('a')})
    const operation = engine.createDownloader().createDownload(server.url('/a'), file('a'))
    expect(operation.progress).toEqual({
      status: BackgroundTransferStatus.idle,
      bytesReceived: 0,
      totalBytesToReceive: 0,
      hasResponseChanged: false,
      hasRestarted: false,
    })
    await engine.close()
    expect(server.connections).toBe(0)
    expect(await names()).toEqual([])
  })

  it('24, 25. guids differ, and stay the same for life and in the next session', async () => {
    const {engine, server, file, directory} = await makeWorld()
    server.route('/a', {content: contentOf(1, 1000), cutAfter: 500, cut: 'stall'})
    const downloader = engine.createDownloader()
    const operation = downloader.createDownload(server.url('/a'), file('a'))
    const other = downloader.createDownload(server.url('/a'), file('b'))
    const {guid} = operation
    expect(guid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(other.guid).not.toBe(guid)
    await receives(operation.startAsync(), 500)
    expect(operation.guid).toBe(guid)
    await engine.close()
    const again = await openEngine(directory)
    expect((await again.getDownloadAsync(guid)).resultFile).toBe(file('a'))
  })

  it('26, 29. it knows its file and its address', async () => {
    const {engine, file} = await makeWorld()
    const uri = new URL('https://example.com/a?b=c')
    const operation = engine.createDownloader().createDownload(uri, file('a'))
    expect(operation.resultFile).toBe(file('a'))
    expect(operation.requestedUri.href).toBe(uri.href)
    expect(operation.requestedUri).not.toBe(uri)
  })

  it('281–285. headers of a live operation: joined, removed, replaced', async () => {
    const {engine, server, file} = await makeWorld()
    const content = contentOf(1, 100_000)
    server.route('/a', [
      {content, etag: '"1"', cutAfter: 50_000, cut: 'stall'},
      {content, etag: '"1"'},
    ])
    const operation = engine.createDownloader().createDownload(server.url('/a'), file('a'))
    operation.setRequestHeader('X-A', '1')
    operation.setRequestHeader('Authorization', 'Bearer old')
    const running = operation.startAsync()
    await receives(running, 50_000)
    operation.setRequestHeader('X-A', '2')
    operation.removeRequestHeader('authorization')
    operation.removeRequestHeader('x-absent')
    operation.setRequestHeader('Authorization', 'Bearer new')
    operation.pause()
    await expect.poll(() => operation.progress.status).toBe(BackgroundTransferStatus.pausedByApplication)
    operation.resume()
    await running
    const [first, second] = requestsFor(server, '/a')
    expect(first?.headers).toMatchObject({'x-a': '1', authorization: 'Bearer old'})
    expect(second?.headers).toMatchObject({'x-a': '1, 2', authorization: 'Bearer new'})
    expect(thrownBy(() => operation.setRequestHeader('X-A', '3'))).toMatchObject({code: 'ILLEGAL_STATE'})
  })

  it('takes a percent sign in user information that introduces nothing for itself', async () => {
    const {engine, server, file} = await makeWorld()
    server.route('/a', ({headers}) =>
      headers.authorization === undefined
        ? {status: 401, headers: [['WWW-Authenticate', 'Basic realm="x"']]}
        : {content: Buffer.from('a')},
    )
    const url = server.url('/a').replace('//', '//me:100%@')
    await engine.createDownloader().createDownload(url, file('a')).startAsync()
    expect(server.requests[1]?.headers.authorization).toBe(`Basic ${Buffer.from('me:100%').toString('base64')}`)
  })

  it.each([{logger: {info: () => {}}}, {resumeOnOpen: 'never'}, {journal: 'no'}, {unconstrainedConsent: true}])(
    'an engine with %j is refused when it is opened',
    async (options) => {
      const directory = await makeDirectory()
      const opening = BackgroundTransferEngine.open({directory, ...options} as never)
      expect(await failure(opening)).toMatchObject({code: 'INVALID_ARGUMENT', where: Object.keys(options)[0]})
    },
  )

  it('an engine without options is refused', async () => {
    expect(await failure(BackgroundTransferEngine.open(undefined as never))).toMatchObject({code: 'INVALID_ARGUMENT'})
  })

  it('groups have names of 1 to 256 characters', async () => {
    const {engine} = await makeWorld()
    expect(BackgroundTransferGroup.createGroup('x').name).toBe('x')
    expect(thrownBy(() => engine.createGroup(''))).toMatchObject({code: 'INVALID_ARGUMENT'})
    expect(thrownBy(() => engine.createGroup('x'.repeat(257)))).toMatchObject({code: 'INVALID_ARGUMENT'})
  })

  it.each([null, undefined, 5, {}])(
    '18, 19. what is no text, no list and no group is E_INVALIDARG: %o',
    async (given) => {
      const {engine, server} = await makeWorld()
      const [downloader, uploader] = [engine.createDownloader(), engine.createUploader()]
      const wrong = given as never
      const refused = expect.objectContaining({code: 'INVALID_ARGUMENT', number: E_INVALIDARG})
      const setters: Readonly<Record<string, () => unknown>> = {
        method: () => {
          downloader.method = wrong
        },
        headerName: () => downloader.setRequestHeader(wrong, 'value'),
        headerValue: () => downloader.setRequestHeader('X-Name', wrong),
        removed: () => downloader.createDownload(server.url('/a'), 'a').removeRequestHeader(wrong),
        transferGroup: () => {
          downloader.transferGroup = given === null ? ('' as never) : wrong
        },
      }
      for (const [name, set] of Object.entries(setters)) expect([name, thrownBy(set)]).toEqual([name, refused])
      await expect(uploader.createUploadAsync(server.url('/a'), wrong)).rejects.toEqual(refused)
      await expect(engine.requestUnconstrainedDownloadsAsync(wrong)).rejects.toEqual(refused)
      if (given === undefined) return
      await expect(engine.getCurrentDownloadsAsync(wrong)).rejects.toEqual(refused)
      await expect(engine.getCurrentUploadsAsync(wrong)).rejects.toEqual(refused)
    },
  )
})
