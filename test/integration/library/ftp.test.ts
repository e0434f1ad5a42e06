/** Downloads over FTP (spec 9.7): resume, TLS, credentials, and servers that misbehave. Numbers are the checklist's. */

import {execFileSync} from 'node:child_process'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferError,
  BackgroundTransferStatus,
  type DownloadOperation,
  PasswordCredential,
  WebErrorStatus,
} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import {type FtpScript, FtpServer} from '../../support/ftp-server.ts'
import {OTHER_NAME_CERTIFICATE, VALID_CERTIFICATE} from '../../support/tls-certificates.ts'
import {digestOf, failure, makeWorld, onCleanup, openEngine, reaches, receives, type World} from '../harness.ts'

const SIZE = 600_000
const CUT = 400_000
/** Asked for again and compared. */
const COMPARED = 1024
const BYTES = contentOf(12, SIZE)
const WHOLE: FtpScript = {content: BYTES}

async function serve(
  script: FtpScript | readonly FtpScript[] = WHOLE,
  options: Parameters<typeof FtpServer.start>[1] = {},
) {
  const server = await FtpServer.start(script, options)
  onCleanup(() => server.close())
  return server
}

function download(
  {engine, file}: World,
  url: string,
  tls: 'none' | 'explicit' | 'implicit' = 'none',
): DownloadOperation {
  const downloader = engine.createDownloader()
  downloader.ftpTls = tls
  return downloader.createDownload(url, file('a'))
}

async function expectWhole(world: World, content = BYTES): Promise<void> {
  expect(await digestOf(world.file('a'))).toBe(sha256(content))
  expect(await world.names()).toEqual(['a'])
}

