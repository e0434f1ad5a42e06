/** Who is let in: the probes of an attacker's page, a rebound name, a guessed path and a large body, one by one. */

import {createHmac} from 'node:crypto'
import {mkdtemp, rm} from 'node:fs/promises'
import {connect} from 'node:net'
import {networkInterfaces, tmpdir} from 'node:os'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {afterAll, beforeAll, describe, expect, it, vi} from 'vitest'
import {BackgroundTransferEngine, type Inspector} from '../../src/index.ts'
import {refusalOf} from '../../src/inspector/gate.ts'
import {unusedPort} from '../support/unused-port.ts'
import {ask, post, read} from './harness.ts'

let directory: string
let engine: BackgroundTransferEngine
let inspector: Inspector
let port: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'inspector-security-'))
  engine = await BackgroundTransferEngine.open({directory, durability: 'process'})
  inspector = await engine.inspect()
  port = new URL(inspector.origin).port
})

afterAll(async () => {
  await engine?.close()
  await rm(directory, {recursive: true, force: true})
})

const bearer = () => ({authorization: `Bearer ${inspector.token}`})
const probe = async (headers: Record<string, string>, path = '/api/v1/state') =>
  (await ask(inspector, path, {headers})).status

describe('the gate', () => {
  it('asks for a credential, and takes the right one only', async () => {
    expect(await probe({})).toBe(401)
    expect(await probe(bearer())).toBe(200)
    expect(await probe({authorization: `Bearer ${inspector.token}x`})).toBe(401)
    expect(await probe({authorization: `Bearer ${inspector.token.slice(0, -1)}`})).toBe(401)
    expect(await probe({authorization: inspector.token})).toBe(401)
    expect(await probe({authorization: 'Bearer '})).toBe(401)
    expect(await probe({cookie: `bgt-inspector-${port}=${inspector.token}`})).toBe(401)
    expect(await probe({}, `/api/v1/state?token=${inspector.token}`)).toBe(401)
  })

  it.each([
    '/api/v1/state',
    '/api/v1/charts',
    '/api/v1/charts/operation',
    '/api/v1/operations',
    '/api/v1/operations/00000000-0000-4000-8000-000000000001',
    '/api/v1/operations/00000000-0000-4000-8000-000000000001/bundle',
    '/api/v1/operations/00000000-0000-4000-8000-000000000001/what-if?event=operation.cancel',
    '/api/v1/events',
    '/api/v1/nothing',
  ])('tells a stranger nothing of %s', async (path) => {
    const answer = await ask(inspector, path)
    expect(answer.status).toBe(401)
    expect(answer.json()).toMatchObject({error: {code: 'UNAUTHORIZED'}})
  })

  it.each(['evil.example', 'evil.example:80', '127.0.0.1', '127.0.0.1:1', '127.0.0.1.evil.example', '[::1]:1'])(
    'refuses the host %j with 421, page included',
    async (host) => {
      expect(await probe({...bearer(), host})).toBe(421)
      expect(await probe({host}, '/')).toBe(421)
    },
  )

  it('refuses a request that names no host at all', async () => {
    const socket = connect({host: '127.0.0.1', port: Number(port)})
    socket.end(`GET /api/v1/state HTTP/1.0\r\nAuthorization: Bearer ${inspector.token}\r\n\r\n`)
    const [line] = (await text(socket)).split('\r\n')
    expect(line).toBe('HTTP/1.1 421 Misdirected Request')
  })

  it('takes both loopback names with its own port', async () => {
    expect(await probe({...bearer(), host: `localhost:${port}`})).toBe(200)
    expect(await probe({...bearer(), host: `127.0.0.1:${port}`})).toBe(200)
  })

  it('takes them without a port where browsers name none: under port 80', () => {
    for (const host of ['localhost', '127.0.0.1', 'localhost:80']) {
      expect(refusalOf({method: 'GET', headers: {host, origin: `http://${host}`}}, 80)).toBeUndefined()
      expect(refusalOf({method: 'GET', headers: {host}}, 8080)?.status).toBe(421)
    }
    expect(refusalOf({method: 'GET', headers: {host: 'evil.example'}}, 80)?.status).toBe(421)
  })

  it.each(['https://evil.example', 'null', 'http://127.0.0.1:1', 'http://localhost', 'http://127.0.0.1.evil.example'])(
    'refuses the origin %s with 403',
    async (origin) => {
      expect(await probe({...bearer(), origin})).toBe(403)
    },
  )

  it('refuses https of itself, and takes its own origin by either name', async () => {
    expect(await probe({...bearer(), origin: `https://127.0.0.1:${port}`})).toBe(403)
    expect(await probe({...bearer(), origin: inspector.origin})).toBe(200)
    expect(await probe({...bearer(), origin: `http://localhost:${port}`})).toBe(200)
  })

  it('refuses a rebound name although Host and Origin agree', async () => {
    expect(await probe({...bearer(), host: `evil.example:${port}`, origin: `http://evil.example:${port}`})).toBe(421)
  })

  it.each(['cross-site', 'same-site', 'nonsense'])('refuses Sec-Fetch-Site: %s with 403', async (site) => {
    expect(await probe({...bearer(), 'sec-fetch-site': site})).toBe(403)
    expect(await probe({'sec-fetch-site': site}, '/')).toBe(403)
  })

  it.each(['same-origin', 'none'])('takes Sec-Fetch-Site: %s', async (site) => {
    expect(await probe({...bearer(), 'sec-fetch-site': site})).toBe(200)
  })

  it('gives no site leave to read: no CORS header, and no answer to a preflight', async () => {
    const preflight = await ask(inspector, '/api/v1/state', {
      method: 'OPTIONS',
      headers: {origin: inspector.origin, 'access-control-request-method': 'GET'},
    })
    expect(preflight.status).toBe(405)
    for (const {headers} of [preflight, await read(inspector, '/api/v1/state')]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  it.each(['PUT', 'DELETE', 'PATCH', 'TRACE'])('refuses %s', async (method) => {
    expect((await read(inspector, '/api/v1/state', {method})).status).toBe(405)
  })
})

describe('the session', () => {
  const exchange = (token: unknown, headers = {}) =>
    ask(inspector, '/api/v1/session', {
      method: 'POST',
      headers: {'content-type': 'application/json', origin: inspector.origin, ...headers},
      body: JSON.stringify({token}),
    })

  it('gives a cookie for the token, which is not the token and which scripts cannot read', async () => {
    const {status, headers} = await exchange(inspector.token)
    expect(status).toBe(204)
    const [cookie = ''] = headers['set-cookie'] ?? []
    expect(cookie).toMatch(new RegExp(`^bgt-inspector-${port}=[\\w-]{32}; Path=/; HttpOnly; SameSite=Strict$`))
    expect(cookie).not.toContain(inspector.token)
    const [pair = ''] = cookie.split(';')
    expect(await probe({cookie: `other=1; ${pair}`})).toBe(200)
    expect(await probe({cookie: `${pair}x`})).toBe(401)
  })

  it.each(['', 'x', 42, null, undefined, {}])('refuses %j', async (token) => {
    const {status, headers} = await exchange(token)
    expect(status).toBe(401)
    expect(headers['set-cookie']).toBeUndefined()
  })

  it('refuses what a form can send', async () => {
    const types = ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']
    for (const type of types) expect((await exchange(inspector.token, {'content-type': type})).status).toBe(415)
  })

  it('refuses a POST with a cookie that does not name its origin', async () => {
    const [cookie = ''] = (await exchange(inspector.token)).headers['set-cookie'] ?? []
    const sent = await ask(inspector, '/api/v1/session', {
      method: 'POST',
      headers: {cookie, 'content-type': 'application/json'},
      body: JSON.stringify({token: inspector.token}),
    })
    expect(sent.status).toBe(403)
  })

  it('has a token of 192 bits that differs each time, in the fragment alone', async () => {
    expect(Buffer.from(inspector.token, 'base64url')).toHaveLength(24)
    expect(inspector.url).toBe(`${inspector.origin}/#token=${inspector.token}`)
    await using other = await engine.inspect()
    expect(other.token).not.toBe(inspector.token)
    expect((await ask(other, '/api/v1/state', {headers: bearer()})).status).toBe(401)
  })
})

/** Of the page's own program, whose types are those of a browser. */
const loadPage = (name: string) => import(`../../visualizations/inspector/state/${name}.ts`)

describe('a token that is given', () => {
  const session = ({origin}: Inspector, body: object) =>
    ask({origin}, '/api/v1/session', {
      method: 'POST',
      headers: {'content-type': 'application/json', origin},
      body: JSON.stringify(body),
    })
  const cookieOf = (answer: Awaited<ReturnType<typeof ask>>) =>
    answer.headers['set-cookie']?.[0]?.split(';', 1)[0] ?? ''
  const challengeOf = async (asked: Inspector) => (await ask(asked, '/api/v1/session')).json() as {challenge: string}
  /** What a page makes that was loaded from there. */
  const proofOf = ({token, origin}: Inspector, {challenge}: {challenge: string}) =>
    createHmac('sha256', token)
      .update(`${new URL(origin).port}:${challenge}`)
      .digest('base64')

  it('lets pages that were open go on with an inspector that is started again: they prove that they know it', async () => {
    const port = await unusedPort()
    const first = await engine.inspect({port})
    await first.close()
    await using again = await engine.inspect({port, token: first.token})
    const admitted = await session(again, {proof: proofOf(first, await challengeOf(again))})
    expect(admitted.status).toBe(204)
    expect((await ask(again, '/api/v1/state', {headers: {cookie: cookieOf(admitted)}})).status).toBe(200)
  })

  it('makes nothing good that was seen on the port before: no cookie, and no proof', async () => {
    const port = await unusedPort()
    const first = await engine.inspect({port})
    const cookie = cookieOf(await session(first, {token: first.token}))
    const challenge = await challengeOf(first)
    const proof = proofOf(first, challenge)
    await first.close()
    await using again = await engine.inspect({port, token: first.token})
    expect((await ask(again, '/api/v1/state', {headers: {cookie}})).status).toBe(401)
    expect(await challengeOf(again)).not.toEqual(challenge)
    const refused = await session(again, {proof})
    expect([refused.status, cookieOf(refused)]).toEqual([401, ''])
  })

  it('is not proved by a page of another port, to which somebody passed on what this one asks', async () => {
    const {openSession} = await loadPage('api')
    await using asked = await engine.inspect()
    const answers: number[] = []
    // The page of `given` asks its own port, which somebody else has by now.
    const passOn = async (given: string) => {
      vi.stubGlobal('location', {port: given})
      vi.stubGlobal('fetch', async (path: string, {method, headers, body}: RequestInit) => {
        const {origin} = asked
        const options = {headers: {...(headers as Record<string, string>), origin}}
        const answer = await (method === undefined
          ? ask(asked, path, options)
          : ask(asked, path, {...options, method, body: String(body)}))
        answers.push(answer.status)
        return {ok: answer.status < 300, status: answer.status, json: async () => answer.json()}
      })
      await openSession(asked.token).catch(() => undefined)
      vi.unstubAllGlobals()
    }
    await passOn(new URL(asked.origin).port)
    await passOn(port)
    expect(answers).toEqual([200, 204, 200, 401])
  })

  it.each(['', 'x', 42, null, {}])('is not proved by %j', async (proof) => {
    expect((await session(inspector, {proof})).status).toBe(401)
  })

  it.each(['', 'short', 'x'.repeat(31), `${'x'.repeat(32)} `])('is refused when it is %j', async (token) => {
    await expect(engine.inspect({token})).rejects.toMatchObject({code: 'INVALID_ARGUMENT', where: 'token'})
  })
})

describe('bodies and paths', () => {
  it('reads no more than 64 KiB', async () => {
    const body = JSON.stringify({token: 'x'.repeat(70_000)})
    const headers = {'content-type': 'application/json', connection: 'close'}
    expect((await ask(inspector, '/api/v1/session', {method: 'POST', headers, body})).status).toBe(413)
  })

  it('refuses what is no JSON', async () => {
    const headers = {'content-type': 'application/json'}
    expect((await ask(inspector, '/api/v1/session', {method: 'POST', headers, body: '{'})).status).toBe(400)
    expect((await ask(inspector, '/api/v1/session', {method: 'POST', headers, body: 'null'})).status).toBe(401)
  })

  it.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/%2e%2e/package.json',
    '/assets/../../../package.json',
    '/./index.html/../../package.json',
    '//etc/passwd',
    '/\\..\\package.json',
    '/index.html%00.js',
    '/api/v1/charts/../../../package',
    '/api/v1/charts/..%2f..%2fpackage',
    '/api/v1/charts/__proto__',
    'http://evil.example/api/v1/state',
  ])('finds nothing under %s', async (path) => {
    const answer = await read(inspector, path)
    expect(answer.status).toBe(404)
    expect(answer.text).not.toContain('"license"')
  })

  it.each(['limit=0', 'limit=x', 'limit=99999', 'after=x', 'limit=1e3', 'limit=-1'])('refuses ?%s', async (query) => {
    expect((await read(inspector, `/api/v1/operations?${query}`)).status).toBe(400)
  })
})

describe('every answer', () => {
  it.each(['/', '/nothing', '/api/v1/state', '/api/v1/nothing'])('of %s carries the safe headers', async (path) => {
    const {headers} = await read(inspector, path)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'x-frame-options': 'DENY',
    })
    const policy = headers['content-security-policy'] ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(headers['x-powered-by'] ?? headers.server).toBeUndefined()
  })
})

