/** The rules of applications in the directory of a store, so that they hold whoever has it open. */

import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {ERROR_CODES} from '../../domain/error-codes.ts'
import {TransferError} from '../../domain/errors.ts'
import {errnoOf, fileError} from '../file/file-errors.ts'

export const RULES_FILE = 'applications.json'

const ADVICE = 'write it as docs/guides/host.md shows'

/**
 * What `check` makes of what is written there; undefined where nothing is. Whoever wrote it may be no programmer: what `check` throws
 * is told of the file. Rejects with INVALID_ARGUMENT, FILE_ACCESS.
 */
export async function readRules<Rules>(
  directory: string,
  check: (given: unknown) => Rules,
): Promise<Rules | undefined> {
  const path = join(directory, RULES_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    const errno = errnoOf(thrown)
    if (errno === 'ENOENT') return undefined
    // Nobody need have asked for rules: it is the store that cannot be there.
    throw fileError(thrown, errno === 'ENOTDIR' ? directory : path, 'store')
  }
  const given = parsed(text, path)
  try {
    return check(given)
  } catch (thrown) {
    throw thrown instanceof TransferError ? toldOfFile(thrown, path) : thrown
  }
}

function parsed(text: string, path: string): unknown {
  try {
    // Some editors begin a text with a byte order mark.
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (cause) {
    const at = /at position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1]
    const line = at === undefined ? '' : `, line ${text.slice(0, Number(at)).split('\n').length}`
    throw new TransferError('INVALID_ARGUMENT', 'the rules of applications are no JSON', {
      where: `${path}${line}`,
      advice: ADVICE,
      cause,
    })
  }
}

function toldOfFile({message, where = '', advice}: TransferError, path: string): TransferError {
  const member = where.replace(/^applications\.?/, '')
  return new TransferError(
    'INVALID_ARGUMENT',
    message.replace(where, () => member || 'what is in the file'),
    {
      where: path,
      advice: advice === ERROR_CODES.INVALID_ARGUMENT.advice ? ADVICE : advice,
    },
  )
}
