/** Several commands on one store: they speak to whoever has it, hand transfers over, and take the place of one that is gone. */

import {existsSync} from 'node:fs'
import {mkdir, readFile, writeFile} from 'node:fs/promises'
import {firstValueFrom} from 'rxjs'
import {filter} from 'rxjs/operators'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

const CONTENT = contentOf(5, 400_000)
const DIGEST = sha256(CONTENT)
const WHOLE = {content: CONTENT, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: 100_000, cut: 'stall'} as const

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const guidOf = (world: CliWorld, name: string) =>
  world.operations().then((all) => String(all.find(({file}) => file === world.path(name))?.guid))

describe('commands on a store that another one has open', {timeout: 120_000}, () => {
  it('list, show, change and get as the one does; when that is through, the other goes on alone', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/one', STALLED)
      world.server.route('/two', STALLED)
      const first = world.start(['get', world.server.url('/one'), '--json'])
      await first.shows('"progress"')
      const second = world.start(['get', world.server.url('/two'), '--json'])
      await second.shows('"progress"')
      const listed = await world.operations()
      expect(listed.map(({file, state}) => [file, state]).toSorted()).toEqual([
        [world.path('one'), 'running'],
        [world.path('two'), 'running'],
      ])
      const guid = await guidOf(world, 'one')
      const shown = await world.bgt(['show', guid])
      expect(shown.stdout).toMatch(/why: +it is transferring/)
      expect(shown.stdout).not.toContain('command:')
      expect((await world.bgt(['pause', guid])).stdout).toMatch(/^paused /)
      expect((await world.bgt(['show', guid, '--json'])).stdout).toContain('"state":"pausedByApplication"')
      for (const path of ['/one', '/two']) world.server.route(path, WHOLE)
      expect((await world.bgt(['unpause', guid])).code).toBe(0)
      expect((await first.ended).code).toBe(0)
      expect(await world.digestOf('one')).toBe(DIGEST)
      // The engine was the first one's; the second has it now.
      const {code, stdout} = await second.ended
      expect([code, jsonLines(stdout).at(-1)?.event]).toEqual([0, 'completed'])
      expect(await world.digestOf('two')).toBe(DIGEST)
    })
  })

  it('follow what another one has on the wire already, from where it is', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/one', STALLED)
      const first = world.start(['get', world.server.url('/one'), '--json'])
      await first.shows('"bytesReceived":100000')
      const second = world.start(['get', world.server.url('/one')])
      await second.shows('one: on its way already, at 100000 bytes')
      const guid = await guidOf(world, 'one')
      expect((await world.bgt(['pause', guid])).code).toBe(0)
      world.server.route('/one', WHOLE)
      expect((await world.bgt(['unpause', guid])).code).toBe(0)
      expect((await first.ended).code).toBe(0)
      const {code, stderr} = await second.ended
      expect([code, stderr]).toEqual([0, expect.stringContaining('1 of 1 file complete, 293 KiB received')])
    })
  })

  it('are told which of their flags have no effect there', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/one', STALLED)
      world.server.route('/two', WHOLE)
      const first = world.start(['get', world.server.url('/one'), '--json'])
      await first.shows('"progress"')
      const {code, stderr} = await world.bgt(['get', world.server.url('/two'), '--max-concurrent', '2'])
      expect(stderr).toMatch(
        /process \d+ has the store open and transfers with its own settings: --max-concurrent has no/,
      )
      expect(code).toBe(0)
      first.kill('SIGINT')
      expect((await first.ended).code).toBe(130)
    })
  })
})

