/** `bgt doctor`: how the store is, and a new one out of what can be saved. */

import {printable} from '../../domain/printable.ts'
import {diagnoseStore, repairStore} from '../../index.ts'
import {EXIT} from '../exit-code.ts'
import {type Io, printJson, printResult} from '../io.ts'
import {storeDirectory} from '../store-directory.ts'
import {plural} from '../text.ts'

export interface DoctorFlags {
  readonly store?: string
  readonly json?: boolean
  readonly repair?: boolean
  /** Directories with part files of downloads that the store may have lost. */
  readonly search?: readonly string[]
}

export async function doctor(io: Io, flags: DoctorFlags): Promise<number> {
  const directory = storeDirectory(flags.store, io.env)
  const print = (text: string) => printResult(io, printable(text))
  if (flags.repair === true) {
    const {keptAs, records, groups, damaged, missing, added, lostTables} = await repairStore(directory, {
      search: flags.search ?? [],
    })
    if (flags.json === true) {
      await printJson(io, {directory, keptAs, records, groups, damaged, missing, added, lostTables})
      return EXIT.done
    }
    if (keptAs !== undefined) await print(`the store as it was is kept as ${keptAs}`)
    await print(`saved ${plural(records, 'operation')} and ${plural(groups, 'group')}`)
    if (added > 0) await print(`added ${plural(added, 'operation')} from side files`)
    if (damaged > 0) await print(`left behind ${plural(damaged, 'record')} that cannot be trusted`)
    if (missing > 0) await print(`${plural(missing, 'operation')} that the old store counted could not be found`)
    if (lostTables > 0) await print(`${plural(lostTables, 'file')} of the old store could not be read at all`)
    return EXIT.done
  }
  const report = await diagnoseStore(directory)
  const isSound = !report.exists || (report.opens && report.problem === undefined && !isHurt(report))
  const isHealthy = isSound && report.keyProblem === undefined
  if (flags.json === true) {
    await printJson(io, {directory, healthy: isHealthy, ...report})
    return isHealthy ? EXIT.done : EXIT.store
  }
  if (!report.exists) {
    await print(`there is no store in ${directory}`)
    return EXIT.done
  }
  if (report.problem !== undefined)
    await print(`the store ${report.opens ? 'cannot be read' : 'does not open'}: ${report.problem}`)
  await print(`${plural(report.records, 'operation')} in order`)
  if (report.damaged > 0) await print(`${plural(report.damaged, 'damaged record')}`)
  if (report.missing > 0) await print(`${plural(report.missing, 'operation')} missing`)
  if (report.unindexed > 0) await print(`${plural(report.unindexed, 'index entry', 'index entries')} missing`)
  if (report.orphans > 0) await print(`${plural(report.orphans, 'index entry', 'index entries')} without a record`)
  if (report.lostWrites) await print('the database left out damaged parts of its log')
  if (report.keyProblem !== undefined) {
    await print(`its secrets cannot be read: ${report.keyProblem}`)
    await print('put the right key file back, or remove it and give the secrets again: no repair makes another one')
  }
  if (!isSound) await print(`${directory} is damaged: run bgt doctor --repair with the same --store`)
  else if (isHealthy) await print(`${directory} is healthy`)
  return isHealthy ? EXIT.done : EXIT.store
}

function isHurt(report: Awaited<ReturnType<typeof diagnoseStore>>): boolean {
  return report.damaged + report.missing + report.unindexed + report.orphans > 0 || report.lostWrites
}
