/** How the command starts: from a few files, and from what V8 compiled of them in an earlier run. */

import {existsSync} from 'node:fs'
import {chmod, mkdir, readdir, readFile, stat, utimes, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {v8Flags} from '../../src/cli/v8-flags.ts'
import {type BuiltCli, buildCli, CliWorld} from './harness.ts'

const LINUX = ['.local', 'share'] as const
const DARWIN = ['Library', 'Application Support'] as const

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

/** Lists the operations, of which there are none, with a cache directory of its own; gives the files in there. */
async function list(world: CliWorld, env: Readonly<Record<string, string>> = {}) {
  const home = world.path('cache')
  const {code, stderr} = await world.bgt(['list'], {env: {XDG_CACHE_HOME: home, ...env}})
  expect({code, stderr}).toEqual({code: 0, stderr: `there are no operations in ${world.store}\n`})
  const directory = join(home, 'background-transfer')
  const files = await readdir(directory).catch(() => [])
  return {paths: files.map((file) => join(directory, file))}
}

describe('the cache of compiled code', () => {
  it('is a private file for each subcommand, and stays as it is', async () => {
    await CliWorld.run(cli, async (world) => {
      const {paths} = await list(world)
      expect(paths).toEqual([expect.stringMatching(/\/bgt-[0-9a-f]+-[^/]+-list$/)])
      const [path = ''] = paths
      const {ino, mode} = await stat(path)
      expect(mode & 0o777).toBe(0o600)
      expect(await list(world)).toEqual({paths})
      expect((await stat(path)).ino).toBe(ino)
    })
  })

  it.each([
    ['is damaged', async (path: string) => writeFile(path, flipped(await readFile(path)))],
    ['is cut off', (path: string) => writeFile(path, 'x')],
    ['can be written by others', (path: string) => chmod(path, 0o666)],
  ])('is made again when it %s', async (_, harm) => {
    await CliWorld.run(cli, async (world) => {
      const {paths} = await list(world)
      const [path = ''] = paths
      const {ino} = await stat(path)
      await harm(path)
      expect(await list(world)).toEqual({paths})
      const after = await stat(path)
      expect(after.ino).not.toBe(ino)
      expect(after.mode & 0o777).toBe(0o600)
    })
  })

  it('grows by what a further run of the subcommand needs, and keeps the rest', async () => {
    await CliWorld.run(cli, async (world) => {
      const directory = join(world.path('cache'), 'background-transfer')
      const env = {XDG_CACHE_HOME: world.path('cache')}
      const look = async (...args: readonly string[]) => {
        expect(await world.bgt(['list', ...args], {env})).toMatchObject({code: 0})
        const [file = ''] = await readdir(directory)
        const {ino, size} = await stat(join(directory, file))
        return {ino, size}
      }
      const ofHelp = await look('--help')
      const ofBoth = await look()
      expect(ofBoth.size).toBeGreaterThan(ofHelp.size)
      expect([await look('--help'), await look()]).toEqual([ofBoth, ofBoth])
    })
  })

  it('stays as it is under the flags of a transfer, which V8 has from when everything is loaded', async () => {
    await CliWorld.run(cli, async (world) => {
      const directory = join(world.path('cache'), 'background-transfer')
      world.server.route('/file.bin', {content: Buffer.alloc(1024)})
      const get = async (name: string) => {
        const env = {XDG_CACHE_HOME: world.path('cache')}
        const {code} = await world.bgt(['get', world.server.url('/file.bin'), '-o', name], {env})
        expect(code).toBe(0)
        const [file = '', ...others] = await readdir(directory)
        expect(others).toEqual([])
        return (await stat(join(directory, file))).ino
      }
      const ino = await get('first')
      expect([await get('second'), await get('third')]).toEqual([ino, ino])
    })
  })

  it('is left by no run that fails: it needed little, and later ones would have no more', async () => {
    await CliWorld.run(cli, async (world) => {
      const env = {XDG_CACHE_HOME: world.path('cache')}
      expect(await world.bgt(['get'], {env})).toMatchObject({code: 2})
      expect(await readdir(join(world.path('cache'), 'background-transfer')).catch(() => [])).toEqual([])
    })
  })

  it('takes away what has been lying there for more than a month, and nothing else', async () => {
    await CliWorld.run(cli, async (world) => {
      const directory = join(world.path('cache'), 'background-transfer')
      await mkdir(directory, {recursive: true})
      const monthAgo = Date.now() / 1000 - 31 * 24 * 60 * 60
      for (const name of ['bgt-0-1.2.3-get', 'bgt-0-1.2.4-get', 'other']) await writeFile(join(directory, name), '')
      for (const name of ['bgt-0-1.2.3-get', 'other']) await utimes(join(directory, name), monthAgo, monthAgo)
      const {paths} = await list(world)
      expect(paths.map((path) => path.slice(directory.length + 1)).sort()).toEqual([
        'bgt-0-1.2.4-get',
        expect.stringMatching(/^bgt-.*-list$/),
        'other',
      ])
    })
  })

  it('is not needed: without it the command does the same', async () => {
    await CliWorld.run(cli, async (world) => {
      await writeFile(world.path('a file'), '')
      await list(world, {XDG_CACHE_HOME: world.path('a file')})
      await list(world, {XDG_CACHE_HOME: world.path('off'), NODE_DISABLE_COMPILE_CACHE: '1'})
      expect(await readdir(world.directory)).not.toContain('off')
    })
  })

  it.skipIf(!existsSync('/proc/self'))('is not waited for where no directory can be made', async () => {
    await CliWorld.run(cli, async (world) => {
      await list(world, {XDG_CACHE_HOME: '/proc/nowhere'})
    })
  })

  it('makes no home for a user whose home is not there', async () => {
    await CliWorld.run(cli, async (world) => {
      await list(world, {XDG_CACHE_HOME: '', HOME: world.path('home')})
      expect(await readdir(world.directory)).not.toContain('home')
    })
  })
})

describe('the home directory', () => {
  /** The system knows of the user what `account` says; without it, nothing. */
  async function withAccount(world: CliWorld, account?: string) {
    const hook = world.path('account.cjs')
    const answer = account === undefined ? "{ throw new Error('ENOENT') }" : `({homedir: ${JSON.stringify(account)}})`
    await writeFile(
      hook,
      `const os = require('node:os')
      const {homedir} = os
      os.userInfo = () => ${answer}
      os.homedir = () => process.env.HOME === undefined ? os.userInfo().homedir : homedir()
      if (process.env.HOME === 'unset') delete process.env.HOME`,
    )
    return {NODE_OPTIONS: `--require=${hook}`, XDG_CACHE_HOME: ''}
  }

  it('is needed by nobody who says where the records are', async () => {
    await CliWorld.run(cli, async (world) => {
      const env = {...(await withAccount(world)), HOME: 'unset'}
      world.server.route('/a', {content: {seed: 1, size: 1000}})
      expect(await world.bgt(['--help'], {env})).toMatchObject({code: 0, stderr: ''})
      expect(await world.bgt(['get', world.server.url('/a')], {env})).toMatchObject({code: 0})
    })
  })

  it('is said to be missing where it is needed and there is none', async () => {
    await CliWorld.run(cli, async (world) => {
      const env = {...(await withAccount(world)), HOME: 'unset', BGT_STORE: ''}
      const {code, stderr} = await world.bgt(['list'], {env})
      expect({code, stderr}).toEqual({
        code: 8,
        stderr: expect.stringMatching(/^bgt: .* no home directory .* \(HOME\): .*--store or \$BGT_STORE\n$/),
      })
    })
  })

  it.each(['', 'relative'])('is that of the account where $HOME is %j', async (HOME) => {
    await CliWorld.run(cli, async (world) => {
      const home = world.path('home')
      const env = {...(await withAccount(world, home)), HOME, BGT_STORE: ''}
      const {code, stderr} = await world.bgt(['list'], {env})
      const store = join(home, ...(process.platform === 'darwin' ? DARWIN : LINUX), 'background-transfer')
      expect({code, stderr}).toEqual({code: 0, stderr: `there are no operations in ${store}\n`})
      expect(await readdir(world.directory)).toEqual(['account.cjs'])
    })
  })
})

describe('what a download loads', () => {
  it.each([
    ['length', false],
    ['chunked', true],
  ] as const)('is undici only where the answer is not plain: %s', async (framing, isThere) => {
    await CliWorld.run(cli, async (world) => {
      const list = world.path('scripts')
      const hook = world.path('hook.cjs')
      await writeFile(hook, RECORDER)
      world.server.route('/a', {content: {seed: 1, size: 1000}, framing})
      const env = {NODE_OPTIONS: `--require=${hook}`, SCRIPTS: list}
      expect(await world.bgt(['get', world.server.url('/a'), '-o', world.path('a')], {env})).toMatchObject({code: 0})
      expect((await readFile(list, 'utf8')).split('\n').some((name) => /client-[^/]*\.js$/.test(name))).toBe(isThere)
    })
  })
})

describe('the flags of V8', () => {
  const budgets = (version: string) =>
    v8Flags('longRun', version).filter((flag) => flag.startsWith('--interrupt-budget='))

  it('have a budget only where V8 counts by one', () => {
    expect(budgets('11.3.244.8-node.38')).toHaveLength(1)
    expect(budgets('12.4.254.20-node.13')).toEqual([])
    expect(v8Flags('longRun', '12.4.254.20-node.13')).not.toEqual([])
  })

  it.each(['15.0.1', '', 'unknown'])('are none for a version that nobody tried: %j', (version) => {
    for (const work of ['shortRun', 'longRun'] as const) expect(v8Flags(work, version)).toEqual([])
  })
})

/** Writes the addresses of all scripts when the process ends. */
const RECORDER = `
  const session = new (require('node:inspector').Session)()
  session.connect()
  const urls = []
  session.on('Debugger.scriptParsed', ({params}) => urls.push(params.url))
  session.post('Debugger.enable')
  process.on('exit', () => require('node:fs').writeFileSync(process.env.SCRIPTS, urls.join('\\n')))
`

function flipped(content: Buffer): Buffer {
  const at = content.length >> 1
  content[at] = (content[at] ?? 0) ^ 0xff
  return content
}
