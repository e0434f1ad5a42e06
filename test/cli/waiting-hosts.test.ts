/** Hosts that are started while somebody has the store who ends by himself: they wait, say so, and one that stays is there afterwards. */

import {once} from 'node:events'
import {rm, writeFile} from 'node:fs/promises'
import {createServer} from 'node:http'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {controlAddress} from '../../src/adapters/control/control-address.ts'
import {contentOf} from '../support/content.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

const STALLED = {content: contentOf(5, 1_000_000), etag: '"1"', cutAfter: 100_000, cut: 'stall'} as const
const GOOD = ['--conditions', 'good'] as const

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

/** What `bgt host status --json` says; undefined where nobody has the store. */
async function status(world: CliWorld): Promise<Readonly<Record<string, unknown>> | undefined> {
  return jsonLines((await world.bgt(['host', 'status', '--json'])).stdout)[0]
}

async function stop(world: CliWorld): Promise<void> {
  const pid = Number((await status(world))?.pid)
  if (pid > 0) process.kill(pid, 'SIGTERM')
  // Its end gives the store back.
  await world.bgt(['list'])
}

describe('a host that is asked for in the background', {timeout: 120_000}, () => {
  it('waits for a command that has the store, is told of as that, and stays when the command is through', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const get = world.start(['get', world.server.url('/a'), '--json', ...GOOD])
      await get.shows('"progress"')
      const pid = Number((await status(world))?.pid)
      const text = await world.bgt(['host', '--background', ...GOOD])
      expect([text.code, text.stderr, text.stdout]).toEqual([
        0,
        '',
        `a host waits until process ${pid} gives ${world.store} back\n`,
      ])
      const again = await world.bgt(['host', '--background', '--json', ...GOOD])
      expect(jsonLines(again.stdout)).toEqual([{v: 1, store: world.store, pid, waiting: true}])
      get.kill('SIGINT')
      await get.ended
      try {
        await expect.poll(() => status(world), {timeout: 30_000}).toMatchObject({stays: true})
        expect((await status(world))?.idleExitMs).toBeUndefined()
        const now = await world.bgt(['host', '--background', '--json', ...GOOD])
        expect(jsonLines(now.stdout)).toEqual([
          {v: 1, store: world.store, pid: (await status(world))?.pid, waiting: false},
        ])
      } finally {
        await stop(world)
      }
    })
  })

  it('waits for one that ends when it is idle, which does not stay for that', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const get = world.start(['get', world.server.url('/a'), '--json', ...GOOD])
      await get.shows('"progress"')
      get.kill('SIGINT')
      await get.ended
      const first = world.start(['host', '--idle-exit', '0', ...GOOD])
      await first.shows('open for others')
      const before = await status(world)
      expect(before).toMatchObject({stays: true, idleExitMs: 0})
      const {stdout} = await world.bgt(['host', '--background', '--json', ...GOOD])
      expect(jsonLines(stdout)).toEqual([{v: 1, store: world.store, pid: before?.pid, waiting: true}])
      await world.bgt(['cancel', String((await world.operations())[0]?.guid)])
      expect((await first.ended).code).toBe(0)
      try {
        await expect.poll(() => status(world), {timeout: 30_000}).toMatchObject({stays: true})
        expect((await status(world))?.idleExitMs).toBeUndefined()
      } finally {
        await stop(world)
      }
    })
  })
})

