/**
 * `bgt demo`: the main job on real sockets and files. Three files in a serialized group and a latecomer of high priority,
 * from a server that cuts, stalls and refuses; the downloading process is killed on the way and started again.
 */

import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {mkdir, mkdtemp, rm} from 'node:fs/promises'
import {constants, tmpdir} from 'node:os'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {BackgroundTransferPriority} from '../../domain/priority.ts'
import {isTerminal} from '../../domain/status.ts'
import type {InspectOptions} from '../../index.ts'
import {type FlakyServer, type ServedFile, type ServerEvent, startFlakyServer} from './flaky-server.ts'
import {createNarrator, inMib, type Narrator} from './narrator.ts'
import {EPISODES, FILES, GROUP, KILL_CUE, LATECOMER, LATECOMER_CUE, PATIENCE_MS} from './script.ts'
import type {WorkerReport} from './worker.ts'
import {WorkerProcess} from './worker-process.ts'

export interface DemoOptions {
  /** Leaves the downloaded files and the store where they are, and says where. */
  readonly keep?: boolean
  /** Serves the inspector's page, and stays until it is interrupted. */
  readonly inspect?: boolean
  readonly stdout: NodeJS.WriteStream
  readonly color: boolean
}

/** How the play ended: every operation did, or something that should not happen. */
type Ending = {readonly kind: 'finished'} | {readonly kind: 'stopped'; readonly why: string; readonly exitCode: number}

/** Resolves with the process's exit code: 0 when every checksum is right. */
export async function runDemo({keep = false, inspect = false, stdout, color}: DemoOptions): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'bgt-demo-'))
  const narrator = createNarrator((text) => stdout.write(text), color)
  try {
    await mkdir(join(directory, 'files'))
    return await new Demo(directory, narrator, inspect).play()
  } finally {
    if (keep) narrator.line(`Kept: ${directory}`)
    else await rm(directory, {recursive: true, force: true, maxRetries: 3})
  }
}

class Demo {
  readonly #directory: string
  readonly #narrator: Narrator
  readonly #inspects: boolean
  readonly #ended = new Map<string, string>()
  #act: 'episodes' | 'latecomer' | 'killed' = 'episodes'
  #worker: WorkerProcess | undefined
  /** Of the first worker's inspector: pages that are open go on with the second one's. */
  #inspected: InspectOptions | undefined
  #server: FlakyServer | undefined
  #end: (ending: Ending) => void = () => {}

  constructor(directory: string, narrator: Narrator, inspects: boolean) {
    this.#inspects = inspects
    this.#directory = directory
    this.#narrator = narrator
  }