describe('bgt host', {timeout: 120_000}, () => {
  it('goes on with what an interrupted command began, and ends in order', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const host = world.start(['host', '--conditions', 'good'])
      await host.shows('open for others')
      const get = world.start(['get', world.server.url('/a'), '--json'])
      await get.shows('"progress"')
      get.kill('SIGINT')
      expect((await get.ended).code).toBe(130)
      expect((await world.operations()).map(({state}) => state)).toEqual(['running'])
      expect((await world.bgt(['host'])).lines).toEqual([expect.stringMatching(ERROR_LINE)])
      host.kill('SIGTERM')
      expect((await host.ended).code).toBe(0)
      expect((await world.operations()).map(({state, bytesReceived}) => [state, bytesReceived])).toEqual([
        ['queued', 100_000],
      ])
    })
  })

  it('runs the background task that a client registers: its program is found beside the one file of the command', async () => {
    await CliWorld.run(cli, async (world) => {
      const task = `
        import {writeFileSync} from 'node:fs'
        export const run = ({instanceId}) => writeFileSync(${JSON.stringify(world.path('done'))}, instanceId)
      `
      await writeFile(world.path('task.mjs'), task)
      const host = world.start(['host', '--conditions', 'good'])
      await host.shows('open for others')
      const engine = await BackgroundTransferEngine.connect({directory: world.store})
      try {
        const group = engine.createCompletionGroup()
        const taskEntryPoint = world.path('task.mjs')
        await engine.registerBackgroundTask({name: 'note', taskEntryPoint, trigger: group.trigger})
        const ended = firstValueFrom(engine.events$.pipe(filter(({type}) => /^task\.(completed|failed)$/.test(type))))
        await group.enableAsync()
        expect(await ended).toMatchObject({type: 'task.completed'})
        expect(await readFile(world.path('done'), 'utf8')).toBe(group.id)
      } finally {
        await engine.close()
      }
      host.kill('SIGTERM')
      expect((await host.ended).code).toBe(0)
    })
  })

  it('that is killed is succeeded by a command that waits for it', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const host = world.start(['host', '--conditions', 'good'])
      await host.shows('open for others')
      const get = world.start(['get', world.server.url('/a'), '--json', '--conditions', 'good'])
      await get.shows('"progress"')
      world.server.route('/a', WHOLE)
      host.kill('SIGKILL')
      expect((await get.ended).code).toBe(0)
      expect(await world.digestOf('a')).toBe(DIGEST)
    })
  })

  it('takes what --detach hands it, and leaves when nothing is left to do', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', WHOLE)
      world.server.route('/b', STALLED)
      const get = world.start(['get', world.server.url('/b'), '--json'])
      await get.shows('"progress"')
      get.kill('SIGINT')
      await get.ended
      const host = world.start(['host', '--idle-exit', '0', '--conditions', 'good'])
      await host.shows('open for others')
      const {code, stdout} = await world.bgt(['get', '--detach', world.server.url('/a')])
      expect(code).toBe(0)
      expect(stdout).toBe(`${await guidOf(world, 'a')} ${world.path('a')}\n`)
      expect((await world.bgt(['cancel', await guidOf(world, 'b')])).code).toBe(0)
      expect((await host.ended).code).toBe(0)
      expect(existsSync(`${world.store}/control.sock`)).toBe(false)
      expect(await world.digestOf('a')).toBe(DIGEST)
    })
  })

  it('is not started where the directory of the store cannot be made, in a line that says so', async () => {
    await CliWorld.run(cli, async (world) => {
      await writeFile(world.path('file'), '')
      const places = [
        world.path('file'),
        world.path('file/store'),
        ...(existsSync('/proc/self') ? ['/proc/no/store'] : []),
      ]
      for (const place of places) {
        const {code, lines} = await world.bgt(['host', '--background', '--store', place])
        expect({code, lines}).toEqual({
          code: 8,
          lines: [
            `bgt: the store directory cannot be created (${place}): choose another directory for the store, or mend its permissions`,
          ],
        })
      }
      await mkdir(world.path('store/host.log'), {recursive: true})
      const {code, lines} = await world.bgt(['host', '--background'])
      expect({code, lines}).toEqual({code: 8, lines: [expect.stringMatching(/directory \(.*host\.log\)/)]})
    })
  })

  it('is started in the background where none runs, behind a command that has the store too', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      world.server.route('/b', STALLED)
      const get = world.start(['get', world.server.url('/a'), '--json', '--conditions', 'good'])
      await get.shows('"progress"')
      const detached = await world.bgt(['get', '--detach', world.server.url('/b'), '--json', '--conditions', 'good'])
      expect(detached.stderr).toBe('')
      const guid = String(jsonLines(detached.stdout)[0]?.guid)
      get.kill('SIGINT')
      expect((await get.ended).code).toBe(130)
      // Whoever has it now is the host, which ends by itself: one that stays waits for that.
      const again = await world.bgt(['host', '--background', '--json'])
      expect(again.stderr).toBe('')
      const [found] = jsonLines(again.stdout)
      expect(found).toEqual({v: 1, store: world.store, pid: expect.any(Number), waiting: true})
      const pid = Number(found?.pid)
      try {
        world.server.route('/b', WHOLE)
        expect((await world.bgt(['pause', guid])).code).toBe(0)
        expect((await world.bgt(['resume', guid])).code).toBe(0)
        expect(await world.digestOf('b')).toBe(DIGEST)
      } finally {
        process.kill(pid, 'SIGTERM')
        await expect.poll(() => world.hostPid()).not.toBeOneOf([pid, undefined])
        process.kill(Number(await world.hostPid()), 'SIGTERM')
      }
      // Its end gives the store back.
      await world.bgt(['list'])
    })
  })

  it.skipIf(process.platform !== 'linux')(
    'stays, unless it was told how long, when it is started by its name',
    async () => {
      await CliWorld.run(cli, async (world) => {
        for (const [store, given, runsWith] of [
          ['stays', [], 'never'],
          ['ends', ['--idle-exit', '300.5'], '300.5'],
        ] as const) {
          const {stdout} = await world.bgt(['host', '--background', '--json', '--store', world.path(store), ...given])
          const pid = Number(jsonLines(stdout)[0]?.pid)
          try {
            const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
            expect(args[args.lastIndexOf('--idle-exit') + 1]).toBe(runsWith)
          } finally {
            process.kill(pid, 'SIGTERM')
          }
          // Its end gives the store back.
          await world.bgt(['list', '--store', world.path(store)])
        }
      })
    },
  )

  it('is one, however many are asked for at once', async () => {
    await CliWorld.run(cli, async (world) => {
      const asked = await Promise.all([1, 2, 3].map(() => world.bgt(['host', '--background', '--json'])))
      const pids = asked.map(({stdout}) => Number(jsonLines(stdout)[0]?.pid))
      try {
        expect(asked.map(({code, stderr}) => [code, stderr])).toEqual(Array(3).fill([0, '']))
        expect(new Set(pids).size).toBe(1)
      } finally {
        for (const pid of new Set(pids)) if (pid > 0) process.kill(pid, 'SIGTERM')
      }
      await world.bgt(['list'])
    })
  })
})
