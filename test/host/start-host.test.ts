/** What a host says that is started in the background, and whose words the reason is when it does not start. */

import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {expect, onTestFinished, test} from 'vitest'
import {startHost} from '../../src/adapters/control/start-host.ts'

/** A command that says the last of its arguments; unless that is a complaint, it takes clients then. */
const SCRIPT = `
const said = process.argv.at(-1)
process.stderr.write(said + '\\n')
if (!said.startsWith('no')) console.log('here')
`

async function makeStore(): Promise<{readonly log: string; start(said: string): Promise<void>}> {
  const directory = await mkdtemp(join(tmpdir(), 'start-host-'))
  onTestFinished(() => rm(directory, {recursive: true, force: true}))
  const script = join(directory, 'command.cjs')
  await writeFile(script, SCRIPT)
  return {log: join(directory, 'host.log'), start: (said) => startHost(script, directory, [said])}
}

test('a host that is started leaves in the log what one before it said, which may be running still', async () => {
  const {log, start} = await makeStore()
  await start('one')
  await start('two')
  expect(await readFile(log, 'utf8')).toBe('one\ntwo\n')
})

test('one that does not start is told of by its own words', async () => {
  const {start} = await makeStore()
  await start('one')
  await expect(start('no disk')).rejects.toMatchObject({
    code: 'HOST_UNREACHABLE',
    message: 'the host did not start: no disk',
  })
  await expect(start('no')).rejects.toThrow('the host did not start: no')
})

test('a log that has become long is begun anew', async () => {
  const {log, start} = await makeStore()
  await writeFile(log, 'x'.repeat(1024 * 1024 + 1))
  await start('one')
  expect(await readFile(log, 'utf8')).toBe('one\n')
})
