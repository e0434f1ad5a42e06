/** The namespace's checklist, 17.D: proxies, and whom TLS believes. Numbers are the items'. */

import {readdir, readFile} from 'node:fs/promises'
import {createServer} from 'node:https'
import type {AddressInfo} from 'node:net'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferError, type DownloadOptions, PasswordCredential, WebErrorStatus} from '../../../src/index.ts'
import {basic, PASSWORD, USER} from '../../support/asking.ts'
import {contentOf, sha256} from '../../support/content.ts'
import type {Script} from '../../support/faulty-script.ts'
import {startHttpProxy} from '../../support/proxy-server.ts'
import {VALID_CERTIFICATE} from '../../support/tls-certificates.ts'
import {digestOf, failure, makeWorld, onCleanup, openEngine, rangesAsked, receives, type World} from '../harness.ts'

const BYTES = contentOf(1, 200_000)
const WHOLE = {content: BYTES, etag: '"v1"'} as const

async function startAskingProxy() {
  const proxy = await startHttpProxy({refuse: (_, __, said) => (said === basic() ? undefined : ['Basic realm="way"'])})
  onCleanup(() => proxy.close())
  return proxy
}

describe('17.D proxies', () => {
  it('110. proxyCredential answers a Basic challenge of the proxy, and of nobody else', async () => {
    const proxy = await startAskingProxy()
    const world = await makeWorld({proxy: proxy.address})
    world.server.route('/a', WHOLE)
    world.server.route('/asks', {status: 401, headers: [['WWW-Authenticate', 'Basic realm="x"']]})
    const downloader = world.engine.createDownloader()
    downloader.proxyCredential = new PasswordCredential('way', USER, PASSWORD)
    await downloader.createDownload(world.server.url('/a'), world.file('a')).startAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    expect(proxy.requests.map(({headers}) => headers['proxy-authorization'])).toEqual([undefined, basic()])
    await failure(downloader.createDownload(world.server.url('/asks'), world.file('b')).startAsync())
    expect(world.server.requests.every(({headers}) => headers.authorization === undefined)).toBe(true)
  })

  it('a 407 without usable credentials is ProxyAuthenticationRequired, and is not tried again', async () => {
    const proxy = await startAskingProxy()
    const world = await makeWorld({proxy: proxy.address})
    const error = await failure(
      world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a')).startAsync(),
    )
    expect(BackgroundTransferError.getStatus(error.number)).toBe(WebErrorStatus.proxyAuthenticationRequired)
    expect(proxy.requests.length).toBe(1)
    expect(world.server.requests.length).toBe(0)
  })

  it('113. a downloader’s own proxy is kept with the download, its password sealed', async () => {
    const proxy = await startAskingProxy()
    const world = await makeWorld()
    world.server.route('/a', {...WHOLE, cutAfter: 100_000, cut: 'stall'})
    const downloader = world.engine.createDownloader()
    expect(downloader.proxy).toBeNull()
    downloader.proxy = proxy.address.replace('//', `//${USER}:${encodeURIComponent(PASSWORD)}@`)
    expect(downloader.proxy).toBe(proxy.address)
    const operation = downloader.createDownload(world.server.url('/a'), world.file('a'))
    const running = operation.startAsync()
    await receives(running, 100_000)
    await world.engine.close()
    for (const name of await readdir(world.file('.store'))) {
      const found = await readFile(world.file(`.store/${name}`)).catch(() => Buffer.alloc(0))
      expect(found.includes(PASSWORD), name).toBe(false)
    }
    world.server.route('/a', WHOLE)
    const engine = await openEngine(world.directory)
    await (await engine.getDownloadAsync(operation.guid)).attachAsync()
    // Each of the two processes was asked once.
    expect(proxy.requests.length).toBe(world.server.requests.length + 2)
    downloader.proxy = 'direct'
    downloader.proxy = null
    expect(downloader.proxy).toBeNull()
  })

  describe('that answer for the server with a page of their own', () => {
    const address = 'http://files.example/a'
    const page = Buffer.from('<html>log in</html>')
    const PAGE: Script = {content: page, headers: [['Content-Type', 'text/html']]}
    const HALF: Script = {...WHOLE, headers: [['Content-Type', 'application/zip']], cutAfter: 100_000, cut: 'fin'}

    async function fetchBy(world: World, options: DownloadOptions = {}) {
      const downloader = world.engine.createDownloader()
      downloader.proxy = world.server.origin
      const operation = downloader.createDownload(address, world.file('a'), {retries: 0, ...options})
      await operation.startAsync()
      return operation
    }

    it.each<[string, DownloadOptions, string]>([
      ['a checksum', {checksum: {algorithm: 'sha256', hex: sha256(BYTES)}}, 'CHECKSUM_MISMATCH'],
      ['what is expected', {expect: {contentType: 'application/zip'}}, 'CONTENT_UNEXPECTED'],
      ['the length', {expect: {minBytes: BYTES.length}}, 'CONTENT_UNEXPECTED'],
      ['the first bytes', {expect: {magic: BYTES.toString('hex', 0, 4)}}, 'CONTENT_UNEXPECTED'],
    ])('%s tells it from the file, in the middle of a download too', async (_, options, code) => {
      const world = await makeWorld()
      world.server.route(address, [HALF, PAGE])
      expect((await failure(fetchBy(world, options))).code).toBe(code)
      expect(await world.names()).not.toContain('a')
      world.server.route(address, WHOLE)
      await fetchBy(world, {...options, ...('expect' in options ? {expect: {}} : {})})
      expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    })

    it.each([
      ['names no version', {}],
      ['names another one', {etag: '"v2"'}],
    ])('bytes that are here are joined to nothing of it, where it calls it the rest and %s', async (_, version) => {
      const world = await makeWorld()
      const contentRange = `bytes 100000-${BYTES.length - 1}/${BYTES.length}`
      const forged: Script = {content: Buffer.alloc(100_000), status: 206, ranges: 'ignore', contentRange}
      world.server.route(address, [HALF, {...forged, ...version}, WHOLE])
      await fetchBy(world)
      expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
      expect(rangesAsked(world.server, address)).toEqual(['', 'bytes=100000-|"v1"', ''])
    })

    it('nothing tells it, where nothing is known of the file: over http a 200 is the server’s word', async () => {
      const world = await makeWorld()
      world.server.route(address, [HALF, PAGE])
      const operation = await fetchBy(world)
      expect(await digestOf(world.file('a'))).toBe(sha256(page))
      expect(operation.progress.bytesReceived).toBe(page.length)
    })
  })

  it('a proxy that is none is refused when the engine is opened', async () => {
    const world = await makeWorld()
    for (const proxy of ['ftp://p', 'p', {http: 'p'}]) {
      expect(await failure(openEngine(world.file('other'), {proxy}))).toMatchObject({code: 'INVALID_ARGUMENT'})
    }
    expect(() => {
      world.engine.createDownloader().proxy = 'p'
    }).toThrow(/proxy must be an address/)
  })
})

