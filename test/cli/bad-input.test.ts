/**
 * Bad input: each gives one clear line on stderr and its own exit code, and leaves a legal store behind. A few of each kind run as
 * processes; the others ask the same code in this one.
 */

import {mkdir, open, readdir, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {Level} from 'level'
import {beforeAll, describe, expect, it} from 'vitest'
import {contentOf, sha256} from '../support/content.ts'
import {EXPIRED_CERTIFICATE, OTHER_NAME_CERTIFICATE, VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {type BuiltCli, buildCli, type CliResult, CliWorld, ERROR_LINE, sharedCliWorld} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const CONTENT = contentOf(1, 100_000)
const DIGEST = sha256(CONTENT)
const FAST = ['--retries', '1', '--retry-delay', '0.01']

/** The one error line of a command that says nothing else, `--quiet` as it is; of a process where that can show more. */
async function refusal(world: CliWorld, args: readonly string[]) {
  return theRefusal(await world.call(args))
}

async function processRefusal(world: CliWorld, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return theRefusal(await world.bgt(args, {env}))
}

function theRefusal({code, lines, stdout}: CliResult) {
  expect(lines, lines.join('\n')).toHaveLength(1)
  expect(lines[0]).toMatch(ERROR_LINE)
  expect(stdout).toBe('')
  return {code, line: lines[0] ?? ''}
}

it('a list from a stdin that cannot be read is no fault of ours', async () => {
  await CliWorld.run(cli, async (world) => {
    const unreadable = await open(world.path('unreadable'), 'w')
    try {
      const {code, line} = theRefusal(await world.bgt(['get', '-i', '-'], {stdinFrom: unreadable.fd}))
      expect([code, line]).toEqual([8, expect.stringMatching(/^bgt: standard input cannot be read: EBADF\b/)])
    } finally {
      await unreadable.close()
    }
  })
})

describe('what is no text in UTF-8 is refused, and not taken for another name', () => {
  it('in a list or a file of headers, with its line', async () => {
    await CliWorld.run(cli, async (world) => {
      const list = Buffer.from(`# \u00e4\n${world.server.url('/a')}\ta.bin\n${world.server.url('/b')}\t\u00e4.bin\n`)
      const broken = Buffer.concat([
        list,
        Buffer.from(`${world.server.url('/c')}\to\u00e4.bin`, 'latin1'),
        Buffer.from('\n'),
      ])
      await writeFile(world.path('list.txt'), broken)
      const {code, line} = await refusal(world, ['get', '-i', 'list.txt'])
      expect([code, line]).toEqual([2, expect.stringContaining('this is no text in UTF-8 (list.txt, line 4)')])
      await writeFile(world.path('headers.txt'), Buffer.from('A: b\nUser: \u00e4', 'latin1'))
      const headers = await refusal(world, ['get', world.server.url('/a'), '--header-file', 'headers.txt'])
      expect(headers.line).toContain('(headers.txt, line 2)')
      expect(await readdir(world.directory)).toEqual(['headers.txt', 'list.txt'])
    })
  })

  it.skipIf(process.platform !== 'linux')('in an argument, but not the character that stands for it', async () => {
    await CliWorld.run(cli, async (world) => {
      const named = (octal: string) => {
        const script = `exec "$@" "$(printf '${octal}.bin')"`
        const args = ['-c', script, '-', process.execPath, cli.script, 'get', world.server.url('/a'), '-o']
        return world.bgt(args, {program: '/bin/sh'})
      }
      const {code, line} = theRefusal(await named('o\\344'))
      expect([code, line]).toEqual([2, expect.stringContaining("'o\ufffd.bin' is no text in UTF-8")])
      expect(await readdir(world.directory)).toEqual([])
      expect((await named('o\\357\\277\\275')).lines[0]).toContain('o\ufffd.bin: started')
    })
  })
})

describe('a command line that makes no sense ends with 2 and touches nothing', () => {
  const cases: readonly (readonly [name: string, args: readonly string[], says: RegExp])[] = [
    ['no URL', ['get'], /there is no URL/],
    ['a wrong URL', ['get', 'not a url'], /not a URL/],
    ['an unsupported scheme', ['get', 'gopher://127.0.0.1/x'], /scheme gopher is not supported/],
    ['an unknown command', ['lst'], /unknown command 'lst'.*did you mean list/],
    ['an unknown flag', ['get', '--checksun', 'x', 'http://127.0.0.1/x'], /did you mean --checksum/],
    ['a time that is none', ['get', '--stall-timeout', 'soon', 'http://127.0.0.1/x'], /--stall-timeout/],
    ['no time at all', ['get', '--connect-timeout', '0', 'http://127.0.0.1/x'], /--connect-timeout/],
    ['a number that is none', ['get', '--retries', '-1', 'http://127.0.0.1/x'], /--retries/],
    ['a rate that is none', ['get', '--limit-rate', 'fast', 'http://127.0.0.1/x'], /--limit-rate/],
    ['no concurrency', ['get', '--max-concurrent', '0', 'http://127.0.0.1/x'], /--max-concurrent/],
    ['an unknown digest', ['get', '--checksum', 'crc32=00', 'http://127.0.0.1/x'], /crc32.*--checksum/],
    ['a short digest', ['get', '--checksum', 'sha256=abc', 'http://127.0.0.1/x'], /64 hexadecimal digits/],
    ['an unknown policy', ['get', '--if-exists', 'ask', 'http://127.0.0.1/x'], /fail, skip, unique, replace/],
    ['a header without a colon', ['get', '-H', 'Accept', 'http://127.0.0.1/x'], /--header/],
    ['a header of the engine', ['get', '-H', 'Range: bytes=0-1', 'http://127.0.0.1/x'], /the engine sets it/],
    ['a proxy that is none', ['get', '--proxy', 'ftp://p', 'http://127.0.0.1/x'], /--proxy/],
    [
      'a proxy with a path',
      ['get', '--proxy', 'http://me:secret@p/path', 'http://127.0.0.1/x'],
      /--proxy.*host and a port/,
    ],
    [
      'no such authority',
      ['get', '--cacert', 'missing.pem', 'http://127.0.0.1/x'],
      /--cacert does not exist \(missing\.pem\)/,
    ],
    ['a user without password', ['get', '--user', 'ann', 'http://127.0.0.1/x'], /--user/],
    ['an empty store', ['get', '--store', '', 'http://127.0.0.1/x'], /no path \(--store\)/],
    ['an empty output', ['get', '-o', '', 'http://127.0.0.1/x'], /no path \(--output\)/],
    ['a directory for an output', ['get', '-o', 'new/', 'http://127.0.0.1/x'], /names a directory \(--output\)/],
    ['a directory itself for one', ['get', '-o', 'new/.', 'http://127.0.0.1/x'], /names a directory \(--output\)/],
    ['the one above for one', ['get', '-o', '..', 'http://127.0.0.1/x'], /names a directory \(--output\)/],
    ['an empty directory', ['get', '-d', '', 'http://127.0.0.1/x'], /no path \(--directory\)/],
    ['-o and -d', ['get', '-o', 'a', '-d', '.', 'http://127.0.0.1/x'], /--directory/],
    ['-o for two URLs', ['get', '-o', 'a', 'http://127.0.0.1/x', 'http://127.0.0.1/y'], /--output/],
    [
      'a digest with more behind it',
      ['get', '--checksum', `sha256=${DIGEST}=`, 'http://127.0.0.1/x'],
      /64 hexadecimal/,
    ],
    ['a digest for two URLs', ['get', '--checksum', `sha256=${DIGEST}`, 'http://a/x', 'http://a/y'], /--checksum/],
    ['a list that is not there', ['get', '-i', 'no-such-list'], /no-such-list/],
    ['a header file that is not there', ['get', '--header-file', 'none', 'http://127.0.0.1/x'], /--header-file/],
    ['--serialized without a group', ['get', '--serialized', 'http://127.0.0.1/x'], /--group/],
    [
      'a priority that is none',
      ['priority', '01a1', 'urgent'],
      /'urgent' is not known \(priority\): give one of high, def/,
    ],
    [
      'a shell that is none',
      ['completion', 'powershell'],
      /'powershell' is not known \(shell\): give one of bash, zsh, fish/,
    ],
    ['no guid', ['show'], /'guid' \(command line\): see bgt show --help/],
    ['an unknown flag that is near to none', ['demo', '--bogus'], /'--bogus' \(command line\): see bgt demo --help/],
    ['help for what there is none for', ['help', 'lst'], /unknown command 'lst' \(help\): did you mean list\?/],
    ['help for what is a flag', ['help', '--bogus'], /unknown command '--bogus' \(help\): see bgt --help/],
    ['help for a dash', ['help', '-'], /unknown command '-' \(help\)/],
    ['a huge command', ['x'.repeat(100_000)], /^bgt: unknown command 'x{100}… \(100000 characters\)' \(command line\)/],
    ['a huge flag', ['list', `--${'x'.repeat(100_000)}`], /^bgt: unknown option '--x{98}… \(100002 characters\)'/],
    ['a huge choice', ['completion', 'x'.repeat(100_000)], /^bgt: 'x{100}… \(100000 characters\)' is not known/],
    ['a choice of two lines', ['completion', 'ba\nsh'], /'ba.sh' is not known \(shell\): give one of bash, zsh, fish/],
    ['a flag of two lines', ['list', '--js\non'], /'--js.on' \(command line\): did you mean --json\?/],
    [
      'a host in the background for no time',
      ['host', '--background', '--idle-exit', '0'],
      /1 or more with --background/,
    ],
    ['before nobody', ['move', '01a1', 'before'], /before takes the guid of another/],
    ['up before another', ['move', '01a1', 'up', '01a2'], /before takes the guid of another/],
    ['--search without --repair', ['doctor', '--search', '.'], /--repair/],
    ['a mirror that is no URL', ['get', '--mirror', 'nowhere', 'http://127.0.0.1/x'], /--mirror/],
    [
      'a mirror for two URLs',
      ['get', '--mirror', 'http://a/x', 'http://127.0.0.1/x', 'http://127.0.0.1/y'],
      /--mirror/,
    ],
    ['no connections', ['get', '--connections', '0', 'http://127.0.0.1/x'], /--connections/],
  ]

  const world = sharedCliWorld(() => cli)

  it.each(cases)('%s', async (_, args, says) => {
    const {code, line} = await refusal(world(), args)
    expect(line).toMatch(says)
    expect(code).toBe(2)
    expect(await readdir(world().directory)).toEqual([])
  })

  it('as a process, too', async () => {
    const {code, line} = await processRefusal(world(), ['get', '--checksun', 'x', 'http://127.0.0.1/x'])
    expect(line).toMatch(/did you mean --checksum/)
    expect(code).toBe(2)
  })

  it('shows where an error came from when BGT_DEBUG asks', async () => {
    const {lines} = await cli.run(['lst'], {env: {BGT_DEBUG: '1'}})
    expect(lines[0]).toMatch(ERROR_LINE)
    expect(lines.slice(1).join('\n')).toMatch(/^ {4}at .*bundle.main\.js/m)
  })

  it.each([
    'mailto:ann',
    'http://127.0.0.1/x\t\tsha256=abc',
    'http://127.0.0.1/x\tx\tcrc32=abc',
    'http://127.0.0.1/x\tx\t\tx',
    'http://127.0.0.1/x\tnew/',
    'http://127.0.0.1/x\tnew/.',
  ])('names the line of a list that is wrong, and starts nothing of it: %j', async (wrong) => {
    const list = `${world().server.url('/a')}\n# a note\n${wrong}\n`
    const {code, lines} = await world().bgt(['get', '-i', '-'], {stdin: list})
    expect(lines).toEqual([expect.stringContaining('stdin, line 3')])
    expect(code).toBe(2)
    expect(world().server.requests).toHaveLength(0)
  })

  it('a list, and a file of headers, may begin with a byte order mark and a comment', async () => {
    const [list, headers] = [world().path('list.txt'), world().path('headers.txt')]
    await writeFile(list, '\ufeff# files\r\nnot a url\r\n')
    await writeFile(headers, '\ufeff# headers\r\nno header\r\n')
    expect((await refusal(world(), ['get', '-i', list])).line).toContain('list.txt, line 2')
    const stdin = '\ufeff# files\nnot a url\n'
    expect((await world().call(['get', '-i', '-'], {stdin})).lines[0]).toContain('stdin, line 2')
    const {line} = await refusal(world(), ['get', 'http://127.0.0.1/x', '--header-file', headers])
    expect(line).toContain('headers.txt, line 2')
    await Promise.all([list, headers].map((file) => rm(file)))
  })

  it.each([
    ['URL', (long: string) => long],
    ['scheme', (long: string) => `${long}://host/a`],
    ['digest', (long: string) => `http://127.0.0.1/a\ta\t${long}=00`],
  ])('a list with a %s of 100 KB is told in a line that a person reads', async (_, text) => {
    await CliWorld.run(cli, async (world) => {
      const list = world.path('list')
      await writeFile(list, `${text('x'.repeat(100_000))}\n`)
      const {line} = await refusal(world, ['get', '-i', list, '-d', world.directory])
      expect(line).toContain('characters)')
      expect(line.length).toBeLessThan(1_000)
    })
  })

  it('a digest of its own for a file of a list, and another one for all', async () => {
    const stdin = `${world().server.url('/a')}\t\tsha256=${DIGEST}\n`
    const {code, lines} = await world().call(['get', '-i', '-', '--checksum', `sha256=${'0'.repeat(64)}`], {stdin})
    expect(lines).toEqual([expect.stringMatching(/digest of its own.*\(--checksum\)/)])
    expect(code).toBe(2)
    expect(world().server.requests).toHaveLength(0)
  })
})

describe('a working directory that was removed', () => {
  it('is missed only by what needs it', async () => {
    await CliWorld.run(cli, async (world) => {
      const [hook, gone] = [world.path('hook.cjs'), world.path('gone')]
      const remove = `fs.mkdirSync(${JSON.stringify(gone)}); process.chdir(${JSON.stringify(gone)}); fs.rmdirSync('../gone')`
      await writeFile(hook, `const fs = require('node:fs'); ${remove}`)
      const env = {NODE_OPTIONS: `--require=${hook}`}
      world.server.route('/file.bin', {content: CONTENT})
      const url = world.server.url('/file.bin')
      expect(await processRefusal(world, ['get', url], env)).toEqual({
        code: 8,
        line: 'bgt: the working directory is not there any more (.): change to another one',
      })
      for (const [flag, place, file] of [
        ['-d', world.directory, world.path('file.bin')],
        ['-o', world.path('named.bin'), world.path('named.bin')],
      ] as const) {
        const {code, stderr} = await world.bgt(['get', url, flag, place], {env})
        expect([code, stderr]).toEqual([0, expect.stringContaining(`${file}: completed`)])
      }
    })
  })
})

describe('a destination that cannot be had ends with 8', () => {
  async function refusedFile(world: CliWorld, target: readonly string[], refused = refusal): Promise<string> {
    world.server.route('/file.bin', {content: CONTENT})
    const {code, line} = await refused(world, ['get', '--quiet', world.server.url('/file.bin'), ...target])
    expect(code).toBe(8)
    return line
  }

  it('a missing directory', async () => {
    await CliWorld.run(cli, async (world) => {
      expect(await refusedFile(world, ['-d', 'missing'], processRefusal)).toContain(`(${world.path('missing')})`)
      expect(world.server.requests).toHaveLength(0)
    })
  })

  it('a missing directory for a list: one error, and nothing is begun', async () => {
    await CliWorld.run(cli, async (world) => {
      const stdin = Array.from({length: 50}, (_, n) => world.server.url(`/${n}`)).join('\n')
      const {code, lines} = await world.call(['get', '-i', '-', '-d', 'missing'], {stdin})
      expect(lines).toEqual([expect.stringContaining(`the directory does not exist (${world.path('missing')})`)])
      expect(code).toBe(8)
      expect(await readdir(world.directory)).toEqual([])
    })
  })

  it('a file in the place of the directory', async () => {
    await CliWorld.run(cli, async (world) => {
      await writeFile(world.path('occupied'), '')
      const line = await refusedFile(world, ['-d', 'occupied'])
      expect(line).toContain(`this is not a directory (${world.path('occupied')}): choose another directory`)
    })
  })

  it('a directory that nobody may write', async (context) => {
    // Root may write anywhere but where the kernel says no.
    const place = '/sys/kernel'
    if ((await stat(place).catch(() => undefined)) === undefined) context.skip('this system has no /sys/kernel')
    await CliWorld.run(cli, async (world) => {
      expect(await refusedFile(world, ['-d', place])).toMatch(/check the permissions/)
    })
  })

  it('an existing file, which stays as it is', async () => {
    await CliWorld.run(cli, async (world) => {
      await writeFile(world.path('file.bin'), 'mine')
      expect(await refusedFile(world, [])).toContain('the file already exists')
      expect(await readFile(world.path('file.bin'), 'utf8')).toBe('mine')
      expect(world.server.requests).toHaveLength(0)
    })
  })

  it('a directory of that name', async () => {
    await CliWorld.run(cli, async (world) => {
      await mkdir(world.path('file.bin'))
      expect(await refusedFile(world, [])).toMatch(/: this is a directory .*: name a file in it$/)
    })
  })

  it('a file that an unfinished download of another URL writes', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/slow', {content: CONTENT, cutAfter: 10, cut: 'stall'})
      world.server.route('/other', {content: CONTENT})
      const first = world.start(['get', world.server.url('/slow'), '-o', 'file.bin', '--json'])
      await first.shows('"progress"')
      first.kill('SIGINT')
      await first.ended
      const {code, line} = await refusal(world, ['get', '--quiet', world.server.url('/other'), '-o', 'file.bin'])
      expect(line).toMatch(/another URL writes this file/)
      expect(code).toBe(8)
      expect((await world.operations()).map(({status}) => status)).toEqual(['idle'])
    })
  })
})

