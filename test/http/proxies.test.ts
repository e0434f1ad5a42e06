/** Servers by way of a proxy: forwarding, CONNECT over TCP and TLS, SOCKS5; both ways of a body; who we are for the proxy. */

import {once} from 'node:events'
import {type AddressInfo, createServer, type Socket} from 'node:net'
import {afterEach, describe, expect, it} from 'vitest'
import type {Exchange, Transport} from '../../src/ports/transport.ts'
import {DigestServer, PASSWORD, USER} from '../support/asking.ts'
import type {CollectingReceiver} from '../support/collecting-receiver.ts'
import {contentOf, sha256} from '../support/content.ts'
import {type ProxyBehaviour, startHttpProxy, startSocksProxy, type TestProxy} from '../support/proxy-server.ts'
import {OTHER_NAME_CERTIFICATE, VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {PATHS, run, startServer, startTransport, type TransportSetup, WAYS} from './harness.ts'

const SIZE = 3 * 1024 * 1024 + 7
const BYTES = contentOf(7, SIZE)
const DIGEST = sha256(BYTES)
const KINDS = ['http', 'https', 'socks5'] as const

const proxies: TestProxy[] = []

afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close()
})

async function startProxy(kind: (typeof KINDS)[number], behaviour: ProxyBehaviour = {}): Promise<TestProxy> {
  const proxy =
    kind === 'socks5'
      ? await startSocksProxy()
      : await startHttpProxy({...behaviour, ...(kind === 'https' ? {certificate: VALID_CERTIFICATE} : {})})
  proxies.push(proxy)
  return proxy
}

function through(proxy: TestProxy, options: TransportSetup = {}): Transport {
  return startTransport({proxy: proxy.address, ...options})
}

/** Gives memory for one buffer at each turn of the event loop. */
function feedSlowly(exchange: Exchange, receiver: CollectingReceiver): void {
  const feed = setInterval(() => {
    receiver.giveBack(1)
    exchange.resume()
  }, 0)
  exchange.finished.catch(() => {}).finally(() => clearInterval(feed))
}

function withUser(proxy: TestProxy): string {
  return proxy.address.replace('://', `://${USER}:${encodeURIComponent(PASSWORD)}@`)
}

const MATRIX = KINDS.flatMap((kind) => WAYS.map(([scheme, path]) => [kind, scheme, path] as const))

