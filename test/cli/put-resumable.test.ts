/** `bgt put --tus` through kill -9 in its midst, against the real tus server. */

import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {contentOf, sha256} from '../support/content.ts'
import {TusServer} from '../support/tus-server.ts'
import {type BuiltCli, buildCli, CliWorld, jsonLines} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const CONTENT = contentOf(7, 6_000_000)

describe('bgt put --tus', () => {
  it('goes on behind what the server has after SIGKILL in its midst: nothing is created anew', async () => {
    await CliWorld.run(cli, async (world) => {
      const kept = await mkdtemp(join(tmpdir(), 'tus-'))
      const tus = await TusServer.start(kept)
      try {
        await writeFile(world.path('file.bin'), CONTENT)
        const args = ['put', 'file.bin', tus.url, '--tus', '--part-size', '2M', '--json']
        const cut = tus.cutAfter(5_000_000)
        // Nobody answers the question, so that the command is killed while it asks.
        const asked = new Promise<void>((resolve) => {
          tus.script = ({method}) => {
            if (method !== 'HEAD') return undefined
            resolve()
            return 'answered'
          }
        })
        const run = world.start([...args, '--retry-delay', '0'])
        await cut
        await asked
        run.kill('SIGKILL')
        await run.ended
        tus.script = () => undefined
        const {code, stdout} = await world.bgt(args)
        expect(code).toBe(0)
        const events = jsonLines(stdout)
        expect(events.map(({event}) => event)).not.toContain('restarted')
        const resumed = events.find(({event}) => event === 'resumed')
        expect(resumed?.bytesSent).toBeGreaterThanOrEqual(4 * 1024 ** 2)
        expect(events.at(-1)).toMatchObject({event: 'completed', bytesSent: CONTENT.length})
        expect(tus.methods().filter((method) => method === 'POST')).toHaveLength(1)
        expect(await world.operations()).toHaveLength(1)
        const [name = ''] = (await readdir(kept)).filter((each) => !each.endsWith('.json'))
        expect(sha256(await readFile(join(kept, name)))).toBe(sha256(CONTENT))
      } finally {
        await tus.close()
        await rm(kept, {recursive: true, force: true})
      }
    })
  })

  it.each([
    [['--tus', '--protocol', 'tus'], /give the one or the other/],
    [['--part-size', '8M'], /give --tus or --protocol too/],
    [['--protocol', 'none'], /'none' is not known \(--protocol\)/],
    [['--tus', '--part-size', '0'], /'0' is no size/],
  ])('%j is refused', async (flags, says) => {
    const {code, lines} = await cli.run(['put', 'file.bin', 'http://127.0.0.1/x', ...flags])
    expect(lines).toEqual([expect.stringMatching(says)])
    expect(code).toBe(2)
  })
})