describe('a server that does not give the file', () => {
  it.each([
    [404, 4, 'check the spelling of the URL'],
    [410, 4, 'gone for good'],
    [401, 6, '--header-file'],
    [403, 6, 'check the credentials'],
    [503, 5, 'run the same command again later'],
  ])('status %i ends with %i, and says what can be done about it', async (status, exitCode, advice) => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {status})
      const args = ['get', '--quiet', `${world.server.url('/file.bin')}?token=s3cret`, ...FAST]
      const {code, line} = await (status === 404 ? processRefusal : refusal)(world, args)
      expect(line).toContain(`the server answered ${status}`)
      expect(line).toContain(advice)
      expect(line).not.toContain('s3cret')
      expect(code).toBe(exitCode)
      // A server that is only busy is asked again.
      expect(world.server.requests).toHaveLength(status === 503 ? 2 : 1)
    })
  })

  it('nobody listening ends with 5', async () => {
    await CliWorld.run(cli, async (world) => {
      await world.server.close()
      const url = world.server.url('/file.bin')
      const {code, line} = await refusal(world, ['get', '--quiet', url, ...FAST])
      expect(line).toContain(`the connection was refused (${url})`)
      expect(code).toBe(5)
    })
  })

  it('a body that is always cut ends with 5, and the part stays for the next run', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT, cutAfter: 30_000, cut: 'fin'})
      const {code} = await refusal(world, ['get', '--quiet', world.server.url('/file.bin'), ...FAST])
      expect(code).toBe(5)
      expect(await readdir(world.directory)).not.toContain('file.bin')
      world.server.route('/file.bin', {content: CONTENT})
      expect((await world.call(['get', world.server.url('/file.bin')])).code).toBe(0)
      expect(await world.digestOf('file.bin')).toBe(DIGEST)
    })
  })

  it('a length that promises too much ends with 5', async () => {
    await CliWorld.run(cli, async (world) => {
      const lie = {content: CONTENT, contentLength: String(CONTENT.length + 1), close: true}
      world.server.route('/file.bin', lie)
      const {code, line} = await refusal(world, ['get', '--quiet', world.server.url('/file.bin'), ...FAST])
      expect(line).toMatch(/ended|cut|broken/)
      expect(code).toBe(5)
      expect(await readdir(world.directory)).not.toContain('file.bin')
    })
  })

  it('a length that promises too little is found by the checksum and ends with 6', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT, contentLength: '50000', close: true})
      const args = ['get', '--quiet', world.server.url('/file.bin'), '--checksum', `sha256=${DIGEST}`, ...FAST]
      expect((await refusal(world, args)).code).toBe(6)
      expect(await readdir(world.directory)).not.toContain('file.bin')
    })
  })

  it('a wrong checksum ends with 6 and publishes nothing', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      const wrong = sha256(Buffer.from('something else'))
      const {code, line} = await refusal(world, [
        'get',
        '--quiet',
        world.server.url('/file.bin'),
        '--checksum',
        `sha256=${wrong}`,
      ])
      expect(line).toContain('nothing was published')
      expect(code).toBe(6)
      expect(await readdir(world.directory)).not.toContain('file.bin')
    })
  })

  it.each([
    ['an unknown authority', VALID_CERTIFICATE, undefined, /unknown authority/],
    ['another name', OTHER_NAME_CERTIFICATE, OTHER_NAME_CERTIFICATE, /another host/],
    ['a certificate that ran out', EXPIRED_CERTIFICATE, EXPIRED_CERTIFICATE, /not valid at this time/],
  ])('%s ends with 6', async (_, certificate, trusted, says) => {
    await CliWorld.run(
      cli,
      async (world) => {
        world.server.route('/file.bin', {content: CONTENT})
        const authority = world.path('ca.pem')
        await writeFile(authority, (trusted ?? certificate).cert)
        const args = ['get', '--quiet', world.server.url('/file.bin')]
        const env: Record<string, string> = trusted === undefined ? {} : {NODE_EXTRA_CA_CERTS: authority}
        const {code, line} = await (trusted === undefined ? refusal(world, args) : processRefusal(world, args, env))
        expect(line).toMatch(says)
        expect(code).toBe(6)
        expect(world.server.requests).toHaveLength(0)
      },
      {certificate},
    )
  })

  it('of several outcomes the gravest decides', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/good', {content: CONTENT})
      world.server.route('/forbidden', {status: 403})
      const urls = ['/good', '/missing', '/forbidden'].map((path) => world.server.url(path))
      const {code, lines} = await world.bgt(['get', '--quiet', ...urls])
      expect(lines).toHaveLength(2)
      expect(code).toBe(6)
      expect(await world.digestOf('good')).toBe(DIGEST)
    })
  })
})

