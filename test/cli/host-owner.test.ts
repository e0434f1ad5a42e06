/** Who has a store: of several hosts one, which the other commands find; what it was asked to do outlives its clients and itself. */

import {readFile, writeFile} from 'node:fs/promises'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {contentOf} from '../support/content.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

const CONTENT = contentOf(5, 200_000)
const WHOLE = {content: CONTENT, etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: 100_000, cut: 'stall'} as const

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

/** What `bgt inspect` serves while it runs. */
async function inspected(world: CliWorld): Promise<number> {
  const inspect = world.start(['inspect', '--json'])
  const shown = await inspect.shows('"url"')
  const url = String(jsonLines(shown.slice(0, shown.indexOf('\n') + 1))[0]?.url)
  const {status} = await fetch(url)
  inspect.kill('SIGINT')
  expect((await inspect.ended).code).toBe(130)
  return status
}

describe('the owner of a store', {timeout: 120_000}, () => {
  it('is one of two hosts that start at once; the other says so, and status and inspect find it', async () => {
    await CliWorld.run(cli, async (world) => {
      const hosts = [1, 2].map(() => world.start(['host', '--conditions', 'good']))
      const ends = await Promise.all(
        hosts.map((host) =>
          Promise.race([
            host.shows('open for others').then(() => 'has it' as const),
            host.ended.then(({lines}) => lines),
          ]),
        ),
      )
      const [owner, loser] = ends[0] === 'has it' ? [0, 1] : [1, 0]
      expect([ends[owner], ends[loser]]).toEqual(['has it', [expect.stringMatching(ERROR_LINE)]])
      expect((await hosts[loser]?.ended)?.code).not.toBe(0)
      const {stdout, code} = await world.bgt(['host', 'status'])
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(/^process \d+ \(.+\) has .+ open for others, as a host\n$/),
      ])
      expect(await inspected(world)).toBe(200)
      hosts[owner]?.kill('SIGTERM')
      expect((await hosts[owner]?.ended)?.code).toBe(0)
    })
  })

  it('is an application that shares its engine: status and inspect find that', async () => {
    await CliWorld.run(cli, async (world) => {
      await using _ = await BackgroundTransferEngine.open({directory: world.store, control: true, conditions: 'good'})
      const {stdout} = await world.bgt(['host', 'status', '--json'])
      expect(jsonLines(stdout)).toEqual([expect.objectContaining({pid: process.pid, stays: false, applications: []})])
      expect(await inspected(world)).toBe(200)
    })
  })

  it('229, 232. runs the background task of an application that is gone, also when it was killed meanwhile itself', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', STALLED)
      const task = world.path('task.mjs')
      const note = `appendFileSync(${JSON.stringify(world.path('ledger'))}, task.triggerDetails.downloads.length + ' ')`
      await writeFile(task, `import {appendFileSync} from 'node:fs'\nexport const run = (task) => ${note}\n`)
      const first = world.start(['host', '--conditions', 'good'])
      await first.shows('open for others')
      const app = await BackgroundTransferEngine.connect({directory: world.store, app: 'films'})
      const group = app.createCompletionGroup()
      await app.registerBackgroundTask({name: 'notes', taskEntryPoint: task, trigger: group.trigger})
      const downloader = app.createDownloader({completionGroup: group})
      const running = downloader.createDownload(world.server.url('/a'), world.path('a')).startAsync()
      running.catch(() => undefined)
      await running.accepted
      await group.enableAsync()
      await app.close()
      first.kill('SIGKILL')
      await first.ended
      world.server.route('/a', WHOLE)
      const second = world.start(['host', '--conditions', 'good', '--idle-exit', '0'])
      // It ends by itself when the task is through.
      expect((await second.ended).code).toBe(0)
      expect(await readFile(world.path('ledger'), 'utf8')).toBe('1 ')
    })
  })
})
