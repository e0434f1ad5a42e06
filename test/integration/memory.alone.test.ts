/**
 * Story 31: memory does not grow with the file. A body of gigabytes meets a disk that is slower than the network, and the
 * process that moves it stays small.
 */

import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {join} from 'node:path'
import {expect, it} from 'vitest'
import {startChild} from '../support/child-program.ts'
import {contentSlice} from '../support/content.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {makeDirectory, onCleanup, startServer} from './harness.ts'

const GIB = 1024 ** 3
const MIB = 1024 ** 2
/** Seven times what may be used; BGT_MEMORY_GIB=4 for the long run. */
const SIZE = Number(process.env.BGT_MEMORY_GIB ?? 1) * GIB
const MOST_RSS = 150 * MIB
/** Before each write of 1 MiB, of which two are under way: less than loopback brings. */
const WRITE_DELAY_MS = 6

it(`story 31: ${SIZE / GIB} GiB behind a slow disk take little memory`, {timeout: 300_000}, async () => {
  const directory = await makeDirectory()
  const server = await startServer()
  server.route('/file', {content: {seed: 31, size: SIZE}, etag: '"31"', pieceBytes: MIB})
  const program = await compiledProgram(new URL('./memory-worker.ts', import.meta.url))
  const file = join(directory, 'file.bin')
  const child = startChild(program, [join(directory, '.store'), server.url('/file'), file, String(WRITE_DELAY_MS)])
  onCleanup(() => child.kill())
  const said: string[] = []
  for await (const line of child.lines) said.push(line)
  expect(said.length).toBe(1)
  const peak = Number(said[0])
  console.log(`peak RSS ${Math.round(peak / MIB)} MiB`)
  expect(peak).toBeGreaterThan(30 * MIB)
  expect(peak).toBeLessThanOrEqual(MOST_RSS)
  const expected = createHash('sha256')
  for (let at = 0; at < SIZE; at += 16 * MIB) expected.update(contentSlice(31, at, Math.min(SIZE, at + 16 * MIB)))
  const found = createHash('sha256')
  for await (const chunk of createReadStream(file, {highWaterMark: 4 * MIB})) found.update(chunk)
  expect(found.digest('hex')).toBe(expected.digest('hex'))
})
