/** Secrets are planted wherever an operation can carry one; then everything that the inspector can be asked is searched. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {maskRecord, maskText} from '../../src/inspector/mask.ts'
import {queuedRecord} from '../support/records.ts'
import {type Address, ask, post, read} from './harness.ts'
import {inspectedWorld} from './world.ts'

/** Long enough that it stands nowhere by chance; some of it changes when it is encoded. */
const anySecret = fc
  .stringMatching(/^[A-Za-z0-9+/=~!*(): ]{12,24}$/)
  .filter((text) => text.trim().length === text.length)

/** In all the ways in which it could be written. */
function formsOf(secret: string): readonly string[] {
  const forms = [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(`user:${secret}`).toString('base64'),
  ]
  return [
    ...new Set([...forms, new URLSearchParams({x: secret}).toString().slice(2), JSON.stringify(secret).slice(1, -1)]),
  ]
}

async function everythingOf(address: Address, guids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const paths = [
    '/',
    '/api/v1/state',
    '/api/v1/charts',
    '/api/v1/operations',
    '/api/v1/operations?text=127',
    '/nothing',
  ]
  for (const guid of guids) {
    for (const rest of ['', '/transitions', '/bundle', '/what-if?event=operation.cancel'])
      paths.push(`/api/v1/operations/${guid}${rest}`)
  }
  const answers = await Promise.all(
    paths.map(async (path) => {
      const {text, headers} = await read(address, path)
      return [path, text + JSON.stringify(headers)] as const
    }),
  )
  const commands = guids.map(async (guid) => {
    const {text} = await post(address, `/api/v1/operations/${guid}/commands`, {command: 'resume'})
    return [`resume ${guid}`, text] as const
  })
  return new Map([
    ...answers,
    ...(await Promise.all(commands)),
    ['/api/v1/state?', (await ask(address, '/api/v1/state')).text],
  ])
}

describe('planted secrets', () => {
  it('are in no answer, in no message and in no stored bundle', {timeout: 120_000}, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anySecret, {minLength: 8, maxLength: 8}), async (secrets) => {
        const [password, query, header, cookie, setCookie, location, referer, echoed] = secrets as [
          string,
          string,
          string,
          string,
          string,
          string,
          string,
          string,
        ]
        const world = await inspectedWorld({retries: 1, page: {control: true}})
        const {server, engine, inspector} = world
        server.route('/ok', {
          content: {seed: 1, size: 70_000},
          headers: [
            ['Set-Cookie', `session=${setCookie.replaceAll(' ', '_')}`],
            ['X-Auth-Token', setCookie],
            ['Content-Location', `/elsewhere?sig=${encodeURIComponent(location)}`],
            ['Link', `<http://cdn.example/a?sig=${encodeURIComponent(location)}>; rel=next`],
          ],
        })
        server.route('/redirect', {status: 302, location: server.url(`/target?sig=${encodeURIComponent(location)}`)})
        server.route('/target', {status: 403, headers: [['X-Why', `bad sig ${location}`]]})
        server.route('/stuck', {content: {seed: 1, size: 70_000}, cutAfter: 1_000, cut: 'stall'})
        const {seq: before} = JSON.parse((await read(inspector, '/api/v1/state')).text) as {readonly seq: number}
        const stream = await world.stream()
        stream.keepText = true

        const downloader = engine.createDownloader()
        downloader.setRequestHeader('Authorization', `Bearer ${header}`)
        downloader.setRequestHeader('Cookie', `id=${cookie}`)
        downloader.setRequestHeader('X-Api-Key', header)
        downloader.setRequestHeader('Referer', `https://portal.example/?ticket=${encodeURIComponent(referer)}`)
        const guids: string[] = []
        for (const path of ['/ok', '/redirect', '/missing', '/stuck']) {
          const url = new URL(server.url(path))
          url.username = 'user'
          url.password = password
          url.searchParams.set('token', query)
          url.hash = echoed
          const operation = downloader.createDownload(url, `${world.directory}/${path.slice(1)}`)
          const running = operation.startAsync()
          running.catch(() => {})
          await running.accepted
          guids.push(operation.guid)
        }
        await stream.until(
          (reader) =>
            reader.of('transition').filter(({operation}) => operation.endedAt !== undefined).length === 3 &&
            reader.of('progress').length > 0,
        )
        const found = new Map([...(await everythingOf(inspector, guids)), ['the stream', stream.text]])
        const resumed = await world.stream({after: before})
        resumed.keepText = true
        await resumed.until((reader) => reader.of('transition').length >= stream.of('transition').length)
        found.set('the resumed stream', resumed.text)
        // The page was not only empty.
        expect(found.get('/api/v1/operations')).toContain('?token=***')
        for (const secret of secrets) {
          // What a server says in a header that is called after nothing secret is known only where we know the secret.
          for (const form of formsOf(secret)) {
            for (const [where, text] of found) expect(text.includes(form), `${form} in ${where}`).toBe(false)
          }
        }
        await engine.close()
      }),
      {numRuns: 3},
    )
  })
})

describe('the mask', () => {
  it('takes sealed headers away and leaves what is no secret', () => {
    const record = queuedRecord(1, {url: 'http://127.0.0.1/a/b.bin?plain=value1'})
    const sealed = {
      ...record,
      request: {...record.request, sealed: 'AAAA', headers: [['Accept', 'text/plain']] as const},
    }
    expect(maskRecord(sealed)).toEqual({
      ...record,
      request: {url: 'http://127.0.0.1/a/b.bin?plain=***', method: 'GET', headers: [['Accept', 'text/plain']]},
    })
  })

  it('masks the other addresses of a file, and why one was given up', () => {
    const record = queuedRecord(1, {url: 'http://a.example/x'})
    const mirrored = {
      ...record,
      request: {...record.request, mirrors: ['http://b.example/x?sig=s3cret-value']},
      dropped: [{source: 1, reason: 'http://b.example/x?sig=s3cret-value has nothing, nor has s3cret-value'}],
    }
    const masked = JSON.stringify(maskRecord(mirrored))
    expect(masked).toContain('http://b.example/x?sig=***')
    expect(masked).not.toContain('s3cret-value')
  })

  it('masks the own address of a resumable upload, and what its protocol noted of it', () => {
    const record = queuedRecord(1, {url: 'https://a.example/files'})
    const url = 'https://user:passw0rd@b.example/up/1?token=s3cret-value'
    const own = {to: url, parts: [{etag: '"1"', with: 's3cret-value'}], sentTo: 5, done: false, last: null}
    const masked = maskRecord({...record, direction: 'upload', sending: {session: 's', resumable: {url, own}}})
    expect(masked.sending).toEqual({
      session: 's',
      resumable: {
        url: 'https://b.example/up/1?token=***',
        own: {...own, to: 'https://b.example/up/1?token=***', parts: [{etag: '"1"', with: '***'}]},
      },
    })
  })

  it('masks addresses and their query values inside any text', () => {
    fc.assert(
      fc.property(anySecret, fc.string(), (secret, around) => {
        const encoded = encodeURIComponent(secret)
        const text = `${around} http://user:${encoded}@host.example/x?a=${encoded} ${around} ${secret}`
        expect(maskText(text, [secret])).not.toContain(secret)
        expect(maskText(text, [secret])).not.toContain(encoded)
      }),
    )
  })
})
