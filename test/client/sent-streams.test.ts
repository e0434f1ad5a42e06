/** Streams on their way to a host, over a real socket: whatever ends the sending early, what they come from is let go of. */

import {once} from 'node:events'
import {createServer, type Socket} from 'node:net'
import {join} from 'node:path'
import {PassThrough} from 'node:stream'
import {expect, it} from 'vitest'
import {createHttpConnection} from '../../src/adapters/control/http-connection.ts'
import {makeDirectory, onCleanup} from '../integration/harness.ts'
import {flushed} from '../support/fake-host.ts'

const REFUSAL = JSON.stringify({error: {code: 'INVALID_ARGUMENT', message: 'refused', where: 'guid'}})
const REFUSED = `HTTP/1.1 400 Bad Request\r\nContent-Length: ${REFUSAL.length}\r\n\r\n${REFUSAL}`

/** A host of which the test says what it does with the first connection; it reads nothing that the test does not read. */
async function hostWho(meets: (socket: Socket) => void) {
  const directory = await makeDirectory()
  const address = join(directory, 'control.sock')
  const sockets: Socket[] = []
  const server = createServer({pauseOnConnect: true}, (socket) => {
    sockets.push(socket)
    meets(socket)
  })
  server.listen(address)
  await once(server, 'listening')
  const connection = createHttpConnection(directory, async () => address)
  onCleanup(async () => {
    connection.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return connection
}

/** More than fits into any socket, for ever. `closed` resolves when nobody wants more of it. */
function endless() {
  let close = () => {}
  const closed = new Promise<void>((resolve) => {
    close = resolve
  })
  async function* chunks() {
    try {
      for (;;) yield Buffer.alloc(256 * 1024)
    } finally {
      close()
    }
  }
  return {chunks: chunks(), closed}
}

it('is announced before anything of it comes: a connection that says nothing, its host closes after a minute', async () => {
  let hear = (_: string) => {}
  const heard = new Promise<string>((resolve) => {
    hear = resolve
  })
  const connection = await hostWho((socket) => socket.once('data', (bytes) => hear(String(bytes))).resume())
  const stream = new PassThrough()
  const sent = connection.send('/body', stream)
  const refused = expect(sent).rejects.toThrow('enough')
  expect(await heard).toMatch(/^PUT \/body /)
  stream.destroy(new Error('enough'))
  await refused
})

it('given up by its signal, it lets go of the stream', async () => {
  const connection = await hostWho(() => abort.abort(new Error('enough')))
  const abort = new AbortController()
  const {chunks, closed} = endless()
  await expect(connection.send('/body', chunks, abort.signal)).rejects.toThrow('enough')
  await closed
})

it('given up while its stream has nothing, it lets go of that with what comes next', async () => {
  const connection = await hostWho(() => abort.abort(new Error('enough')))
  const abort = new AbortController()
  const {chunks, closed} = endless()
  async function* hesitant() {
    yield Buffer.alloc(1)
    await once(abort.signal, 'abort')
    await flushed()
    yield* chunks
  }
  await expect(connection.send('/body', hesitant(), abort.signal)).rejects.toThrow('enough')
  await closed
})

it('refused, it sends no more and lets go of the stream', async () => {
  const connection = await hostWho((socket) => socket.write(REFUSED))
  const {chunks, closed} = endless()
  await expect(connection.send('/body', chunks)).rejects.toMatchObject({code: 'INVALID_ARGUMENT'})
  await closed
})

it('refused by a host that dies over it, it tells of the refusal, or that nobody is there, and of nothing else', async () => {
  const connection = await hostWho((socket) => socket.write(REFUSED, () => socket.destroy()))
  const {chunks, closed} = endless()
  const code = expect.stringMatching(/^(INVALID_ARGUMENT|HOST_UNREACHABLE)$/)
  await expect(connection.send('/body', chunks)).rejects.toMatchObject({code})
  await closed
})

it('to a host that dies, it says that nobody is there, and lets go of the stream', async () => {
  const connection = await hostWho((socket) => socket.destroy())
  const {chunks, closed} = endless()
  await expect(connection.send('/body', chunks)).rejects.toMatchObject({code: 'HOST_UNREACHABLE'})
  await closed
})

it('whose own source fails, it fails as that did', async () => {
  const connection = await hostWho((socket) => socket.resume())
  async function* failing() {
    yield Buffer.alloc(1000)
    throw new RangeError('the source failed')
  }
  await expect(connection.send('/body', failing())).rejects.toThrow(RangeError)
})
