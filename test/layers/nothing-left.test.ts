/** That a file which leaves something in a shared process fails: see test/support/nothing-left.ts. */

import {execFile} from 'node:child_process'
import {join} from 'node:path'
import {expect, it} from 'vitest'
import {ROOT} from './module-graph.ts'

interface Report {
  readonly testResults: readonly {readonly name: string; readonly status: string; readonly message: string}[]
}

it('a file fails that leaves a server, a listener or a timer behind', async () => {
  const args = ['run', '--config', 'test/layers/leaving/vitest.config.ts', '--reporter', 'json']
  const program = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  // It fails, as it should.
  const said = await new Promise<string>((resolve) =>
    execFile(process.execPath, [program, ...args], {cwd: ROOT}, (_, stdout) => resolve(stdout)),
  )
  const {testResults}: Report = JSON.parse(said)
  const outcomes = testResults.map(({name, status, message}) => [name.split('/').at(-1), status, message !== ''])
  expect(outcomes.sort()).toEqual([
    ['listener.leaves.ts', 'failed', true],
    ['server.leaves.ts', 'failed', true],
    ['timer.leaves.ts', 'failed', true],
  ])
}, 60_000)