describe('17.D FTP downloads (9.7)', () => {
  it('106. bring a file, and have no response information', async () => {
    const world = await makeWorld()
    const server = await serve()
    const operation = download(world, server.url('/dir/a%20file.bin'))
    const running = operation.startAsync()
    expect(operation.getResponseInformation()).toBeNull()
    await running
    await expectWhole(world)
    expect(operation.getResponseInformation()).toBeNull()
    expect(operation.progress.totalBytesToReceive).toBe(SIZE)
    expect(server.said('RETR')).toEqual(['dir/a file.bin'])
  })

  it('bring it over one connection, whatever `connections` allows', async () => {
    const world = await makeWorld({checkpointIntervalMs: 20, minSliceBytes: 4096, stallTimeoutMs: 400, retryDelayMs: 1})
    // In each silence another one would be opened over HTTP; the second try has shown that the server has ranges.
    const server = await serve([
      {...WHOLE, cutAfter: CUT / 2, cut: 'stall'},
      {...WHOLE, cutAfter: CUT / 2, cut: 'stall'},
      WHOLE,
    ])
    const downloader = world.engine.createDownloader()
    downloader.connections = 8
    await downloader.createDownload(server.url('/a'), world.file('a')).startAsync()
    await expectWhole(world)
    expect(server.said('RETR')).toHaveLength(3)
  })

  it('112. log in with what the address says, and never with serverCredential', async () => {
    const world = await makeWorld()
    const server = await serve()
    const downloader = world.engine.createDownloader()
    downloader.serverCredential = new PasswordCredential('files', 'nobody', 'not-this')
    await downloader.createDownload(server.url('/a', 'ann:s%40fe-pass@'), world.file('a')).startAsync()
    await downloader.createDownload(server.url('/a'), world.file('b')).startAsync()
    expect(server.said('USER')).toEqual(['ann', 'anonymous'])
    expect(server.said('PASS')).toEqual(['s@fe-pass', 'anonymous@'])
  })

  it('112. keep that password sealed, and show it nowhere', async () => {
    const world = await makeWorld({retries: 0})
    const server = await serve({...WHOLE, cutAfter: CUT, cut: 'stall'})
    const operation = download(world, server.url('/a', 'ann:s%40fe-pass@'))
    const running = operation.startAsync()
    running.catch(() => undefined)
    await receives(running, 1)
    expect(operation.requestedUri.href).toBe(server.url('/a'))
    expect(JSON.stringify(await world.engine.exportAsync(operation.guid))).not.toMatch(/s@fe|s%40fe/)
    await world.engine.close()
    for (const secret of ['s@fe-pass', 's%40fe-pass']) {
      const found = () => execFileSync('grep', ['-rlF', secret, join(world.directory, '.store')])
      expect(found).toThrow(expect.objectContaining({status: 1}))
    }
  })

  it.each(['fin', 'reset'] as const)('go on where they were cut (%s), and compare the last bytes', async (cut) => {
    const world = await makeWorld()
    const server = await serve([{...WHOLE, cutAfter: CUT, cut}, WHOLE])
    await download(world, server.url('/a')).startAsync()
    await expectWhole(world)
    // A reset may take bytes with it that were on their way.
    const [, second = '0'] = server.said('REST')
    if (cut === 'fin') expect(second).toBe(String(CUT - COMPARED))
    expect(Number(second)).toBeLessThanOrEqual(CUT - COMPARED)
  })

  it('are paused, and go on in a later session', async () => {
    const world = await makeWorld()
    const server = await serve([{...WHOLE, cutAfter: CUT, cut: 'stall'}, WHOLE])
    const operation = download(world, server.url('/a'))
    const running = operation.startAsync()
    running.catch(() => undefined)
    await receives(running, CUT)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    await world.engine.close()
    const next = await openEngine(world.directory)
    const [found] = await next.getCurrentDownloadsAsync()
    const attached = found?.attachAsync()
    found?.resume()
    await attached
    await expectWhole(world)
    expect(server.said('REST').at(-1)).toBe(String(CUT - COMPARED))
  })

  it.each([
    ['another date', {modified: '20210101000000'}, contentOf(13, SIZE)],
    ['another size', {}, contentOf(13, SIZE + 1)],
    ['other bytes of the same date and size', {}, contentOf(13, SIZE)],
    ['no REST', {refuse: {REST: '502 no'}}, BYTES],
    ['no SIZE', {refuse: {SIZE: '502 no'}}, BYTES],
  ] as const)('start over, and say so, where the server has %s', async (_, change, content) => {
    const world = await makeWorld()
    const server = await serve([
      {...WHOLE, cutAfter: CUT},
      {content, ...change},
    ])
    await download(world, server.url('/a')).startAsync()
    await expectWhole(world, content)
  })

  it('are given up when the file changes during each try, and nobody goes on from what came', async () => {
    const world = await makeWorld({retries: 1})
    let changes = 0
    const server = await serve({
      ...WHOLE,
      get modified() {
        return `202001010${10_000 + changes++}`
      },
    })
    expect((await failure(download(world, server.url('/a')).startAsync())).code).toBe('UNRELIABLE_RANGES')
    // As many as there are retries, and one more for a new beginning.
    expect(server.said('RETR').length).toBe(4)
    expect(await world.names()).not.toContain('a')
    await expect(download(world, server.url('/a')).startAsync()).rejects.toThrow()
    expect(server.said('RETR').length).toBe(8)
  })

  it('start over where no date is told, and the application does not allow to compare', async () => {
    const world = await makeWorld()
    const dateless: FtpScript = {...WHOLE, refuse: {MDTM: '500 no'}}
    const server = await serve([{...dateless, cutAfter: CUT}, dateless])
    await download(world, server.url('/a')).startAsync()
    await expectWhole(world)
    expect(server.said('REST').filter((offset) => offset !== '0')).toEqual([])
  })

  it('are never whole where a server ends early and calls it done', async () => {
    const world = await makeWorld({retries: 0})
    const server = await serve({...WHOLE, cutAfter: 0, cutReply: '226 done'})
    const error = await failure(download(world, server.url('/a')).startAsync())
    expect(error.code).toBe('TRUNCATED')
    expect(await world.names()).not.toContain('a')
  })

  it('are never whole where the data has ended, and the server does not call it done', async () => {
    const world = await makeWorld({retries: 0})
    const server = await serve({...WHOLE, refuse: {SIZE: '502 no'}, cutAfter: CUT, cutReply: '451 the disk failed'})
    const error = await failure(download(world, server.url('/a')).startAsync())
    expect(error).toMatchObject({code: 'HTTP_STATUS', details: {reply: 451, status: 500}})
    expect(await world.names()).not.toContain('a')
  })

  it('need no size and no date', async () => {
    const world = await makeWorld()
    const server = await serve({...WHOLE, refuse: {SIZE: '502 no', MDTM: '502 no', EPSV: '502 no'}})
    await download(world, server.url('/a')).startAsync()
    await expectWhole(world)
    expect(server.said('PASV').length).toBe(1)
  })

  it('verify a checksum', async () => {
    const world = await makeWorld({retries: 0})
    const server = await serve()
    const checksum = {algorithm: 'sha256', hex: sha256(contentOf(1, 1))} as const
    const operation = world.engine.createDownloader().createDownload(server.url('/a'), world.file('a'), {checksum})
    expect((await failure(operation.startAsync())).code).toBe('CHECKSUM_MISMATCH')
  })
})

