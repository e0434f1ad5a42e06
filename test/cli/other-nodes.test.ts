/**
 * The command and the library on other versions of Node.js than the one that runs the tests. BGT_OTHER_NODES lists their programs, as PATH
 * lists directories; without it these are left out, and it is said so.
 */

import {execFile} from 'node:child_process'
import {readFile, writeFile} from 'node:fs/promises'
import {delimiter, dirname, join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {promisify} from 'node:util'
import {beforeAll, describe, expect, it} from 'vitest'
import {contentOf, sha256} from '../support/content.ts'
import {SinkServer} from '../support/sink-server.ts'
import {type BuiltCli, buildCli, CliWorld} from './harness.ts'

const programs = (process.env.BGT_OTHER_NODES ?? '').split(delimiter).filter((path) => path !== '')
const isRequired = process.env.BGT_REQUIRE_PEERS === '1'
if (programs.length === 0 && !isRequired) {
  console.log('other-nodes.test.ts: left out, because BGT_OTHER_NODES names no other Node.js')
}

const CONTENT = contentOf(5, 3_000_000)
const DIGEST = sha256(CONTENT)
const SMALL = contentOf(6, 16_384)
/** More than a server has to prove itself with before a batch carries its files. */
const FILES = 60

let cli: BuiltCli

beforeAll(async () => {
  if (programs.length > 0) cli = await buildCli()
})

it.runIf(isRequired)('other versions of Node.js are there where they are required', () => {
  expect(programs).not.toEqual([])
})

describe.skipIf(programs.length === 0).each(programs)('on %s', (node) => {
  /** With 0, and without a word. Twice what leaves compiled code the first time, and takes it the second. */
  async function quietly(world: CliWorld, ...args: readonly string[]): Promise<string> {
    const env = {XDG_CACHE_HOME: world.path('cache')}
    const {code, stdout, stderr} = await world.bgt(args, {node, env})
    expect({code, stderr}).toEqual({code: 0, stderr: ''})
    return stdout
  }

  it('transfers files, one and many, with no complaint of Node.js', async () => {
    const sink = await SinkServer.start()
    await CliWorld.run(cli, async (world) => {
      world.server.route('/big', {content: CONTENT})
      const urls = Array.from({length: FILES}, (_, n) => {
        world.server.route(`/${n}`, {content: SMALL})
        return world.server.url(`/${n}`)
      })
      await writeFile(world.path('list'), urls.join('\n'))
      await writeFile(world.path('sent'), CONTENT)
      for (const name of ['a', 'b']) {
        await quietly(world, 'get', '--quiet', world.server.url('/big'), '-o', name, '--checksum', `sha256=${DIGEST}`)
        expect(await world.digestOf(name)).toBe(DIGEST)
        await quietly(world, 'put', '--quiet', 'sent', sink.url(`/${name}`))
      }
      expect(sink.arrivals.map(({digest}) => digest)).toEqual([DIGEST, DIGEST])
      for (const more of [[], ['--if-exists', 'replace']]) await quietly(world, 'get', '--quiet', '-i', 'list', ...more)
      for (let n = 0; n < FILES; n += 1) expect(await readFile(world.path(String(n)))).toEqual(SMALL)
      expect((await quietly(world, 'list', '--json')).split('\n').length).toBeGreaterThan(FILES)
      await quietly(world, 'doctor')
    })
    await sink.close()
  })

  it('goes on with what was killed', async () => {
    await CliWorld.run(cli, async (world) => {
      const whole = {content: CONTENT, etag: '"1"'}
      world.server.route('/big', [{...whole, cutAfter: 2_000_000, cut: 'stall'}, whole])
      const running = world.start(['get', world.server.url('/big'), '--json'], {node})
      await running.shows('"bytesReceived":2000000')
      running.kill('SIGKILL')
      await running.ended
      await quietly(world, 'get', '--quiet', world.server.url('/big'))
      expect(await world.digestOf('big')).toBe(DIGEST)
    })
  })

  it('embeds', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/big', {content: CONTENT})
      const library = pathToFileURL(join(dirname(cli.script), '..', 'index.js')).href
      const program = `
        import {BackgroundTransferEngine, BackgroundTransferStatus} from ${JSON.stringify(library)}
        const engine = await BackgroundTransferEngine.open({directory: 'embedded'})
        const download = engine.createDownloader().createDownload(process.argv[2], 'file')
        let told = 0
        engine.events$.subscribe(() => { told += 1 })
        await download.startAsync()
        await engine.close()
        const {status, bytesReceived} = download.progress
        console.log(status === BackgroundTransferStatus.completed, bytesReceived, told > 0)`
      await writeFile(world.path('program.mjs'), program)
      const run = promisify(execFile)
      const {stdout, stderr} = await run(node, ['program.mjs', world.server.url('/big')], {cwd: world.directory})
      expect({stdout, stderr}).toEqual({stdout: `true ${CONTENT.length} true\n`, stderr: ''})
      expect(await world.digestOf('file')).toBe(DIGEST)
    })
  })
})
