/**
 * kill -9 around the end of a completion group's last member: whenever the process dies, the task is through once it is through,
 * what it does once for its instanceId is done once, and nothing is owed afterwards. `npm run crash:completion` kills 200 times.
 */

import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {startChild} from '../support/child-program.ts'
import {contentOf} from '../support/content.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {bundledProgram} from '../support/shared-build.ts'
import type {CompletionLine, CompletionPlan} from './completion-worker.ts'

const KILLS = Number(process.env.COMPLETION_KILLS ?? 6)
const FIRST_SEED = Number(process.env.COMPLETION_SEED ?? 1)
const MEMBERS = 3

/** After which line, the how manieth of its kind, a kill falls; most of them about the last end. */
const MOMENTS = [
  ['enabled', 1],
  ['ended', MEMBERS - 1],
  ['ended', MEMBERS],
  ['ended', MEMBERS],
  ['launched', 1],
  ['launched', 1],
  ['completed', 1],
] as const

let program: string
let server: FaultyServer

beforeAll(async () => {
  program = await bundledProgram(new URL('./completion-worker.ts', import.meta.url))
  server = await startFaultyServer()
  for (let n = 0; n < MEMBERS; n += 1) server.route(`/${n}`, {content: contentOf(n, 1000), etag: `"${n}"`})
})

afterAll(() => server.close())

/** Notes each launch; what it does, it does once for its instanceId. */
const TASK = `
  import {appendFileSync, writeFileSync} from 'node:fs'
  export async function run(task) {
    appendFileSync(new URL('./launches', import.meta.url), task.instanceId + '\\n')
    const ends = task.triggerDetails.downloads.map(({progress}) => progress.status)
    try {
      writeFileSync(new URL('./effect-' + task.instanceId, import.meta.url), JSON.stringify(ends), {flag: 'wx'})
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
  }
`

async function runUntil(plan: CompletionPlan, kill: (lines: readonly CompletionLine[]) => number | undefined) {
  const child = startChild(program, [JSON.stringify(plan)])
  const lines: CompletionLine[] = []
  let isAimed = false
  for await (const text of child.lines) {
    lines.push(JSON.parse(text))
    const afterMs = isAimed ? undefined : kill(lines)
    if (afterMs === undefined) continue
    isAimed = true
    if (afterMs === 0) child.process.kill('SIGKILL')
    else setTimeout(() => child.process.kill('SIGKILL'), afterMs)
  }
  await child.kill()
  return lines
}

describe(`17.K a completion group and ${KILLS} kills`, () => {
  it.each(Array.from({length: KILLS}, (_, at) => FIRST_SEED + at))(
    '232, 241. fires once, whenever its process is killed (O15, invariant 10; seed %d)',
    {timeout: 300_000},
    async (seed) => {
      const random = new SeededRandom(seed)
      const directory = await mkdtemp(join(tmpdir(), 'completion-crash-'))
      try {
        const module = join(directory, 'task.mjs')
        await writeFile(module, TASK)
        const plan: CompletionPlan = {
          store: join(directory, 'store'),
          urls: Array.from({length: MEMBERS}, (_, n) => server.url(`/${n}`)),
          files: Array.from({length: MEMBERS}, (_, n) => join(directory, String(n))),
          module,
          marker: join(directory, 'enabled'),
        }
        const [type, count] = MOMENTS[Math.floor(random.next() * MOMENTS.length)] ?? MOMENTS[2]
        const afterMs = Math.floor(random.next() * 4) * Math.floor(random.next() * 12)
        await runUntil(plan, (lines) =>
          // Without `enable` nothing is promised: a kill before it is no kill of this test.
          lines.some((line) => line.type === 'enabled') && lines.filter((line) => line.type === type).length >= count
            ? afterMs
            : undefined,
        )
        const last = await runUntil(plan, () => undefined)
        expect(last.at(-1), JSON.stringify({type, count, afterMs, last})).toEqual({type: 'finished', state: 'done'})

        const id = await readFile(plan.marker, 'utf8')
        const effects = (await readdir(directory)).filter((name) => name.startsWith('effect-'))
        expect(effects).toEqual([`effect-${id}`])
        expect(JSON.parse(await readFile(join(directory, `effect-${id}`), 'utf8'))).toEqual(Array(MEMBERS).fill(5))
        const launches = (await readFile(join(directory, 'launches'), 'utf8')).trimEnd().split('\n')
        expect(new Set(launches)).toEqual(new Set([id]))
        // One for the session that was killed in it, and one that got through.
        expect(launches.length).toBeLessThanOrEqual(2)
      } finally {
        await rm(directory, {recursive: true, force: true})
      }
    },
  )
})
