/** Sessions of an FTP server that lie idle: how many, how long, and what becomes of one that its server left. */

import {describe, expect, it} from 'vitest'
import type {FtpScript} from '../support/ftp-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {AGAIN, FRESH, fetchWhole, SECOND_AT, serve, startTransport, toldTo, WHOLE} from './ftp-harness.ts'
import {run} from './harness.ts'

/** Both sides of each connection are in this process; an idle session counts as one, its server's. */
const referenced = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

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
    const transport = startTransport({idleMs: 20})
    await fetchWhole(transport, server, '1')
    await expect.poll(() => server.open).toBe(0)
    await fetchWhole(transport, server, '2')
    expect(toldTo(server)).toEqual([FRESH('1'), FRESH('2')])
  })

  it('does not run out of its time while it is used', async () => {
    const idleMs = 250
    const server = await serve({...WHOLE, slow: {SIZE: idleMs + 150}})
    const transport = startTransport({idleMs})
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
