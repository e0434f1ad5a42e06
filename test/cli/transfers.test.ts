/** What `bgt get` and `bgt resume` do with files, servers, signals and kills; what is interrupted is the real command. */

import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import {VALID_CERTIFICATE} from '../support/tls-certificates.ts'
import {type BuiltCli, buildCli, CliWorld, jsonLines} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const CONTENT = contentOf(2, 3_000_000)
const DIGEST = sha256(CONTENT)
const CUT_AT = 1_000_000
/** Sends so much and then nothing. */
const STALLING = {content: CONTENT, etag: '"1"', cutAfter: CUT_AT, cut: 'stall'} as const
const WHOLE = {content: CONTENT, etag: '"1"'} as const

/** A run that was interrupted with CUT_AT bytes received. */
async function interrupted(world: CliWorld, signal: 'SIGINT' | 'SIGTERM' = 'SIGINT') {
  world.server.route('/file.bin', STALLING)
  const run = world.start(['get', world.server.url('/file.bin'), '--json'])
  await run.shows(`"bytesReceived":${CUT_AT}`)
  run.kill(signal)
  return run.ended
}

describe('going on', () => {
  it('after SIGINT: 130, what was received is kept, and only the rest is asked for', async () => {
    await CliWorld.run(cli, async (world) => {
      const {code, stdout} = await interrupted(world)
      expect(code).toBe(130)
      expect(jsonLines(stdout).at(-1)).toMatchObject({event: 'paused', bytesReceived: CUT_AT, status: 'idle'})
      world.server.route('/file.bin', WHOLE)
      const again = await world.bgt(['get', world.server.url('/file.bin'), '--checksum', `sha256=${DIGEST}`])
      expect(again.code).toBe(0)
      expect(again.lines[0]).toBe(`file.bin: resumed at ${CUT_AT} bytes`)
      expect(world.server.requests.at(-1)?.headers).toMatchObject({range: `bytes=${CUT_AT}-`, 'if-range': '"1"'})
      expect(await world.digestOf('file.bin')).toBe(DIGEST)
      expect(await readdir(world.directory)).toEqual(['file.bin', 'store'])
      expect(await world.operations()).toHaveLength(1)
    })
  })

  it('after SIGTERM: 143', async () => {
    await CliWorld.run(cli, async (world) => {
      expect((await interrupted(world, 'SIGTERM')).code).toBe(143)
    })
  })

  it('a second SIGINT ends it at once', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', STALLING)
      const run = world.start(['get', world.server.url('/file.bin'), '--json'])
      await run.shows('"started"')
      run.kill('SIGINT')
      run.kill('SIGINT')
      expect((await run.ended).code).toBe(130)
    })
  })

  it('after SIGKILL: from the last checkpoint, at once and not at the end of the old wait', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', STALLING)
      const patience = ['--stall-timeout', '0.3', '--retry-delay', '600']
      const run = world.start(['get', world.server.url('/file.bin'), '--json', ...patience])
      await run.shows('"retrying"')
      run.kill('SIGKILL')
      await run.ended
      world.server.route('/file.bin', WHOLE)
      expect((await world.call(['get', world.server.url('/file.bin'), '--quiet'])).code).toBe(0)
      expect(world.server.requests.at(-1)?.headers.range).toBe(`bytes=${CUT_AT}-`)
      expect(await world.digestOf('file.bin')).toBe(DIGEST)
    })
  })

  it('after SIGKILL in the midst of bytes: the file is right', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', STALLING)
      const run = world.start(['get', world.server.url('/file.bin'), '--json'])
      await run.shows('"progress"')
      run.kill('SIGKILL')
      await run.ended
      expect(await readdir(world.directory)).not.toContain('file.bin')
      world.server.route('/file.bin', WHOLE)
      expect((await world.call(['get', world.server.url('/file.bin'), '--quiet'])).code).toBe(0)
      expect(await world.digestOf('file.bin')).toBe(DIGEST)
    })
  })

  it('touches no other unfinished download', async () => {
    await CliWorld.run(cli, async (world) => {
      await interrupted(world)
      world.server.route('/other', WHOLE)
      expect((await world.call(['get', world.server.url('/other'), '--quiet'])).code).toBe(0)
      expect(world.server.requests.map(({path}) => path)).toEqual(['/file.bin', '/other'])
      expect((await world.operations()).map(({status}) => status)).toEqual(['idle', 'completed'])
    })
  })

  it('with what the new call asks: headers, a digest', async () => {
    await CliWorld.run(cli, async (world) => {
      await interrupted(world)
      const asking = {status: 401, headers: [['WWW-Authenticate', 'Basic realm="x"']]} as const
      world.server.route('/file.bin', ({headers}) => (headers.authorization === undefined ? asking : WHOLE))
      const wrong = sha256(Buffer.from('another'))
      const args = ['get', world.server.url('/file.bin'), '--quiet', '-H', 'X-Token: new', '--user', 'ann:pass']
      expect((await world.call([...args, '--checksum', `sha256=${wrong}`])).code).toBe(6)
      expect(world.server.requests[1]?.headers.authorization).toBeUndefined()
      expect(world.server.requests[2]?.headers).toMatchObject({
        range: `bytes=${CUT_AT}-`,
        'x-token': 'new',
        authorization: `Basic ${Buffer.from('ann:pass').toString('base64')}`,
      })
    })
  })

  it('by bgt resume: everything but what was paused on purpose', async () => {
    await CliWorld.run(cli, async (world) => {
      for (const name of ['/a', '/b', '/c']) world.server.route(name, STALLING)
      const urls = ['/a', '/b', '/c'].map((path) => world.server.url(path))
      const run = world.start(['get', ...urls, '--json'])
      await Promise.all(['a', 'b', 'c'].map((name) => run.shows(new RegExp(`/${name}","bytesReceived":${CUT_AT}`))))
      run.kill('SIGINT')
      expect((await run.ended).code).toBe(130)
      for (const name of ['/a', '/b', '/c']) world.server.route(name, WHOLE)
      const paused = (await world.operations()).find(({url}) => url === urls[1])
      expect((await world.call(['pause', String(paused?.guid)])).code).toBe(0)
      const resumed = await world.bgt(['resume'])
      expect(resumed.stderr).toContain('1 paused download left alone')
      expect(resumed.stderr).toContain('2 of 2 files complete')
      expect(resumed.code).toBe(0)
      expect([await world.digestOf('a'), await world.digestOf('c')]).toEqual([DIGEST, DIGEST])
      expect(world.server.requests.filter(({path}) => path === '/b')).toHaveLength(1)
      const idle = await world.call(['resume'])
      expect(idle.stderr).toBe(
        'nothing to do: there is no unfinished transfer; 1 paused download left alone (bgt unpause)\n',
      )
      expect(idle.code).toBe(0)
      // Named, it goes on.
      expect((await world.call(['resume', String(paused?.guid), '--quiet'])).code).toBe(0)
      expect(await world.digestOf('b')).toBe(DIGEST)
    })
  })

  it('goes on by itself within a run: cut, retried, restarted', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', [
        {status: 503},
        {...WHOLE, cutAfter: CUT_AT, cut: 'reset'},
        {content: contentOf(3, 500_000), etag: '"2"'},
      ])
      const {code, lines} = await world.call(['get', world.server.url('/file.bin'), '--retry-delay', '0.1'])
      expect(code).toBe(0)
      expect(lines.slice(0, 4)).toEqual([
        `file.bin: started, ${world.server.url('/file.bin')}`,
        'file.bin: retrying in 0.1 s because the server answered 503 Service Unavailable',
        'file.bin: restarted from zero: the bytes that were here are of no use any more',
        'file.bin: completed, 500000 bytes',
      ])
      expect(lines[4]).toMatch(/^1 of 1 file complete, .* received in .* s$/)
      expect(lines[5]).toMatch(/^average .*\/s, 2 retries$/)
      expect(await world.digestOf('file.bin')).toBe(sha256(contentOf(3, 500_000)))
    })
  })

  it('a success that nobody was told: the next run tells it, and the one after that finds a file', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', WHOLE)
      // As a run that is killed between the end of the download and its line leaves the store.
      const engine = await BackgroundTransferEngine.open({directory: world.store})
      const completed = new Promise<void>((resolve) => {
        engine.operations$.subscribe(({state}) => {
          if (state === 'completed') resolve()
        })
      })
      await engine.createDownloader().createDownloads([[world.server.url('/file.bin'), world.path('file.bin')]])
      await completed
      await engine.close()
      const told = await world.call(['get', world.server.url('/file.bin')])
      expect([told.code, told.lines[0]]).toEqual([0, `file.bin: completed, ${CONTENT.length} bytes`])
      expect((await world.call(['get', world.server.url('/file.bin'), '--quiet'])).code).toBe(8)
      expect(world.server.requests).toHaveLength(1)
    })
  })

  it('--if-exists skip: a list that was killed is finished by the same line, and is whole then', async () => {
    await CliWorld.run(cli, async (world) => {
      for (const path of ['/a', '/b', '/c']) world.server.route(path, {content: CONTENT})
      const [a, b, c] = ['/a', '/b', '/c'].map((path) => world.server.url(path))
      expect((await world.call(['get', '--quiet', a ?? '', b ?? ''])).code).toBe(0)
      await writeFile(world.path('empty'), '')
      await writeFile(world.path('list'), `${a}\n${b}\n${c}\n${a}\tempty\n`)
      const {code, lines} = await world.call(['get', '-i', 'list', '--if-exists', 'skip'])
      expect(code).toBe(0)
      expect(lines).toEqual([
        'a: is there already',
        'b: is there already',
        'empty: is there already',
        `c: started, ${c}`,
        `c: completed, ${CONTENT.length} bytes`,
        expect.stringMatching(/^4 of 4 files complete, 3 of them there already, /),
        expect.stringMatching(/^average /),
      ])
      expect(world.server.requests.map(({path}) => path)).toEqual(['/a', '/b', '/c'])
      const again = await world.call(['get', '-i', 'list', '--if-exists', 'skip', '--json'])
      expect(again.code).toBe(0)
      const events = again.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(events.map(({event, url}) => [event, url])).toEqual([
        ['skipped', a],
        ['skipped', b],
        ['skipped', c],
        ['skipped', a],
      ])
    })
  })

  it('--if-exists skip: leaves also what the server named otherwise, and no directory', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', {content: CONTENT, headers: [['Content-Disposition', 'attachment; filename="named"']]})
      const get = ['get', '--quiet', world.server.url('/a'), '--if-exists', 'skip']
      expect((await world.call(get)).code).toBe(0)
      expect((await world.call(get)).code).toBe(0)
      expect((await world.call([...get, '--checksum', `sha256=${DIGEST}`])).code).toBe(0)
      expect((await world.call([...get, '--checksum', `sha256=${'0'.repeat(64)}`])).code).toBe(6)
      expect(world.server.requests).toHaveLength(1)
      expect(await world.digestOf('named')).toBe(DIGEST)
      await mkdir(world.path('directory'))
      expect((await world.call([...get, '-o', 'directory'])).code).toBe(8)
    })
  })

  it('--if-exists skip: a file with another digest than is wanted is not had', async () => {
    await CliWorld.run(cli, async (world) => {
      await writeFile(world.path('a'), CONTENT)
      const get = ['get', '--quiet', world.server.url('/a'), '--if-exists', 'skip', '--checksum']
      expect((await world.call([...get, `sha256=${DIGEST}`])).code).toBe(0)
      const {code, lines} = await world.call([...get, `sha256=${'0'.repeat(64)}`])
      expect(code).toBe(6)
      expect(lines).toEqual([expect.stringContaining('the file that is there has another digest')])
      expect(world.server.requests).toEqual([])
    })
  })

  it('a failed download: the next run adopts its bytes', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', [{...WHOLE, cutAfter: CUT_AT, cut: 'reset'}, {status: 403}])
      expect((await world.call(['get', world.server.url('/file.bin'), '--quiet'])).code).toBe(6)
      world.server.route('/file.bin', WHOLE)
      expect((await world.call(['get', world.server.url('/file.bin'), '--quiet'])).code).toBe(0)
      const range = world.server.requests.at(-1)?.headers.range ?? ''
      expect(Number(/^bytes=(\d+)-$/.exec(range)?.[1])).toBeGreaterThan(0)
      expect(await world.digestOf('file.bin')).toBe(DIGEST)
    })
  })
})