describe('through a proxy', () => {
  it.each(MATRIX)(
    '%s, to an %s server, body by the %s path: all bytes, and a tunnel kept alive',
    async (kind, scheme, path) => {
      const server = await startServer(scheme)
      const proxy = await startProxy(kind)
      server.route('/a', {content: BYTES, etag: '"1"'})
      server.route('/small', {content: BYTES.subarray(0, 100), etag: '"1"'})
      const transport = through(proxy, path === 'direct' ? {...PATHS.direct, directBodyThreshold: 1000} : PATHS[path])
      for (const name of ['/small', '/small']) {
        const small = await run(transport, server.url(name))
        expect(small.error).toBeUndefined()
      }
      // A proxy that forwards has connections of its own.
      if (kind === 'socks5' || scheme === 'https') expect(server.connections).toBe(1)
      const {receiver, error} = await run(transport, server.url('/a?b=1'))
      expect(error).toBeUndefined()
      expect(receiver.digest()).toBe(DIGEST)
      const host = server.origin.split('//')[1]
      expect(server.requests.every(({headers}) => headers.host === host)).toBe(true)
      expect(server.requests.at(-1)?.path).toBe('/a?b=1')
      const lines = new Set(proxy.requests.map(({line}) => line))
      if (kind === 'socks5') expect([...lines]).toEqual([`SOCKS ${host}`])
      else if (scheme === 'https') expect([...lines]).toEqual([`CONNECT ${host}`])
      else expect([...lines]).toEqual([`GET ${server.url('/small')}`, `GET ${server.url('/a?b=1')}`])
    },
  )

  it.each(MATRIX.filter(([, , path]) => path !== 'parser'))(
    '%s, to an %s server: a receiver without memory holds the connection back (%s path)',
    async (kind, scheme, path) => {
      const server = await startServer(scheme)
      const proxy = await startProxy(kind)
      server.route('/a', {content: BYTES})
      const {receiver, error} = await run(through(proxy, PATHS[path]), server.url('/a'), {
        bufferBytes: 256 * 1024,
        buffers: 1,
        onStart: feedSlowly,
      })
      expect(error).toBeUndefined()
      expect(receiver.digest()).toBe(DIGEST)
    },
  )

  it.each(KINDS)('%s: a cut in mid-body is a cut, not an end', async (kind) => {
    const server = await startServer(kind === 'socks5' ? 'http' : 'https')
    const proxy = await startProxy(kind)
    server.route('/a', {content: BYTES, cutAfter: 1000, cut: 'reset'})
    server.route('/b', {content: BYTES, cutAfter: 1000, cut: 'fin'})
    for (const path of ['/a', '/b']) {
      expect((await run(through(proxy), server.url(path))).error?.code).toMatch(/^(TRUNCATED|CONNECTION_RESET)$/)
    }
  })

  it('an answer without length ends where its server ends it, behind a tunnel in TLS too', async () => {
    const server = await startServer('https')
    server.route('/a', {content: BYTES.subarray(0, 5000), framing: 'close'})
    for (const kind of KINDS) {
      const {receiver, error, end} = await run(through(await startProxy(kind)), server.url('/a'))
      expect(error, kind).toBeUndefined()
      expect(end?.framing).toBe('close')
      expect(receiver.length).toBe(5000)
    }
  })

  it.each(KINDS)(
    '%s: an answer without length does not end where TCP ends behind the tunnel, but TLS does not',
    async (kind) => {
      const server = await startServer('https')
      server.route('/a', {content: BYTES, framing: 'close', cutAfter: 5000, cut: 'bareFin'})
      const {error} = await run(through(await startProxy(kind)), server.url('/a'))
      expect(error?.code).toBe('TRUNCATED')
    },
  )

  it.each(KINDS)('%s: nor does it for a receiver that holds the connection back', async (kind) => {
    const server = await startServer('https')
    const proxy = await startProxy(kind)
    for (const cutAfter of [200_000, 250_000, 300_000, 350_000]) {
      server.route('/a', {content: {seed: 7, size: 2_000_000}, framing: 'close', cutAfter, cut: 'bareFin'})
      // The cut comes while nothing is read.
      const feedLate = (exchange: Exchange, receiver: CollectingReceiver) => {
        void expect
          .poll(() => server.requests.at(-1)?.bytesSent)
          .toBe(cutAfter)
          .then(() => feedSlowly(exchange, receiver))
      }
      const options = {buffers: 3, bufferBytes: 65_536, onStart: feedLate}
      const {error} = await run(through(proxy), server.url('/a'), options)
      expect(error?.code, `${cutAfter}`).toBe('TRUNCATED')
    }
  })

  it.each(KINDS)('%s: an answer without length ends behind a tunnel also for a slow receiver', async (kind) => {
    const server = await startServer('https')
    server.route('/a', {content: BYTES, framing: 'close'})
    const options = {buffers: 1, onStart: feedSlowly}
    const {error, receiver} = await run(through(await startProxy(kind)), server.url('/a'), options)
    expect(error).toBeUndefined()
    expect(receiver.digest()).toBe(DIGEST)
  })

  it('an abort closes what was being opened', async () => {
    for (const scheme of ['http', 'socks5']) {
      const silent = createServer()
      const [accepted] = [once(silent, 'connection'), silent.listen(0, '127.0.0.1')]
      await once(silent, 'listening')
      const {port} = silent.address() as AddressInfo
      const abort = new AbortController()
      const transport = startTransport({proxy: `${scheme}://127.0.0.1:${port}`})
      const ended = run(transport, 'https://127.0.0.1:9/', {signal: abort.signal})
      const [socket] = (await accepted) as [Socket]
      const closed = once(socket.resume(), 'close')
      abort.abort()
      expect((await ended).error?.code).toBe('CANCELED')
      await closed
      silent.close()
    }
  })
})

describe('which proxy', () => {
  it('a request names its own, or none', async () => {
    const server = await startServer()
    const [engines, own] = [await startProxy('http'), await startProxy('http')]
    server.route('/a', {content: BYTES.subarray(0, 10)})
    const transport = through(engines)
    await run(transport, server.url('/a'), {request: {proxy: own.address}})
    await run(transport, server.url('/a'), {request: {proxy: 'direct'}})
    expect([engines.requests.length, own.requests.length, server.requests.length]).toEqual([0, 1, 2])
    await run(transport, server.url('/a'))
    expect(engines.requests.length).toBe(1)
  })

  it('exempt servers are asked straight', async () => {
    const server = await startServer()
    const proxy = await startProxy('http')
    server.route('/a', {content: BYTES.subarray(0, 10)})
    const transport = startTransport({proxy: {http: proxy.address, noProxy: ['127.0.0.1']}})
    expect((await run(transport, server.url('/a'))).error).toBeUndefined()
    expect(proxy.requests.length).toBe(0)
  })
})

