/**
 * Hosts and clients that are killed at seeded moments: nothing that a client was told is lost, nothing is done twice, and nobody waits
 * for ever. HOST_KILLS says how many runs (`npm run crash:host`: 200); a handful by default.
 */

import {existsSync, readdirSync} from 'node:fs'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {digestOf, makeDirectory, onCleanup, requestsFor, startServer} from '../integration/harness.ts'
import {type RunningChild, startChild} from '../support/child-program.ts'
import {contentOf, sha256} from '../support/content.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {compiledProgram} from '../support/shared-build.ts'
import type {ClientLine, ClientPlan} from './killed-client.ts'

const RUNS = Number(process.env.HOST_KILLS ?? 4)
const FIRST_SEED = Number(process.env.HOST_SEED ?? 1)
const FILES = 3
const BYTES = contentOf(3, 150_000)
const SLOW = {content: BYTES, etag: '"1"', pieceBytes: 8_192, pieceDelayMs: 4} as const
/** A process begins in about a quarter of a second, and dies somewhere in what it does then. */
const LONGEST_LIFE_MS = 600

let host: string
let client: string

beforeAll(async () => {
  host = await compiledProgram(new URL('host-program.ts', import.meta.url))
  client = await compiledProgram(new URL('killed-client.ts', import.meta.url))
}, 300_000)

/** Lives of one program, one after another, until one comes to its end. */
class Lives {
  readonly ended: Promise<void>
  readonly #begin: () => RunningChild
  readonly #hear: (line: string) => boolean
  #child: RunningChild
  #isOver = false

  /** `hear`: whether this line is the last that is wanted. */
  constructor(begin: () => RunningChild, hear: (line: string) => boolean) {
    this.#begin = begin
    this.#hear = hear
    this.#child = begin()
    this.ended = this.#follow()
  }

  kill(): void {
    this.#child.process.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#child.kill()
  }

  async #follow(): Promise<void> {
    while (!this.#isOver) {
      for await (const line of this.#child.lines) if (this.#hear(line)) this.#isOver = true
      if (!this.#isOver) this.#child = this.#begin()
    }
  }
}

async function play(seed: number): Promise<void> {
  const random = new SeededRandom(seed)
  const directory = await makeDirectory()
  const store = join(directory, 'store')
  const server = await startServer()
  const files = Array.from({length: FILES}, (_, n) => join(directory, `file-${n}`))
  for (const n of files.keys()) server.route(`/${n}`, SLOW)
  const downloads = files.map((file, n) => [server.url(`/${n}`), file] as const)
  const plan: ClientPlan = {directory: store, downloads}
  const accepted = new Map<string, string>()
  const doneAfter = new Map<string, number>()
  const asked = (file: string) => requestsFor(server, `/${files.indexOf(file)}`).length
  const hosts = new Lives(
    () => startChild(host, [store]),
    () => false,
  )
  const clients = new Lives(
    () => startChild(client, [JSON.stringify(plan)]),
    (text) => {
      const line: ClientLine = JSON.parse(text)
      if (line.type === 'finished') return true
      // What was told once is told the same for ever.
      expect(accepted.get(line.file) ?? line.guid).toBe(line.guid)
      accepted.set(line.file, line.guid)
      if (line.type === 'done' && !doneAfter.has(line.file)) doneAfter.set(line.file, asked(line.file))
      return false
    },
  )
  // A run that is given up must leave nobody behind who begins anew for ever.
  onCleanup(async () => {
    await clients.stop()
    await hosts.stop()
  })
  try {
    const kills = 2 + Math.floor(random.next() * 4)
    for (let n = 0; n < kills; n += 1) {
      const life = new Promise((resolve) => setTimeout(resolve, random.next() * LONGEST_LIFE_MS))
      const who = random.next()
      if ((await Promise.race([life, clients.ended.then(() => 'ended' as const)])) === 'ended') break
      if (who < 0.7) hosts.kill()
      if (who > 0.5) clients.kill()
    }
    await clients.ended
  } finally {
    await clients.stop()
    await hosts.stop()
  }
  for (const file of files) {
    expect(existsSync(file), file).toBe(true)
    expect(await digestOf(file)).toBe(sha256(BYTES))
    // Nothing was asked for once it was told to be here.
    expect(asked(file)).toBe(doneAfter.get(file))
  }
  expect(readdirSync(directory).toSorted()).toEqual([...files.keys()].map((n) => `file-${n}`).concat('store'))
  const engine = await BackgroundTransferEngine.open({directory: store, resumeOnOpen: 'nothing'})
  try {
    const kept = await engine.queryAsync()
    expect(kept.map(({guid}) => guid).toSorted()).toEqual([...accepted.values()].toSorted())
    expect(new Set(kept.map(({state}) => state))).toEqual(new Set(['completed']))
  } finally {
    await engine.close()
  }
}

describe('host and client are killed', () => {
  const seeds = Array.from({length: RUNS}, (_, n) => FIRST_SEED + n)

  it.each(seeds)('seed %i', {timeout: 600_000}, play)
})
