/** What `bgt get` calls files, and where it lets lists put them, on the real command. */

import {mkdir, readdir, realpath, symlink, writeFile} from 'node:fs/promises'
import {beforeAll, describe, expect, it} from 'vitest'
import {contentOf} from '../support/content.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const BYTES = contentOf(5, 50_000)

function named(name: string) {
  return {content: BYTES, etag: '"1"', headers: [['Content-Disposition', `attachment; filename="${name}"`]] as const}
}

describe('files that nobody names', () => {
  it('have the server’s name in the directory, and are not fetched again', async () => {
    await CliWorld.run(cli, async (world) => {
      await mkdir(world.path('files'))
      world.server.route('/get', named('../report.pdf'))
      const args = ['get', '-d', 'files', world.server.url('/get')]
      expect((await world.bgt(args)).code).toBe(0)
      expect(await readdir(world.path('files'))).toEqual(['report.pdf'])
      const again = await world.bgt(args)
      expect([again.code, again.stderr]).toEqual([8, expect.stringContaining('report.pdf')])
      expect(world.server.requests.length).toBe(1)
      expect((await world.bgt(['get', '-o', 'mine', world.server.url('/get')])).code).toBe(0)
      expect(await readdir(world.directory)).toEqual(['files', 'mine', 'store'])
    })
  })

  it('may end alike in their addresses under --if-exists unique', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/get', ({path}) => named(path.endsWith('1') ? 'one.txt' : 'two.txt'))
      const urls = [world.server.url('/get?id=1'), world.server.url('/get?id=2')]
      expect((await world.bgt(['get', '--if-exists', 'unique', ...urls])).code).toBe(0)
      expect(await readdir(world.directory)).toEqual(['one.txt', 'store', 'two.txt'])
    })
  })
})

describe('files of a list', () => {
  it.each([
    ['..', '../out'],
    ['an absolute path', '/tmp/out'],
    ['a link that leads away', 'link/out'],
    ['a link to a link', 'link2/deeper/out'],
  ])('stay within --directory: %s', async (_, file) => {
    await CliWorld.run(cli, async (world) => {
      await mkdir(world.path('files'))
      await mkdir(world.path('elsewhere'))
      await symlink(await realpath(world.path('elsewhere')), world.path('files/link'))
      await symlink('link', world.path('files/link2'))
      await writeFile(world.path('list'), `${world.server.url('/a')}\t${file}\n`)
      const {code, stderr} = await world.bgt(['get', '-d', 'files', '-i', 'list'])
      expect(code).toBe(2)
      expect(stderr.trim()).toMatch(ERROR_LINE)
      expect(stderr).toContain('not within --directory')
      expect(world.server.requests).toEqual([])
    })
  })

  it('may go through links that stay within it', async () => {
    await CliWorld.run(cli, async (world) => {
      await mkdir(world.path('files/inner'), {recursive: true})
      await symlink('inner', world.path('files/link'))
      world.server.route('/a', {content: BYTES})
      await writeFile(world.path('list'), `${world.server.url('/a')}\tlink/a.bin\n`)
      expect((await world.bgt(['get', '-d', 'files', '-i', 'list'])).code).toBe(0)
      expect(await readdir(world.path('files/inner'))).toEqual(['a.bin'])
    })
  })
})

describe('resume options', () => {
  it('--resume-without-validator goes on where the server names no version', async () => {
    await CliWorld.run(cli, async (world) => {
      const whole = {content: contentOf(6, 400_000)}
      world.server.route('/a.bin', [{...whole, cutAfter: 300_000, cut: 'stall'}, whole])
      const args = ['get', '--resume-without-validator', world.server.url('/a.bin')]
      const run = world.start([...args, '--json'])
      await run.shows('"bytesReceived":300000')
      run.kill('SIGINT')
      await run.ended
      expect((await world.bgt(args)).code).toBe(0)
      expect(world.server.requests.at(-1)?.headers.range).toBe(`bytes=${300_000 - 65_536}-`)
    })
  })
})
