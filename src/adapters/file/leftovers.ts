/**
 * Removes part and side files of an operation. Their names are computed, not looked up: reading a directory of many files
 * for each of them would cost the square of their number.
 */

import {FIRST_GENERATION} from '../../domain/record.ts'
import type {PartName} from '../../ports/file-sink.ts'
import {partPaths} from './file-names.ts'
import type {FileSystem} from './file-system.ts'
import type {PartTurns} from './part-turns.ts'

/** Generations follow one another; older ones than this many are long gone. */
const MOST_GENERATIONS = 64

/** A store that lost its last records may know an older generation than the disk. */
const NEWER_GENERATIONS = 8

/** Every generation but `keep`; one that is open still, when it is closed. */
export async function removeGenerations(
  files: FileSystem,
  turns: PartTurns,
  name: PartName,
  keep: number | undefined,
): Promise<void> {
  const newest = Math.max(name.generation, keep ?? 0) + NEWER_GENERATIONS
  for (let generation = oldest(name); generation <= newest; generation++) {
    if (generation === keep) continue
    const each = {...name, generation}
    await turns.run(partPaths(each).part, () => removeGeneration(files, each))
  }
}

/** This generation and those before it. */
export async function removePublished(files: FileSystem, name: PartName): Promise<void> {
  for (let generation = oldest(name); generation <= name.generation; generation++) {
    await removeGeneration(files, {...name, generation})
  }
}

function oldest({generation}: PartName): number {
  return Math.max(FIRST_GENERATION, generation - MOST_GENERATIONS)
}

/** The part goes first: a side file alone is harmless and still tells a doctor whose it is. */
async function removeGeneration(files: FileSystem, name: PartName): Promise<void> {
  const {part, side, nextSide} = partPaths(name)
  await files.remove(part)
  if ((await files.lstat(side)) === undefined) return
  await files.remove(nextSide)
  await files.remove(side)
}