describe('who we are for the proxy', () => {
  const refuse = (asking: DigestServer) => (method: string, uri: string, said: string | undefined) =>
    asking.refuse(method, uri, said)
  const basicRefuse = (_: string, __: string, said: string | undefined) =>
    said === `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}` ? undefined : ['Basic realm="way"']

  it.each(['http', 'https'] as const)(
    '110. Basic, for an %s server: after the challenge, and then unasked',
    async (scheme) => {
      const server = await startServer(scheme)
      const proxy = await startProxy('http', {refuse: basicRefuse})
      server.route('/a', {content: BYTES, close: true})
      const transport = startTransport({proxy: withUser(proxy)})
      for (let turn = 0; turn < 2; turn++) {
        const {receiver, error} = await run(transport, server.url('/a'), {
          request: {headers: [['Authorization', 'Bearer s3cret']]},
        })
        expect(error).toBeUndefined()
        expect(receiver.digest()).toBe(DIGEST)
      }
      expect(proxy.requests.map(({headers}) => 'proxy-authorization' in headers)).toEqual([false, true, true])
      expect(server.requests.every(({headers}) => !('proxy-authorization' in headers))).toBe(true)
      if (scheme === 'https') {
        expect(proxy.requests.every(({headers}) => !('authorization' in headers))).toBe(true)
        expect(proxy.heard()).not.toContain('s3cret')
      }
    },
  )

  it.each([
    ['http', 'http'],
    ['https', 'http'],
    ['https', 'https'],
  ] as const)('Digest, for an %s server by an %s proxy', async (scheme, kind) => {
    const server = await startServer(scheme)
    const asking = new DigestServer({algorithm: 'SHA-256', nonceUses: 1})
    const proxy = await startProxy(kind, {refuse: refuse(asking)})
    server.route('/a', {content: BYTES, close: true})
    const transport = startTransport({proxy: proxy.address})
    const request = {proxyCredential: {userName: USER, password: PASSWORD}}
    for (let turn = 0; turn < 2; turn++)
      expect((await run(transport, server.url('/a'), {request})).error).toBeUndefined()
    expect(asking.refusals).toEqual(['nothing was said', 'used up'])
  })

  it('407 behind a body: it goes out again from its first byte, and says so', async () => {
    const server = await startServer()
    const proxy = await startProxy('http', {refuse: basicRefuse})
    server.route('/a', {content: BYTES})
    const body = {
      length: BYTES.length,
      chunks: async function* () {
        yield BYTES
      },
    }
    const proxyCredential = {userName: USER, password: PASSWORD}
    const {receiver, error} = await run(through(proxy), server.url('/a'), {
      request: {method: 'PUT', body, proxyCredential},
    })
    expect(error).toBeUndefined()
    // Neither sending need be over when it is answered.
    const calls = receiver.calls.filter((call) => call !== 'sent')
    expect(calls.slice(0, 4)).toEqual(['connected', 'repeated', 'connected', 'responded'])
  })

  it.each(['http', 'https'] as const)(
    '407 without, or with a refused credential ends, for an %s server',
    async (scheme) => {
      const server = await startServer(scheme)
      const proxy = await startProxy('http', {refuse: basicRefuse})
      server.route('/a', {content: BYTES})
      for (const [credential, asked] of [
        [undefined, 1],
        [{userName: USER, password: 'wrong'}, 3],
      ] as const) {
        const request = credential === undefined ? {} : {proxyCredential: credential}
        const {error} = await run(through(proxy), server.url('/a'), {request})
        expect(error).toMatchObject({
          code: 'PROXY_UNAUTHORIZED',
          where: proxy.address,
          hresult: 0x80190197,
          retry: 'never',
        })
        expect(error?.toLine()).not.toContain('wrong')
        expect(proxy.requests.length).toBe(asked)
      }
      expect(server.requests.length).toBe(0)
    },
  )

  it('SOCKS5 by user name and password, right or wrong', async () => {
    const server = await startServer()
    const proxy = await startSocksProxy({user: USER, password: PASSWORD})
    proxies.push(proxy)
    server.route('/a', {content: BYTES})
    expect((await run(startTransport({proxy: withUser(proxy)}), server.url('/a'))).error).toBeUndefined()
    for (const credential of [
      undefined,
      {userName: USER, password: 'wrong'},
      {userName: 'x'.repeat(256), password: 'y'},
    ]) {
      const request = credential === undefined ? {} : {proxyCredential: credential}
      const {error} = await run(through(proxy), server.url('/a'), {request})
      expect(error?.code).toBe(credential?.userName.length === 256 ? 'PROXY_FAILED' : 'PROXY_UNAUTHORIZED')
      expect(JSON.stringify(error?.toSerialized())).not.toContain('wrong')
    }
  })
})

