/** The UsageLedger in a file of the store's directory, replaced as a whole. */

import {readFile, rename, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import type {DayUse} from '../../domain/applications.ts'
import type {Usage, UsageLedger} from '../../ports/usage-ledger.ts'
import {errnoOf, fileError} from './file-errors.ts'

export const USAGE_FILE = 'usage.json'

export function createUsageLedger(directory: string): UsageLedger {
  const path = join(directory, USAGE_FILE)
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch((thrown) => {
        if (errnoOf(thrown) === 'ENOENT') return '{}'
        throw fileError(thrown, path, 'store')
      })
      return usageOf(text)
    },
    async write(usage) {
      try {
        await writeFile(`${path}.new`, JSON.stringify(usage), {mode: 0o600})
        // After a loss of power either is there, and a day's count is no more than that.
        await rename(`${path}.new`, path)
      } catch (thrown) {
        throw fileError(thrown, path, 'store')
      }
    },
  }
}

/** What does not look like a use is none. */
function usageOf(text: string): Usage {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return {}
  }
  if (typeof parsed !== 'object' || parsed === null) return {}
  return Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, DayUse] => isUse(entry[1])))
}

function isUse(value: unknown): value is DayUse {
  if (typeof value !== 'object' || value === null) return false
  const {day, bytes} = value as Partial<DayUse>
  return Number.isSafeInteger(day) && Number.isSafeInteger(bytes)
}
