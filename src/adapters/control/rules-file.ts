/** The rules of applications in the directory of a store, so that they hold whoever has it open. */

import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import {errnoOf, fileError} from '../file/file-errors.ts'

export const RULES_FILE = 'applications.json'

/** As it is written there; undefined where there is none. Rejects with INVALID_ARGUMENT, FILE_ACCESS. */
export async function readRules(directory: string): Promise<unknown> {
  const path = join(directory, RULES_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw fileError(thrown, path, 'directory')
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new TransferError('INVALID_ARGUMENT', 'the rules of applications are no JSON', {where: path, cause})
  }
}
