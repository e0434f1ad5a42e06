/**
 * What would be lost, and not be noticed, where files of tests share a process and each module is loaded once there
 * (docs/decisions/0046-files-of-tests-share-processes.md): whoever loads a module second has none of the tests or hooks that it
 * registers as it is loaded.
 */

import {readdirSync, readFileSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {expect, it} from 'vitest'

const TESTS = fileURLToPath(new URL('..', import.meta.url))
const sources = readdirSync(TESTS, {recursive: true, encoding: 'utf8'})
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({name, text: readFileSync(`${TESTS}/${name}`, 'utf8')}))

it('no file that shares a process imports the tests of another', () => {
  const importing = sources.filter(
    ({name, text}) =>
      !name.endsWith('.alone.test.ts') && /(from |import |import\()['"`][^'"`\n]+\.test\.ts['"`]/.test(text),
  )
  expect(importing.map(({name}) => name)).toEqual([])
})

it('no module that files share registers hooks or tests as it is loaded', () => {
  const registering = sources.filter(
    ({name, text}) =>
      !/\.(test|leaves)\.ts$/.test(name) && /^(before|after|describe|it|test|vi|onTest)\w*[.(]/m.test(text),
  )
  // The setup file of those processes is loaded again for each file.
  expect(registering.map(({name}) => name)).toEqual(['support/nothing-left.ts'])
})
