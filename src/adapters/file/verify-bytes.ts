/** The look at a whole file that is still in memory: what verify-part.ts finds wrong with one on the disk, it finds before that. */

import {unexpectedSize, unexpectedStart} from '../../domain/content-guard.ts'
import type {ExpectedFile} from '../../domain/expected-file.ts'
import {compareDigestsOf} from './part-digests.ts'
import {assertSize} from './verify-part.ts'

/** `path`: of the part that they would be. */
export function verifyBytes(path: string, bytes: readonly Buffer[], {size, content, digests}: ExpectedFile): void {
  const found = bytes.reduce((sum, {length}) => sum + length, 0)
  assertSize(path, found, size)
  const surprise = unexpectedSize(content, found, path)
  if (surprise !== undefined) throw surprise
  if (content?.magic !== undefined)
    assertStart(path, Buffer.concat(bytes, Math.min(found, content.magic.length / 2)), content.magic)
  if (digests.length > 0) compareDigestsOf(path, bytes, digests)
}

function assertStart(path: string, start: Buffer, magic: string): void {
  const surprise = unexpectedStart(magic, start.toString('hex'), path)
  if (surprise !== undefined) throw surprise
}
