/** The commands that look at the store, and those that change one operation of it. */

import {readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {contentOf} from '../support/content.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const CONTENT = contentOf(4, 300_000)
const CUT_AT = 100_000

/** One unfinished download with bytes in the store; its guid. */
async function unfinished(world: CliWorld, ...more: readonly string[]): Promise<string> {
  world.server.route('/file.bin', {content: CONTENT, etag: '"1"', cutAfter: CUT_AT, cut: 'stall'})
  const run = world.start(['get', world.server.url('/file.bin?key=s3cret'), '--json', ...more])
  await run.shows(`"bytesReceived":${CUT_AT}`)
  run.kill('SIGINT')
  await run.ended
  return String((await world.operations())[0]?.guid)
}

describe('list and show', () => {
  it('say what is there, redacted, and why it does not move', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await unfinished(world)
      const [head = '', row = '', ...more] = (await world.bgt(['list'])).stdout.trimEnd().split('\n')
      expect(more).toEqual([])
      expect(head.split(/ {2,}/)).toEqual(['GUID', 'STATUS', 'BYTES', 'FILE', 'URL'])
      expect(row.split(/ {2,}/)).toEqual([
        guid,
        'idle',
        '97.7 KiB',
        '33%',
        world.path('file.bin'),
        `${world.server.url('/file.bin')}?key=***`,
      ])
      expect((await world.bgt(['show', guid.slice(0, 20)])).code).toBe(0)
      const shown = await world.bgt(['show', guid.slice(-8).toUpperCase()])
      expect(shown.stdout).toContain(`guid:      ${guid}\n`)
      expect(shown.stdout).toContain(`bytes:     ${CUT_AT} of ${CONTENT.length} (33%)\n`)
      expect(shown.stdout).toContain('why:       it is queued, and nothing has set it going in this session\n')
      expect(shown.stdout).toContain(`command:   bgt resume ${guid}\n`)
      expect(shown.stdout).not.toContain('s3cret')
      const [json] = jsonLines((await world.bgt(['show', guid, '--json'])).stdout)
      expect(json).toMatchObject({v: 1, guid, status: 'idle', bytesReceived: CUT_AT, explanation: {}})
      // Looking changes nothing and asks nobody.
      expect(world.server.requests).toHaveLength(1)
    })
  })

  it('doctor says when the key of the secrets is none, which no other command goes on with', async () => {
    await CliWorld.run(cli, async (world) => {
      await unfinished(world)
      expect((await world.bgt(['doctor'])).code).toBe(0)
      await writeFile(join(world.store, 'secrets.key'), 'no key')
      const {code, stdout} = await world.bgt(['doctor'])
      expect(code).toBe(10)
      expect(stdout).toMatch(/secrets cannot be read: .*secrets\.key: the key file does not hold a key\n/)
      expect(stdout).not.toContain('--repair')
      expect(jsonLines((await world.bgt(['doctor', '--json'])).stdout)).toMatchObject([{healthy: false, damaged: 0}])
      expect((await world.bgt(['resume'])).code).toBe(10)
    })
  })

  it('doctor says when the key is not there, or another one, that secrets were sealed with', async () => {
    await CliWorld.run(cli, async (world) => {
      await unfinished(world, '--header', 'Authorization: Bearer s3cret')
      const key = join(world.store, 'secrets.key')
      const right = await readFile(key)
      await rm(key)
      const missing = await world.bgt(['doctor'])
      expect(missing.code).toBe(10)
      expect(missing.stdout).toMatch(/secrets\.key: there is no key file, and one operation has secrets\n/)
      expect(await readdir(world.store)).not.toContain('secrets.key')
      await writeFile(
        key,
        right.map((byte) => byte ^ 1),
        {mode: 0o600},
      )
      expect((await world.bgt(['doctor'])).stdout).toMatch(/it holds another key, and one operation has secrets\n/)
      await writeFile(key, right)
      expect((await world.bgt(['doctor'])).code).toBe(0)
    })
  })

  it('make no store where none is', async () => {
    await CliWorld.run(cli, async (world) => {
      const {code, stdout, stderr} = await world.bgt(['list'])
      expect([code, stdout]).toEqual([0, ''])
      expect(stderr).toBe(`there are no operations in ${world.store}\n`)
      expect((await world.bgt(['show', '01a1'])).code).toBe(3)
      expect((await world.bgt(['resume'])).code).toBe(0)
      expect((await world.bgt(['doctor'])).code).toBe(0)
      expect(await readdir(world.directory)).toEqual([])
    })
  })

  it('read the store a page at a time', async () => {
    await CliWorld.run(cli, async (world) => {
      const engine = await BackgroundTransferEngine.open({
        directory: world.store,
        durability: 'process',
        maxConcurrentTransfers: 0,
      })
      const many = Array.from({length: 2500}, (_, at) => [world.server.url(`/${at}`), world.path(`f${at}`)] as const)
      await engine.createDownloader().createDownloads(many)
      await engine.close()
      const listed = await world.operations()
      expect(new Set(listed.map(({file}) => file))).toEqual(new Set(many.map(([, file]) => file)))
      expect(listed).toHaveLength(2500)
      const ambiguous = await world.bgt(['show', String(listed[0]?.guid).slice(0, 2)])
      expect(ambiguous.lines).toEqual([expect.stringContaining('several operations begin like this')])
      expect(ambiguous.code).toBe(2)
      const last = String(listed.at(-1)?.guid)
      expect((await world.bgt(['show', last.slice(-12)])).stdout).toContain(`guid:      ${last}\n`)
      const digits = listed.map(({guid}) => String(guid).slice(-1))
      const twice = digits.find((digit, at) => digits.indexOf(digit) < at && digit !== '0')
      const unclear = await world.bgt(['show', String(twice)])
      expect(unclear.lines).toEqual([expect.stringContaining('several operations end like this')])
    })
  })
})

