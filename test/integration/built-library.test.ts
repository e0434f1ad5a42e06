/** The library as it is published: few files, nothing loaded before it is needed, and one class wherever it is named. */

import {execFile} from 'node:child_process'
import {copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUNDLER = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js')
const run = promisify(execFile)

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'library-'))
  const out = join(directory, 'dist', 'src', 'library', 'modules')
  const bundling = ['build', '--logLevel', 'warn', '-c', 'vite.library.config.ts', '--outDir', out]
  await run(process.execPath, [BUNDLER, ...bundling], {cwd: ROOT})
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  await copyFile(join(ROOT, 'package.json'), join(directory, 'package.json'))
})

afterAll(() => rm(directory, {recursive: true, force: true}))

/** What a program prints that lies in the package, and may name it as others do. */
async function printedBy(name: string, program: string): Promise<string> {
  const file = join(directory, `${name}.mjs`)
  await writeFile(file, program)
  const {stdout} = await run(process.execPath, [file], {cwd: directory})
  return stdout
}

/** A program that prints the addresses of what is loaded by `body`. */
const loadedBy = (body: string) => `
  import {Session} from 'node:inspector'
  const session = new Session()
  session.connect()
  const urls = new Set()
  session.on('Debugger.scriptParsed', ({params}) => urls.add(params.url))
  session.post('Debugger.enable')
  ${body}
  console.log([...urls].join('\\n'))
`

describe('the library as it is built', () => {
  it('is few files, and loads of its packages what it needs', async () => {
    const text = await printedBy('loading', loadedBy(`await import('background-transfer')`))
    const loaded = text.split('\n').filter((url) => !url.startsWith('node:'))
    expect(loaded.filter((url) => url.includes('/dist/src/')).length).toBeLessThan(12)
    expect(loaded.filter((url) => url.includes('/node_modules/rxjs/')).length).toBeLessThan(70)
    expect(loaded.length).toBeLessThan(140)
    for (const name of [
      'zod',
      'socks',
      'basic-ftp',
      'tough-cookie',
      'dbus-native',
      'undici',
      'rxjs/dist/cjs/index.js',
    ]) {
      expect(
        loaded.filter((url) => url.includes(`/node_modules/${name}`)),
        name,
      ).toEqual([])
    }
  })

  it('shows of itself one line of source, and no whole file, above an error that nobody catches', async () => {
    const program = `
      import {BackgroundTransferEngine} from 'background-transfer'
      await BackgroundTransferEngine.open({directory: 'uncaught-store', retries: -1})
    `
    const {stderr} = await printedBy('uncaught', program).then(
      () => ({stderr: ''}),
      (failure: {readonly stderr: string}) => failure,
    )
    expect(stderr).toContain('TransferError: retries must be between 0 and 1000000, not -1')
    expect(Math.max(...stderr.split('\n').map((line) => line.length))).toBeLessThan(300)
  })

  it('has the classes of rxjs, and one class of its own for each name', async () => {
    const text = await printedBy(
      'classes',
      `
      import {Observable} from 'rxjs'
      import * as library from 'background-transfer'
      import {startInspector} from 'background-transfer/inspect'
      const engine = await library.BackgroundTransferEngine.open({directory: 'classes-store', conditions: 'good'})
      const inspector = await startInspector(engine)
      await inspector.close()
      const refused = await engine.getOperationAsync('no').catch((error) => error)
      console.log(JSON.stringify([
        engine.events$ instanceof Observable,
        refused instanceof library.TransferError,
        library.BackgroundTransferEngine.default === engine,
        Object.keys(library).length > 25,
      ]))
      await engine.close()
    `,
    )
    expect(JSON.parse(text)).toEqual([true, true, true, true])
  })

  it('runs a background task, which knows the same classes', async () => {
    await mkdir(join(directory, 'task'), {recursive: true})
    await writeFile(
      join(directory, 'task', 'task.mjs'),
      `
      import {writeFile} from 'node:fs/promises'
      import {BackgroundTransferCompletionGroupTriggerDetails, TransferError} from 'background-transfer'
      export async function run({triggerDetails}) {
        const [{error}] = triggerDetails.downloads
        const isKnown = triggerDetails instanceof BackgroundTransferCompletionGroupTriggerDetails
        await writeFile(${JSON.stringify(join(directory, 'task', 'out'))}, JSON.stringify([isKnown, error instanceof TransferError]))
      }
    `,
    )
    const text = await printedBy(
      'tasks',
      `
      import {readFile} from 'node:fs/promises'
      import {BackgroundTransferEngine} from 'background-transfer'
      const engine = await BackgroundTransferEngine.open({directory: 'task-store', conditions: 'good'})
      const group = engine.createCompletionGroup()
      await engine.registerBackgroundTask({name: 'told', taskEntryPoint: './task/task.mjs', trigger: group.trigger})
      const downloader = engine.createDownloader({completionGroup: group})
      // Nobody listens there.
      const download = downloader.createDownload('http://127.0.0.1:1/x', 'x', {retries: 0})
      download.startAsync().catch(() => {})
      const done = new Promise((resolve) => engine.events$.subscribe((event) => {
        if (event.type === 'task.completed') resolve(event)
      }))
      await group.enable()
      await done
      console.log(await readFile('task/out', 'utf8'))
      await engine.close()
    `,
    )
    expect(JSON.parse(text)).toEqual([true, true])
  })
})

