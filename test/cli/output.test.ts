/** What a person, a pipe and a program see. */

import {execFile, spawnSync} from 'node:child_process'
import {closeSync, existsSync, openSync} from 'node:fs'
import {mkdir, mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {beforeAll, describe, expect, it, onTestFinished, vi} from 'vitest'
import {contentOf, sha256} from '../support/content.ts'
import {heldAfter} from '../support/faulty-script.ts'
import {SinkServer} from '../support/sink-server.ts'
import {mountSmallDisk, unmountDisk} from '../support/small-disk.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const CONTENT = contentOf(5, 1_500_000)

describe('off a terminal', () => {
  it('tells each change of state in a line on stderr, and nothing on stdout', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      const {stdout, lines} = await world.bgt(['get', world.server.url('/file.bin?sig=abc')])
      expect(stdout).toBe('')
      expect(lines.map((line) => line.replace(/[\d.]+ (s|MiB\/s|KiB\/s|B\/s)/, 'N $1'))).toEqual([
        `file.bin: started, ${world.server.url('/file.bin')}?sig=***`,
        'file.bin: completed, 1500000 bytes',
        '1 of 1 file complete, 1.4 MiB received in N s',
        expect.stringMatching(/^average N [MK]iB\/s, 0 retries$/),
      ])
    })
  })

  it('tells how long it took, whatever the clock was set to meanwhile', async () => {
    await CliWorld.run(cli, async (world) => {
      const now = Date.now.bind(Date)
      onTestFinished(() => void vi.restoreAllMocks())
      world.server.route('/file.bin', () => {
        vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000)
        return {content: CONTENT}
      })
      const {lines} = await world.call(['get', world.server.url('/file.bin')])
      expect(lines.at(-2)).toMatch(/received in [\d.]+ s$/)
      expect(lines.at(-1)).not.toMatch(/^average 0 B/)
    })
  })

  it('--quiet says nothing when all is well', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      expect(await world.bgt(['get', world.server.url('/file.bin'), '--quiet'])).toMatchObject({
        code: 0,
        stdout: '',
        stderr: '',
      })
    })
  })

  it('a file name cannot steer the terminal', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/x', {content: CONTENT})
      const {stderr} = await world.bgt(['get', '-i', '-'], {stdin: `${world.server.url('/x')}\ta\u001b[2Jb\n`})
      expect(stderr).toContain('a?[2Jb: completed')
      expect(stderr).not.toContain('\u001b')
    })
  })
})

describe('--json', () => {
  it('gives one object a line with the fields of the schema', async () => {
    await CliWorld.run(cli, async (world) => {
      const {hold, release} = heldAfter(CONTENT.length / 2)
      world.server.route('/file.bin', {content: CONTENT, hold})
      world.server.route('/gone', {status: 410})
      const urls = [world.server.url('/file.bin'), world.server.url('/gone')]
      const run = world.start(['get', '--json', ...urls])
      await run.shows('"progress"')
      release()
      const {code, stdout, lines} = await run.ended
      expect(code).toBe(4)
      expect(lines).toEqual([expect.stringMatching(/^bgt: the server answered 410 Gone /)])
      const events = jsonLines(stdout)
      for (const event of events) {
        expect(event).toMatchObject({
          v: 1,
          time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          guid: expect.stringMatching(/^[0-9a-f-]{36}$/),
          url: expect.stringMatching(/^http:/),
          file: expect.stringContaining(world.directory),
          bytesReceived: expect.any(Number),
          totalBytesToReceive: expect.any(Number),
          status: expect.any(String),
        })
      }
      const told = (url: string | undefined) => events.filter((event) => event.url === url).map(({event}) => event)
      const good = told(urls[0])
      expect(good.filter((event) => event !== 'progress')).toEqual(['queued', 'started', 'completed'])
      expect(good).toContain('progress')
      expect(told(urls[1])).toEqual(['queued', 'started', 'failed'])
      const counts = events.filter(({url}) => url === urls[0]).map(({bytesReceived}) => Number(bytesReceived))
      expect(counts).toEqual([...counts].sort((a, b) => a - b))
      expect(counts.at(-1)).toBe(CONTENT.length)
      expect(events.find(({event}) => event === 'failed')?.error).toMatchObject({
        code: 'HTTP_STATUS',
        details: {status: 410},
      })
    })
  })
})

