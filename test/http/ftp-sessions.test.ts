/** Sessions of an FTP server that serve one exchange after the other: which are used again, for whom, and which never. */

import {describe, expect, it} from 'vitest'
import type {Credential} from '../../src/domain/credential.ts'
import {sha256} from '../support/content.ts'
import type {FtpScript} from '../support/ftp-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {AGAIN, FIRST, FRESH, fetchWhole, fileOf, serve, startTransport, toldTo, WHOLE} from './ftp-harness.ts'
import {run} from './harness.ts'

const who = (userName: string, password: string): {readonly serverCredential: Credential} => ({
  serverCredential: {userName, password},
})

describe('replies that come in two packets', () => {
  const welcome = `220-${'hello\r\n '.repeat(100)}hello\r\n220 ready`

  it.each([
    ['in the code', 2],
    ['in the text', 6],
    ['in the code of the last line', -8],
    ['between the ends of the line', -1],
  ])('are heard as one: %s', async (_, splitAt) => {
    for (const certificate of [undefined, VALID_CERTIFICATE]) {
      const server = await serve({...WHOLE, welcome, splitAt}, certificate === undefined ? {} : {certificate})
      const transport = startTransport()
      const request = certificate === undefined ? {} : ({ftpTls: 'explicit'} as const)
      for (const path of ['1', '2']) await fetchWhole(transport, server, path, request)
      expect(server.sessions).toHaveLength(1)
    }
  })

  it.each([
    ['a zero', '\0'],
    ['a return', '\r'],
  ])('are heard with %s behind each', async (_, lineTail) => {
    const server = await serve({...WHOLE, lineTail})
    const transport = startTransport()
    for (const path of ['1', '2']) await fetchWhole(transport, server, path)
    expect(server.sessions).toHaveLength(1)
  })

  it('and never end are refused', async () => {
    const server = await serve({...WHOLE, welcome: `220-${'a'.repeat(70_000)}`})
    const {error} = await run(startTransport(), server.url('/1'))
    expect(error?.code).toBe('CONNECTION_RESET')
  })
})

it('a refusal that repeats the password is told without it', async () => {
  const server = await serve({...WHOLE, refuse: {PASS: "500 'PASS s3cret word': command not understood."}})
  const {error} = await run(startTransport(), server.url('/1'), {request: who('ann', 's3cret word')})
  expect(error?.message).toBe("the server answered 500 'PASS ***': command not understood.")
  expect(JSON.stringify(error?.toSerialized())).not.toContain('s3cret')
})

