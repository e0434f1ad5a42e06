/** `bgt export`: everything that is kept of one operation, masked, as JSON for a report. */

import {printableJson} from '../../domain/printable.ts'
import {type Io, printResult} from '../io.ts'
import {operationOf, unknownOperation} from '../operations.ts'
import {holdsStore, storeDirectory} from '../store-directory.ts'
import {withStore} from '../stored.ts'

export interface ExportFlags {
  readonly store?: string
}

export async function exportOperation(io: Io, guid: string, flags: ExportFlags): Promise<number> {
  const directory = storeDirectory(flags.store, io.env)
  if (!(await holdsStore(directory))) throw unknownOperation(guid)
  await withStore(
    directory,
    async (engine) => {
      const operation = await operationOf(engine, guid)
      await printResult(io, printableJson(await engine.exportAsync(operation.guid), 2))
    },
    1,
  )
  return 0
}
