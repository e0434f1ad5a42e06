/** The application's observer of charts, as it may be given to them: what fails in it is reported, and the charts never see it. */

import {shown} from '../domain/given.ts'
import type {Log} from '../ports/log.ts'
import type {ResolvedEngineOptions} from './options.ts'

/** Of an observer that fails at each step the first time says enough; it goes on being told, as the next step may suit it. */
export function harmlessObserver(
  inspect: ResolvedEngineOptions['inspect'],
  log: Log,
): ResolvedEngineOptions['inspect'] {
  if (inspect === undefined) return undefined
  let report = (thrown: unknown) => {
    report = () => {}
    log.error({error: textOf(thrown)}, 'the observer of the option inspect failed')
  }
  return {
    next: (event) => {
      try {
        const told: unknown = typeof inspect === 'function' ? inspect(event) : inspect.next?.(event)
        // An asynchronous one fails later.
        Promise.resolve(told).catch((thrown) => report(thrown))
      } catch (thrown) {
        report(thrown)
      }
    },
  }
}

/** An error makes its text itself, and may fail in that, too. */
function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown) : shown(thrown)
  } catch {
    return 'an error without a text'
  }
}
