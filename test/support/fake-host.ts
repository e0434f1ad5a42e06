/** A host as its client's connection has it: the test hears each call, and says what is told. Nothing happens by itself. */

import {resolveOptions} from '../../src/engine/options.ts'
import type {CallBatch, CallName, HostMessage} from '../../src/host/protocol.ts'
import {HOST_API_VERSION, type HostBytes, type HostConnection} from '../../src/ports/host-connection.ts'

interface Stream {
  readonly next: (message: unknown) => void
  readonly lost: (error: unknown) => void
}

type Call = CallBatch['calls'][number]

interface Read {
  readonly path: string
  readonly resolve: (bytes: HostBytes) => void
  readonly reject: (error: unknown) => void
}

export class FakeHost implements HostConnection {
  readonly address = 'a fake host'
  /** Calls that came and were not looked at. */
  readonly calls: Call[] = []
  readonly reads: Read[] = []
  /** How often a stream was asked for. */
  opened = 0
  isClosed = false
  /** It takes what is asked, and never says anything: its process is stopped. */
  isSilent = false
  /** What it answers to a stream. */
  sending: Promise<unknown> = Promise.resolve({size: 0})
  #stream: Stream | undefined
  #life = 0
  #unanswered: (() => void)[] = []

  follow(_path: string, next: (message: unknown) => void, lost: (error: unknown) => void): () => void {
    const stream = {next, lost}
    this.opened += 1
    this.#stream = stream
    return () => {
      if (this.#stream === stream) this.#stream = undefined
    }
  }

  ask(_method: 'GET' | 'POST' | 'DELETE', _path: string, json?: string): Promise<unknown> {
    if (json !== undefined) this.calls.push(...(JSON.parse(json) as CallBatch).calls)
    if (this.isSilent) return new Promise((resolve) => this.#unanswered.push(() => resolve({})))
    return Promise.resolve({})
  }

  async send(): Promise<unknown> {
    return this.sending
  }

  read(path: string): Promise<HostBytes> {
    return new Promise((resolve, reject) => this.reads.push({path, resolve, reject}))
  }

  async *stream(): AsyncIterable<Uint8Array> {}

  close(): void {
    this.isClosed = true
  }

  /** Another life of it, unless it is `resumed`. */
  welcome(resumed = false): void {
    if (!resumed) this.#life += 1
    const hello = {
      service: 'background-transfer',
      api: HOST_API_VERSION,
      version: '1',
      pid: 1,
      epoch: `life ${this.#life}`,
      stays: false,
    } as const
    const {backgroundTasks} = resolveOptions({})
    this.tell({type: 'welcome', hello, resumed, backgroundTasks, groups: [], tasks: []})
  }

  /** Its process goes on: what was asked meanwhile is answered. */
  speak(): void {
    this.isSilent = false
    for (const answer of this.#unanswered.splice(0)) answer()
  }

  tell(message: HostMessage): void {
    this.#stream?.next(message)
  }

  /** The stream breaks. */
  lose(error: unknown): void {
    this.#stream?.lost(error)
  }

  /** The first call of this name that was not looked at. */
  async called(name: CallName): Promise<Call> {
    await flushed()
    const at = this.calls.findIndex((call) => call.name === name)
    const [call] = at < 0 ? [] : this.calls.splice(at, 1)
    if (call === undefined) throw new Error(`nobody called ${name}`)
    return call
  }

  async answer(name: CallName, value: unknown): Promise<Call> {
    const call = await this.called(name)
    this.tell({type: 'result', id: call.id, value})
    await flushed()
    return call
  }
}

/** Everything that waits in this turn has been done. */
export function flushed(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
