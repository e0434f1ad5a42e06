/** What the tests of FTP sessions share: a server and a transport that are closed after their test, and what a session is told for a file. */

import {expect, onTestFinished} from 'vitest'
import {createFtpTransport} from '../../src/adapters/ftp/ftp-transport.ts'
import type {ExchangeRequest, Transport} from '../../src/ports/transport.ts'
import {contentOf, sha256} from '../support/content.ts'
import {type FtpScript, FtpServer} from '../support/ftp-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {run} from './harness.ts'

const SIZE = 50_000
/** As many bytes for each name, and none of them the same. */
export const fileOf = (path: string) => contentOf(Number(/\d+/.exec(path)?.[0] ?? 0), SIZE)
export const WHOLE: FtpScript = {content: fileOf}
export const FRESH = (path: string) => ['USER anonymous', 'PASS anonymous@', 'TYPE I', ...FIRST(path)]
export const FIRST = (path: string) => [`SIZE ${path}`, `MDTM ${path}`, 'EPSV', 'REST 0', ...LAST(path)]
const LAST = (path: string) => [`RETR ${path}`, `SIZE ${path}`, `MDTM ${path}`]
export const AGAIN = (path: string) => FIRST(path).filter((command) => command !== 'REST 0')
/** What a session has been told when it was asked for a second file. */
export const SECOND_AT = FRESH('1').length + 1

export async function serve(
  script: FtpScript | readonly FtpScript[] = WHOLE,
  options: Parameters<typeof FtpServer.start>[1] = {},
): Promise<FtpServer> {
  const server = await FtpServer.start(script, options)
  onTestFinished(() => server.close())
  return server
}

export function startTransport(idle: {readonly idleMs?: number} = {}): Transport {
  const transport = createFtpTransport({tls: {ca: VALID_CERTIFICATE.cert, servername: 'localhost'}}, idle)
  onTestFinished(() => transport.close())
  return transport
}

/** Fetches a file, and checks its bytes. */
export async function fetchWhole(
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
export const toldTo = ({sessions}: FtpServer) => sessions.map((commands) => commands.filter((each) => each !== 'QUIT'))
