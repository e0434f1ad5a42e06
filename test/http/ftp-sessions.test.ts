/** Sessions of an FTP server that serve one exchange after the other: which are used again, which never, and how idle ones end. */

import {describe, expect, it, onTestFinished} from 'vitest'
import {createFtpTransport, type FtpTransportOptions} from '../../src/adapters/ftp/ftp-transport.ts'
import type {Credential} from '../../src/domain/credential.ts'
import type {ExchangeRequest, Transport} from '../../src/ports/transport.ts'
import {contentOf, sha256} from '../support/content.ts'
import {type FtpScript, FtpServer} from '../support/ftp-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {run} from './harness.ts'

const SIZE = 50_000
/** As many bytes for each name, and none of them the same. */
const fileOf = (path: string) => contentOf(Number(/\d+/.exec(path)?.[0] ?? 0), SIZE)
const WHOLE: FtpScript = {content: fileOf}
const FRESH = (path: string) => ['USER anonymous', 'PASS anonymous@', 'TYPE I', ...FIRST(path)]
const FIRST = (path: string) => [`SIZE ${path}`, `MDTM ${path}`, 'EPSV', 'REST 0', ...LAST(path)]
const LAST = (path: string) => [`RETR ${path}`, `SIZE ${path}`, `MDTM ${path}`]
const AGAIN = (path: string) => FIRST(path).filter((command) => command !== 'REST 0')
/** What a session has been told when it was asked for a second file. */
const SECOND_AT = FRESH('1').length + 1

async function serve(
  script: FtpScript | readonly FtpScript[] = WHOLE,
  options: Parameters<typeof FtpServer.start>[1] = {},
): Promise<FtpServer> {
  const server = await FtpServer.start(script, options)
  onTestFinished(() => server.close())
  return server
}

function startTransport(idleMs?: number, options: FtpTransportOptions = {}): Transport {
  const transport = createFtpTransport(
    {tls: {ca: VALID_CERTIFICATE.cert, servername: 'localhost'}, ...options},
    idleMs === undefined ? {} : {idleMs},
  )
  onTestFinished(() => transport.close())
  return transport
}

/** Fetches a file, and checks its bytes. */
async function fetchWhole(
  transport: Transport,
  server: FtpServer,
  path: string,
  request: Partial<ExchangeRequest> = {},
) {
  const {end, error, receiver} = await run(transport, server.url(`/${path}`), {request})
  expect(error).toBeUndefined()
  expect(end).toEqual({bodyLength: SIZE, framing: 'length'})
  expect(receiver.digest()).toBe(sha256(fileOf(path)))
  expect(receiver.connections).toBe(1)
}

/** Whether and when one takes leave is no matter. */
const toldTo = ({sessions}: FtpServer) => sessions.map((commands) => commands.filter((each) => each !== 'QUIT'))

/** Both sides of each connection are in this process; an idle session counts as one, its server's. */
const referenced = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