describe('what comes where', () => {
  it('names files by the URL, by a list and its second column, by stdin', async () => {
    await CliWorld.run(cli, async (world) => {
      for (const path of ['/a/first%20one.bin', '/b', '/c']) world.server.route(path, {content: CONTENT})
      await mkdir(world.path('files'))
      const list = `# two more\n${world.server.url('/b')}\tsecond.bin\r\n\n${world.server.url('/c')}?sig=1\n`
      await writeFile(world.path('list'), list)
      const args = ['get', world.server.url('/a/first%20one.bin'), '-d', 'files', '--quiet']
      expect((await world.call([...args, '-i', 'list'])).code).toBe(0)
      expect((await readdir(world.path('files'))).sort()).toEqual(['c', 'first one.bin', 'second.bin'])
      expect((await world.bgt(['get', '-i', '-', '--quiet'], {stdin: `${world.server.url('/b')}\n`})).code).toBe(0)
      expect(await world.digestOf('b')).toBe(DIGEST)
    })
  })

  it('a list says in its third column which digest a file has to have', async () => {
    await CliWorld.run(cli, async (world) => {
      for (const path of ['/a', '/b', '/c']) world.server.route(path, {content: CONTENT})
      const [a, b, c] = ['/a', '/b', '/c'].map((path) => world.server.url(path))
      const wrong = '0'.repeat(64)
      await writeFile(
        world.path('list'),
        `${a}\t\tsha256:${DIGEST}\n${b}\tsecond\tSHA-256=${DIGEST}\n${c}\t\tsha256=${wrong}\n`,
      )
      const {code, lines} = await world.call(['get', '-i', 'list', '--quiet'])
      expect(code).toBe(6)
      expect(lines).toEqual([
        expect.stringMatching(/the sha256 digest is not the expected one .*\/\.c\.\w+\.1\.part\)/),
      ])
      expect([await world.digestOf('a'), await world.digestOf('second')]).toEqual([DIGEST, DIGEST])
      expect(await readdir(world.directory)).not.toContain('c')
      await writeFile(world.path('list'), `${a}\t\tsha256=${DIGEST}\n${b}\tsecond\tsha256=${wrong}\n`)
      const skipping = await world.call(['get', '-i', 'list', '--if-exists', 'skip', '--quiet'])
      expect(skipping.code).toBe(6)
      expect(skipping.lines).toEqual([expect.stringContaining('the file that is there has another digest')])
    })
  })

  it('takes the same file once, and not with two digests', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', {content: CONTENT})
      const line = `${world.server.url('/a')}\t\tsha256=`
      await writeFile(world.path('list'), `${line}${DIGEST}\n${line}${DIGEST}\n${line}${'0'.repeat(64)}\n`)
      const {code, lines} = await world.call(['get', '-i', 'list', '--quiet'])
      expect(lines).toEqual([expect.stringContaining('another line wants another digest of it')])
      expect(code).toBe(8)
      expect(await world.digestOf('a')).toBe(DIGEST)
    })
  })

  it('takes the same file once, and not from two URLs', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/x/file', {content: CONTENT})
      world.server.route('/y/file', {content: CONTENT})
      const urls = ['/x/file', '/x/file', '/y/file'].map((path) => world.server.url(path))
      const {code, lines} = await world.call(['get', '--quiet', ...urls])
      expect(lines).toEqual([expect.stringContaining('goes into the same file')])
      expect(code).toBe(8)
      expect(world.server.requests.map(({path}) => path)).toEqual(['/x/file'])
    })
  })

  it('--if-exists unique and replace', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      await writeFile(world.path('file.bin'), 'old')
      const get = ['get', '--quiet', world.server.url('/file.bin'), '--if-exists']
      expect((await world.call([...get, 'unique'])).code).toBe(0)
      expect(await readFile(world.path('file.bin'), 'utf8')).toBe('old')
      expect(await readdir(world.directory)).toHaveLength(3)
      expect((await world.call([...get, 'replace'])).code).toBe(0)
      expect(await world.digestOf('file.bin')).toBe(DIGEST)
    })
  })

  it('sends headers from flags and files, keeps their secrets out of the store and of every line', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/file.bin', {content: CONTENT})
      await writeFile(world.path('headers'), '# secrets\nX-Api-Key: s3cret\n')
      const url = world.server.url('/file.bin?token=s3cret')
      const args = ['get', url, '-H', 'Accept: */*', '--header-file', 'headers', '--json']
      const {code, stdout, stderr} = await world.bgt(args)
      expect(code).toBe(0)
      expect(world.server.requests[0]?.headers).toMatchObject({accept: '*/*', 'x-api-key': 's3cret'})
      expect(stdout + stderr).not.toContain('s3cret')
      expect((await world.call(['list'])).stdout).not.toContain('s3cret')
    })
  })

  /** Serves `names`, and says how much of the ones before was still unsent when each was asked for. */
  function watchOverlap(world: CliWorld, names: readonly string[], content: Buffer): () => readonly number[] {
    const unsent: number[] = []
    for (const name of names) {
      world.server.route(name, () => {
        const before = world.server.requests.slice(0, -1)
        unsent.push(before.reduce((sum, {bytesSent}) => sum + content.length - bytesSent, 0))
        return {content}
      })
    }
    return () => unsent
  }

  it('runs a serialized group one after another', async () => {
    await CliWorld.run(cli, async (world) => {
      const names = ['/1', '/2', '/3']
      const overlap = watchOverlap(world, names, CONTENT)
      const args = ['get', '--quiet', '--group', 'series', '--serialized']
      expect((await world.call([...args, ...names.map((path) => world.server.url(path))])).code).toBe(0)
      expect(world.server.requests.map(({path}) => path)).toEqual(names)
      expect(overlap()).toEqual([0, 0, 0])
      expect(await world.operations()).toMatchObject(names.map(() => ({group: 'series'})))
    })
  })

  it('--limit-rate and --max-concurrent hold', async () => {
    await CliWorld.run(cli, async (world) => {
      const overlap = watchOverlap(world, ['/1', '/2'], CONTENT.subarray(0, 200_000))
      const urls = ['/1', '/2'].map((path) => world.server.url(path))
      const startedAt = performance.now()
      const limits = ['--limit-rate', '200K', '--max-concurrent', '1']
      expect((await world.call(['get', '--quiet', ...urls, ...limits])).code).toBe(0)
      // 400,000 bytes at 204,800 a second, less what goes out at once.
      expect(performance.now() - startedAt).toBeGreaterThan(900)
      expect(overlap()).toEqual([0, 0])
    })
  })

  it('--connections and --mirror bring one file from both servers, a part each', async () => {
    await CliWorld.run(cli, async (world) => {
      const content = contentOf(3, 6_000_000)
      const slow = {content, etag: '"1"', pieceBytes: 32_768, pieceDelayMs: 20}
      world.server.route('/one', slow)
      world.server.route('/two', slow)
      const urls = [world.server.url('/one'), '--mirror', world.server.url('/two')]
      expect((await world.call(['get', ...urls, '--connections', '2', '-o', 'file', '--quiet'])).code).toBe(0)
      expect(await world.digestOf('file')).toBe(sha256(content))
      const asked = world.server.requests.map(({path, headers}) => [path, headers.range !== undefined])
      expect(asked[0]).toEqual(['/one', false])
      expect(asked).toContainEqual(['/two', true])
    })
  })

  it('https with an authority that the environment trusts', async () => {
    await CliWorld.run(
      cli,
      async (world) => {
        world.server.route('/file.bin', {content: CONTENT})
        await writeFile(world.path('ca.pem'), VALID_CERTIFICATE.cert)
        const env = {NODE_EXTRA_CA_CERTS: world.path('ca.pem')}
        expect((await world.bgt(['get', world.server.url('/file.bin'), '--quiet'], {env})).code).toBe(0)
        expect(await world.digestOf('file.bin')).toBe(DIGEST)
      },
      {certificate: VALID_CERTIFICATE},
    )
  })
})