describe('pause, unpause, priority and cancel', () => {
  it('change the stored operation and send nothing', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await unfinished(world)
      const file = world.path('file.bin')
      const steps: readonly (readonly [args: readonly string[], says: string, status: string])[] = [
        [['pause', guid], `paused ${guid} ${file}`, 'pausedByApplication'],
        [['unpause', guid], `queued ${guid} ${file} (bgt resume runs it)`, 'idle'],
        [['priority', guid, 'high'], `reordered ${guid} ${file} (priority high)`, 'idle'],
        [['pause', guid.slice(0, 30)], `paused ${guid} ${file}`, 'pausedByApplication'],
        [['priority', guid, 'low'], `reordered ${guid} ${file} (priority low)`, 'pausedByApplication'],
        [['cancel', guid], `canceled ${guid} ${file}`, 'canceled'],
      ]
      for (const [args, says, status] of steps) {
        const {code, stdout, stderr} = await world.bgt(args)
        expect([code, stdout, stderr]).toEqual([0, `${says}\n`, ''])
        expect(await world.operations()).toMatchObject([{guid, status}])
      }
      expect(await world.operations()).toMatchObject([{priority: 2}])
      // The partial file went with it.
      expect(await readdir(world.directory)).toEqual(['store'])
      expect(world.server.requests).toHaveLength(1)
    })
  })

  it('move changes the order of those that wait, and bgt resume keeps it', async () => {
    await CliWorld.run(cli, async (world) => {
      const names = ['one', 'two', 'three']
      const urls = names.map((name) => world.server.url(`/${name}`))
      const whole = {content: CONTENT, etag: '"1"'}
      for (const name of names) world.server.route(`/${name}`, name === 'one' ? [{status: 503}, whole] : whole)
      const run = world.start([
        'get',
        ...urls,
        '--max-concurrent',
        '1',
        '--retry-delay',
        '600',
        '--group',
        'g',
        '--serialized',
        '--json',
      ])
      await run.shows('"event":"retrying"')
      run.kill('SIGINT')
      await run.ended
      const guids = (await world.operations()).map(({guid}) => String(guid))
      const [first = '', , third = ''] = guids
      const moved = await world.bgt(['move', third, 'up'])
      expect([moved.code, moved.stdout]).toEqual([0, `moved ${third} ${world.path('three')} (up)\n`])
      const again = await world.bgt(['move', third, 'up'])
      expect([again.code, again.lines]).toEqual([
        2,
        [expect.stringContaining('it is the first that waits in its line')],
      ])
      await world.bgt(['retry', first])
      expect((await world.bgt(['resume', '--max-concurrent', '1', '--quiet'])).code).toBe(0)
      expect(
        world.server.requests
          .map(({path}) => path)
          .slice(1)
          .filter((path) => path !== '/one'),
      ).toEqual(['/three', '/two'])
    })
  })

  it('get goes on with what was paused', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await unfinished(world)
      await world.bgt(['pause', guid])
      world.server.route('/file.bin', {content: CONTENT, etag: '"1"'})
      expect((await world.bgt(['get', world.server.url('/file.bin?key=s3cret'), '--quiet'])).code).toBe(0)
      expect(world.server.requests.at(-1)?.headers.range).toBe(`bytes=${CUT_AT}-`)
      expect(await world.operations()).toMatchObject([{guid, status: 'completed'}])
    })
  })

  it('retry ends a wait, and nothing but a wait', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT, status: 503, retryAfter: '300'})
      const run = world.start(['get', world.server.url('/file.bin'), '--json'])
      await run.shows('"event":"retrying"')
      run.kill('SIGINT')
      await run.ended
      const [{guid, state}] = (await world.operations()) as [Record<string, string>]
      expect(state).toBe('waitingToRetry')
      const {stdout} = await world.bgt(['retry', String(guid)])
      expect(stdout).toBe(`queued ${guid} ${world.path('file.bin')} (bgt resume runs it)\n`)
      expect(await world.operations()).toMatchObject([{guid, state: 'queued'}])
      const {code, lines} = await world.bgt(['retry', String(guid)])
      expect([code, lines]).toEqual([2, [expect.stringContaining('it does not wait for a next try')]])
      expect(world.server.requests).toHaveLength(1)
    })
  })

  it('refuse what the state does not allow: one line, 2', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await unfinished(world)
      const refused = async (args: readonly string[]) => {
        const {code, lines, stdout} = await world.bgt(args)
        expect([code, stdout, lines.length]).toEqual([2, '', 1])
        expect(lines[0]).toMatch(ERROR_LINE)
        return lines[0]
      }
      expect(await refused(['unpause', guid])).toContain('it is not paused')
      await world.bgt(['pause', guid])
      expect(await refused(['pause', guid])).toContain('it is paused already')
      await world.bgt(['cancel', guid])
      for (const args of [['pause'], ['unpause'], ['retry'], ['cancel'], ['priority']]) {
        const rest = args[0] === 'priority' ? ['high'] : []
        expect(await refused([...args, guid, ...rest])).toContain('it has ended: canceled')
      }
      expect(await refused(['resume', guid])).toContain('was canceled')
    })
  })

  it('--json prints the operation as it is now', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await unfinished(world)
      const {stdout} = await world.bgt(['pause', guid, '--json'])
      expect(jsonLines(stdout)).toMatchObject([{v: 1, guid, status: 'pausedByApplication', bytesReceived: CUT_AT}])
    })
  })
})