describe('beforeAttempt of an FTP download', () => {
  const SECRET = 'pw-4f5e6d'

  it('gives another login for each try, and another server, and the bytes go on', async () => {
    const asked: number[] = []
    const servers = [
      await serve([
        {...WHOLE, refuse: {PASS: '530 expired'}},
        {...WHOLE, cutAfter: CUT},
      ]),
      await serve(),
    ]
    const [first, second] = servers
    const world = await makeWorld({
      beforeAttempt: {
        vault: {
          url: ({attempt}) => {
            asked.push(attempt)
            const server = attempt < 3 ? first : second
            return server?.url('/a', `ann:${SECRET}${attempt}@`)
          },
        },
      },
    })
    const downloader = world.engine.createDownloader()
    downloader.beforeAttempt = 'vault'
    const operation = downloader.createDownload(first?.url('/a', 'ann:own@') ?? '', world.file('a'))
    await operation.startAsync()
    await expectWhole(world)
    expect(asked).toEqual([1, 2, 3])
    expect(first?.said('PASS')).toEqual([`${SECRET}1`, `${SECRET}2`])
    expect(second?.said('PASS')).toEqual([`${SECRET}3`])
    expect(second?.said('REST')).toEqual([String(CUT - COMPARED)])
    expect(operation.requestedUri.href).toBe(first?.url('/a'))
    expect(JSON.stringify(await world.engine.exportAsync(operation.guid))).not.toContain(SECRET)
    await world.engine.close()
    const found = () => execFileSync('grep', ['-rlF', SECRET, join(world.directory, '.store')])
    expect(found).toThrow(expect.objectContaining({status: 1}))
  })

  it('keeps its own login for its own server, and tells it to no other', async () => {
    const [own, other] = [await serve(), await serve()]
    let given = other.url('/a')
    const world = await makeWorld({beforeAttempt: {vault: {url: () => given, headers: () => ({Authorization: 'x'})}}})
    const downloader = world.engine.createDownloader()
    downloader.beforeAttempt = 'vault'
    await downloader.createDownload(own.url('/a', 'ann:own@'), world.file('a')).startAsync()
    expect(other.said('USER')).toEqual(['anonymous'])
    given = own.url('/b')
    await downloader.createDownload(own.url('/a', 'ann:own@'), world.file('b')).startAsync()
    expect([own.said('USER'), own.said('RETR')]).toEqual([['ann'], ['b']])
  })

  it.each([
    ['an address of the web', 'http://127.0.0.1/a'],
    ['a line break in its password', `ftp://ann:${SECRET}%0d%0aDELE@127.0.0.1/a`],
  ])('is not used where it gives %s', async (_, url) => {
    const server = await serve()
    const world = await makeWorld({beforeAttempt: {vault: {url: () => url}}})
    const downloader = world.engine.createDownloader()
    downloader.beforeAttempt = 'vault'
    const error = await failure(downloader.createDownload(server.url('/a'), world.file('a')).startAsync())
    expect(error).toMatchObject({code: 'PROVIDER_FAILED', retry: 'never'})
    expect(error.message).not.toContain(SECRET)
    expect(server.commands).toEqual([])
  })
})

