/** Files from an FTP server that is not ours, after kills. Needs pyftpdlib: left out, and said so, where it is missing. */

import {execFileSync, spawn} from 'node:child_process'
import {mkdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {describe, expect, it} from 'vitest'
import {finishWorker, runWorker} from '../crash/killed-worker.ts'
import type {Plan} from '../crash/worker.ts'
import {contentOf, sha256} from '../support/content.ts'
import {bundledProgram} from '../support/shared-build.ts'
import {makeDirectory, namesIn, onCleanup} from './harness.ts'

const PYTHON = '/usr/bin/python3'
const SIZE = 24 * 1024 ** 2
const KILLS = 2
const BYTES = contentOf(21, SIZE)

/** One user, a directory, a rate; says its port. */
const SERVER = `
import logging, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler
from pyftpdlib.servers import FTPServer
root = sys.argv[1]
logging.basicConfig(level=logging.CRITICAL)
class Data(ThrottledDTPHandler):
    read_limit = 0
    write_limit = 4 * 1024 * 1024
Handler = FTPHandler
Handler.dtp_handler = Data
Handler.authorizer = DummyAuthorizer()
Handler.authorizer.add_user('ann', 's@fe', root, perm='elr')
server = FTPServer(('127.0.0.1', 0), Handler)
print(server.address[1], flush=True)
server.serve_forever()
`

function has(module: string): boolean {
  try {
    execFileSync(PYTHON, ['-c', `import ${module}`], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

const isThere = has('pyftpdlib')
const isRequired = process.env.BGT_REQUIRE_PEERS === '1'
if (!isThere && !isRequired) console.log('ftp-peer.test.ts: left out, because pyftpdlib is not installed')

async function startPeer(root: string): Promise<number> {
  const child = spawn(PYTHON, ['-c', SERVER, root], {stdio: ['ignore', 'pipe', 'inherit']})
  onCleanup(async () => {
    child.kill()
  })
  for await (const line of createInterface({input: child.stdout})) return Number(line)
  throw new Error('the FTP server did not start')
}

async function served(): Promise<string> {
  const root = join(await makeDirectory(), 'served')
  await mkdir(root)
  await writeFile(join(root, 'file.bin'), BYTES)
  // A file that was written just now could be written again within the same second: nothing would tell.
  execFileSync('touch', ['-d', '2020-01-01', join(root, 'file.bin')])
  return root
}

describe.skipIf(!isThere && !isRequired)('a file from pyftpdlib', () => {
  it(`arrives whole after ${KILLS} kills, and goes on by REST`, {timeout: 60_000}, async () => {
    expect(isThere, 'pyftpdlib is required and not installed').toBe(true)
    const port = await startPeer(await served())
    const directory = await makeDirectory()
    const program = await bundledProgram(new URL('../crash/worker.ts', import.meta.url))
    const plan: Plan = {
      engine: {directory: join(directory, '.store'), retryDelayMs: 20},
      downloads: [{url: `ftp://ann:s%40fe@127.0.0.1:${port}/file.bin`, file: join(directory, 'file.bin')}],
    }
    let seen = 0
    for (let kill = 1; kill <= KILLS; kill++) {
      const killAt = (SIZE * kill) / (KILLS + 1)
      const run = runWorker(program, plan, (line, {kill: killNow}) => {
        if (line.type !== 'progress') return
        if (kill > 1 && seen === 0) seen = line.bytesReceived
        if (line.bytesReceived >= killAt) killNow()
      })
      expect(await run.ended).toBe('killed')
    }
    // The second run began with bytes of the first.
    expect(seen).toBeGreaterThan(0)
    const last = await finishWorker(program, plan)
    expect(last).toContainEqual(expect.objectContaining({type: 'outcome', outcome: 'completed'}))
    expect(sha256(await readFile(join(directory, 'file.bin')))).toBe(sha256(BYTES))
    expect(await namesIn(directory)).toEqual(['file.bin'])
  })
})
