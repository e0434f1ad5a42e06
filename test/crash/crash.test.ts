/**
 * kill -9 at any moment. A child process downloads with the library, is killed at seeded moments of its life, and is started
 * again until it is through: every byte is right, little is fetched twice, nothing is stuck, nothing is left over.
 */

import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferPriority} from '../../src/index.ts'
import {contentOf, contentSlice, sha256} from '../support/content.ts'
import type {ReceivedRequest} from '../support/faulty-script.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {bundledProgram} from '../support/shared-build.ts'
import {finishWorker, runWorker, type WorkerRun} from './killed-worker.ts'
import type {Plan, PlannedDownload} from './worker.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** What a kill may cost: 8 MiB that were given to the program, and what the kernel holds while that takes no more. */
const MOST_LOST = 8 * MIB + 5 * MIB

const SERIES = 'series'

interface TestFile {
  readonly name: string
  readonly size: number
  readonly group?: string
  readonly priority?: BackgroundTransferPriority
}

const FILES: readonly TestFile[] = [
  {name: 'first.bin', size: 3 * MIB + 1, group: SERIES},
  {name: 'tiny.bin', size: 1, group: SERIES},
  {name: 'second.bin', size: 700 * KIB, group: SERIES},
  {name: 'urgent.bin', size: 2 * MIB - 1, group: SERIES, priority: BackgroundTransferPriority.high},
  {name: 'empty.bin', size: 0},
  {name: 'small.bin', size: 64 * KIB},
  {name: 'large.bin', size: 24 * MIB},
]
const IN_SERIES = new Set(FILES.flatMap(({name, group, priority}) => (group && !priority ? [`/${name}`] : [])))
const TOTAL_BYTES = FILES.reduce((sum, {size}) => sum + size, 0)

/** Fixed, so that a failure comes back; another one with CRASH_SEED. */
const SEEDS = process.env.CRASH_SEED === undefined ? [1, 2, 3, 4, 5] : [Number(process.env.CRASH_SEED)]
const KILLS_PER_SEED = 10
const BULK_KILLS = 20
const PARTS_KILLS = 4
const BULK_FILES = 200

let program: string

beforeAll(async () => {
  program = await bundledProgram(new URL('./worker.ts', import.meta.url))
})

/** A fresh disk and a fresh server. */
class World {
  readonly directory: string
  readonly server: FaultyServer

  private constructor(directory: string, server: FaultyServer) {
    this.directory = directory
    this.server = server
  }

  static async run<T>(story: (world: World) => Promise<T>): Promise<T> {
    const directory = await mkdtemp(join(tmpdir(), 'crash-'))
    const server = await startFaultyServer()
    try {
      return await story(new World(directory, server))
    } finally {
      await server.close()
      await rm(directory, {recursive: true, force: true})
    }
  }

  plan(downloads: readonly PlannedDownload[]): Plan {
    const engine = {directory: join(this.directory, '.store'), checkpointIntervalMs: 100, retryDelayMs: 20}
    return {engine, downloads}
  }

  /** Names beside the store. */
  async names(): Promise<readonly string[]> {
    return (await readdir(this.directory)).filter((name) => name !== '.store').sort()
  }

  async digestOf(name: string): Promise<string> {
    return sha256(await readFile(join(this.directory, name)))
  }
}

describe('17.I 199: a process that is killed while it downloads', () => {
  it.each(SEEDS)(`goes on where it was (seed %i, ${KILLS_PER_SEED} kills)`, {timeout: 120_000}, async (seed) => {
    const random = new SeededRandom(seed)
    let kills = 0
    for (let life = 1; kills < KILLS_PER_SEED; life++) {
      const story = `seed ${seed}, life ${life}`
      kills += await World.run((world) => live(world, story, random, KILLS_PER_SEED - kills))
      expect(life, `${story}: too few moments to kill at`).toBeLessThan(20)
    }
  })
})