  async play(): Promise<number> {
    const startedAt = Date.now()
    const ending = new Promise<Ending>((resolve) => {
      this.#end = resolve
    })
    let leave = () => {}
    const left = new Promise<void>((resolve) => {
      leave = resolve
    })
    const onSignal = (signal: NodeJS.Signals) => {
      this.#end({kind: 'stopped', why: signal, exitCode: 128 + constants.signals[signal]})
      leave()
    }
    process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
    const patience = setTimeout(() => this.#stop('it takes too long'), PATIENCE_MS)
    try {
      const server = await startFlakyServer(FILES, (event) => this.#served(event))
      this.#server = server
      this.#narrator.chapter(`Three files in the serialized group “${GROUP}”: one at a time, in this order`)
      this.#startWorker('starts')
      const how = await ending
      if (how.kind === 'stopped') {
        this.#narrator.event('demo', `stopped: ${how.why}`, 'red')
        return how.exitCode
      }
      if (!this.#inspects) await this.#worker?.close()
      const exitCode = await this.#verify(server, Date.now() - startedAt)
      if (!this.#inspects) return exitCode
      this.#narrator.event('inspector', 'stays open; Ctrl-C ends it')
      await left
      await this.#worker?.close()
      return exitCode
    } finally {
      clearTimeout(patience)
      process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal)
      await this.#worker?.kill()
      await this.#server?.close()
    }
  }

  #stop(why: string): void {
    this.#end({kind: 'stopped', why, exitCode: 1})
  }

  #startWorker(verb: string): void {
    const worker = new WorkerProcess(
      join(this.#directory, 'store'),
      (report) => this.#heard(report),
      (code) => this.#stop(`the worker ended with ${code ?? 'a signal'}`),
    )
    this.#worker = worker
    this.#narrator.event('worker', `process ${worker.pid} ${verb}`)
  }

  #heard(report: WorkerReport): void {
    switch (report.type) {
      case 'opened':
        if (this.#inspects) this.#worker?.send({type: 'inspect', options: this.#inspected ?? {}})
        if (this.#act === 'episodes') this.#order(EPISODES, BackgroundTransferPriority.default)
        return
      case 'accepted':
        this.#narrator.event(report.name, `accepted, on the disk from now on; ${report.why}`)
        return
      case 'found':
        this.#narrator.event(
          report.name,
          `found in the store, back in its line; ${inMib(report.durableBytes)} are durable`,
        )
        return
      case 'moved':
        this.#narrator.move(report)
        if (isTerminal(report.state)) this.#ended.set(report.name, report.state)
        if (this.#ended.size === FILES.length) this.#end({kind: 'finished'})
        return
      case 'inspected':
        if (this.#inspected === undefined) this.#narrator.event('inspector', `open ${report.url}`, 'bold')
        else this.#narrator.event('inspector', 'an open page goes on with the new process')
        this.#inspected = report.options
        return
      case 'broken':
        this.#stop(report.message)
    }
  }

  #order(files: readonly ServedFile[], priority: BackgroundTransferPriority): void {
    const downloads = files.map(({name}) => ({
      url: this.#server?.url(name) ?? '',
      file: this.#pathOf(name),
      digest: this.#server?.digest(name) ?? '',
      priority,
    }))
    this.#worker?.send({type: 'download', downloads})
  }

  #served(event: ServerEvent): void {
    this.#narrator.server(event)
    if (event.type !== 'sent') return
    if (this.#act === 'episodes' && isCue(event, LATECOMER_CUE)) {
      this.#act = 'latecomer'
      this.#narrator.chapter('A latecomer of high priority: waits for nobody in the line')
      this.#order([LATECOMER], BackgroundTransferPriority.high)
    }
    if (this.#act === 'latecomer' && isCue(event, KILL_CUE)) {
      this.#act = 'killed'
      this.#replaceWorker().catch((error) => this.#stop(String(error)))
    }
  }

  async #replaceWorker(): Promise<void> {
    const pid = this.#worker?.pid
    await this.#worker?.kill()
    this.#narrator.chapter('The crash: no warning, no time to save anything')
    this.#narrator.event('worker', `process ${pid} KILLED with SIGKILL`, 'red')
    this.#startWorker('starts on the same store')
  }

  async #verify(server: FlakyServer, tookMs: number): Promise<number> {
    const {line, chapter} = this.#narrator
    chapter('SHA-256 of the files on the disk, compared with what the server has')
    let right = 0
    for (const {name} of FILES) {
      const digest = await digestOf(this.#pathOf(name))
      const isRight = digest === server.digest(name)
      if (isRight) right += 1
      line(`${isRight ? 'ok   ' : 'WRONG'}  ${name}.bin  ${digest}`, isRight ? 'green' : 'red')
    }
    const size = FILES.reduce((sum, {sizeBytes}) => sum + sizeBytes, 0)
    const twice = Math.max(0, server.sentBytes - size)
    line('')
    line(`${right} of ${FILES.length} files verified in ${(tookMs / 1000).toFixed(1)} s.`, 'bold')
    line(`${server.resumed} requests went on from the middle of a file.`)
    line(`${twice} of ${size} bytes fetched twice: what came after the last checkpoint before the crash.`)
    line('')
    line('Read on: README.md; docs/guides/embed.md to use it in a program; docs/design.md for how it works.')
    return right === FILES.length ? 0 : 1
  }

  #pathOf(name: string): string {
    return join(this.#directory, 'files', `${name}.bin`)
  }
}

function isCue(event: ServerEvent & {type: 'sent'}, cue: {readonly name: string; readonly at: number}): boolean {
  return event.name === cue.name && event.position >= cue.at
}

/** 'missing' when there is no such file. */
async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(file), hash)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'missing' : String(error)
  }
  return hash.digest('hex')
}