describe('the socket', () => {
  it('listens on 127.0.0.1 and on no other address of this machine', async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .map(({address, scopeid}) => (scopeid ? `${address}%${scopeid}` : address))
      .filter((address) => address !== '127.0.0.1')
    for (const host of ['::1', ...others]) {
      const outcome = await new Promise<string>((resolve) => {
        const socket = connect({host, port: Number(port)})
        socket.once('connect', () => resolve('connected')).once('error', () => resolve('refused'))
        socket.once('close', () => socket.destroy())
        socket.setTimeout(500, () => resolve('no answer'))
      })
      expect(outcome, host).not.toBe('connected')
    }
  })

  it('refuses a port that is taken, and ports that are none', async () => {
    await expect(engine.inspect({port: Number(port)})).rejects.toMatchObject({code: 'INVALID_ARGUMENT', where: 'port'})
    await expect(engine.inspect({port: 70_000})).rejects.toMatchObject({code: 'INVALID_ARGUMENT'})
    await expect(engine.inspect({port: 1.5})).rejects.toMatchObject({code: 'INVALID_ARGUMENT'})
  })

  it('frees its port on close, with a stream open', async () => {
    const port = await unusedPort()
    const other = await engine.inspect({port})
    const streaming = ask(other, '/api/v1/events', {headers: {authorization: `Bearer ${other.token}`}}).catch(
      () => 'cut',
    )
    await read(other, '/api/v1/state')
    await other.close()
    await other.close()
    await streaming
    await using again = await engine.inspect({port})
    expect((await read(again, '/api/v1/state')).status).toBe(200)
  })
})

describe('without control', () => {
  it('no command is taken', async () => {
    const path = '/api/v1/operations/00000000-0000-4000-8000-000000000001/commands'
    const answer = await post(inspector, path, {command: 'cancel'})
    expect(answer.status).toBe(403)
    expect(answer.json()).toMatchObject({error: {code: 'READ_ONLY'}})
    expect((await read(inspector, '/api/v1/state')).json()).toMatchObject({readOnly: true})
  })
})