/** One set of files from the first start to the last byte; answers how often the process was killed. */
async function live(world: World, story: string, random: SeededRandom, killsLeft: number): Promise<number> {
  const {directory, server} = world
  const contentSeed = Math.floor(random.next() * 1e6)
  const digests = FILES.map(({size}, n) => sha256(contentOf(contentSeed + n, size)))
  const overlaps: string[] = []
  let run: WorkerRun | undefined
  let sent = 0
  let killAtSent = Number.POSITIVE_INFINITY
  for (const [n, {name, size}] of FILES.entries()) {
    const content = {
      length: size,
      slice(start: number, end: number): Buffer {
        sent += end - start
        if (sent >= killAtSent) run?.kill()
        return contentSlice(contentSeed + n, start, end)
      },
    }
    server.route(`/${name}`, (request) => {
      overlaps.push(...underWayBeside(request, server.requests))
      return {etag: `"${name}"`, pieceBytes: 64 * KIB, pieceDelayMs: 1, content}
    })
  }
  const plan = world.plan(
    FILES.map(({name, group, priority}) => ({
      url: server.url(`/${name}`),
      file: join(directory, name),
      ...(group === undefined ? {} : {group}),
      // A file that is published twice shows as a second name.
      options: {collision: 'generateUniqueName', ...(priority === undefined ? {} : {priority})},
    })),
  )
  const told = new Map<number, string>()
  let kills = 0
  while (kills < killsLeft) {
    const moment = random.next()
    const share = random.next()
    killAtSent = moment < 0.6 ? sent + share * 0.4 * (TOTAL_BYTES - sent) : Number.POSITIVE_INFINITY
    const killAtLine = moment >= 0.6 && moment < 0.9 ? Math.ceil(share * 50) : Number.POSITIVE_INFINITY
    run = runWorker(program, plan, (line, {said, kill}) => {
      if (line.type === 'outcome') told.set(line.n, line.outcome)
      if (said.length >= killAtLine) kill()
    })
    const timer = moment >= 0.9 ? setTimeout(run.kill, share * 400) : undefined
    const ended = await run.ended
    clearTimeout(timer)
    for (const [n, outcome] of told) {
      expect(outcome, `${story}: ${FILES[n]?.name}`).toBe('completed')
      expect(await world.digestOf(FILES[n]?.name ?? ''), `${story}: what was told is not there`).toBe(digests[n])
    }
    if (ended === 'finished') break
    kills += 1
  }
  killAtSent = Number.POSITIVE_INFINITY
  const last = await finishWorker(program, plan)
  expect(last.at(-1), `${story}: the last run is stuck`).toEqual({type: 'finished'})
  for (const line of last) {
    if (line.type === 'outcome')
      expect(line, story).toMatchObject({outcome: 'completed', file: plan.downloads[line.n]?.file})
  }
  expect(last.filter(({type}) => type === 'outcome').length, story).toBe(FILES.length)
  expect(await world.names(), `${story}: stray files`).toEqual(FILES.map(({name}) => name).sort())
  for (const [n, {name}] of FILES.entries()) expect(await world.digestOf(name), `${story}: ${name}`).toBe(digests[n])
  expect(overlaps, `${story}: members of a serialized group at once`).toEqual([])
  expectLittleLost(server.requests, story)
  return kills
}

/** Default members of the serialized group whose bodies are on their way while another one is asked for. */
function underWayBeside(request: ReceivedRequest, requests: readonly ReceivedRequest[]): readonly string[] {
  if (!IN_SERIES.has(request.path)) return []
  return requests
    .filter(({path, closed}) => path !== request.path && IN_SERIES.has(path) && !closed)
    .filter(({path, headers, bytesSent}) => startOf(headers) + bytesSent < sizeOf(path))
    .map(({path}) => `${path} beside ${request.path}`)
}

/** Each request asks for what comes after the bytes that its predecessor was sent, less what a kill may cost. */
function expectLittleLost(requests: readonly ReceivedRequest[], story: string): void {
  const reached = new Map<string, number>()
  for (const {path, headers, bytesSent} of requests) {
    const start = startOf(headers)
    const before = reached.get(path) ?? 0
    expect(before - start, `${story}: ${path} from ${start} after ${before}`).toBeLessThanOrEqual(MOST_LOST)
    reached.set(path, start + bytesSent)
  }
}

function startOf(headers: ReceivedRequest['headers']): number {
  return Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
}

function sizeOf(path: string): number {
  return FILES.find(({name}) => `/${name}` === path)?.size ?? 0
}

