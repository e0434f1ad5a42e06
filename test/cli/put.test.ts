/** What `bgt put` sends, and what it goes on with, on the real command and against a server that keeps what it is sent. */

import {mkdir, open, readdir, rename, rm, utimes, writeFile} from 'node:fs/promises'
import {filter, firstValueFrom} from 'rxjs'
import {afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import {type Script, SinkServer} from '../support/sink-server.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

let cli: BuiltCli
let sink: SinkServer

beforeAll(async () => {
  cli = await buildCli()
})

beforeEach(async () => {
  sink = await SinkServer.start()
})

afterEach(() => sink.close())

const CONTENT = contentOf(7, 3_000_000)
const DIGEST = sha256(CONTENT)
/** Takes what fits on the way, and never answers. */
const SILENT: Script = () => 'takeOver'

/** In a directory with the file. */
function inWorld(story: (world: CliWorld) => Promise<void>): Promise<void> {
  return CliWorld.run(cli, async (world) => {
    await writeFile(world.path('file.bin'), CONTENT)
    await story(world)
  })
}

function isPrivateFile(name: string): boolean {
  return name.includes('.body')
}

function answering(status: number): Script {
  return (request, response) => {
    request.resume()
    response.writeHead(status).end()
    return 'takeOver'
  }
}

describe('bgt put', () => {
  it('sends the file by PUT, as it is, and says so', async () => {
    await inWorld(async (world) => {
      const {code, lines, stdout} = await world.bgt(['put', 'file.bin', sink.url('/v/1'), '-H', 'Content-Type: x/y'])
      expect([code, stdout]).toEqual([0, ''])
      expect(lines.slice(0, 3)).toEqual([
        `file.bin: started, ${sink.url('/v/1')}`,
        `file.bin: completed, ${CONTENT.length} bytes sent`,
        expect.stringMatching(/^1 of 1 upload complete, 2\.9 MiB sent in /),
      ])
      const [arrival] = sink.arrivals
      expect(arrival).toMatchObject({method: 'PUT', path: '/v/1', digest: DIGEST})
      expect(arrival?.headers).toMatchObject({'content-type': 'x/y', 'content-length': String(CONTENT.length)})
      expect((await world.bgt(['list'])).stdout).toMatch(/completed +2\.9 MiB +100% .*file\.bin/)
    })
  })

  it('tells it in JSON with what was sent', async () => {
    await inWorld(async (world) => {
      const {code, stdout, stderr} = await world.bgt(['put', 'file.bin', sink.url('/'), '--method', 'POST', '--json'])
      expect([code, stderr]).toEqual([0, ''])
      const events = jsonLines(stdout)
      expect(events.map(({event}) => event).filter((event) => event !== 'progress')).toEqual([
        'queued',
        'started',
        'completed',
      ])
      expect(events.at(-1)).toMatchObject({
        v: 1,
        direction: 'upload',
        file: world.path('file.bin'),
        bytesSent: CONTENT.length,
        totalBytesToSend: CONTENT.length,
        bytesReceived: 0,
        status: 'completed',
      })
      expect(sink.arrivals[0]?.method).toBe('POST')
    })
  })

  it('sends a form of text and files by POST', async () => {
    await inWorld(async (world) => {
      await writeFile(world.path('a b.txt'), 'text of a file')
      const form = ['--form', 'title=Holi=days', '--form', 'note=@a b.txt;type=text/plain;filename=n.txt']
      expect((await world.bgt(['put', 'a b.txt', sink.url('/f'), ...form, '--quiet'])).code).toBe(0)
      const [arrival] = sink.arrivals
      expect(arrival?.method).toBe('POST')
      const [, boundary = ''] =
        /^multipart\/form-data; boundary=(.+)$/.exec(arrival?.headers['content-type'] ?? '') ?? []
      expect(arrival?.body.toString()).toBe(
        [
          `--${boundary}`,
          'Content-Disposition: form-data; name="title"',
          '',
          'Holi=days',
          `--${boundary}`,
          'Content-Disposition: form-data; name="note"; filename="n.txt"',
          'Content-Type: text/plain',
          '',
          'text of a file',
          `--${boundary}`,
          'Content-Disposition: form-data; name="file"; filename="a b.txt"',
          'Content-Type: application/octet-stream',
          '',
          'text of a file',
          `--${boundary}--`,
          '',
        ].join('\r\n'),
      )
    })
  })

  it('sends stdin, of which nothing stays behind', async () => {
    await inWorld(async (world) => {
      const {code, lines} = await world.bgt(['put', '-', sink.url('/s')], {stdin: 'from a pipe'})
      expect([code, lines[1]]).toEqual([0, 'upload: completed, 11 bytes sent'])
      expect(sink.arrivals[0]?.body.toString()).toBe('from a pipe')
      expect((await readdir(world.directory, {recursive: true})).filter(isPrivateFile)).toEqual([])
    })
  })

  it('does not wait for stdin once it is interrupted', async () => {
    await inWorld(async (world) => {
      const run = world.start(['put', '-', sink.url('/s')], {stdin: 'the beginning', stdinStaysOpen: true})
      const isTaking = async () => (await readdir(world.store, {recursive: true}).catch(() => [])).some(isPrivateFile)
      await expect.poll(isTaking, {timeout: 30_000}).toBe(true)
      run.kill('SIGINT')
      const {code, lines} = await run.ended
      expect([code, lines]).toEqual([
        130,
        ['interrupted; nothing was begun, and nothing is kept: run the same command with all of stdin'],
      ])
      expect(sink.arrivals).toEqual([])
      expect((await readdir(world.directory, {recursive: true})).filter(isPrivateFile)).toEqual([])
    })
  })

  it.each([
    ['a file', ['file.bin'], 'the upload is kept: the same command, or bgt resume, sends it anew'],
    ['stdin', ['-'], 'the upload is kept: bgt resume sends it anew'],
    [
      'a file by POST',
      ['file.bin', '--method', 'POST'],
      'a POST that was on the wire is not sent twice unasked, and the server may have it: the same command sends it anew',
    ],
    [
      'a form',
      ['--form', 'a=b'],
      'a POST that was on the wire is not sent twice unasked, and the server may have it: the same command sends it anew',
    ],
    [
      'stdin by POST',
      ['-', '--method', 'POST'],
      'a POST that was on the wire is not sent twice unasked, and the server may have it: run the same command with all of stdin',
    ],
  ])('U14, U15. says what an interrupt leaves of %s', async (_, [what = '', ...more], says) => {
    await inWorld(async (world) => {
      sink.script = SILENT
      const args = what.startsWith('--') ? [sink.url('/v/1'), what] : [what, sink.url('/v/1')]
      const run = world.start(['put', ...args, ...more], {stdin: 'from a pipe'})
      await sink.arrival(1)
      run.kill('SIGINT')
      const {code, lines} = await run.ended
      expect([code, lines.at(-1)]).toEqual([130, `interrupted; ${says}`])
    })
  })

  it('U14. after SIGINT and after SIGKILL the same call goes on with the same upload, from the first byte', async () => {
    await inWorld(async (world) => {
      const args = ['put', 'file.bin', sink.url('/v/1'), '--json', '--group', 'nightly']
      for (const signal of ['SIGINT', 'SIGKILL'] as const) {
        sink.script = SILENT
        const run = world.start(args)
        await run.shows('"started"')
        await sink.arrival(signal === 'SIGINT' ? 1 : 2)
        run.kill(signal)
        const {code, stdout} = await run.ended
        if (signal === 'SIGINT') {
          expect(code).toBe(130)
          expect(jsonLines(stdout).at(-1)).toMatchObject({event: 'paused', status: 'idle'})
        }
      }
      sink.script = () => undefined
      const {code, stdout} = await world.bgt([...args, '-H', 'X-Try: 3'])
      expect(code).toBe(0)
      expect(jsonLines(stdout).map(({event}) => event)).toContain('restarted')
      expect(await world.operations()).toMatchObject([{status: 'completed', group: 'nightly', direction: 'upload'}])
      expect(sink.arrivals.at(-1)).toMatchObject({method: 'PUT', digest: DIGEST, received: CONTENT.length})
      expect(sink.arrivals.at(-1)?.headers['x-try']).toBe('3')
    })
  })

  it('U14. bgt resume sends it, too', async () => {
    await inWorld(async (world) => {
      sink.script = SILENT
      const run = world.start(['put', 'file.bin', sink.url('/v/1'), '--json'])
      await run.shows('"started"')
      run.kill('SIGKILL')
      await run.ended
      sink.script = () => undefined
      expect((await world.bgt(['resume', '--quiet'])).code).toBe(0)
      expect(sink.arrivals.at(-1)?.digest).toBe(DIGEST)
    })
  })

  it('U15. a POST that was killed on the wire ends, and the same call makes another one', async () => {
    await inWorld(async (world) => {
      sink.script = SILENT
      const args = ['put', 'file.bin', sink.url('/v/1'), '--method', 'POST']
      const run = world.start([...args, '--json'])
      await run.shows('"started"')
      run.kill('SIGKILL')
      await run.ended
      sink.script = () => undefined
      const again = await world.bgt(args)
      expect(again.code).toBe(0)
      expect(again.lines[0]).toMatch(/an earlier POST of it was cut off, and the server may have it; it is sent anew$/)
      expect(await world.operations()).toMatchObject([
        {status: 'canceled', error: {code: 'UPLOAD_TERMINATED'}},
        {status: 'completed'},
      ])
    })
  })

  it('U15. a POST that was interrupted on the wire is not sent again by cancel, by resume, or as the same operation', async () => {
    await inWorld(async (world) => {
      sink.script = SILENT
      for (const path of ['/1', '/2', '/3']) {
        const run = world.start(['put', 'file.bin', sink.url(path), '--method', 'POST', '--quiet'])
        await sink.arrival(Number(path.slice(1)))
        run.kill('SIGINT')
        expect((await run.ended).code).toBe(130)
      }
      const [first] = await world.operations()
      expect((await world.bgt(['cancel', String(first?.guid)])).code).toBe(0)
      sink.script = () => undefined
      const again = await world.bgt(['put', 'file.bin', sink.url('/2'), '--method', 'POST'])
      expect(again.code).toBe(0)
      expect(again.lines[0]).toMatch(/the unfinished POST to 127\.0\.0\.1:\d+ is canceled, and it is sent anew$/)
      expect((await world.bgt(['resume', '--quiet'])).code).toBe(7)
      const statuses = (await world.operations()).map(({status}) => status)
      expect(statuses).toEqual(['canceled', 'canceled', 'canceled', 'completed'])
      expect(sink.arrivals).toHaveLength(4)
    })
  })

  /** Uploads the file to /v/1 by POST, and tells nobody of it. */
  const sendUntold = async (world: CliWorld) => {
    const engine = await BackgroundTransferEngine.open({directory: world.store, conditions: 'good'})
    const upload = engine.createUploader().createUpload(sink.url('/v/1'), world.path('file.bin'))
    const completed = firstValueFrom(
      engine.events$.pipe(filter((event) => event.type === 'operation.moved' && event.state === 'completed')),
    )
    // Whoever waited for it is gone before it ends.
    const waiting = new AbortController()
    const running = upload.startAsync({signal: waiting.signal})
    running.catch(() => undefined)
    await running.accepted
    waiting.abort()
    await completed
    await engine.close()
  }

  it('only tells a success that a killed command could not tell; once told, it is sent anew', async () => {
    await inWorld(async (world) => {
      await sendUntold(world)
      const args = ['put', 'file.bin', sink.url('/v/1'), '--method', 'POST', '--json']
      const {code, stdout} = await world.bgt(args)
      expect(code).toBe(0)
      expect(jsonLines(stdout)).toMatchObject([{event: 'completed', bytesSent: CONTENT.length}])
      expect(sink.arrivals).toHaveLength(1)
      expect((await world.bgt(args)).code).toBe(0)
      expect(sink.arrivals).toHaveLength(2)
    })
  })

  it('tells no success of another file that has taken the place of the one that was sent, however old it is', async () => {
    await inWorld(async (world) => {
      const other = contentOf(8, CONTENT.length)
      await writeFile(world.path('other.bin'), other)
      await utimes(world.path('other.bin'), 1000, 1000)
      await sendUntold(world)
      await rename(world.path('other.bin'), world.path('file.bin'))
      expect((await world.bgt(['put', 'file.bin', sink.url('/v/1'), '--method', 'POST', '--quiet'])).code).toBe(0)
      expect(sink.arrivals.map(({digest}) => digest)).toEqual([DIGEST, sha256(other)])
    })
  })

  it('U18. a file that changed since it was sent is not gone on with', async () => {
    await inWorld(async (world) => {
      sink.script = SILENT
      const run = world.start(['put', 'file.bin', sink.url('/v/1'), '--json'])
      await run.shows('"started"')
      await sink.arrival(1)
      run.kill('SIGKILL')
      await run.ended
      await writeFile(world.path('file.bin'), 'something else')
      sink.script = () => undefined
      const again = await world.bgt(['put', 'file.bin', sink.url('/v/1')])
      expect(again.code).toBe(6)
      expect(again.lines.at(-1)).toMatch(ERROR_LINE)
      expect(again.lines.join('\n')).toMatch(/file\.bin/)
      expect(sink.arrivals).toHaveLength(1)
      // That one is over: the next call is about the file as it is now.
      expect((await world.bgt(['put', 'file.bin', sink.url('/v/1'), '--quiet'])).code).toBe(0)
      expect(sink.arrivals.at(-1)?.body.toString()).toBe('something else')
    })
  })

  it.each([
    ['404', 404, 4],
    ['403', 403, 6],
    ['503', 503, 5],
  ])('ends with the code of %s', async (_, status, code) => {
    await inWorld(async (world) => {
      sink.script = answering(status)
      const args = ['put', 'file.bin', sink.url('/v/1'), '--retries', '0', '--quiet']
      const {lines, code: ended} = await world.bgt(args)
      expect(ended).toBe(code)
      expect(lines).toEqual([expect.stringMatching(ERROR_LINE)])
    })
  })
})

describe('bgt put refuses', () => {
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['nothing to send', ['put', 'http://127.0.0.1/x'], 2, /there is nothing to send/],
    ['what is no URL', ['put', 'file.bin', 'nowhere'], 2, /this is not a URL/],
    ['another scheme', ['put', 'file.bin', 'ftp://127.0.0.1/x'], 2, /the scheme ftp is not supported/],
    ['a missing file', ['put', 'none.bin', 'http://127.0.0.1/x'], 8, /the file to send does not exist \(none\.bin\)/],
    ['a directory', ['put', 'dir', 'http://127.0.0.1/x'], 2, /this is no file \(dir\)/],
    ['a field that is none', ['put', 'http://127.0.0.1/x', '--form', 'title'], 2, /'title' is no field \(--form\)/],
    ['a missing file of a form', ['put', 'http://127.0.0.1/x', '--form', 'a=@none'], 8, /does not exist \(none\)/],
    ['stdin in a form', ['put', '-', 'http://127.0.0.1/x', '--form', 'a=b'], 2, /a form has no place for stdin/],
    ['a method that is none', ['put', 'file.bin', 'http://127.0.0.1/x', '--method', 'A B'], 2, /is no method/],
    ['a group without a name', ['put', 'file.bin', 'http://127.0.0.1/x', '--serialized'], 2, /no group to serialize/],
  ]

  it('a directory in place of stdin, of which nothing comes', async () => {
    await inWorld(async (world) => {
      const directory = await open(world.directory)
      try {
        const {code, lines} = await world.bgt(['put', '-', sink.url('/s')], {stdinFrom: directory.fd})
        expect([code, lines]).toEqual([2, [expect.stringMatching(/^bgt: this is a directory \(stdin\): /)]])
        expect(sink.arrivals).toEqual([])
      } finally {
        await directory.close()
      }
    })
  })

  it.skipIf(process.platform === 'win32')('a closed stdin, of which nothing comes, but not /dev/null', async () => {
    await inWorld(async (world) => {
      const put = (redirected: string) =>
        world.bgt(['-c', `exec "$@" ${redirected}`, '-', process.execPath, cli.script, 'put', '-', sink.url('/s')], {
          program: '/bin/sh',
        })
      const refusal = /^bgt: standard input is closed, or \/dev\/null for writing, too \(stdin\): /
      for (const nothing of ['<&-', '<>/dev/null']) {
        const {code, lines} = await put(nothing)
        expect([code, lines]).toEqual([2, [expect.stringMatching(refusal)]])
        expect(sink.arrivals).toEqual([])
      }
      expect((await put('</dev/null')).code).toBe(0)
      expect(sink.arrivals.map(({received}) => received)).toEqual([0])
    })
  })

  it('a stdin that cannot be read, in a line that says so', async () => {
    await inWorld(async (world) => {
      const unreadable = await open(world.path('unreadable'), 'w')
      try {
        const {code, lines} = await world.bgt(['put', '-', sink.url('/s')], {stdinFrom: unreadable.fd})
        const says = /^bgt: standard input cannot be read: EBADF\b.* \(stdin\): /
        expect([code, lines]).toEqual([8, [expect.stringMatching(says)]])
        expect(sink.arrivals).toEqual([])
        expect(await readdir(world.path('store/spool'))).toEqual([])
      } finally {
        await unreadable.close()
      }
    })
  })

  it.each(cases)('%s, and starts nothing', async (_, args, code, says) => {
    await inWorld(async (world) => {
      await mkdir(world.path('dir'))
      const refused = await world.bgt(args)
      expect(refused.lines).toEqual([expect.stringMatching(ERROR_LINE)])
      expect(refused.lines[0]).toMatch(says)
      expect(refused.code).toBe(code)
      await rm(world.path('dir'), {recursive: true})
      expect(await readdir(world.directory)).toEqual(['file.bin'])
    })
  })
})
