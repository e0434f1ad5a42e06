/** The digests of a finished part: from the thread that followed it, or by reading it here. */

import {createHash, type Hash} from 'node:crypto'
import {TransferError} from '../../domain/errors.ts'
import type {ExpectedDigest} from '../../domain/expected-file.ts'
import type {ChecksumAlgorithm} from '../../domain/record.ts'
import type {FileSystem} from './file-system.ts'
import type {PartHashes} from './part-hashes.ts'

const READ_SIZE = 1024 * 1024

export interface PartToDigest {
  readonly files: FileSystem
  readonly fd: number
  readonly path: string
  readonly size: number
  /** Undefined where no thread can read the files. */
  readonly hashes: PartHashes | undefined
  readonly signal: AbortSignal
}

/** Rejects with CHECKSUM_MISMATCH for the first that is not the file's. */
export async function compareDigests(part: PartToDigest, expected: readonly ExpectedDigest[]): Promise<void> {
  if (expected.length === 0) return
  const algorithms = [...new Set(expected.map(({algorithm}) => algorithm))]
  const actual = (await followedDigests(part, algorithms)) ?? (await readDigests(part, algorithms))
  assertDigests(part.path, actual, expected)
}

/** The same of bytes in memory. */
export function compareDigestsOf(path: string, bytes: readonly Buffer[], expected: readonly ExpectedDigest[]): void {
  const actual = new Map<ChecksumAlgorithm, string>()
  for (const {algorithm} of expected) {
    if (actual.has(algorithm)) continue
    const sum = createHash(algorithm)
    for (const each of bytes) sum.update(each)
    actual.set(algorithm, sum.digest('hex'))
  }
  assertDigests(path, actual, expected)
}

function assertDigests(
  path: string,
  actual: ReadonlyMap<ChecksumAlgorithm, string>,
  expected: readonly ExpectedDigest[],
): void {
  for (const {algorithm, hex, from} of expected) {
    const found = actual.get(algorithm)
    if (found === hex.toLowerCase()) continue
    const whose = from === 'server' ? 'the one that the server gave' : 'the expected one'
    throw new TransferError('CHECKSUM_MISMATCH', `the ${algorithm} digest is not ${whose}`, {
      where: path,
      details: {algorithm, expected: hex, actual: found ?? '', from},
    })
  }
}

/** Undefined when a thread has nothing to say: what it failed at is done again here, and shows what is wrong. */
async function followedDigests(
  {path, size, hashes, signal}: PartToDigest,
  algorithms: readonly ChecksumAlgorithm[],
): Promise<ReadonlyMap<ChecksumAlgorithm, string> | undefined> {
  const jobs = algorithms.map((algorithm) => hashes?.take(path, algorithm, size))
  const drop = () => {
    for (const job of jobs) job?.drop()
  }
  signal.addEventListener('abort', drop, {once: true})
  try {
    assertWanted(signal, path)
    const digests = await Promise.all(
      algorithms.map(async (algorithm, index) => [algorithm, await jobs[index]?.finish(size)] as const),
    )
    const known = digests.flatMap(([algorithm, digest]) => (digest === undefined ? [] : [[algorithm, digest] as const]))
    return known.length === algorithms.length ? new Map(known) : undefined
  } catch {
    assertWanted(signal, path)
    return undefined
  } finally {
    signal.removeEventListener('abort', drop)
    drop()
  }
}

async function readDigests(
  {files, fd, path, signal}: PartToDigest,
  algorithms: readonly ChecksumAlgorithm[],
): Promise<ReadonlyMap<ChecksumAlgorithm, string>> {
  const sums = algorithms.map((algorithm): readonly [ChecksumAlgorithm, Hash] => [algorithm, createHash(algorithm)])
  let filled = Buffer.allocUnsafe(READ_SIZE)
  let spare = Buffer.allocUnsafe(READ_SIZE)
  let position = 0
  let count = await files.read(fd, filled, 0, READ_SIZE, position)
  while (count > 0) {
    assertWanted(signal, path)
    position += count
    // The next piece is read while this one is hashed.
    const reading = files.read(fd, spare, 0, READ_SIZE, position)
    for (const [, sum] of sums) sum.update(filled.subarray(0, count))
    count = await reading
    ;[filled, spare] = [spare, filled]
  }
  return new Map(sums.map(([algorithm, sum]) => [algorithm, sum.digest('hex')]))
}

export function assertWanted(signal: AbortSignal, path: string): void {
  if (signal.aborted) throw new TransferError('CANCELED', 'verification was canceled', {where: path})
}
