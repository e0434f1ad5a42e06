/**
 * A FileSystem that does at once what it is asked, and says so a little later, in no fixed order: so that whatever can happen
 * between a call and its answer does happen. May also fail calls.
 */

import type {FileSystem} from '../../src/adapters/file/file-system.ts'
import type {Clock} from '../../src/ports/clock.ts'
import type {Random} from '../../src/ports/random.ts'

export interface SlowFilesOptions {
  readonly clock: Clock
  readonly random: Random
  /** Throws to let this call fail. */
  readonly before: (call: string) => void
  /** Does the work of a call, or what becomes of it. */
  readonly around?: <T>(call: string, args: unknown[], work: (args: unknown[]) => Promise<T>) => Promise<T>
  readonly mostMs: number
}

export function slowFiles(files: FileSystem, {clock, random, before, around, mostMs}: SlowFilesOptions): FileSystem {
  const wait = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms))
  return new Proxy(files, {
    get(target, key: keyof FileSystem) {
      const method = target[key]
      if (key === 'bootId') return method
      return async (...args: unknown[]) => {
        before(key)
        const work = (given: unknown[]) => Reflect.apply(method, target, given) as Promise<unknown>
        const answered = Promise.allSettled([around === undefined ? work(args) : around(key, args, work)])
        const ms = Math.floor(random.next() * (mostMs + 1))
        if (ms > 0) await wait(ms)
        const [answer] = await answered
        if (answer.status === 'rejected') throw answer.reason
        return answer.value
      }
    },
  })
}
