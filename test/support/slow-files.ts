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
  readonly mostMs: number
}

export function slowFiles(files: FileSystem, {clock, random, before, mostMs}: SlowFilesOptions): FileSystem {
  const wait = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms))
  return new Proxy(files, {
    get(target, key: keyof FileSystem) {
      const method = target[key]
      if (key === 'bootId') return method
      return async (...args: unknown[]) => {
        before(key)
        const answered = Promise.allSettled([Reflect.apply(method, target, args) as Promise<unknown>])
        const ms = Math.floor(random.next() * (mostMs + 1))
        if (ms > 0) await wait(ms)
        const [answer] = await answered
        if (answer.status === 'rejected') throw answer.reason
        return answer.value
      }
    },
  })
}
