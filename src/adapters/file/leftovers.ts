/**
 * Removes part and side files of an operation. Their names are computed, not looked up: reading a directory of many files
 * for each of them would cost the square of their number.
 */

import {FIRST_GENERATION, type PublishedFile} from '../../domain/record.ts'
import type {PartName} from '../../ports/file-sink.ts'
import {noteOf, type PartPaths, partPaths} from './file-names.ts'
import type {FileSystem} from './file-system.ts'
import type {PartTurns} from './part-turns.ts'
import {dropPlaceholder} from './placeholder.ts'
import type {PartNameLeft} from './publish-part.ts'

/** Generations follow one another; older ones than this many are long gone. */
const MOST_GENERATIONS = 64

/** A store that lost its last records may know an older generation than the disk. */
const NEWER_GENERATIONS = 8

export interface Published {
  readonly paths: PartPaths
  readonly file: PublishedFile
  readonly partName: PartNameLeft
  /** There never was a side file. */
  readonly hasNoSide: boolean
}

/** Every generation but `keep`; one that is open still, when it is closed. `onRemoved` is told the path of each part. */
export async function removeGenerations(
  files: FileSystem,
  turns: PartTurns,
  name: PartName,
  keep: number | undefined,
  onRemoved: (part: string) => void,
): Promise<void> {
  const newest = Math.max(name.generation, keep ?? 0) + NEWER_GENERATIONS
  for (let generation = oldest(name); generation <= newest; generation++) {
    if (generation === keep) continue
    const paths = partPaths({...name, generation})
    await turns.run(paths.part, async () => {
      await removeGeneration(files, paths)
      onRemoved(paths.part)
    })
  }
  await dropPlaceholder(files, noteOf(name))
}

/** Of a part that has its final name now, and the generations before it. */
export async function removePublished(files: FileSystem, name: PartName, published: Published): Promise<void> {
  for (let generation = oldest(name); generation < name.generation; generation++) {
    await removeGeneration(files, partPaths({...name, generation}))
  }
  const {paths, file, partName, hasNoSide} = published
  if (partName !== 'none') await files.remove(paths.part, partName === 'further')
  if (!hasNoSide) await removeSide(files, paths)
  if (partName === 'unknown') await dropPlaceholder(files, noteOf(name), file)
}

function oldest({generation}: PartName): number {
  return Math.max(FIRST_GENERATION, generation - MOST_GENERATIONS)
}

/** The part goes first: a side file alone is harmless and still tells a doctor whose it is. */
async function removeGeneration(files: FileSystem, paths: PartPaths): Promise<void> {
  await files.remove(paths.part)
  await removeSide(files, paths)
}

export async function removeSide(files: FileSystem, {side, nextSide}: PartPaths): Promise<void> {
  if ((await files.lstat(side)) === undefined) return
  await files.remove(nextSide)
  await files.remove(side)
}