describe('story 28: a redirect into the own network', () => {
  it('is refused at once, and nothing is published', async () => {
    const world = await makeWorld({egress: {hosts: ['127.0.0.1'], refusePrivate: false}})
    world.server.route('/a', {status: 302, location: 'http://169.254.169.254/latest/meta-data'})
    const operation = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
    expect(await failure(operation.startAsync())).toMatchObject({
      code: 'EGRESS_REFUSED',
      where: 'http://169.254.169.254',
    })
    expect(world.server.requests.length).toBe(1)
    expect(await world.names()).toEqual([])
  })

  it('the first address is checked as well', async () => {
    const world = await makeWorld({egress: {}})
    const operation = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
    expect(await failure(operation.startAsync())).toMatchObject({code: 'EGRESS_REFUSED'})
    expect(world.server.connections).toBe(0)
  })
})

describe('17.D TLS', () => {
  it('trusts the authority that it is given, and shows the certificate that it is given', async () => {
    const server = createServer(
      {
        ...VALID_CERTIFICATE,
        ca: VALID_CERTIFICATE.cert,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
      },
      (_, response) => response.end(BYTES),
    )
    server.listen(0, '127.0.0.1')
    onCleanup(async () => {
      server.closeAllConnections()
      server.close()
    })
    await expect.poll(() => server.listening).toBe(true)
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/a`
    const {cert, key} = VALID_CERTIFICATE
    const fetchWith = async (tls: object) => {
      const world = await makeWorld({tls, retries: 0})
      await world.engine.createDownloader().createDownload(url, world.file('a')).startAsync()
      return digestOf(world.file('a'))
    }
    expect(await fetchWith({ca: cert, cert, key, minVersion: 'TLSv1.3'})).toBe(sha256(BYTES))
    expect(await fetchWith({cert, key, dangerouslyAcceptAnyCertificate: true})).toBe(sha256(BYTES))
    expect((await failure(fetchWith({cert, key}))).code).toBe('CERTIFICATE_UNTRUSTED')
    expect((await failure(fetchWith({ca: [cert]}))).code).toMatch(/^(TLS_FAILED|CONNECTION_RESET)$/)
    expect((await failure(fetchWith({ca: cert, cert, key, servername: 'other.example'}))).code).toBe(
      'CERTIFICATE_NAME_MISMATCH',
    )
  })

  it('one clear error for what cannot be used, without a key in it', async () => {
    const {cert, key} = VALID_CERTIFICATE
    const directory = (await makeWorld()).file('other')
    for (const tls of [
      {cert},
      {key},
      {ca: []},
      {cert: 'no PEM', key},
      {cert, key: key.replace('MIGH', 'AAAA')},
      {minVersion: 'TLSv9'},
    ]) {
      const error = await failure(openEngine(directory, {tls: tls as never}))
      expect(error).toMatchObject({code: 'INVALID_ARGUMENT'})
      expect(error.where).toMatch(/^tls/)
      expect(error.toLine()).not.toContain('BEGIN')
    }
  })
})
