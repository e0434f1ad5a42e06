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

/** ms; the shortest of three, because a busy machine only ever adds. */
async function shortest(act: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 3; round++) {
    const began = performance.now()
    await act()
    times.push(performance.now() - began)
  }
  return Math.min(...times)
}

async function measure(size: number) {
  const directory = await mkdtemp(join(tmpdir(), 'backlog-'))
  cleanups.push(() => rm(directory, {recursive: true, force: true}))
  const first = await open(directory)
  const downloader = new BackgroundDownloader(first.engine)
  downloader.group = GROUP
  const began = performance.now()
  await downloader.createDownloads(
    Array.from({length: size}, (_, n) => [`http://127.0.0.1:9/${n}`, join(directory, `${n}`)] as const),
  )
  const create = performance.now() - began
  await first.engine.close()
  const reopened = performance.now()
  const {engine, ports} = await open(directory)
  const recover = performance.now() - reopened
  const middle = {priorityClass: 1, from: Math.floor(size / 2), to: size} as const
  const ids = (await ports.store.line(GROUP, middle, 50)).map(({id}) => id)
  const command = (act: (entry: OperationEntry) => unknown) =>
    shortest(async () => {
      const entry = await engine.find(ids.shift() as OperationId)
      if (entry === undefined) throw new Error('it is not there')
      await act(entry)
      await ports.store.flush()
      engine.release(entry)
    })
  return {
    create,
    recover,
    promote: await command((entry) => engine.changePolicy(entry, {...entry.facts.policy, priority: 1})),
    pause: await command((entry) => engine.pause(entry)),
    cancel: await command((entry) => engine.cancel(entry)),
    makeCurrent: await command((entry) => engine.makeCurrent(entry)),
    page: await shortest(() => engine.query({states: ['queued'], limit: 100})),
    held: engine.groups().flatMap(({line}) => line).length,
  }
}

it('costs no more to command or ask a large backlog than a small one', async () => {
  const [small, large] = [await measure(SMALL), await measure(LARGE)]
  // Three times as many may take three times as long, and as much again.
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