describe('what goes wrong at a proxy', () => {
  it.each([
    [403, 'never'],
    [502, 'backoff'],
    [503, 'backoff'],
  ] as const)('a tunnel refused with %i', async (status, retry) => {
    const server = await startServer('https')
    const proxy = await startProxy('http', {refuse: () => status})
    const {error} = await run(through(proxy), server.url('/a'))
    expect(error).toMatchObject({code: 'PROXY_FAILED', where: proxy.address, retry, details: {status}})
  })

  it.each([
    [1, 'backoff', /refused: failure/],
    [2, 'never', /not allowed/],
    [4, 'backoff', /host unreachable/],
    [5, 'backoff', /connection refused/],
  ] as const)('SOCKS reply %i', async (reply, retry, says) => {
    const proxy = await startSocksProxy({reply})
    proxies.push(proxy)
    const {error} = await run(through(proxy), 'http://127.0.0.1:1/')
    expect(error).toMatchObject({code: 'PROXY_FAILED', where: proxy.address, retry})
    expect(error?.message).toMatch(says)
  })

  it.each(KINDS)('an %s proxy that is not there', async (kind) => {
    const proxy = await startProxy(kind)
    await proxy.close()
    proxies.length = 0
    for (const url of ['http://127.0.0.1:1/', 'https://127.0.0.1:1/']) {
      const {error} = await run(through(proxy), url)
      expect(error).toMatchObject({code: 'PROXY_FAILED', where: proxy.address, retry: 'backoff'})
      expect(error?.message).toContain('refused')
    }
  })

  it('an https proxy under another name, or of an unknown authority, is not believed', async () => {
    for (const certificate of [OTHER_NAME_CERTIFICATE, VALID_CERTIFICATE]) {
      const proxy = await startHttpProxy({certificate})
      proxies.push(proxy)
      const ca = certificate === VALID_CERTIFICATE ? OTHER_NAME_CERTIFICATE.cert : certificate.cert
      for (const url of ['http://127.0.0.1:1/', 'https://127.0.0.1:1/']) {
        const {error} = await run(startTransport({proxy: proxy.address, tls: {ca}}), url)
        expect(error?.code).toMatch(/^CERTIFICATE_(NAME_MISMATCH|UNTRUSTED)$/)
        expect(error?.where).toBe(proxy.address)
      }
      expect(proxy.requests).toEqual([])
    }
  })

  it.each([
    ['garbage behind its 200', 'HTTP/1.1 200 OK\r\n\r\nSSH-2.0-none\r\n', 'TLS_FAILED'],
    ['a page behind its 200', 'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>no</html>', 'TLS_FAILED'],
    ['no HTTP', 'SSH-2.0-none\r\n', 'PROXY_FAILED'],
    ['a head of megabytes', `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(3_000_000)}\r\n\r\n`, 'PROXY_FAILED'],
    ['a redirect', 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n', 'PROXY_FAILED'],
  ])('a tunnel that is answered with %s is none, and hears nothing that is for the server', async (_, raw, code) => {
    const proxy = await startServer()
    proxy.route('127.0.0.1:9', {raw, rawEnd: 'keep'})
    const headers = [['Authorization', 'Bearer s3cret']] as const
    const {error, receiver} = await run(startTransport({proxy: proxy.origin}), 'https://127.0.0.1:9/a', {
      request: {headers},
    })
    expect(error?.code).toBe(code)
    expect(receiver.head).toBeUndefined()
    expect(proxy.requests.map(({method}) => method)).toEqual(['CONNECT'])
    expect(JSON.stringify(proxy.requests)).not.toContain('s3cret')
  })

  it.each([
    ['garbage', 'SSH-2.0-none\r\n', 'INVALID_RESPONSE'],
    ['nothing', '', 'CONNECTION_RESET'],
  ])('one that forwards and answers with %s has answered nothing', async (_, raw, code) => {
    const proxy = await startServer()
    proxy.route('http://127.0.0.1:9/a', {raw, rawEnd: 'fin'})
    const {error, receiver} = await run(startTransport({proxy: proxy.origin}), 'http://127.0.0.1:9/a')
    expect(error?.code).toBe(code)
    expect(receiver.head).toBeUndefined()
  })

  it('the server behind a tunnel still has to prove its name', async () => {
    const proxy = await startProxy('http')
    const server = await startServer('https')
    const {error} = await run(through(proxy, {tls: {ca: OTHER_NAME_CERTIFICATE.cert}}), server.url('/a'))
    expect(error).toMatchObject({code: 'CERTIFICATE_UNTRUSTED', where: server.origin})
  })
})
