/**
 * A world with background tasks: an engine whose tasks run in real threads, modules written for one test, and the ledger in
 * which those modules note what they did.
 */

import {readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {filter, firstValueFrom} from 'rxjs'
import {beforeAll} from 'vitest'
import {createTaskRunner} from '../../src/adapters/tasks/task-runner.ts'
import type {BackgroundTransferEngine, BackgroundTransferEngineOptions, EngineEvent} from '../../src/index.ts'
import {makeDirectory, openEngine, startServer} from '../integration/harness.ts'
import type {FaultyServer} from '../support/faulty-server.ts'
import {compiledProgram} from '../support/shared-build.ts'

let program: string

/** Node.js 20 reads no TypeScript: the program of a task's thread is compiled once. */
export function useTaskProgram(): void {
  beforeAll(async () => {
    program = await compiledProgram(new URL('../../src/task/program.ts', import.meta.url))
  })
}

export class TaskWorld {
  readonly directory: string
  readonly server: FaultyServer
  engine: BackgroundTransferEngine
  readonly events: EngineEvent[] = []

  private constructor(directory: string, server: FaultyServer, engine: BackgroundTransferEngine) {
    this.directory = directory
    this.server = server
    this.engine = engine
    engine.events$.subscribe((event) => this.events.push(event))
  }

  static async make(options: Partial<BackgroundTransferEngineOptions> = {}): Promise<TaskWorld> {
    const directory = await makeDirectory()
    return new TaskWorld(directory, await startServer(), await openEngine(directory, withTasks(options)))
  }

  /** The engine is closed, and another one opened over the same store. */
  async reopen(options: Partial<BackgroundTransferEngineOptions> = {}): Promise<void> {
    await this.engine.close()
    this.engine = await openEngine(this.directory, withTasks(options))
    this.engine.events$.subscribe((event) => this.events.push(event))
  }

  file(name: string): string {
    return join(this.directory, name)
  }

  url(name: string): string {
    return `${this.server.origin}/${name}`
  }

  /** A module that runs `body` with `task` (the instance) and `note` (adds an entry to the ledger). */
  async module(body: string, name = 'task.mjs'): Promise<string> {
    const path = this.file(name)
    const text = [
      "import {appendFileSync} from 'node:fs'",
      "import {setTimeout as sleep} from 'node:timers/promises'",
      `const note = (entry) => appendFileSync(${JSON.stringify(this.file('ledger'))}, JSON.stringify(entry) + '\\n')`,
      `export async function run(task) {\n${body}\n}`,
    ]
    await writeFile(path, text.join('\n'))
    return path
  }

  async ledger(): Promise<readonly unknown[]> {
    const text = await readFile(this.file('ledger'), 'utf8').catch(() => '')
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  }

  /** The next event of this type, or the one that came already. */
  async event<Type extends EngineEvent['type']>(type: Type, group?: string): Promise<EngineEvent & {type: Type}> {
    const isIt = (event: EngineEvent): event is EngineEvent & {type: Type} =>
      event.type === type && (group === undefined || ('group' in event && event.group === group))
    return this.events.find(isIt) ?? firstValueFrom(this.engine.events$.pipe(filter(isIt)))
  }
}

function withTasks(options: Partial<BackgroundTransferEngineOptions>): Partial<BackgroundTransferEngineOptions> {
  return {
    taskRunner: createTaskRunner({program: new URL(`file://${program}`)}),
    ...options,
    backgroundTasks: {retryDelayMs: 5, ...options.backgroundTasks},
  }
}
