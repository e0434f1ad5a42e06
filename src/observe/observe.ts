/** Puts the channels, and the logger if there is one, onto an engine that is about to open. */

import type {Engine} from '../engine/engine.ts'
import type {EnginePorts} from '../engine/ports.ts'
import type {Log} from '../ports/log.ts'
import type {RecordStore} from '../ports/record-store.ts'
import {countUnfinished} from './count-unfinished.ts'
import {logLines} from './log-lines.ts'
import {Publisher} from './publish.ts'

/** Returns what is to be done with the store before recovery. */
export function observe(
  engine: Engine,
  {clock, log}: EnginePorts,
  {logger}: {readonly logger?: Log},
): (store: RecordStore) => Promise<void> {
  const publisher = new Publisher(() => clock.now())
  publisher.follow(engine.events$)
  if (logger !== undefined) logLines(engine.events$, logger)
  return async (store) => {
    if (!publisher.isOpenHeard) return
    try {
      publisher.opened(await countUnfinished(store))
    } catch (error) {
      log.warn({error: String(error)}, 'the unfinished operations could not be counted')
    }
  }
}
