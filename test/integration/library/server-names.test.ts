/** A file's name as the server gives it (RFC 6266, RFC 8187): made safe, in the directory that the application names. */

import {mkdir, readFile, symlink, writeFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import type {CollisionPolicy} from '../../../src/index.ts'
import {contentOf, sha256} from '../../support/content.ts'
import type {Script} from '../../support/faulty-script.ts'
import {
  digestOf,
  failure,
  makeWorld,
  namesIn,
  openEngine,
  rangesAsked,
  receives,
  requestsFor,
  type World,
} from '../harness.ts'

const SIZE = 300_000
const BYTES = contentOf(4, SIZE)

function serve({server}: World, disposition: string | undefined, path = '/get'): void {
  const headers = disposition === undefined ? [] : [['Content-Disposition', disposition] as const]
  server.route(path, {content: BYTES, etag: '"v1"', headers})
}

function into({engine, server, directory}: World, collision: CollisionPolicy = 'failIfExists', path = '/get') {
  return engine.createDownloader().createDownload(server.url(path), `${directory}/files/`, {collision})
}

async function withFiles(options: Parameters<typeof makeWorld>[0] = {}): Promise<World> {
  const world = await makeWorld(options)
  await mkdir(world.file('files'))
  return world
}

describe('story 27: a server’s file name', () => {
  it.each([
    ['a plain name', 'attachment; filename="report.pdf"', 'report.pdf'],
    [
      'an extended name before the plain one',
      'attachment; filename="x.pdf"; filename*=UTF-8\'\'%e2%82%ac.pdf',
      '€.pdf',
    ],
    ['no disposition', undefined, 'get'],
    ['an empty name', 'attachment; filename=""', 'get'],
    ['..', 'attachment; filename=".."', 'get'],
    ['a path upwards', 'attachment; filename="../../evil.bin"', 'evil.bin'],
    ['an absolute path', 'attachment; filename="/etc/passwd"', 'passwd'],
    ['a path of Windows', 'attachment; filename="C:\\\\Windows\\\\x.exe"', 'x.exe'],
    ['an encoded path', "attachment; filename*=UTF-8''..%2F..%2Fevil.bin", 'evil.bin'],
    ['a NUL', "attachment; filename*=UTF-8''a%00b.txt", 'ab.txt'],
    ['a reserved name', 'attachment; filename="CON.txt"', '_CON.txt'],
    ['a hidden name', 'attachment; filename=".bashrc"', 'bashrc'],
    ['a trailing dot', 'attachment; filename="a.txt. "', 'a.txt'],
    ['300 bytes', `attachment; filename="${'x'.repeat(296)}.bin"`, `${'x'.repeat(196)}.bin`],
  ])('with %s', async (_, disposition, name) => {
    const world = await withFiles()
    serve(world, disposition)
    const operation = into(world)
    await operation.startAsync()
    expect(operation.resultFile).toBe(world.file(`files/${name}`))
    expect(await namesIn(world.file('files'))).toEqual([name])
    expect(await world.names()).toEqual(['files'])
    expect(await digestOf(operation.resultFile)).toBe(sha256(BYTES))
  })

  it('is not followed where it is a symbolic link that leads away', async () => {
    const world = await withFiles()
    await writeFile(world.file('precious'), 'mine')
    await symlink(world.file('precious'), world.file('files/report.pdf'))
    serve(world, 'attachment; filename="report.pdf"')
    expect((await failure(into(world).startAsync())).code).toBe('FILE_EXISTS')
    await into(world, 'replaceExisting', '/get').startAsync()
    expect(await readFile(world.file('precious'), 'utf8')).toBe('mine')
    expect(await digestOf(world.file('files/report.pdf'))).toBe(sha256(BYTES))
  })

  it('obeys the collision policy', async () => {
    const world = await withFiles()
    await writeFile(world.file('files/report.pdf'), 'old')
    serve(world, 'attachment; filename="report.pdf"')
    expect(await failure(into(world).startAsync())).toMatchObject({
      code: 'FILE_EXISTS',
      where: world.file('files/report.pdf'),
    })
    const operation = into(world, 'generateUniqueName')
    await operation.startAsync()
    expect(operation.resultFile).toBe(world.file('files/report (2).pdf'))
    expect(await readFile(world.file('files/report.pdf'), 'utf8')).toBe('old')
    // What failed for its name alone was whole: nothing was fetched again.
    expect(requestsFor(world.server, '/get').length).toBe(1)
  })

  it('is that of the first answer where the rest comes without one (RFC 9110, 15.3.7), in another download too', async () => {
    const world = await withFiles({retries: 0})
    const rest: Script = {content: BYTES, etag: '"v1"'}
    const first: Script = {
      ...rest,
      headers: [['Content-Disposition', 'attachment; filename="report.pdf"']],
      cutAfter: 100_000,
      cut: 'fin',
    }
    world.server.route('/get', [first, rest])
    await into(world).startAsync()
    world.server.route('/again', [first, {status: 500}, rest])
    expect((await failure(into(world, 'generateUniqueName', '/again').startAsync())).code).toBe('HTTP_STATUS')
    await into(world, 'generateUniqueName', '/again').startAsync()
    expect(rangesAsked(world.server, '/again').at(-1)).toBe('bytes=100000-|"v1"')
    expect(await namesIn(world.file('files'))).toEqual(['report (2).pdf', 'report.pdf'])
  })

  it.each([
    ['the name that it was redirected to', {}, '/cdn/report-1.2.pdf?X=1', 'report-1.2.pdf'],
    ['what was asked for, where the other address names nothing', {}, '/?id=7', 'get'],
    ['no path of it', {}, '/cdn/..%2f..%2fevil.sh', 'evil.sh'],
    [
      'its own words before',
      {headers: [['Content-Disposition', 'attachment; filename="said.bin"']]},
      '/cdn/x',
      'said.bin',
    ],
  ] as const)('across a redirect: %s (RFC 6266, 4.3)', async (_, more, location, name) => {
    const world = await withFiles()
    world.server.route('/get', {status: 302, location})
    world.server.route(location.replace(/\?.*/, ''), {content: BYTES, etag: '"v1"', ...more} as Script)
    await into(world).startAsync()
    expect(await namesIn(world.file('files'))).toEqual([name])
    expect(await world.names()).toEqual(['files'])
  })

  it('is that of its own address where a provider gave another one, which may be secret', async () => {
    const url = () => `${world.server.url('/signed-s3cret')}`
    const world: World = await withFiles({beforeAttempt: {signer: {url}}})
    serve(world, undefined, '/signed-s3cret')
    const downloader = world.engine.createDownloader()
    downloader.beforeAttempt = 'signer'
    await downloader.createDownload(world.server.url('/get'), `${world.directory}/files/`).startAsync()
    expect(await namesIn(world.file('files'))).toEqual(['get'])
  })

  it('is that of a later session too, and of the options', async () => {
    const world = await withFiles()
    world.server.route('/get', [
      {content: BYTES, etag: '"v1"', cutAfter: 100_000, cut: 'stall'},
      {content: BYTES, etag: '"v1"', headers: [['Content-Disposition', 'attachment; filename="late.bin"']]},
    ])
    const operation = world.engine
      .createDownloader()
      .createDownload(world.server.url('/get'), world.file('files/other.bin'), {nameFromServer: true})
    const running = operation.startAsync()
    running.catch(() => undefined)
    await receives(running, 100_000)
    await world.engine.close()
    const next = await openEngine(world.directory)
    const [found] = await next.getCurrentDownloadsAsync()
    await found?.attachAsync()
    expect(await namesIn(world.file('files'))).toEqual(['late.bin'])
  })
})
