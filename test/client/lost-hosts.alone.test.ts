/** What a client says of a host that is gone: what happened, and what there is to do. */

import {mkdirSync} from 'node:fs'
import {createServer, type Socket} from 'node:net'
import {dirname, join} from 'node:path'
import {describe, expect, it, vi} from 'vitest'
import {controlAddress} from '../../src/adapters/control/control-address.ts'
import {createHttpConnection} from '../../src/adapters/control/http-connection.ts'
import {hostStatus} from '../../src/cli/commands/host-status.ts'
import type {Io} from '../../src/cli/io.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {MOST_SILENCE_MS} from '../../src/domain/silent-host.ts'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {makeDirectory, onCleanup, openEngine} from '../integration/harness.ts'

/** Something that listens as a host does, and does this with whoever comes. */
async function listenAt(path: string, meet: (socket: Socket) => void) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => meet(socket))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onCleanup(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
}

async function connectionTo(meet: (socket: Socket) => void) {
  const directory = await makeDirectory()
  const path = join(directory, 'control.sock')
  await listenAt(path, meet)
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

describe('a host that takes a question and says nothing', () => {
  /** The store is open, and whoever listens for it is silent; `asked` counts the questions. */
  async function startSilentHost() {
    const directory = await makeDirectory()
    await openEngine(directory)
    const store = join(directory, '.store')
    const path = controlAddress(store)
    mkdirSync(dirname(path), {recursive: true})
    const passSilence = watchSilence()
    const questions: Socket[] = []
    await listenAt(path, (socket) => {
      questions.push(socket)
      passSilence()
    })
    return {store, questions}
  }

  const SILENT = expect.objectContaining({
    code: 'HOST_UNREACHABLE',
    message: 'the host takes questions and does not answer',
    advice: expect.stringMatching(/^see whether its process is stopped/),
  })

  it('is told at once to who wants its engine or one of this process, and is not waited for again', async () => {
    const {store, questions} = await startSilentHost()
    await expect(BackgroundTransferEngine.openOrConnect({directory: store})).rejects.toThrow(SILENT)
    expect(questions).toHaveLength(1)
  })

  it('is told to who would start one', async () => {
    const {store} = await startSilentHost()
    await expect(BackgroundTransferEngine.connect({directory: store, startHost: true})).rejects.toThrow(SILENT)
  })

  it('is told to who asks for its status, with what there is to do', async () => {
    const {store} = await startSilentHost()
    await expect(hostStatus({env: {}} as Io, {store})).rejects.toThrow(SILENT)
  })
})

/** Returns what has the client's patience with a silent host pass at once. */
function watchSilence(): () => void {
  const [setTimer, now] = [globalThis.setTimeout, performance.now.bind(performance)]
  let passedMs = 0
  let patience = () => {}
  const watched = (call: () => void, ms?: number) => {
    if (ms === MOST_SILENCE_MS) patience = call
    return setTimer(call, ms)
  }
  vi.spyOn(performance, 'now').mockImplementation(() => now() + passedMs)
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(watched as typeof setTimeout)
  onCleanup(async () => void vi.restoreAllMocks())
  return () => {
    passedMs += MOST_SILENCE_MS
    patience()
  }
}

async function* endless() {
  for (;;) yield new Uint8Array(1_000)
}
