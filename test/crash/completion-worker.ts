/**
 * The program that is killed around the end of a completion group: starts its members the first time, opens the engine alone
 * each further time, and says on its standard output, a JSON object a line, what the library told it. When the task was through
 * it says where that stands in the store.
 */

import {existsSync, readFileSync, writeFileSync, writeSync} from 'node:fs'
import {filter, firstValueFrom} from 'rxjs'
import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import type {TallyId} from '../../src/domain/operation-id.ts'
import {BackgroundTransferEngine} from '../../src/index.ts'

export interface CompletionPlan {
  readonly store: string
  readonly urls: readonly string[]
  readonly files: readonly string[]
  readonly module: string
  /** Written once the group is enabled, durably. */
  readonly marker: string
}

export type CompletionLine =
  | {readonly type: 'enabled'}
  | {readonly type: 'ended'}
  | {readonly type: 'launched'}
  | {readonly type: 'completed'}
  /** Where the group's tally stands in the end. */
  | {readonly type: 'finished'; readonly state: string}

function say(line: CompletionLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const plan: CompletionPlan = JSON.parse(process.argv[2] ?? '')
const open = () =>
  BackgroundTransferEngine.open({
    directory: plan.store,
    durability: 'process',
    retryDelayMs: 5,
    backgroundTasks: {retryDelayMs: 5, maxRuns: 100},
  })

/** Where the group's tally stands; the store is nobody's meanwhile. */
async function tallyState(): Promise<string | undefined> {
  if (!existsSync(plan.marker)) return undefined
  const store = createLevelStore({directory: plan.store, durability: 'process'})
  await store.open()
  const tally = await store.tally(readFileSync(plan.marker, 'utf8') as TallyId)
  await store.close()
  return tally?.state
}

// It may have been through before the last kill: then this session owes nothing.
const isOwed = (await tallyState()) !== 'done'
const engine = await open()
engine.events$.subscribe((event) => {
  if (event.type === 'operation.moved' && event.state === 'completed') say({type: 'ended'})
  if (event.type === 'task.launched') say({type: 'launched'})
})
const completed = firstValueFrom(engine.events$.pipe(filter(({type}) => type === 'task.completed')))
completed.catch(() => undefined)
if (existsSync(plan.marker)) {
  say({type: 'enabled'})
} else {
  const group = engine.createCompletionGroup()
  await engine.registerBackgroundTask({name: 'count', taskEntryPoint: plan.module, trigger: group.trigger})
  const downloader = engine.createDownloader({completionGroup: group})
  const running = plan.urls.map((url, n) => downloader.createDownload(url, plan.files[n] ?? '').startAsync())
  for (const each of running) each.catch(() => undefined)
  await Promise.all(running.map(({accepted}) => accepted))
  await group.enableAsync()
  writeFileSync(plan.marker, group.id)
  say({type: 'enabled'})
}
if (isOwed) await completed
say({type: 'completed'})
await engine.close()
say({type: 'finished', state: (await tallyState()) ?? ''})
process.exit(0)
