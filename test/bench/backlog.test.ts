/**
 * The backlog bench in small: between ten and thirty thousand queued downloads nothing may grow but what must. Compares one
 * size with the other on the same machine in the same minute, with wide margins, and never with the clock on the wall.
 */

import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, expect, it} from 'vitest'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {Engine} from '../../src/engine/engine.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {EnginePorts} from '../../src/engine/ports.ts'
import {BackgroundDownloader} from '../../src/namespace/background-downloader.ts'
import {createPlatform} from '../../src/platform.ts'

const [SMALL, LARGE] = [10_000, 30_000]
const GROUP = 'backlog'
/** What the waiting line keeps of a group in memory where nobody is looked past, however many wait. */
const WINDOW = 128

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function open(directory: string): Promise<{readonly engine: Engine; readonly ports: EnginePorts}> {
  const ports = await createPlatform({directory, durability: 'process'})
  const engine = new Engine(ports, {maxConcurrentTransfers: 0})
  cleanups.push(() => engine.close())
  await engine.open()
  return {engine, ports}
}

/** ms of processor time of this process: a busy machine, or a slow disk, adds nothing. */
async function measured<T>(act: () => Promise<T>): Promise<{readonly cost: number; readonly made: T}> {
  const before = process.cpuUsage()
  const made = await act()
  const {user, system} = process.cpuUsage(before)
  return {cost: (user + system) / 1000, made}
}

/** Of three the least: the collector of garbage may add to one. */
async function leastOfThree(act: () => Promise<unknown>): Promise<number> {
  const costs: number[] = []
  for (let round = 0; round < 3; round++) costs.push((await measured(act)).cost)
  return Math.min(...costs)
}

async function measure(size: number) {
  const directory = await mkdtemp(join(tmpdir(), 'backlog-'))
  cleanups.push(() => rm(directory, {recursive: true, force: true}))
  const first = await open(directory)
  const downloader = new BackgroundDownloader(first.engine)
  downloader.group = GROUP
  const created = await measured(() =>
    downloader.createDownloads(
      Array.from({length: size}, (_, n) => [`http://127.0.0.1:9/${n}`, join(directory, `${n}`)] as const),
    ),
  )
  await first.engine.close()
  const recovered = await measured(() => open(directory))
  const {engine, ports} = recovered.made
  const middle = {priorityClass: 1, from: Math.floor(size / 2), to: size} as const
  const ids = (await ports.store.line(GROUP, middle, 50)).map(({id}) => id)
  const command = (act: (entry: OperationEntry) => unknown) =>
    leastOfThree(async () => {
      const entry = await engine.find(ids.shift() as OperationId)
      if (entry === undefined) throw new Error('it is not there')
      await act(entry)
      await ports.store.flush()
      engine.release(entry)
    })
  return {
    create: created.cost,
    recover: recovered.cost,
    promote: await command((entry) => engine.changePolicy(entry, {...entry.facts.policy, priority: 1})),
    pause: await command((entry) => engine.pause(entry)),
    cancel: await command((entry) => engine.cancel(entry)),
    makeCurrent: await command((entry) => engine.makeCurrent(entry)),
    page: await leastOfThree(() => engine.query({states: ['queued'], limit: 100})),
    held: engine.groups().flatMap(({line}) => line).length,
  }
}

it('costs no more to command or ask a large backlog than a small one', async () => {
  const [small, large] = [await measure(SMALL), await measure(LARGE)]
  // Three times as many may take three times as much, and as much again.
  expect(large.create).toBeLessThan(small.create * 6)
  for (const what of ['recover', 'promote', 'pause', 'cancel', 'makeCurrent', 'page'] as const) {
    expect(large[what], what).toBeLessThan(small[what] * 5 + 50)
  }
  // How much of its window a line has read by now is a matter of time: it reads more with each page.
  for (const {held} of [small, large]) {
    expect(held).toBeGreaterThan(0)
    expect(held).toBeLessThanOrEqual(WINDOW)
  }
}, 120_000)
