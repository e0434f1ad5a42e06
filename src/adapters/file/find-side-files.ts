/** What the side files of a directory tell of unfinished transfers, so that a lost store can be rebuilt from them. */

import {dirname, join} from 'node:path'
import {EMPTY, type RangeSet} from '../../domain/range-set.ts'
import type {PartName, SideFacts} from '../../ports/file-sink.ts'
import {asFileWork} from './file-errors.ts'
import {isSideName, partPaths} from './file-names.ts'
import type {FileSystem} from './file-system.ts'
import {nodeFileSystem} from './node-file-system.ts'
import {readSide, type StoredSide} from './side-file.ts'
import {verifyBlocks} from './verify-blocks.ts'

export type SideFinding =
  | {
      readonly kind: 'readable'
      readonly sideFile: string
      readonly facts: SideFacts
      /** The bytes that are in the part and match their digests; empty when the part is gone. */
      readonly verified: RangeSet
    }
  /** Its first lines are torn or damaged, or it is no side file of ours. */
  | {readonly kind: 'damaged'; readonly sideFile: string}

export function readSideFacts(name: PartName, files: FileSystem = nodeFileSystem): Promise<SideFacts | undefined> {
  const {side} = partPaths(name)
  return asFileWork(side, 'part', async () => (await readSide(files, side))?.facts)
}

export function findSideFiles(directory: string, files: FileSystem = nodeFileSystem): Promise<readonly SideFinding[]> {
  return asFileWork(directory, 'directory', async () => {
    const names = (await files.readdir(directory)).filter(isSideName).sort()
    const findings: SideFinding[] = []
    for (const name of names) findings.push(await examine(files, join(directory, name)))
    return findings
  })
}

async function examine(files: FileSystem, sideFile: string): Promise<SideFinding> {
  const side = await readSide(files, sideFile)
  if (side === undefined || !standsBeside(side.facts, sideFile)) return {kind: 'damaged', sideFile}
  return {kind: 'readable', sideFile, facts: side.facts, verified: await verified(files, sideFile, side)}
}

/** The directory may have been moved as a whole; within it, the name says whose the side file is. */
function standsBeside({id, target, evidence}: SideFacts, sideFile: string): boolean {
  const file = join(dirname(sideFile), target.file.slice(dirname(target.file).length))
  return partPaths({id, file, generation: evidence.generation}).side === sideFile
}

async function verified(files: FileSystem, sideFile: string, side: StoredSide): Promise<RangeSet> {
  const part = `${sideFile.slice(0, -'.side'.length)}.part`
  if ((await files.lstat(part))?.kind !== 'file') return EMPTY
  const fd = await files.open(part, 'read')
  try {
    return (await verifyBlocks(files, fd, side, side.facts.evidence.ranges)).ranges
  } finally {
    await files.close(fd)
  }
}