describe('a session whose file came whole', () => {
  it.each(['none', 'explicit', 'implicit'] as const)(
    'brings the next ones without another login (TLS: %s)',
    async (tls) => {
      const server = await serve(
        WHOLE,
        tls === 'none' ? {} : {certificate: VALID_CERTIFICATE, implicit: tls === 'implicit'},
      )
      const transport = startTransport()
      for (const path of ['1', '2', '3']) await fetchWhole(transport, server, path, tls === 'none' ? {} : {ftpTls: tls})
      expect(server.sessions).toHaveLength(1)
      const secure = ['PBSZ 0', 'PROT P']
      const [opening, protection] = tls === 'none' ? [[], []] : [tls === 'explicit' ? ['AUTH TLS'] : [], secure]
      expect(server.commands).toEqual([
        ...opening,
        ...FRESH('1').slice(0, 3),
        ...protection,
        ...FIRST('1'),
        ...AGAIN('2'),
        ...AGAIN('3'),
      ])
    },
  )

  it('serves exchanges that run at once, as many sessions as there are of them', async () => {
    const server = await serve()
    const transport = startTransport()
    let next = 0
    const lane = async () => {
      while (next < 24) await fetchWhole(transport, server, String(++next))
    }
    await Promise.all([lane(), lane(), lane(), lane()])
    expect(server.sessions).toHaveLength(4)
    expect(server.said('PASS')).toHaveLength(4)
    expect(server.said('RETR')).toHaveLength(24)
  })

  it('is used again after a file whose end was said with 250', async () => {
    const server = await serve({...WHOLE, done: '250 done'})
    const transport = startTransport()
    for (const path of ['1', '2']) await fetchWhole(transport, server, path)
    expect(server.sessions).toHaveLength(1)
  })

  it('goes on in the middle of a file, and is back at the beginning for the next', async () => {
    const server = await serve()
    const transport = startTransport()
    await fetchWhole(transport, server, '1')
    const {receiver} = await run(transport, server.url('/2'), {request: {headers: [['Range', 'bytes=20000-']]}})
    expect(receiver.head?.status).toBe(206)
    expect(receiver.digest()).toBe(sha256(fileOf('2').subarray(20_000)))
    await fetchWhole(transport, server, '3')
    expect(server.sessions).toHaveLength(1)
    expect(server.said('REST')).toEqual(['0', '20000', '0'])
  })

  it('is asked only once for what its server does not know', async () => {
    const server = await serve({...WHOLE, refuse: {EPSV: '502 no'}})
    const transport = startTransport()
    for (const path of ['1', '2']) await fetchWhole(transport, server, path)
    expect(server.said('EPSV')).toHaveLength(1)
    expect(server.said('PASV')).toHaveLength(2)
  })

  it.each([
    ['another user', who('ann', 'a'), who('bob', 'a')],
    ['another password', who('ann', 'a'), who('ann', 'b')],
    ['nobody in particular', who('ann', 'a'), {}],
    ['somebody who wants TLS', who('ann', 'a'), {...who('ann', 'a'), ftpTls: 'explicit'}],
    ['somebody who wants none', {...who('ann', 'a'), ftpTls: 'explicit'}, who('ann', 'a')],
  ] as const)('is never lent to %s, and makes room for it', async (_, first, second) => {
    const server = await serve(WHOLE, {certificate: VALID_CERTIFICATE})
    const transport = startTransport()
    await fetchWhole(transport, server, '1', first)
    await fetchWhole(transport, server, '2', second)
    expect(server.sessions).toHaveLength(2)
    expect(server.said('USER')).toHaveLength(2)
    await expect.poll(() => server.open).toBe(1)
  })

  it('is never lent to another server', async () => {
    const [one, other] = [await serve(), await serve()]
    const transport = startTransport()
    for (const server of [one, other, one]) await fetchWhole(transport, server, '1')
    expect([one.sessions.length, other.sessions.length]).toEqual([1, 1])
  })

  it('is not there for who has to go through a proxy', async () => {
    const server = await serve()
    const transport = startTransport()
    await fetchWhole(transport, server, '1')
    const {error} = await run(transport, server.url('/2'), {request: {proxy: 'http://127.0.0.1:9'}})
    expect(error?.code).toBe('NOT_SUPPORTED')
    expect(server.said('RETR')).toEqual(['1'])
  })
})

describe('a session is not used again', () => {
  const notAgain = async (script: FtpScript, code: string | undefined, options: Parameters<typeof run>[2] = {}) => {
    const server = await serve([script, WHOLE])
    const transport = startTransport()
    expect((await run(transport, server.url('/1'), options)).error?.code).toBe(code)
    await expect.poll(() => server.open).toBe(0)
    await fetchWhole(transport, server, '2')
    expect(server.sessions).toHaveLength(2)
  }

  it.each([
    ['refused the file', {...WHOLE, refuse: {RETR: '550 no such file'}}, 'HTTP_STATUS'],
    ['broke it off', {...WHOLE, cutAfter: 10_000}, 'CONNECTION_RESET'],
    ['called it done too early', {...WHOLE, cutAfter: 10_000, cutReply: '226 done'}, 'TRUNCATED'],
    ['ended it with another word', {...WHOLE, done: '200 fine'}, undefined],
    ['said more than was asked, at once', {...WHOLE, also: {RETR: '226 done once more'}}, undefined],
    ['said more than was asked, last of all', {...WHOLE, also: {MDTM: '226 done once more'}}, undefined],
  ] as const)('whose server %s', (_, script, code) => notAgain(script, code))

  it('whose file was changed while it came', () => {
    let seconds = 0
    const script = {
      ...WHOLE,
      get modified() {
        return `202001010000${10 + seconds++}`
      },
    }
    return notAgain(script, 'UNRELIABLE_RANGES')
  })

  it('whose exchange was aborted', () => {
    const abort = new AbortController()
    return notAgain({...WHOLE, cutAfter: 10_000, cut: 'stall'}, 'CANCELED', {
      signal: abort.signal,
      onResponded: () => abort.abort(),
    })
  })

  it('whose file nobody wanted', () => notAgain(WHOLE, undefined, {disposition: 'discard'}))

  it('of which a part was wanted only', () =>
    notAgain(WHOLE, undefined, {request: {headers: [['Range', 'bytes=0-99']]}}))

  it('to which something is said while it lies idle', async () => {
    const server = await serve()
    const transport = startTransport()
    await fetchWhole(transport, server, '1')
    server.tell('200 by the way')
    await expect.poll(() => server.open).toBe(0)
    await fetchWhole(transport, server, '2')
    expect(toldTo(server)).toEqual([FRESH('1'), FRESH('2')])
  })
})