describe('a host beside one that runs', {timeout: 120_000}, () => {
  it('in the background tells which of its flags have no effect, and of none that it is started with', async () => {
    await CliWorld.run(cli, async (world) => {
      const flags = ['--max-concurrent', '3', '--limit-rate', '1m']
      const started = await world.bgt(['host', '--background', ...flags, ...GOOD])
      try {
        expect([started.code, started.stderr]).toEqual([0, ''])
        const {pid} = (await status(world)) ?? {}
        const beside = await world.bgt(['host', '--background', ...flags])
        expect([beside.code, beside.stdout, beside.stderr]).toEqual([
          0,
          `process ${pid} has ${world.store} open for others\n`,
          `process ${pid} has the store open and transfers with its own settings: --max-concurrent, --limit-rate have no effect\n`,
        ])
        world.server.route('/a', {content: contentOf(5, 1_000)})
        const detached = await world.bgt(['get', '--detach', '--proxy', 'direct', world.server.url('/a')])
        expect([detached.code, detached.stderr]).toEqual([
          0,
          `process ${pid} has the store open and transfers with its own settings: --proxy has no effect\n`,
        ])
      } finally {
        await stop(world)
      }
    })
  })

  it('ends, also where it has the same number: in containers all have', async () => {
    await CliWorld.run(cli, async (world) => {
      const numbered = `data:text/javascript,${encodeURIComponent("Object.defineProperty(process, 'pid', {value: 1})")}`
      const env = {NODE_OPTIONS: `--import=${numbered}`}
      const first = world.start(['host', ...GOOD], {env})
      try {
        await first.shows('process 1 has')
        const second = await world.bgt(['host', '--json', ...GOOD], {env})
        expect(second).toMatchObject({
          code: 10,
          stdout: '',
          lines: [expect.stringContaining('a host runs already, process 1')],
        })
      } finally {
        first.kill('SIGTERM')
        await first.ended
      }
    })
  })
})

describe('a host that waits', {timeout: 120_000}, () => {
  it('says when it has the store; another one that waits ends then, and keeps it from nothing', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const get = world.start(['get', world.server.url('/a'), '--json', ...GOOD])
      await get.shows('"progress"')
      const hosts = [1, 2].map(() => world.start(['host', '--idle-exit', '1', ...GOOD]))
      for (const host of hosts) await host.shows('waits until process')
      const guid = String((await world.operations())[0]?.guid)
      await world.bgt(['cancel', guid])
      await get.ended
      const ends = await Promise.all(hosts.map((host) => host.ended))
      const [has, had] = ends[0]?.code === 0 ? [0, 1] : [1, 0]
      expect(ends[has]).toMatchObject({code: 0, stderr: '', stdout: expect.stringMatching(/waits until .*\n.* has /)})
      expect(ends[had]).toMatchObject({code: 10, lines: [expect.stringMatching(ERROR_LINE)]})
      expect(ends[had]?.lines[0]).toContain('a host runs already')
    })
  })

  it('says so where it cannot take the place, when nobody is there any more that it could wait for', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const get = world.start(['get', world.server.url('/a'), '--json', ...GOOD])
      await get.shows('"progress"')
      const host = world.start(['host', ...GOOD])
      await host.shows('waits until process')
      const pid = Number((await status(world))?.pid)
      await writeFile(join(world.store, 'applications.json'), 'no JSON')
      get.kill('SIGKILL')
      await get.ended
      const address = controlAddress(world.store)
      await rm(address)
      const error = {code: 'HOST_VERSION', message: 'the host (9.0.0) speaks version 9'}
      const later = createServer((_, answer) => void answer.writeHead(426).end(JSON.stringify({error})))
      await once(later.listen(address), 'listening')
      try {
        const {code, lines} = await host.ended
        expect([code, lines]).toEqual([
          10,
          [
            `bgt: process ${pid} is gone, and its place could not be taken (${world.store}): run \`bgt host\` to see why`,
          ],
        ])
      } finally {
        later.close()
      }
    })
  })

  it('ends by a signal', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const get = world.start(['get', world.server.url('/a'), '--json', ...GOOD])
      await get.shows('"progress"')
      const host = world.start(['host', ...GOOD])
      await host.shows('waits until process')
      host.kill('SIGTERM')
      expect(await host.ended).toMatchObject({code: 0, stderr: ''})
      get.kill('SIGINT')
      await get.ended
    })
  })
})
