/** `bgt get --detach`: hands the downloads to a host, started for it where none runs, and does not wait for them. */

import {printable} from '../../domain/printable.ts'
import {BackgroundTransferEngine} from '../../index.ts'
import {exitCodeOf, gravest} from '../exit-code.ts'
import {errorLine, type Io, printJson, printResult, say} from '../io.ts'
import type {Run, Told} from '../run.ts'
import type {RunFlags} from '../run-flags.ts'
import type {OwnOperations} from '../scopes.ts'
import {hostArguments, hostOf, noteOnFlags} from '../shared-store.ts'
import {storeDirectory} from '../store-directory.ts'

/** Prints the guid of each operation that goes on; the exit code says whether all could be begun. */
export async function detach(io: Io, flags: RunFlags, run: Run & {readonly scope: OwnOperations}): Promise<number> {
  const directory = storeDirectory(flags.store, io.env)
  const codes: number[] = []
  const told: Told = {
    note: (text) => {
      if (flags.quiet !== true) say(io, text)
    },
    fail: (error) => {
      codes.push(exitCodeOf(error))
      io.stderr.write(`${errorLine(error)}\n`)
    },
    complete: ({file}) => told.note(`${file}: is complete already`),
    join: () => {},
    skip: (file) => told.note(`${file}: is there already`),
  }
  const startHost = hostArguments(flags)
  // A program that reads JSON is told of transfers only, as by the other commands. To look costs a connection.
  const present = startHost.length === 0 || flags.json === true ? undefined : await hostOf(directory)
  const note = present?.stays === true ? noteOnFlags(flags, present) : undefined
  if (note !== undefined) told.note(note)
  const engine = await BackgroundTransferEngine.connect({directory, startHost})
  try {
    const started = engine.events$.subscribe((event) => {
      if (event.type === 'operation.started') run.scope.begins(event.record)
    })
    await run.begin(engine, told)
    started.unsubscribe()
    for (const guid of run.scope.ids) {
      const summary = (await engine.getOperationAsync(guid)).describe()
      if (flags.json === true) await printJson(io, summary)
      else await printResult(io, `${guid} ${printable(summary.file)}`)
    }
    return gravest(codes)
  } finally {
    await engine.close()
  }
}
