/** How the bytes of an FTP download reach the memory that its receiver lends. */

import {afterEach, describe, expect, it, vi} from 'vitest'
import {createFtpTransport} from '../../src/adapters/ftp/ftp-transport.ts'
import {contentOf, sha256} from '../support/content.ts'
import {FtpServer} from '../support/ftp-server.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {run} from './harness.ts'

const MIB = 1024 * 1024
const BYTES = contentOf(3, 16 * MIB)
const BUFFERS = 3
const READ_BYTES = 64 * 1024

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function startServer(tls: 'none' | 'explicit' = 'none'): Promise<FtpServer> {
  const server = await FtpServer.start({content: BYTES}, tls === 'none' ? {} : {certificate: VALID_CERTIFICATE})
  cleanups.push(() => server.close())
  return server
}

function startTransport() {
  const transport = createFtpTransport({tls: {ca: VALID_CERTIFICATE.cert, servername: 'localhost'}})
  cleanups.push(() => transport.close())
  return transport
}

describe('A body over FTP', () => {
  it('is read straight into lent memory, but for its first bytes', async () => {
    const server = await startServer()
    const copy = vi.spyOn(Buffer.prototype, 'copy')
    const {receiver, end} = await run(startTransport(), server.url('/a'), {bufferBytes: MIB})
    const copied = copy.mock.results.reduce((sum, {value}) => sum + Number(value), 0)
    expect(end).toEqual({bodyLength: BYTES.length, framing: 'length'})
    expect(receiver.digest()).toBe(sha256(BYTES))
    expect(copied).toBeLessThanOrEqual(READ_BYTES)
  })

  it.each(['none', 'explicit'] as const)('waits in the network for a slower receiver (TLS: %s)', async (ftpTls) => {
    const server = await startServer(ftpTls)
    let mostAhead = 0
    const {receiver, end} = await run(startTransport(), server.url('/a'), {
      ...(ftpTls === 'none' ? {} : {request: {ftpTls}}),
      bufferBytes: MIB,
      buffers: BUFFERS,
      reuse: true,
      onStart: (exchange, receiver) => {
        const feed = setInterval(() => {
          receiver.giveBack()
          mostAhead = Math.max(mostAhead, exchange.received - receiver.length)
          exchange.resume()
        }, 1)
        exchange.finished.catch(() => {}).finally(() => clearInterval(feed))
      },
    })
    expect(end?.bodyLength).toBe(BYTES.length)
    expect(receiver.digest()).toBe(sha256(BYTES))
    expect(mostAhead).toBeLessThanOrEqual(BUFFERS * MIB + READ_BYTES)
  })
})
