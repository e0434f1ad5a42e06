/** 1 GiB from a server that is not ours arrives whole after five kills. Needs nginx: left out, and said so, where it is missing. */

import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {mkdir, open} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {finishWorker, runWorker} from '../crash/killed-worker.ts'
import type {Plan} from '../crash/worker.ts'
import {contentOf} from '../support/content.ts'
import {hasNginx, startNginx} from '../support/nginx.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {bundledProgram} from '../support/shared-build.ts'
import {makeDirectory, namesIn, onCleanup} from './harness.ts'

const SIZE = 1024 ** 3
const KILLS = 5
const SEED = 7
/** MiB a second. */
const RATE = 300
/** What a kill may cost: what comes within a tenth of a second, and what the kernel holds on both sides, as its settings allow. */
const MOST_LOST = (RATE / 10 + 32) * 1024 ** 2
const STAMP_BYTES = 4096
const STAMP_EVERY = 256 * 1024

const isThere = hasNginx()
const isRequired = process.env.BGT_REQUIRE_PEERS === '1'
if (!isThere && !isRequired) console.log('nginx.test.ts: left out, because nginx is not installed')

describe.skipIf(!isThere && !isRequired)('1 GiB from nginx', () => {
  it(`arrives whole after ${KILLS} kills (seed ${SEED})`, {timeout: 120_000}, async () => {
    expect(isThere, 'nginx is required and not installed').toBe(true)
    const directory = await makeDirectory()
    const served = join(directory, 'served')
    await mkdir(served)
    await stampFile(join(served, 'file.bin'))
    const nginx = await startNginx(served, `limit_rate ${RATE}m;`)
    onCleanup(() => nginx.close())
    const program = await bundledProgram(new URL('../crash/worker.ts', import.meta.url))
    const target = join(directory, 'target')
    await mkdir(target)
    const plan: Plan = {
      engine: {directory: join(target, '.store'), retryDelayMs: 20},
      downloads: [{url: `${nginx.origin}/file.bin`, file: join(target, 'file.bin')}],
    }
    const random = new SeededRandom(SEED)
    for (let kill = 1; kill <= KILLS; kill++) {
      const killAt = ((kill - random.next() * 0.5) / (KILLS + 0.5)) * SIZE
      const run = runWorker(program, plan, (line, {kill: killNow}) => {
        if (line.type === 'progress' && line.bytesReceived >= killAt) killNow()
      })
      expect(await run.ended, `kill ${kill} at ${killAt}`).toBe('killed')
    }
    const last = await finishWorker(program, plan)
    expect(last).toContainEqual(expect.objectContaining({type: 'outcome', outcome: 'completed'}))
    expect(await digest(join(target, 'file.bin'))).toBe(await digest(join(served, 'file.bin')))
    expect(await namesIn(target)).toEqual(['file.bin'])
    const requests = await nginx.requests()
    // Writes end in any order, so that a kill can leave a hole of a buffer or two in front of the last bytes: one request more each.
    expect(requests.length).toBeGreaterThan(KILLS)
    expect(requests.map(({status}) => status)).toEqual([200, ...Array(requests.length - 1).fill(206)])
    const sent = requests.reduce((sum, {bytes}) => sum + bytes, 0)
    expect(sent - SIZE).toBeLessThanOrEqual(KILLS * MOST_LOST)
  })
})

/** Sparse, with a stamp of its own in each quarter MiB: written in no time, and no two stretches are alike. */
async function stampFile(path: string): Promise<void> {
  const file = await open(path, 'w')
  await file.truncate(SIZE)
  const stamps = contentOf(SEED, (SIZE / STAMP_EVERY) * STAMP_BYTES)
  for (let n = 0; n * STAMP_EVERY < SIZE; n++) {
    await file.write(stamps, n * STAMP_BYTES, STAMP_BYTES, n * STAMP_EVERY + (n % 60) * STAMP_BYTES)
  }
  await file.close()
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, {highWaterMark: 4 * 1024 * 1024})) hash.update(chunk)
  return hash.digest('hex')
}
