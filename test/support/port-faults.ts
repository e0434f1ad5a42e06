/**
 * What can become of a single call to a port: refused, carried out without anybody hearing of it, carried out in part, or answered
 * so late that the engine has closed meanwhile.
 */

import {TransferError} from '../../src/domain/errors.ts'
import type {Clock} from '../../src/ports/clock.ts'
import {errno} from './memory-disk.ts'

export type Port = 'disk' | 'store'

export interface PortFault {
  readonly port: Port
  /** So many calls go well before. */
  readonly skip: number
  /** It fails, and so many more of those that follow. */
  readonly count: number
  readonly how: 'refused' | 'answerLost' | 'short' | 'late'
  readonly code: string
  /** Counts no other calls. */
  readonly only?: string
}

/** What reads and writes return counts bytes. */
const COUNTING: ReadonlySet<string> = new Set(['read', 'write'])
/** Longer than an engine waits for anything when it closes. */
const LATE_MS = 120_000

interface Armed {
  readonly fault: PortFault
  skip: number
  left: number
}

export class PortFaults {
  #armed: Armed[] = []
  readonly #late = new Set<() => void>()
  /** Calls that met a fault, by port and call. */
  readonly met = new Map<string, number>()

  arm(fault: PortFault): void {
    this.#armed.push({fault, skip: fault.skip, left: fault.count})
  }

  /** Nothing fails any more, and what is late is answered. */
  clear(): void {
    this.#armed = []
    this.answer()
  }

  /** What is late is answered now. False where nothing is. */
  answer(): boolean {
    const late = [...this.#late]
    for (const answer of late) answer()
    return late.length > 0
  }

  /** The process is dead: what it waited for is never answered. */
  die(): void {
    this.#late.clear()
  }

  async disk<T>(clock: Clock, call: string, args: unknown[], work: (args: unknown[]) => Promise<T>): Promise<T> {
    const fault = this.#next('disk', call)
    if (fault === undefined) return work(args)
    if (fault.how === 'short' && COUNTING.has(call)) {
      const [fd, buffer, offset, length, position] = args as [number, Buffer, number, number, number]
      return work([fd, buffer, offset, Math.ceil(length / 2), position])
    }
    if (fault.how === 'late') return this.#answerLate(clock, work(args))
    // A close frees the descriptor whatever it says; one that was opened and that nobody heard of would be nobody's.
    if (call === 'close' || (fault.how === 'answerLost' && call !== 'open')) await work(args)
    throw errno(fault.code)
  }

  async store<T>(clock: Clock, call: string, work: () => Promise<T>): Promise<T> {
    const fault = this.#next('store', call)
    if (fault === undefined) return work()
    if (fault.how === 'late') return this.#answerLate(clock, work())
    if (fault.how === 'answerLost' || call === 'close') await work()
    throw new TransferError(fault.code === 'ENOSPC' ? 'DISK_FULL' : 'DISK_FAILED', `the store’s ${call} failed`)
  }

  #next(port: Port, call: string): PortFault | undefined {
    for (const armed of this.#armed) {
      const {fault} = armed
      if (fault.port !== port || armed.left === 0 || (fault.only ?? call) !== call) continue
      if (armed.skip > 0) {
        armed.skip -= 1
        continue
      }
      armed.left -= 1
      const what = `${fault.how} ${port} ${call}`
      this.met.set(what, (this.met.get(what) ?? 0) + 1)
      return fault
    }
    return undefined
  }

  #answerLate<T>(clock: Clock, done: Promise<T>): Promise<T> {
    done.catch(() => undefined)
    return new Promise((resolve, reject) => {
      const answer = () => {
        this.#late.delete(answer)
        clock.clearTimeout(timer)
        done.then(resolve, reject)
      }
      const timer = clock.setTimeout(answer, LATE_MS)
      this.#late.add(answer)
    })
  }
}