describe('the schema of --json in the reference', () => {
  const reference = readFile(fileURLToPath(new URL('../../docs/reference/cli.md', import.meta.url)), 'utf8')
  const namesBelow = (page: string, heading: string) => {
    const table =
      page
        .split('## JSON')[1]
        ?.split(new RegExp(`^\\| ${heading} `, 'm'))[1]
        ?.split('\n\n')[0] ?? ''
    return [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name = '']) => name)
  }

  it('names every event that there is', async () => {
    const source = await readFile(fileURLToPath(new URL('../../src/cli/transfer.ts', import.meta.url)), 'utf8')
    const union = /type Happening =([\s\S]*?)\n\n/.exec(source)?.[1] ?? ''
    const happenings = [...union.matchAll(/\| '(\w+)'/g)].map(([, name = '']) => name)
    expect(happenings.length).toBeGreaterThan(7)
    expect(namesBelow(await reference, 'Event').toSorted()).toEqual([...happenings, 'progress', 'skipped'].toSorted())
  })

  it('names every member of a line, and lines have no others', async () => {
    const members = namesBelow(await reference, 'Member')
    await CliWorld.run(cli, async (world) => {
      let tries = 0
      world.server.route('/later', () => {
        tries += 1
        return tries === 1 ? {status: 503} : {content: CONTENT}
      })
      const {stdout} = await world.bgt(['get', '--json', '--retry-delay', '0.01', world.server.url('/later')])
      await writeFile(world.path('sent'), CONTENT)
      const sink = await SinkServer.start()
      try {
        const put = await world.bgt(['put', '--json', 'sent', sink.url('/sent')])
        const seen = new Set(jsonLines(stdout + put.stdout).flatMap((line) => Object.keys(line)))
        expect([...seen].sort()).toEqual(members.toSorted())
      } finally {
        await sink.close()
      }
    })
  })
})

/** Of util-linux: runs a command on a terminal of its own. */
const SCRIPT = 'script'
const HAS_SCRIPT = spawnSync(SCRIPT, ['--version']).status === 0
if (!HAS_SCRIPT) console.warn('terminals are not tested: there is no `script` (util-linux) to make one with')

describe.skipIf(!HAS_SCRIPT)('on a terminal', () => {
  /** Under `script`, which gives the command a terminal of its own. */
  async function onTerminal(
    world: CliWorld,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    onOutput: (soFar: string) => void = () => {},
  ) {
    const command = [process.execPath, cli.script, ...args].map((word) => `'${word}'`).join(' ')
    const running = promisify(execFile)(SCRIPT, ['-qec', command, '/dev/null'], {
      cwd: world.directory,
      env: {PATH: process.env.PATH, HOME: '/nonexistent', BGT_STORE: world.store, SHELL: '/bin/sh', ...env},
    })
    let soFar = ''
    running.child.stdout?.on('data', (text) => {
      soFar += text
      onOutput(soFar)
    })
    return (await running).stdout
  }

  it('draws a bar in place, and leaves the cursor visible', async () => {
    await CliWorld.run(cli, async (world) => {
      const {hold, release} = heldAfter(CONTENT.length / 2)
      world.server.route('/file.bin', {content: CONTENT, hold})
      const bar = /file\.bin +\[=* *\] +\d+% .* of 1\.4 MiB/
      const output = await onTerminal(world, ['get', world.server.url('/file.bin')], {TERM: 'xterm'}, (soFar) => {
        if (bar.test(soFar)) release()
      })
      expect(output).toContain('\u001b[32mcompleted')
      expect(output.lastIndexOf('\u001b[?25h')).toBeGreaterThan(output.lastIndexOf('\u001b[?25l'))
      expect(output).toContain('1 of 1 file complete')
    })
  })

  it.each([
    ['NO_COLOR', {TERM: 'xterm', NO_COLOR: '1'}, '\u001b[32m'],
    ['a dumb terminal', {TERM: 'dumb'}, '\u001b'],
    ['CI', {TERM: 'xterm', CI: 'true'}, '\u001b'],
  ])('%s is obeyed', async (_, env, never) => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      const output = await onTerminal(world, ['get', world.server.url('/file.bin')], env)
      expect(output).not.toContain(never)
      expect(output).toContain('file.bin: completed')
    })
  })
})

/** Takes nothing: as a file on a disk that is full. */
const FULL = '/dev/full'

