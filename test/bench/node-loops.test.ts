/** The bare loops that the bench compares with: what they fetch is right, and what goes wrong ends them. */

import {execFile} from 'node:child_process'
import {createHash, randomBytes} from 'node:crypto'
import {once} from 'node:events'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {type AddressInfo, createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {expect, it, onTestFinished} from 'vitest'
import {startFaultyServer} from '../support/faulty-server.ts'

const LOOPS = fileURLToPath(new URL('./node-loops.mjs', import.meta.url))
const BYTES = randomBytes(200_000)

const loop = (...args: readonly string[]) => promisify(execFile)(process.execPath, [LOOPS, ...args], {timeout: 20_000})

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'node-loops-'))
  onTestFinished(() => rm(directory, {recursive: true}))
  return directory
}

/** A server that says this to every request, and nothing else. */
async function startSaying(answer: string, ends: boolean): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => (ends ? socket.end(answer) : socket.write(answer)))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/a`
}

it('fetches whole files, shares of one, and its digest', async () => {
  const directory = await makeDirectory()
  const server = await startFaultyServer()
  onTestFinished(() => server.close())
  server.route('/a', {content: BYTES})
  const [whole, shares, hashed] = ['whole', 'shares', 'hashed'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  await loop('receive', server.url('/a'), whole)
  await loop('ranges', '3', `${BYTES.length}`, server.url('/a'), shares)
  const {stdout} = await loop('digest', 'sha256', server.url('/a'), hashed)
  expect(stdout.trim()).toBe(createHash('sha256').update(BYTES).digest('hex'))
  for (const file of [whole, shares, hashed]) expect((await readFile(file)).equals(BYTES)).toBe(true)
})

it.each(['receive', 'digest'])('%s ends where the server ends too early, and where it refuses', async (work) => {
  const file = join(await makeDirectory(), 'file')
  const args = work === 'digest' ? [work, 'sha256'] : [work]
  const cut = await startSaying('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc', true)
  await expect(loop(...args, cut, file)).rejects.toMatchObject({code: 1, stderr: expect.stringContaining('ended')})
  const refusing = await startSaying('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', false)
  await expect(loop(...args, refusing, file)).rejects.toMatchObject({code: 1, stderr: expect.stringContaining('500')})
})

it('what is sent and refused is not sent', async () => {
  const file = join(await makeDirectory(), 'file')
  await writeFile(file, 'bytes')
  const refusing = await startSaying('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n', false)
  await expect(loop('send', file, refusing)).rejects.toMatchObject({code: 1, stderr: expect.stringContaining('500')})
})
