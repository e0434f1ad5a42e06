/** The namespace's checklist, 17.D: who a transfer is for its server. Numbers are the items'. */

import {readdir, readFile} from 'node:fs/promises'
import {inspect} from 'node:util'
import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferError,
  BackgroundTransferStatus,
  type DownloadOperation,
  PasswordCredential,
  WebErrorStatus,
} from '../../../src/index.ts'
import {basic, type DigestGate, DigestServer, PASSWORD, USER, unauthorized} from '../../support/asking.ts'
import {contentOf, sha256} from '../../support/content.ts'
import type {Script} from '../../support/faulty-script.ts'
import {
  digestOf,
  failure,
  makeWorld,
  openEngine,
  reaches,
  receives,
  requestsFor,
  startServer,
  type World,
} from '../harness.ts'

const SIZE = 300_000
const CUT = 100_000
const BYTES = contentOf(1, SIZE)
const WHOLE = {content: BYTES, etag: '"v1"'} as const
const ASKING = unauthorized('Basic realm="vault"')

function create({engine, server, file}: World, path = '/a', name = 'a', password = PASSWORD): DownloadOperation {
  const downloader = engine.createDownloader()
  downloader.serverCredential = new PasswordCredential('files', USER, password)
  return downloader.createDownload(server.url(path), file(name))
}

function behindBasic({server}: World, path: string, script: Script = WHOLE): void {
  server.route(path, ({headers}) => (headers.authorization === basic() ? script : ASKING))
}

function behindDigest({server}: World, path: string, gate: DigestGate): DigestServer {
  const asking = new DigestServer(gate)
  server.route(path, ({method, path: uri, headers}) => {
    const refusal = asking.refuse(method, uri, headers.authorization)
    return refusal === undefined ? WHOLE : unauthorized(...refusal)
  })
  return asking
}

function saidTo({server}: World, path: string): readonly (string | undefined)[] {
  return requestsFor(server, path).map(({headers}) => headers.authorization)
}