describe('a store that cannot be used ends with 10', () => {
  it('locked: the line names the holder', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/slow', {content: CONTENT, cutAfter: 10, cut: 'stall'})
      const holder = world.start(['get', world.server.url('/slow'), '--json'])
      await holder.shows('"progress"')
      // Everything else is answered by the holder.
      const {code, line} = await processRefusal(world, ['doctor'])
      expect(line).toMatch(/in use by process \d+ \(bgt/)
      expect(code).toBe(10)
      holder.kill('SIGTERM')
      expect((await holder.ended).code).toBe(143)
    })
  })

  it('damaged: doctor says so, repairs it, and the download is saved', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT, cutAfter: 30_000, cut: 'stall', etag: '"1"'})
      const first = world.start(['get', world.server.url('/file.bin'), '--json'])
      await first.shows('"progress"')
      first.kill('SIGINT')
      await first.ended
      const database = join(world.store, 'store')
      for (const name of await readdir(database)) {
        if (name.startsWith('MANIFEST')) await writeFile(join(database, name), 'garbage')
      }
      const {code, line} = await processRefusal(world, ['list'])
      expect(line).toContain('run `bgt doctor` with the same --store')
      expect(code).toBe(10)
      expect((await world.call(['doctor'])).code).toBe(10)
      const repaired = await world.call(['doctor', '--repair'])
      expect(repaired.stdout).toContain('saved 1 operation')
      expect(repaired.code).toBe(0)
      expect((await world.call(['doctor'])).code).toBe(0)
      world.server.route('/file.bin', {content: CONTENT, etag: '"1"'})
      expect((await world.call(['resume'])).code).toBe(0)
      expect(await world.digestOf('file.bin')).toBe(DIGEST)
    })
  })

  it('one damaged record: it alone is refused', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', {content: CONTENT})
      world.server.route('/b', {content: CONTENT})
      await world.call(['get', '--quiet', world.server.url('/a'), world.server.url('/b')])
      const damaged = (await world.operations()).find(({file}) => file === world.path('a'))
      await damageRecord(join(world.store, 'store'), String(damaged?.guid))
      const listed = await world.call(['list'])
      expect(listed.lines).toEqual([expect.stringMatching(/1 record is damaged and left out .*run `bgt doctor`/)])
      expect(listed.stdout).toContain(world.path('b'))
      expect(listed.code).toBe(10)
      expect((await refusal(world, ['show', String(damaged?.guid)])).code).toBe(10)
      expect((await refusal(world, ['get', '--quiet', world.server.url('/a')])).code).toBe(10)
      expect((await world.call(['get', '--quiet', world.server.url('/b'), '--if-exists', 'replace'])).code).toBe(0)
      const {code, stdout} = await world.call(['doctor'])
      expect(stdout).toContain('1 damaged record\n')
      expect(code).toBe(10)
    })
  })

  it('one damaged record: resume goes on with the others, and says that it left one out', async () => {
    await CliWorld.run(cli, async (world) => {
      const urls = ['/a', '/b'].map((path) => world.server.url(path))
      for (const path of ['/a', '/b']) world.server.route(path, {content: CONTENT, cutAfter: 30_000, cut: 'stall'})
      const run = world.start(['get', ...urls, '--json'])
      await run.shows(/"event":"progress"[^\n]*\/a"/)
      run.kill('SIGINT')
      await run.ended
      const damaged = (await world.operations()).find(({file}) => file === world.path('a'))
      await damageRecord(join(world.store, 'store'), String(damaged?.guid))
      world.server.route('/b', {content: CONTENT})
      const {code, line} = await refusal(world, ['resume', '--quiet'])
      expect(line).toMatch(/1 record is damaged and left out .*run `bgt doctor`/)
      expect(code).toBe(10)
      expect(await world.digestOf('b')).toBe(DIGEST)
    })
  })

  it('a file in the place of the store ends with 8, also for doctor --repair', async () => {
    await CliWorld.run(cli, async (world) => {
      await mkdir(world.store)
      await writeFile(join(world.store, 'store'), '')
      for (const args of [['list'], ['get', world.server.url('/a')], ['doctor', '--repair']]) {
        const {code, line} = await refusal(world, args)
        expect([args[0], code, line]).toEqual([args[0], 8, expect.stringContaining('in the place of the store')])
      }
      expect(await readdir(world.store)).toContain('store')
    })
  })

  it('a store of a place that cannot be written ends with 8', async () => {
    await CliWorld.run(cli, async (world) => {
      await writeFile(world.path('file'), '')
      const args = ['get', world.server.url('/x'), '--store', join(world.path('file'), 'store')]
      expect((await refusal(world, args)).code).toBe(8)
    })
  })

  it('a store that is a file, a link to itself or a name that is too long is told by its own name', async () => {
    await CliWorld.run(cli, async (world) => {
      const [file, link, long] = [world.path('file'), world.path('link'), world.path('x'.repeat(300))]
      await writeFile(file, '')
      await symlink('link', link)
      for (const [args, store] of [
        [['get', world.server.url('/x')], file],
        [['put', file, world.server.url('/x')], file],
        [['doctor'], link],
        [['list'], link],
        [['inspect'], link],
        [['doctor', '--repair'], long],
      ] as const) {
        const {code, line} = await refusal(world, [...args, '--store', store])
        expect([code, line]).toEqual([8, expect.stringContaining(`(${store}): `)])
      }
      const {code, line} = await refusal(world, ['host', 'status', '--store', file])
      expect([code, line]).toEqual([10, `bgt: no host runs for this store (${file}): start one with \`bgt host\``])
    })
  })
})

