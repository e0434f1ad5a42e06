/**
 * The TypeScript in README and guides compiles against the installed package, as a reader's would, and the two examples that
 * promise most are run against a real server.
 */

import {type ChildProcess, execFile, spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {mkdir, readdir, readFile} from 'node:fs/promises'
import {join, posix} from 'node:path'
import {promisify} from 'node:util'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {ROOT, sourceOf} from '../layers/module-graph.ts'
import {contentOf, sha256} from '../support/content.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'
import {SinkServer} from '../support/sink-server.ts'
import {unusedPort} from '../support/unused-port.ts'
import {createProject, type Project} from './installed-package.ts'

interface Example {
  /** File name of the program, which says where the block stands. */
  readonly name: string
  readonly code: string
}

async function findExamples(): Promise<readonly Example[]> {
  const guides = await readdir(join(ROOT, 'docs', 'guides'))
  const pages = ['README.md', ...guides.filter((name) => name.endsWith('.md')).map((name) => `docs/guides/${name}`)]
  return pages.flatMap((page) =>
    [...sourceOf(page).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ''], index) => ({
      name: `${page.replaceAll('/', '-').replace('.md', '')}-${index + 1}.ts`,
      code,
    })),
  )
}

describe('the examples in the documents', {timeout: 60_000}, () => {
  let project: Project
  let server: FaultyServer
  let examples: readonly Example[]
  let complaints: readonly string[]

  beforeAll(async () => {
    ;[project, server, examples] = await Promise.all([createProject(), startFaultyServer(), findExamples()])
    // The examples name a server that cannot be asked.
    const programs = examples.map(({name, code}) => [name, code.replaceAll('https://example.com', server.origin)])
    complaints = await project.compile(Object.fromEntries(programs))
  })

  afterAll(async () => {
    await server?.close()
    await project?.dispose()
  })

  /** Starts a compiled example in a working directory of its own. */
  async function start(
    name: string,
    place: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<{readonly child: ChildProcess; readonly cwd: string}> {
    const cwd = join(project.directory, place)
    await mkdir(cwd, {recursive: true})
    const child = spawn(process.execPath, [project.compiled(name)], {
      cwd,
      env: {...process.env, ...env},
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout?.resume()
    return {child, cwd}
  }

  it('are there, and compile as they stand', () => {
    expect(examples.length).toBeGreaterThan(7)
    expect(complaints).toEqual([])
  })

  it('README: killed with SIGKILL and run again, the program goes on where it was', async () => {
    const size = 16 * 1024 * 1024
    const content = {seed: 7, size}
    const slow = {content, etag: '"7"', pieceDelayMs: 10}
    server.route('/big.iso', slow)
    const first = await start('README-1.ts', 'readme')
    const exited = once(first.child, 'exit')
    // The first checkpoint comes after 4 MiB or a second.
    while ((server.requests[0]?.bytesSent ?? 0) < 12 * 1024 * 1024)
      await new Promise((resolve) => setImmediate(resolve))
    first.child.kill('SIGKILL')
    await exited

    server.route('/big.iso', {content, etag: '"7"'})
    const second = await start('README-1.ts', 'readme')
    const [code] = await once(second.child, 'exit')

    expect(code).toBe(0)
    expect(server.requests.at(-1)?.headers.range).toMatch(/^bytes=[1-9]\d*-$/)
    expect(sha256(await readFile(join(second.cwd, 'big.iso')))).toBe(sha256(contentOf(7, size)))
    expect((await readdir(second.cwd)).toSorted()).toEqual(['big.iso', 'transfers'])
  })

  it('embed guide: what an earlier session left is found, and waited for', async () => {
    server.route('/big.iso', {content: {seed: 10, size: 1024 * 1024}, etag: '"10"', pieceDelayMs: 1000})
    const first = await start('README-1.ts', 'found')
    const exited = once(first.child, 'exit')
    const before = server.requests.length
    await expect.poll(() => server.requests.length).toBeGreaterThan(before)
    first.child.kill('SIGKILL')
    await exited

    server.route('/big.iso', {content: {seed: 10, size: 1024 * 1024}, etag: '"10"', pieceDelayMs: 20})
    const {child, cwd} = await start('docs-guides-embed-4.ts', 'found')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    expect(sha256(await readFile(join(cwd, 'big.iso')))).toBe(sha256(contentOf(10, 1024 * 1024)))
  })

  it('embed guide: a download that is followed, with a header, a name of its own and a digest', async () => {
    server.route('/e1.mp4', {content: Buffer.from('test')})
    const {child, cwd} = await start('docs-guides-embed-2.ts', 'embed', {TOKEN: 'secret'})
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    expect(await readFile(join(cwd, 'e1.mp4'), 'utf8')).toBe('test')
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer secret')
  })

  it('resume guide: a 401 pauses, new credentials let it go on', async () => {
    const page = 'docs-guides-resume-3.ts'
    const content = {seed: 8, size: 100_000}
    server.route('/private.zip', ({headers}) =>
      headers.authorization === 'Bearer renewed' ? {content} : {status: 401, content: Buffer.from('no')},
    )
    const {child, cwd} = await start(page, 'private')
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    expect(sha256(await readFile(join(cwd, 'private.zip')))).toBe(sha256(contentOf(8, 100_000)))
  })

  it.each([
    ['1: a download with progress', 1, ['sample.bin']],
    ['3: a group', 4, ['1.flac', '2.flac', '3.flac']],
    ['5: ranges', 5, ['film.mp4']],
    ['6: an address that ran out', 6, ['file.zip']],
    ['7: another order', 7, ['a', 'b', 'c']],
  ])('samples guide, scenario %s', async (_, number, files) => {
    const content = {seed: 9, size: 200_000}
    for (const file of files) server.route(`/${file}`, {content, etag: '"9"'})
    server.route('/file.zip', ({path}) =>
      path.endsWith('sig=new') ? {content} : {status: 403, content: Buffer.from('no')},
    )
    const {child, cwd} = await start(`docs-guides-samples-${number}.ts`, `samples-${number}`)
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    for (const file of files) {
      expect(sha256(await readFile(join(cwd, file)))).toBe(sha256(contentOf(9, 200_000)))
    }
  })

  it('samples guide, scenario 2: an upload, and a form', async () => {
    const sink = await SinkServer.start()
    try {
      server.route('/upload', {status: 307, headers: [['Location', sink.url('/upload')]]})
      server.route('/form', {status: 307, headers: [['Location', sink.url('/form')]]})
      const {child} = await start('docs-guides-samples-3.ts', 'samples-3')
      const [code] = await once(child, 'exit')
      expect(code).toBe(0)
      const [file, form] = sink.arrivals
      expect(file).toMatchObject({method: 'POST', path: '/upload', headers: {filename: 'beach.jpg'}})
      expect(file?.body.toString()).toBe('a picture')
      expect(form?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
      expect(form?.body.toString()).toMatch(
        /name="File0"; filename="beach.jpg"[\s\S]*a picture[\s\S]*name="File1"[\s\S]*and words/,
      )
    } finally {
      await sink.close()
    }
  })

  it('kubernetes guide: SIGTERM ends the service in order', async () => {
    const port = await unusedPort()
    const {child} = await start('docs-guides-kubernetes-1.ts', 'service', {DIRECTORY: './transfers', PORT: `${port}`})
    const answer = async () => {
      try {
        return (await fetch(`http://127.0.0.1:${port}/ready`)).status
      } catch {
        return 0
      }
    }
    while ((await answer()) !== 200) await new Promise((resolve) => setImmediate(resolve))
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  })
})

function linksOf(pages: readonly string[]): readonly {readonly page: string; readonly target: string}[] {
  return pages.flatMap((page) =>
    [...sourceOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, target = '']) => ({page, target})),
  )
}

describe('the links in the documents', () => {
  it('lead to files that are there', async () => {
    const pages = (await readdir(join(ROOT, 'docs'), {recursive: true}))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    const links = linksOf(['README.md', ...pages])
    expect(links.length).toBeGreaterThan(20)
    const lost = links.filter(({page, target}) => !existsSync(join(ROOT, page, '..', target)))
    expect(lost).toEqual([])
  })

  it('lead to files of the package, from what is read first', async () => {
    const packing = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline']
    const {stdout} = await promisify(execFile)('npm', packing, {cwd: ROOT, maxBuffer: 2 ** 24})
    const [{files}]: [{files: readonly {path: string}[]}] = JSON.parse(stdout)
    const packed = new Set(files.map(({path}) => path))
    const guides = [...packed].filter((path) => /^docs\/(guides\/)?[^/]+\.md$/.test(path))
    expect(guides).toContain('docs/guides/embed.md')
    const lost = linksOf(['README.md', ...guides])
      // Pictures would make the package half as large again.
      .filter(({target}) => !target.endsWith('.png'))
      .map(({page, target}) => posix.join(posix.dirname(page), target))
      .filter((path) => ![...packed].some((each) => each === path || each.startsWith(`${path}/`)))
    expect(lost).toEqual([])
  })
})
