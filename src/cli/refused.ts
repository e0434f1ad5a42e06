/** What the contract names and this version cannot do: refused by name, never ignored. */

import {type Command, Option} from 'commander'
import {TransferError} from '../domain/errors.ts'

function refused(where: string): TransferError {
  return new TransferError('NOT_SUPPORTED', 'this does not work yet', {
    where,
    advice: 'leave it out, or look for a newer version',
  })
}

const refusals = new WeakSet<Option>()

/** Named only to be refused: nothing to offer. */
export function isRefused(what: Option): boolean {
  return refusals.has(what)
}

export function refuseLater(command: Command, flags: readonly string[]): void {
  for (const flag of flags) {
    const option = new Option(flag, 'not in this version')
    // Flags without a value have no parser; they announce themselves.
    command.on(`option:${option.name()}`, () => {
      throw refused(`--${option.name()}`)
    })
    command.addOption(option)
    refusals.add(option)
  }
}
