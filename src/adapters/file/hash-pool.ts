/**
 * Threads that hash files beside the caller. None stands before the first job and none after the last; none keeps the process
 * alive but while somebody waits for a digest. A job that fails says so, and its digest is to be computed in another way.
 */

import {availableParallelism} from 'node:os'
import {Worker} from 'node:worker_threads'
import type {ChecksumAlgorithm} from '../../domain/record.ts'
import {type HashAnswer, type HashOrder, hashWorker} from './hash-worker.ts'

/** More would only take the processors from those who move the bytes. */
const MOST_THREADS = 4

export interface HashJob {
  /** Bytes before `to` are in the file. */
  grow(to: number): void
  /** The digest of the whole, in lower-case hexadecimal. Rejects when the file cannot be read, or was dropped. */
  finish(size: number): Promise<string>
  /** Idempotent. */
  drop(): void
}

interface Waiting {
  readonly resolve: (digest: string) => void
  readonly reject: (error: Error) => void
}

export class HashPool {
  readonly #threads: HashThread[] = []
  readonly #most: number
  #lastJob = 0

  constructor(most = Math.max(1, Math.min(MOST_THREADS, availableParallelism() - 1))) {
    this.#most = most
  }

  /** For tests and curious people. */
  get threads(): number {
    return this.#threads.length
  }

  start(path: string, algorithm: ChecksumAlgorithm): HashJob {
    this.#lastJob += 1
    try {
      return this.#thread().start(this.#lastJob, path, algorithm)
    } catch (error) {
      // No thread is to be had.
      return {grow: () => {}, drop: () => {}, finish: () => Promise.reject(error)}
    }
  }

  /** Ends every thread; whoever waits is told. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end()))
  }

  #thread(): HashThread {
    const [idlest] = this.#threads.toSorted((a, b) => a.jobs - b.jobs)
    if (idlest !== undefined && this.#threads.length >= this.#most) return idlest
    const thread: HashThread = new HashThread(() => {
      const at = this.#threads.indexOf(thread)
      if (at !== -1) this.#threads.splice(at, 1)
    })
    this.#threads.push(thread)
    return thread
  }
}

class HashThread {
  readonly #worker: Worker
  readonly #onEnd: () => void
  /** Undefined: nobody waits for it yet. */
  readonly #jobs = new Map<number, Waiting | undefined>()
  /** How a job that ended unseen ended. */
  readonly #failed = new Map<number, Error>()
  #waiting = 0

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd
    const program = `(${hashWorker})({port: require('node:worker_threads').parentPort, fs: require('node:fs'), crypto: require('node:crypto')})`
    // Nothing of the caller's command line or environment concerns it.
    this.#worker = new Worker(program, {eval: true, execArgv: [], env: {}})
    this.#worker.on('message', (answer: HashAnswer) => this.#answered(answer))
    this.#worker.on('error', (error) => this.#broken(error))
    this.#worker.on('exit', () => this.#broken(new Error('the hashing thread ended')))
    // After the listeners: a new one would hold the process again.
    this.#worker.unref()
  }

  get jobs(): number {
    return this.#jobs.size
  }

  start(job: number, path: string, algorithm: ChecksumAlgorithm): HashJob {
    this.#jobs.set(job, undefined)
    this.#order({kind: 'open', job, path, algorithm})
    return {
      grow: (to) => {
        if (this.#jobs.has(job)) this.#order({kind: 'grow', job, to})
      },
      finish: (size) => this.#finish(job, size),
      drop: () => {
        if (!this.#jobs.has(job)) return
        this.#order({kind: 'drop', job})
        this.#settle(job)?.reject(new Error('the digest is not wanted any more'))
      },
    }
  }

  async end(): Promise<void> {
    this.#broken(new Error('hashing was ended'))
    await this.#worker.terminate()
  }

  #order(order: HashOrder): void {
    this.#worker.postMessage(order)
  }

  #finish(job: number, size: number): Promise<string> {
    return new Promise((resolve, reject) => {
      if (!this.#jobs.has(job)) {
        const error = this.#failed.get(job)
        this.#failed.delete(job)
        reject(error ?? new Error('the digest is not wanted any more'))
        return
      }
      this.#jobs.set(job, {resolve, reject})
      this.#waiting += 1
      if (this.#waiting === 1) this.#worker.ref()
      this.#order({kind: 'finish', job, size})
    })
  }

  #answered(answer: HashAnswer): void {
    if (!this.#jobs.has(answer.job)) return
    if ('failed' in answer && this.#jobs.get(answer.job) === undefined) {
      this.#failed.set(answer.job, new Error(answer.failed))
    }
    const waiting = this.#settle(answer.job)
    if ('digest' in answer) waiting?.resolve(answer.digest)
    else waiting?.reject(new Error(answer.failed))
  }

  #settle(job: number): Waiting | undefined {
    const waiting = this.#jobs.get(job)
    this.#jobs.delete(job)
    if (waiting !== undefined) {
      this.#waiting -= 1
      if (this.#waiting === 0) this.#worker.unref()
    }
    if (this.#jobs.size === 0) this.#rest()
    return waiting
  }

  /** A thread without work holds a few MiB for nothing; a new one is there in some 20 ms. */
  #rest(): void {
    this.#onEnd()
    void this.#worker.terminate()
  }

  #broken(error: Error): void {
    this.#onEnd()
    const jobs = [...this.#jobs]
    this.#jobs.clear()
    for (const [, waiting] of jobs) waiting?.reject(error)
  }
}