describe('refusals of an FTP server', () => {
  it.each([
    ['RETR', '550 no such file', 'HTTP_STATUS', WebErrorStatus.notFound, 1],
    ['PASS', '530 wrong', 'HTTP_STATUS', WebErrorStatus.unauthorized, 1],
    ['USER', '530 TLS first', 'HTTP_STATUS', WebErrorStatus.unauthorized, 1],
    ['USER', '421 too many', 'HTTP_STATUS', WebErrorStatus.serviceUnavailable, 2],
    ['RETR', '450 busy', 'HTTP_STATUS', WebErrorStatus.serviceUnavailable, 2],
    ['RETR', '425 no data connection', 'CONNECTION_RESET', WebErrorStatus.connectionReset, 2],
    ['TYPE', '500 what', 'INVALID_RESPONSE', undefined, 1],
  ] as const)('to %s: %s', async (command, reply, code, status, tries) => {
    const world = await makeWorld({retries: 1})
    const server = await serve({...WHOLE, refuse: {[command]: reply}})
    const error = await failure(download(world, server.url('/a', 'ann:pass@')).startAsync())
    expect(error).toMatchObject({code, where: new URL(server.url('/')).origin})
    if (status !== undefined) expect(BackgroundTransferError.getStatus(error.number)).toBe(status)
    expect(server.said('USER').length).toBe(tries)
  })

  it('to the wrong host: data is fetched from nowhere else', async () => {
    const world = await makeWorld({retries: 0})
    const passive: FtpScript = {...WHOLE, refuse: {EPSV: '502 no'}}
    const server = await serve([
      {...passive, passiveHost: '8,8,8,8'},
      {...passive, passiveHost: '10,0,0,1'},
    ])
    expect((await failure(download(world, server.url('/a')).startAsync())).code).toBe('EGRESS_REFUSED')
    await download(world, server.url('/a')).startAsync()
    await expectWhole(world)
  })

  it('are met before a connection by egress, and by a proxy for everything', async () => {
    const server = await serve()
    const guarded = await makeWorld({egress: {}})
    expect((await failure(download(guarded, server.url('/a')).startAsync())).code).toBe('EGRESS_REFUSED')
    const proxied = await makeWorld({proxy: 'http://127.0.0.1:9'})
    expect((await failure(download(proxied, server.url('/a')).startAsync())).code).toBe('NOT_SUPPORTED')
    expect(server.commands).toEqual([])
  })

  it('that does not come: nothing is hung on it', async () => {
    const world = await makeWorld({responseTimeoutMs: 30, retries: 0})
    const server = await serve({...WHOLE, refuse: {USER: ''}})
    expect((await failure(download(world, server.url('/a')).startAsync())).code).toBe('RESPONSE_TIMEOUT')
  })
})

describe('FTP under TLS', () => {
  it.each(['explicit', 'implicit'] as const)('%s, the data too', async (tls) => {
    const world = await makeWorld({tls: {ca: VALID_CERTIFICATE.cert}})
    const server = await serve(WHOLE, {certificate: VALID_CERTIFICATE, implicit: tls === 'implicit'})
    await download(world, server.url('/a', 'ann:pass@'), tls).startAsync()
    await expectWhole(world)
    const first = server.commands.indexOf('USER ann')
    expect(server.commands.indexOf('AUTH TLS')).toBe(tls === 'explicit' ? first - 1 : -1)
    expect(server.said('PROT')).toEqual(['P'])
  })

  it('is not given up: neither for a server without it, nor for a certificate of another', async () => {
    const world = await makeWorld({retries: 0, tls: {ca: OTHER_NAME_CERTIFICATE.cert}})
    const plain = await serve({...WHOLE, refuse: {AUTH: '502 no'}})
    const other = await serve(WHOLE, {certificate: OTHER_NAME_CERTIFICATE})
    expect((await failure(download(world, plain.url('/a'), 'explicit').startAsync())).code).toBe('TLS_FAILED')
    expect((await failure(download(world, other.url('/a'), 'explicit').startAsync())).code).toBe(
      'CERTIFICATE_NAME_MISMATCH',
    )
    expect([...plain.said('USER'), ...other.said('USER')]).toEqual([])
  })
})

describe('17.A what FTP is not for', () => {
  it('20, 21. uploads, other methods, and random access', async () => {
    const world = await makeWorld()
    const refused = expect.objectContaining({code: 'INVALID_ARGUMENT'})
    expect(() => world.engine.createUploader().createUpload('ftp://127.0.0.1/a', world.file('a'))).toThrow(refused)
    const downloader = world.engine.createDownloader()
    expect(() => downloader.createDownload('ftps://127.0.0.1/a', world.file('a'))).toThrow(refused)
    const random = downloader.createDownload('ftp://127.0.0.1/a', world.file('a'))
    random.isRandomAccessRequired = true
    expect(() => random.startAsync()).toThrow(refused)
    downloader.method = 'POST'
    expect(() => downloader.createDownload('ftp://127.0.0.1/a', world.file('a'))).toThrow(refused)
  })

  it('O39. an address of the web is not exchanged for one of FTP, nor the other way round', async () => {
    const world = await makeWorld()
    const server = await serve({...WHOLE, cutAfter: CUT, cut: 'stall'})
    const operation = download(world, server.url('/a'))
    const running = operation.startAsync()
    running.catch(() => undefined)
    await receives(running, CUT)
    operation.pause()
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    expect(() => {
      operation.requestedUri = new URL(world.server.url('/a'))
    }).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })

  it.each(['/', '/dir/', '/a;type=a', '/a;type=d'])('directories and texts: %s', async (path) => {
    const world = await makeWorld()
    const server = await serve()
    expect((await failure(download(world, server.url(path)).startAsync())).code).toBe('NOT_SUPPORTED')
  })
})