describe('a host that is not there ends with 10', () => {
  it('and the line says how one is started', async () => {
    await CliWorld.run(cli, async (world) => {
      const {code, line} = await refusal(world, ['host', 'status'])
      expect(line).toMatch(/^bgt: no host runs for this store \(.+\): start one with `bgt host`$/)
      expect(code).toBe(10)
    })
  })
})

describe('an operation that is not there ends with 3', () => {
  const world = sharedCliWorld(() => cli)

  beforeAll(async () => {
    world().server.route('/a', {content: CONTENT})
    await world().bgt(['get', '--quiet', world().server.url('/a')])
  })

  it.each([[['show', 'ffff']], [['cancel', '00000000-0000-7000-8000-000000000000']], [['resume', 'zzz']]])(
    '%j',
    async (args) => {
      const {code, line} = await refusal(world(), args)
      expect(line).toContain('there is no such operation')
      expect(code).toBe(3)
    },
  )
})

/** Changes a byte of the record's text, as a bad disk would. */
async function damageRecord(database: string, guid: string): Promise<void> {
  const level = new Level<string, string>(database, {valueEncoding: 'utf8'})
  try {
    let changed = 0
    for await (const [key, value] of level.iterator()) {
      if (!key.includes(guid) || !value.includes('/a')) continue
      await level.put(key, value.replace('/a', '/c'), {sync: true})
      changed += 1
    }
    expect(changed).toBeGreaterThan(0)
  } finally {
    await level.close()
  }
}