describe('17.D credentials of the server', () => {
  it('109. answers a Basic challenge, and says nothing before it', async () => {
    const world = await makeWorld()
    behindBasic(world, '/a')
    await create(world).startAsync()
    expect(saidTo(world, '/a')).toEqual([undefined, basic()])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('109. a challenge is no failed try: it is answered even where none is left', async () => {
    const world = await makeWorld({retries: 0})
    behindBasic(world, '/a')
    const operation = create(world)
    await operation.startAsync()
    expect(operation.describe().attempts).toBe(1)
  })

  it.each<[string, DigestGate]>([
    ['MD5', {}],
    ['SHA-256', {algorithm: 'SHA-256'}],
    ['SHA-512-256, a hashed name, and a session', {algorithm: 'SHA-512-256', userhash: true, session: true}],
    ['no qop, as of old', {legacy: true}],
  ])('answers a Digest challenge: %s', async (_, gate) => {
    const world = await makeWorld()
    const asking = behindDigest(world, '/a', gate)
    await create(world, '/a?q=1').startAsync()
    expect(asking.refusals).toEqual(['nothing was said'])
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    expect(saidTo(world, '/a').join()).not.toContain(PASSWORD)
  })

  it('counts a nonce up from file to file, and takes a new one when it is stale', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 1})
    const asking = behindDigest(world, '/a', {algorithm: 'SHA-256', nonceUses: 3})
    for (const name of ['1', '2', '3', '4', '5']) await create(world, '/a', name).startAsync()
    expect(asking.refusals).toEqual(['nothing was said', 'used up'])
  })

  it('after a cut, the same protection space is not asked again', async () => {
    const world = await makeWorld()
    let turn = 0
    world.server.route('/dir/a', ({headers}) => {
      if (headers.authorization !== basic()) return ASKING
      turn += 1
      return turn === 1 ? {...WHOLE, cutAfter: CUT, cut: 'fin'} : WHOLE
    })
    behindBasic(world, '/dir/b')
    behindBasic(world, '/elsewhere')
    await create(world, '/dir/a').startAsync()
    await create(world, '/dir/b', 'b').startAsync()
    await create(world, '/elsewhere', 'c').startAsync()
    expect(saidTo(world, '/dir/a')).toEqual([undefined, basic(), basic()])
    expect(requestsFor(world.server, '/dir/a').at(-1)?.headers.range).toBe(`bytes=${CUT}-`)
    expect(saidTo(world, '/dir/b')).toEqual([basic()])
    expect(saidTo(world, '/elsewhere')).toEqual([undefined, basic()])
  })

  it('111. a refused credential, and one that fits no challenge, end with Unauthorized, and are not tried again', async () => {
    const world = await makeWorld()
    behindBasic(world, '/a')
    world.server.route('/b', unauthorized('Negotiate', 'Bearer realm="x"'))
    const refused = await failure(create(world, '/a', 'a', 'wrong').startAsync())
    expect(BackgroundTransferError.getStatus(refused.number)).toBe(WebErrorStatus.unauthorized)
    expect(requestsFor(world.server, '/a').length).toBe(2)
    const unanswered = await failure(create(world, '/b', 'b').startAsync())
    expect(BackgroundTransferError.getStatus(unanswered.number)).toBe(WebErrorStatus.unauthorized)
    expect(saidTo(world, '/b')).toEqual([undefined])
    expect(await world.names()).toEqual([])
  })

  it('a 401 that is recoverable pauses, and other credentials mend it', async () => {
    const world = await makeWorld()
    behindBasic(world, '/a')
    const operation = create(world, '/a', 'a', 'wrong')
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.unauthorized)
    const running = operation.startAsync()
    await reaches(operation, BackgroundTransferStatus.pausedRecoverableWebErrorStatus)
    operation.setCredentials({server: new PasswordCredential('files', USER, PASSWORD)})
    operation.resume()
    await running
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
  })

  it('an Authorization header of the application’s wins', async () => {
    const world = await makeWorld()
    world.server.route('/a', ASKING)
    const operation = create(world)
    operation.setRequestHeader('Authorization', 'Bearer mine')
    await failure(operation.startAsync())
    expect(saidTo(world, '/a')).toEqual(['Bearer mine'])
  })

  it('follows a redirect within the origin, and asks nobody elsewhere to believe it (story 26)', async () => {
    const world = await makeWorld()
    const other = await startServer()
    world.server.route('/a', {status: 302, location: '/there'})
    behindBasic(world, '/there')
    await create(world).startAsync()
    expect(saidTo(world, '/there')).toEqual([undefined, basic()])
    world.server.route('/away', {status: 302, location: other.url('/asks')})
    other.route('/asks', ASKING)
    expect(await failure(create(world, '/away', 'b').startAsync())).toMatchObject({details: {status: 401}})
    expect(requestsFor(other, '/asks').map(({headers}) => headers.authorization)).toEqual([undefined])
  })

  it('does not bring it back when the chain returns to the origin', async () => {
    const world = await makeWorld()
    const other = await startServer()
    world.server.route('/away', {status: 302, location: other.url('/back')})
    other.route('/back', {status: 302, location: world.server.url('/asks')})
    world.server.route('/asks', ASKING)
    await failure(create(world, '/away').startAsync())
    expect(saidTo(world, '/asks')).toEqual([undefined])
  })

  it('113. is kept sealed until the end, and gone afterwards', async () => {
    const world = await makeWorld()
    behindBasic(world, '/a', {...WHOLE, cutAfter: CUT, cut: 'stall'})
    const operation = create(world)
    const running = operation.startAsync()
    await receives(running, CUT)
    const bundle = JSON.stringify(await world.engine.exportAsync(operation.guid))
    await world.engine.close()
    for (const name of await readdir(world.file('.store'))) {
      const found = await readFile(world.file(`.store/${name}`)).catch(() => Buffer.alloc(0))
      for (const secret of [PASSWORD, USER]) expect(found.includes(secret), `${secret} in ${name}`).toBe(false)
    }
    for (const secret of [PASSWORD, USER]) expect(bundle).not.toContain(secret)
    behindBasic(world, '/a')
    const engine = await openEngine(world.directory)
    const found = await engine.getDownloadAsync(operation.guid)
    await found.attachAsync()
    expect(await digestOf(world.file('a'))).toBe(sha256(BYTES))
    await engine.close()
    const {createLevelStore} = await import('../../../src/adapters/level/level-store.ts')
    const store = createLevelStore({directory: world.file('.store'), durability: 'process'})
    await store.open()
    const record = await store.get(operation.guid)
    await store.close()
    expect(record?.state).toBe('completed')
    expect(record?.request.credentials).toBeUndefined()
  })
})

describe('PasswordCredential', () => {
  it('refuses what is empty, no text, or has control characters', () => {
    for (const wrong of ['', null, undefined, 7, 'a\nb', 'a\0']) {
      const bad = wrong as string
      expect(() => new PasswordCredential(bad, 'a', 'b')).toThrow(/resource must/)
      expect(() => new PasswordCredential('r', bad, 'b')).toThrow(/userName must/)
      expect(() => new PasswordCredential('r', 'a', bad)).toThrow(/password must/)
    }
  })

  it('can be changed, and a downloader takes only one of these, or null', async () => {
    const world = await makeWorld()
    const downloader = world.engine.createDownloader()
    expect([downloader.serverCredential, downloader.proxyCredential]).toEqual([null, null])
    const credential = new PasswordCredential('r', 'a', 'b')
    credential.userName = USER
    credential.password = PASSWORD
    credential.retrievePassword()
    expect([credential.resource, credential.userName, credential.password]).toEqual(['r', USER, PASSWORD])
    downloader.serverCredential = credential
    expect(downloader.serverCredential).toBe(credential)
    downloader.serverCredential = null
    for (const wrong of [{userName: 'a', password: 'b'}, 'a:b', undefined]) {
      expect(() => {
        downloader.proxyCredential = wrong as never
      }).toThrow(/proxyCredential must be a PasswordCredential, or null/)
    }
    behindBasic(world, '/a')
    await failure(downloader.createDownload(world.server.url('/a'), world.file('a')).startAsync())
    expect(saidTo(world, '/a')).toEqual([undefined])
  })

  it('shows nothing of itself where it is printed', () => {
    const credential = new PasswordCredential('r', USER, PASSWORD)
    const shown = `${inspect(credential)} ${JSON.stringify(credential)} ${credential}`
    expect(shown).not.toContain(PASSWORD)
    expect(shown).not.toContain(USER)
  })
})