describe.skipIf(!existsSync(FULL))('into a file on a full disk', () => {
  const onto = (file: string, args: readonly string[], directory: string) => {
    const stdout = openSync(file, 'w')
    try {
      const env = {HOME: directory, BGT_STORE: join(directory, 'store')}
      return spawnSync(process.execPath, [cli.script, ...args], {
        cwd: directory,
        env,
        stdio: ['ignore', stdout, 'pipe'],
        encoding: 'utf8',
      })
    } finally {
      closeSync(stdout)
    }
  }

  it('a result that is not all there is told, and is no success', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      await world.bgt(['get', world.server.url('/file.bin')])
      const guid = String(jsonLines((await world.bgt(['list', '--json'])).stdout)[0]?.guid)
      for (const args of [['list'], ['list', '--json'], ['show', guid], ['export', guid], ['chart'], ['--help']]) {
        const {status, stderr} = onto(FULL, args, world.directory)
        expect([args[0], status, stderr]).toEqual([
          args[0],
          8,
          expect.stringMatching(/^bgt: not all .* \(stdout\): .*\n$/),
        ])
      }
      expect(onto(FULL, ['--version'], world.directory)).toMatchObject({status: 8, stderr: ''})
      expect(onto('/dev/null', ['list'], world.directory)).toMatchObject({status: 0, stderr: ''})
    })
  })

  it('a command that goes on says so at once, works on, and ends with it', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      const line = `exec "$0" "$1" host --conditions good > ${FULL}`
      const host = world.start(['-c', line, process.execPath, cli.script], {program: '/bin/sh'})
      await host.shows('not all of the result could be written (stdout)')
      const got = await world.bgt(['get', world.server.url('/file.bin')])
      expect([got.code, await world.digestOf('file.bin')]).toEqual([0, sha256(CONTENT)])
      host.kill('SIGTERM')
      const {code, lines} = await host.ended
      expect([code, lines]).toEqual([8, [expect.stringMatching(ERROR_LINE)]])
    })
  })

  it('a result of which the disk took a part is no success either', async ({skip}) => {
    await CliWorld.run(cli, async ({directory}) => {
      const disk = join(directory, 'disk')
      await mkdir(disk)
      if (!mountSmallDisk(disk, 1)) skip('no file systems may be mounted here')
      try {
        const [file, page] = [join(disk, 'chart.svg'), 4096]
        await writeFile(join(disk, 'others'), Buffer.alloc(1024 ** 2 - page))
        expect(onto(file, ['chart', 'operation'], directory)).toMatchObject({status: 8})
        expect((await stat(file)).size).toBe(page)
        await rm(join(disk, 'others'))
        expect(onto(file, ['chart', 'operation'], directory)).toMatchObject({status: 0, stderr: ''})
        expect(await readFile(file, 'utf8')).toMatch(/<\/svg>\s*$/)
      } finally {
        unmountDisk(disk)
      }
    })
  })
})

describe('help and version', () => {
  it('the version is the package’s', async () => {
    const packageFile = fileURLToPath(new URL('../../package.json', import.meta.url))
    const {version} = JSON.parse(await readFile(packageFile, 'utf8'))
    for (const flag of ['--version', '-V']) {
      expect(await cli.run([flag])).toMatchObject({code: 0, stdout: `${version}\n`, stderr: ''})
    }
  })

  it.each([[['--help']], [['help', 'get']], [['get', '--help']]])('%j goes to stdout', async (args) => {
    const {code, stdout, stderr} = await cli.run(args)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Examples:')
  })

  it('and the reference name the same flags', async () => {
    const page = await readFile(fileURLToPath(new URL('../../docs/reference/cli.md', import.meta.url)), 'utf8')
    const documented = [...page.matchAll(/^\| (`-[^|]*) \|/gm)].flatMap(
      ([, cell = '']) => cell.match(/--[a-z-]+/g) ?? [],
    )
    const known = new Set<string>()
    const {stdout: help} = await cli.run(['--help'])
    const commands = [...(/Commands:\n([\s\S]*?)\n\n/.exec(help)?.[1] ?? '').matchAll(/^ {2}(\w+)/gm)].map(
      ([, name = '']) => name,
    )
    for (const command of commands) expect(page).toContain(`\`bgt ${command}`)
    for (const command of commands.filter((each) => each !== 'help')) {
      const {stdout} = await cli.run([command, '--help'])
      for (const [, flag = ''] of stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm))
        if (flag !== '--help') known.add(flag)
    }
    expect([...new Set(documented)].sort()).toEqual([...known].sort())
  })

  it('no command at all is a usage error with the help', async () => {
    const {code, stdout, stderr} = await cli.run([])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Usage: bgt')
  })

  it('--version and --help load nothing of the engine', async () => {
    const [version, help, list] = [await loaded(['--version']), await loaded(['--help']), await loaded(['list'])]
    // The bundle is run by node:vm, and Level comes with the engine.
    expect([version, help, list].map((names) => names.includes('vm'))).toEqual([false, true, true])
    const haveLevel = [version, help, list].map((names) => names.some((name) => name.includes('/classic-level/')))
    expect(haveLevel).toEqual([false, false, true])
  })

  /** Everything that a command line loads: modules of Node.js by name, files by path. */
  async function loaded(args: readonly string[]): Promise<readonly string[]> {
    const directory = await mkdtemp(join(tmpdir(), 'cli-loads-'))
    try {
      const log = join(directory, 'loaded')
      const watch = `data:text/javascript,${encodeURIComponent(WATCH(log))}`
      const run = ['--import', watch, cli.script, ...args]
      await promisify(execFile)(process.execPath, run, {env: {BGT_STORE: join(directory, 'none'), HOME: directory}})
      return (await readFile(log, 'utf8')).split('\n')
    } finally {
      await rm(directory, {recursive: true, force: true})
    }
  }
})

const WATCH = (log: string) => `
  import {writeFileSync} from 'node:fs'
  import {createRequire} from 'node:module'
  const {cache} = createRequire('file:///')
  const before = new Set(process.moduleLoadList)
  process.on('exit', () => {
    const builtIn = process.moduleLoadList.filter((name) => name.startsWith('NativeModule ') && !before.has(name))
    const names = [...builtIn.map((name) => name.slice('NativeModule '.length)), ...Object.keys(cache)]
    writeFileSync(${JSON.stringify(log)}, names.join('\\n'))
  })
`
