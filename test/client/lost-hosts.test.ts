/** What a client says of a host that is gone: what happened, and what there is to do. */

import {createServer, type Socket} from 'node:net'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {createHttpConnection} from '../../src/adapters/control/http-connection.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {makeDirectory, onCleanup} from '../integration/harness.ts'

/** Something that listens as a host does, and does this with whoever comes. */
async function connectionTo(meet: (socket: Socket) => void) {
  const directory = await makeDirectory()
  const path = join(directory, 'control.sock')
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => meet(socket))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onCleanup(async () => void server.close())
  const connection = createHttpConnection(directory, async () => path)
  onCleanup(async () => connection.close())
  return connection
}

const GONE = expect.objectContaining({
  code: 'HOST_UNREACHABLE',
  message: 'the host went away before it answered',
  advice: expect.stringMatching(/^connect again, .*`bgt host`$/),
})

describe('a host that dies', () => {
  it('before it answers is said to have gone away', async () => {
    const connection = await connectionTo((socket) => socket.destroy())
    await expect(connection.ask('GET', '/api/v1/hello')).rejects.toThrow(GONE)
    await expect(connection.read('/api/v1/session/1/bytes', new Uint8Array(1))).rejects.toThrow(GONE)
    await expect(connection.send('/api/v1/session/1/body', endless())).rejects.toThrow(GONE)
  })

  it('in the midst of its answer is said to have gone away', async () => {
    const connection = await connectionTo((socket) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')
    })
    await expect(connection.ask('GET', '/api/v1/hello')).rejects.toThrow(GONE)
    await expect(connection.read('/api/v1/session/1/bytes', new Uint8Array(100))).rejects.toThrow(GONE)
    const lost = await new Promise<unknown>((resolve) => connection.follow('/api/v1/session', () => {}, resolve))
    expect(lost).toBeInstanceOf(TransferError)
    expect(lost).toEqual(GONE)
  })
})

async function* endless() {
  for (;;) yield new Uint8Array(1_000)
}