const who = (userName: string, password: string): {readonly serverCredential: Credential} => ({
  serverCredential: {userName, password},
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

describe('a session that its server left meanwhile', () => {
  it.each(['421', 'fin', 'reset'] as const)(
    'costs another login, and no failure (%s to the first command)',
    async (by) => {
      const server = await serve([{...WHOLE, leave: {at: SECOND_AT, by}}, WHOLE])
      const transport = startTransport()
      for (const path of ['1', '2', '3']) await fetchWhole(transport, server, path)
      expect(toldTo(server)).toEqual([
        [...FRESH('1'), 'SIZE 2'],
        [...FRESH('2'), ...AGAIN('3')],
      ])
    },
  )

  it.each(['421', 'fin', 'reset'] as const)('does so too where that was heard before (%s)', async (by) => {
    const server = await serve()
    const transport = startTransport()
    await fetchWhole(transport, server, '1')
    server.hangUp(by)
    await expect.poll(() => server.open).toBe(0)
    await fetchWhole(transport, server, '2')
    expect(toldTo(server)).toEqual([FRESH('1'), FRESH('2')])
  })

  it.each([
    ['has forgotten who logged in', '530 who are you'],
    ['answers something that nobody asked', '226 done'],
  ])('does so too where it %s', async (_, reply) => {
    const first = {
      ...WHOLE,
      get refuse(): Record<string, string> {
        return server.sessions[0]?.length === SECOND_AT ? {SIZE: reply} : {}
      },
    }
    const server = await serve([first, WHOLE])
    const transport = startTransport()
    for (const path of ['1', '2']) await fetchWhole(transport, server, path)
    expect(toldTo(server)).toEqual([[...FRESH('1'), 'SIZE 2'], FRESH('2')])
  })

  it.each(['421', 'fin', 'reset'] as const)('is not in the way of one that it did not leave (%s)', async (by) => {
    // The second one lies idle last, and would be the first to be used.
    const server = await serve([WHOLE, {...WHOLE, slow: {MDTM: 50}}])
    const transport = startTransport()
    await Promise.all(['1', '2'].map((path) => fetchWhole(transport, server, path)))
    server.hangUp(by, 'youngest')
    await expect.poll(() => server.open).toBe(1)
    await fetchWhole(transport, server, '3')
    expect(server.sessions).toHaveLength(2)
  })

  it('is no reason to trust its neighbours', async () => {
    const left: FtpScript = {...WHOLE, leave: {at: SECOND_AT, by: 'fin'}}
    const server = await serve([left, left, WHOLE])
    const transport = startTransport()
    await Promise.all(['1', '2'].map((path) => fetchWhole(transport, server, path)))
    await fetchWhole(transport, server, '3')
    // Once where that is found out, and before and behind the transfer.
    expect(server.said('SIZE').filter((path) => path === '3')).toHaveLength(3)
    await expect.poll(() => server.open).toBe(1)
    expect(server.sessions).toHaveLength(3)
  })

  it('is no excuse to begin anew twice', async () => {
    const server = await serve([
      {...WHOLE, leave: {at: SECOND_AT, by: 'fin'}},
      {...WHOLE, leave: {at: 1, by: 'fin'}},
      WHOLE,
    ])
    const transport = startTransport()
    await fetchWhole(transport, server, '1')
    const {error, receiver} = await run(transport, server.url('/2'))
    expect(error?.code).toBe('CONNECTION_RESET')
    expect(receiver.connections).toBe(1)
    expect(server.sessions).toHaveLength(2)
  })

  it('is none where it has answered the exchange already: then that has failed', async () => {
    const server = await serve([{...WHOLE, leave: {at: SECOND_AT + 1, by: 'fin'}}, WHOLE])
    const transport = startTransport()
    await fetchWhole(transport, server, '1')
    expect((await run(transport, server.url('/2'))).error?.code).toBe('CONNECTION_RESET')
    expect(toldTo(server)).toEqual([[...FRESH('1'), 'SIZE 2', 'MDTM 2']])
  })

  it('is given up with its exchange, and nothing is repeated for nobody', async () => {
    const first = {
      ...WHOLE,
      // No reply at all.
      get refuse(): Record<string, string> {
        return server.sessions[0]?.length === SECOND_AT ? {SIZE: ''} : {}
      },
    }
    const server = await serve([first, WHOLE])
    const transport = startTransport()
    await fetchWhole(transport, server, '1')
    const abort = new AbortController()
    const running = run(transport, server.url('/2'), {signal: abort.signal})
    await expect.poll(() => server.commands.at(-1)).toBe('SIZE 2')
    abort.abort()
    expect((await running).error?.code).toBe('CANCELED')
    await expect.poll(() => server.open).toBe(0)
    expect(server.sessions).toHaveLength(1)
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

describe('an idle session', () => {
  it.each(['none', 'explicit', 'implicit'] as const)(
    'keeps no process alive, but while it is used (TLS: %s)',
    async (tls) => {
      let cutAfter: number | undefined
      const script: FtpScript = {
        ...WHOLE,
        cut: 'stall',
        get cutAfter() {
          return cutAfter
        },
      }
      await expect.poll(referenced).toBe(0)
      const server = await serve(
        script,
        tls === 'none' ? {} : {certificate: VALID_CERTIFICATE, implicit: tls === 'implicit'},
      )
      const request = tls === 'none' ? {} : {ftpTls: tls}
      const transport = startTransport()
      await fetchWhole(transport, server, '1', request)
      await expect.poll(referenced).toBe(1)
      expect(server.open).toBe(1)
      cutAfter = 10_000
      const abort = new AbortController()
      const running = run(transport, server.url('/2'), {signal: abort.signal, request})
      await expect.poll(() => server.said('RETR')).toHaveLength(2)
      await expect.poll(referenced).toBe(4)
      expect(server.sessions).toHaveLength(1)
      abort.abort()
      await running
    },
  )

  it('is closed after its time, and the next exchange logs in', async () => {
    const server = await serve()
    const transport = startTransport(20)
    await fetchWhole(transport, server, '1')
    await expect.poll(() => server.open).toBe(0)
    await fetchWhole(transport, server, '2')
    expect(toldTo(server)).toEqual([FRESH('1'), FRESH('2')])
  })

  it('does not run out of its time while it is used', async () => {
    const idleMs = 250
    const server = await serve({...WHOLE, slow: {SIZE: idleMs + 150}})
    const transport = startTransport(idleMs)
    for (const path of ['1', '2']) await fetchWhole(transport, server, path)
    expect(server.sessions).toHaveLength(1)
  })

  it('is closed with the transport', async () => {
    const server = await serve()
    const transport = startTransport()
    await Promise.all(['1', '2', '3'].map((path) => fetchWhole(transport, server, path)))
    expect(server.open).toBe(3)
    await transport.close()
    await expect.poll(() => server.open).toBe(0)
    expect((await run(transport, server.url('/1'))).error?.code).toBe('CLOSED')
    expect(server.sessions).toHaveLength(3)
  })

  it('is one of eight at most of a server', async () => {
    const server = await serve()
    const transport = startTransport()
    await Promise.all(Array.from({length: 12}, (_, index) => fetchWhole(transport, server, String(index))))
    expect(server.sessions).toHaveLength(12)
    await expect.poll(() => server.open).toBe(8)
  })

  it('is one of thirty-two at most in all', async () => {
    const servers = await Promise.all(Array.from({length: 5}, () => serve()))
    const transport = startTransport()
    for (const server of servers) {
      await Promise.all(Array.from({length: 8}, (_, index) => fetchWhole(transport, server, String(index))))
    }
    await expect.poll(() => servers.map(({open}) => open)).toEqual([0, 8, 8, 8, 8])
  })
})