describe('the library in the bundle of somebody else', () => {
  /** Runs a program of which a bundle was made, with the library and without its packages, where nothing of the library is. */
  async function bundled(program: string): Promise<string> {
    const place = await mkdtemp(join(tmpdir(), 'bundled-'))
    try {
      await symlink(join(ROOT, 'node_modules'), join(place, 'node_modules'))
      await writeFile(join(place, 'app.mjs'), program)
      const config = {
        build: {ssr: 'app.mjs', outDir: 'out', rollupOptions: {output: {entryFileNames: 'app.mjs'}}},
        resolve: {alias: {'background-transfer': join(directory, 'dist', 'src', 'index.js')}},
      }
      await writeFile(join(place, 'vite.config.mjs'), `export default ${JSON.stringify(config)}`)
      await run(process.execPath, [BUNDLER, 'build', '--logLevel', 'warn'], {cwd: place})
      const {stdout} = await run(process.execPath, [join('out', 'app.mjs')], {cwd: place})
      return stdout
    } finally {
      await rm(place, {recursive: true, force: true})
    }
  }

  it('downloads, and says what it cannot do without the files that lie beside it', {timeout: 120_000}, async () => {
    const text = await bundled(`
      import {createServer} from 'node:http'
      import {readFile, writeFile} from 'node:fs/promises'
      import {once} from 'node:events'
      import {BackgroundTransferEngine} from 'background-transfer'
      const server = createServer((request, response) => response.end('bytes')).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const engine = await BackgroundTransferEngine.open({directory: 'store', conditions: 'good', notifier: 'events'})
      await engine.createDownloader().createDownload(\`http://127.0.0.1:\${server.address().port}/\`, 'file').startAsync()
      server.close()
      const refused = (error) => [error.code, error.toLine()]
      await writeFile('task.mjs', 'export const run = () => {}')
      const task = {name: '', taskEntryPoint: 'task.mjs', trigger: engine.createCompletionGroup().trigger}
      const inspector = await engine.inspect()
      const outcomes = [
        await readFile('file', 'utf8'),
        await engine.registerBackgroundTask(task).then(() => 'accepted', refused),
        await BackgroundTransferEngine.open({directory: 'other', shared: 'host', noHost: 'start'}).then(() => 'opened', refused),
        await (await fetch(inspector.url)).text(),
      ]
      await inspector.close()
      await engine.close()
      console.log(JSON.stringify(outcomes))
    `)
    const advice = expect.stringContaining('leave background-transfer out of the bundle')
    expect(JSON.parse(text)).toEqual(['bytes', ['TASK_FAILED', advice], ['HOST_UNREACHABLE', advice], advice])
  })

  // esbuild, which trusts that word, left out the start of index.js, which its own parts name again: every class was undefined.
  it('is not said to be without effects', async () => {
    const text = await readFile(join(ROOT, 'package.json'), 'utf8')
    expect(Object.keys(JSON.parse(text))).not.toContain('sideEffects')
  })
})
