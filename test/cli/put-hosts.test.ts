/** `bgt put -` while another process has the store: what came from stdin is nowhere else, whatever becomes of that process. */

import {createHash} from 'node:crypto'
import {once} from 'node:events'
import {readdirSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'
import type {DyingMoment} from '../host/dying-host.ts'
import {startChild} from '../support/child-program.ts'
import {contentOf, sha256} from '../support/content.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {SinkServer} from '../support/sink-server.ts'
import {type BuiltCli, buildCli, CliWorld, jsonLines} from './harness.ts'

const CONTENT = contentOf(9, 6_000_000)
const HALF = CONTENT.subarray(0, 3_500_000)
const REST = CONTENT.subarray(HALF.length)
const DIGEST = sha256(CONTENT)
const PATIENCE = {timeout: 30_000}

let cli: BuiltCli
let dyingHost: string
let sink: SinkServer

beforeAll(async () => {
  cli = await buildCli()
  dyingHost = await compiledProgram(new URL('../host/dying-host.ts', import.meta.url))
})

beforeEach(async () => {
  sink = await SinkServer.start()
})

afterEach(() => sink.close())

const inWorld = (story: (world: CliWorld) => Promise<void>) => CliWorld.run(cli, story)

/** Private files beside the store. */
function spooled(world: CliWorld): readonly string[] {
  try {
    return readdirSync(join(world.store, 'spool')).filter((name) => !name.endsWith('.answer'))
  } catch {
    return []
  }
}

/** Bytes of bodies that hosts have. */
const taken = (world: CliWorld) => spooled(world).map((name) => statSync(join(world.store, 'spool', name)).size)

async function startHost(world: CliWorld) {
  const host = world.start(['host', '--conditions', 'good'])
  await host.shows('open for others')
  return host
}

const PUT = ['put', '-', '--conditions', 'good'] as const

/** Has given the first half, and the host has some of it. */
async function startPut(world: CliWorld) {
  const put = world.start([...PUT, sink.url('/s')], {stdin: '', stdinStaysOpen: true})
  put.stdin?.write(HALF)
  await expect.poll(() => Math.max(0, ...taken(world)), PATIENCE).toBeGreaterThan(2_000_000)
  return put
}

/** Everything arrived, once, and nothing stays behind. */
async function expectSent(world: CliWorld, put: Awaited<ReturnType<typeof startPut>>) {
  const {code, lines} = await put.ended
  expect([code, lines]).toEqual([0, expect.arrayContaining([`upload: completed, ${CONTENT.length} bytes sent`])])
  expect(sink.arrivals.map(({digest}) => digest)).toEqual([DIGEST])
  expect(spooled(world)).toEqual([])
}

describe('bgt put - --detach', {timeout: 180_000}, () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'has a host started again when that one ends by %s in the midst of it',
    async (signal) => {
      await inWorld(async (world) => {
        const host = await startHost(world)
        const put = world.start([...PUT, '--detach', '--json', sink.url('/s')], {stdin: '', stdinStaysOpen: true})
        put.stdin?.write(HALF)
        await expect.poll(() => Math.max(0, ...taken(world)), PATIENCE).toBeGreaterThan(2_000_000)
        host.kill(signal)
        await host.ended
        put.stdin?.end(REST)
        const {code, stderr, stdout} = await put.ended
        expect([code, stderr, jsonLines(stdout).map(({direction}) => direction)]).toEqual([0, '', ['upload']])
        await expect.poll(() => sink.arrivals.map(({digest}) => digest), PATIENCE).toEqual([DIGEST])
        const status = await world.bgt(['host', 'status', '--json'])
        const [next] = jsonLines(status.stdout)
        // As one that is started along the way.
        expect(next).toMatchObject({stays: true, idleExitMs: 60_000})
        process.kill(Number(next?.pid), 'SIGTERM')
        await world.bgt(['list'])
      })
    },
  )
})

describe('bgt put - beside another process', {timeout: 180_000}, () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'sends all of stdin when that ends by %s in the midst of it',
    async (signal) => {
      await inWorld(async (world) => {
        const host = await startHost(world)
        const put = await startPut(world)
        host.kill(signal)
        await host.ended
        put.stdin?.end(REST)
        await expectSent(world, put)
      })
    },
  )

  it.each<DyingMoment>(['taken', 'asked', 'accepted'])(
    'sends it once when that is killed behind it: %s',
    async (moment) => {
      await inWorld(async (world) => {
        const host = startChild(dyingHost, [world.store, moment])
        const died = once(host.process, 'exit')
        expect((await host.lines.next()).value).toBe('ready')
        const put = await startPut(world)
        put.stdin?.end(REST)
        await died
        await expectSent(world, put)
      })
    },
  )

  it('of two commands at once, each sends its own when that is killed', async () => {
    await inWorld(async (world) => {
      const host = await startHost(world)
      const puts = ['/a', '/b'].map((path) => {
        const put = world.start([...PUT, sink.url(path)], {stdin: '', stdinStaysOpen: true})
        put.stdin?.write(path)
        put.stdin?.write(HALF)
        return put
      })
      await expect.poll(() => taken(world).filter((size) => size > 2_000_000).length, PATIENCE).toBe(2)
      host.kill('SIGKILL')
      await host.ended
      for (const put of puts) put.stdin?.end(REST)
      expect((await Promise.all(puts.map(({ended}) => ended))).map(({code}) => code)).toEqual([0, 0])
      const digestOf = (path: string) => createHash('sha256').update(path).update(CONTENT).digest('hex')
      const arrived = sink.arrivals.map(({path, digest}) => [path, digest]).toSorted()
      expect(arrived).toEqual(['/a', '/b'].map((path) => [path, digestOf(path)]))
      expect(spooled(world)).toEqual([])
    })
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'leaves nothing of it behind that ends by %s itself',
    async (signal) => {
      await inWorld(async (world) => {
        const host = await startHost(world)
        const put = await startPut(world)
        put.kill(signal)
        const {lines} = await put.ended
        if (signal !== 'SIGKILL') expect(lines.at(-1)).toMatch(/^interrupted; nothing was begun, and nothing is kept/)
        await expect.poll(() => spooled(world), PATIENCE).toEqual([])
        host.kill('SIGTERM')
        await host.ended
        expect(sink.arrivals).toEqual([])
      })
    },
  )
})