describe('17.I 199: a process that is killed while one file comes over four connections, from two addresses', () => {
  it(`goes on at each gap (seed 7, ${PARTS_KILLS} kills)`, {timeout: 120_000}, async () => {
    const random = new SeededRandom(Number(process.env.CRASH_SEED ?? 7))
    await World.run(async (world) => {
      const {directory, server} = world
      const size = 12 * MIB + 5
      let run: WorkerRun | undefined
      let sent = 0
      let atOnce = 0
      let killAtSent = Number.POSITIVE_INFINITY
      const content = {
        length: size,
        slice(start: number, end: number): Buffer {
          sent += end - start
          if (sent >= killAtSent) run?.kill()
          return contentSlice(7, start, end)
        },
      }
      const route = () => {
        atOnce = Math.max(atOnce, server.requests.filter(({closed}) => !closed).length)
        return {etag: '"large"', pieceBytes: 16 * KIB, pieceDelayMs: 8, content}
      }
      server.route('/large', route)
      server.route('/copy', route)
      const options = {connections: 4, mirrors: [server.url('/copy')]}
      const plan = world.plan([{url: server.url('/large'), file: join(directory, 'large'), options}])
      const engine = {...plan.engine, checkpointIntervalMs: 50, minSliceBytes: 64 * KIB}
      const quick: Plan = {...plan, engine}
      for (let kills = 0; kills < PARTS_KILLS; kills++) {
        killAtSent = sent + (0.1 + 0.1 * random.next()) * size
        run = runWorker(program, quick, () => undefined)
        expect(await run.ended).toBe('killed')
      }
      killAtSent = Number.POSITIVE_INFINITY
      const last = await finishWorker(program, quick)
      expect(last.at(-1)).toEqual({type: 'finished'})
      expect(atOnce).toBeGreaterThan(2)
      expect(new Set(server.requests.map(({path}) => path))).toEqual(new Set(['/large', '/copy']))
      expect(await world.names()).toEqual(['large'])
      expect(await world.digestOf('large')).toBe(sha256(contentOf(7, size)))
      // Of each of four connections: what was not durable yet, and what was on its way when it was closed.
      expect(sent - size).toBeLessThan(PARTS_KILLS * 4 * MIB)
    })
  })
})

describe('17.I 199: a process that is killed in the middle of many tiny files', () => {
  it(`finishes each of ${BULK_FILES} exactly once (seed 6, ${BULK_KILLS} kills)`, {timeout: 120_000}, async () => {
    const random = new SeededRandom(Number(process.env.CRASH_SEED ?? 6))
    await World.run(async (world) => {
      const {directory, server} = world
      const names = Array.from({length: BULK_FILES}, (_, n) => `${String(n).padStart(3, '0')}.txt`)
      const sizes = names.map(() => Math.floor(random.next() * 3000))
      let run: WorkerRun | undefined
      let asked = 0
      let killAtRequest = Number.POSITIVE_INFINITY
      for (const [n, name] of names.entries()) {
        server.route(`/${name}`, () => {
          asked += 1
          // Some moments are spread over what follows an answer: writing, publishing, recording.
          if (asked === killAtRequest) setTimeout(() => run?.kill(), random.next() * 12)
          return {etag: `"${n}"`, content: contentOf(n, sizes[n] ?? 0)}
        })
      }
      const plan: Plan = {
        ...world.plan(
          names.map((name) => ({
            url: server.url(`/${name}`),
            file: join(directory, name),
            options: {collision: 'generateUniqueName'},
          })),
        ),
        bulk: true,
      }
      const told = new Set<number>()
      let kills = 0
      for (let left = BULK_FILES; kills < BULK_KILLS; left = BULK_FILES - told.size) {
        killAtRequest = asked + 1 + Math.floor((random.next() * left) / 8)
        run = runWorker(program, plan, (line, {said, kill}) => {
          if (line.type === 'outcome') told.add(line.n)
          if (line.type === 'opened' && kills % 5 === 4) kill()
          if (line.type === 'outcome' && kills % 5 === 3 && said.length % 7 === 0) kill()
        })
        const ended = await run.ended
        for (const n of told) {
          expect(await world.digestOf(names[n] ?? ''), `${names[n]} was told and is not there`).toBe(
            sha256(contentOf(n, sizes[n] ?? 0)),
          )
        }
        if (ended === 'finished') break
        kills += 1
      }
      killAtRequest = Number.POSITIVE_INFINITY
      const last = await finishWorker(program, plan)
      expect(last.at(-1)).toEqual({type: 'finished'})
      expect(last.filter((line) => line.type === 'outcome' && line.outcome === 'completed').length).toBe(BULK_FILES)
      expect(await world.names(), 'lost, doubled or stray files').toEqual(names)
      for (const [n, name] of names.entries()) {
        expect(await world.digestOf(name), name).toBe(sha256(contentOf(n, sizes[n] ?? 0)))
      }
      expect(kills, 'kills before it was through').toBe(BULK_KILLS)
    })
  })
})
