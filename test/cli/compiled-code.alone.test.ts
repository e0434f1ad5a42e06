/** Where V8's compiled code is kept: two first runs at once are both to keep theirs. */

import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {expect, it, onTestFinished, vi} from 'vitest'
import {CompiledCode} from '../../src/cli/compiled-code.ts'

/** Another run makes it, and what it lies in, as soon as this one has looked for it. */
const late = new Set<string>()

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const existsSync = (path: string) => {
    if (!late.delete(path)) return fs.existsSync(path)
    fs.mkdirSync(path, {recursive: true})
    return false
  }
  return {...fs, existsSync}
})

it('may be made by another run at the same time', () => {
  const base = mkdtempSync(join(tmpdir(), 'compiled-'))
  onTestFinished(() => rmSync(base, {recursive: true}))
  vi.stubEnv('XDG_CACHE_HOME', join(base, 'cache'))
  vi.stubEnv('NODE_DISABLE_COMPILE_CACHE', '')
  late.add(join(base, 'cache', 'background-transfer'))
  const made = CompiledCode.of('key')
  expect(late).toEqual(new Set())
  expect(made).toBeDefined()
})
