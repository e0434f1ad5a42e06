/** Nobody pays for an inspector that was not asked for. */

import {execFile} from 'node:child_process'
import {writeFile} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {promisify} from 'node:util'
import {beforeAll, expect, it} from 'vitest'
import {compiledProgram} from '../support/shared-build.ts'

let program: string

beforeAll(async () => {
  program = await compiledProgram(new URL('../../src/index.ts', import.meta.url))
})

it('loads nothing of it with the package or with an open engine, and all of it when asked', async () => {
  const hooks = join(dirname(program), 'hooks.mjs')
  const main = join(dirname(program), 'main.mjs')
  await writeFile(
    hooks,
    `import {writeSync} from 'node:fs'
     export async function load(url, context, next) {
       if (url.includes('/inspector/')) writeSync(1, 'loaded ' + url + '\\n')
       return next(url, context)
     }`,
  )
  await writeFile(
    main,
    `import {register} from 'node:module'
     import {writeSync} from 'node:fs'
     import {mkdtempSync, rmSync} from 'node:fs'
     import {tmpdir} from 'node:os'
     import {join} from 'node:path'
     register(${JSON.stringify(pathToFileURL(hooks).href)})
     const {BackgroundTransferEngine} = await import(${JSON.stringify(pathToFileURL(program).href)})
     const directory = mkdtempSync(join(tmpdir(), 'lazy-'))
     const engine = await BackgroundTransferEngine.open({directory, durability: 'process'})
     writeSync(1, 'open\\n')
     await engine.inspect()
     writeSync(1, 'inspected\\n')
     await engine.close()
     rmSync(directory, {recursive: true})`,
  )
  const {stdout} = await promisify(execFile)(process.execPath, [main])
  const lines = stdout.trim().split('\n')
  expect(lines[0]).toBe('open')
  // It ends by itself, too: the inspector's timers and sockets went with the engine.
  expect(lines.at(-1)).toBe('inspected')
  expect(lines.filter((line) => line.startsWith('loaded')).some((line) => line.endsWith('/inspector.js'))).toBe(true)
})
