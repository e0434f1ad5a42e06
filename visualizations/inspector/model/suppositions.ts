/** The events of which it can be asked what they would do; the others carry what only a real try knows. */

import type {OperationDetail} from '../../../src/inspector/protocol.ts'

const COMMANDS = [
  'operation.admit',
  'operation.pause',
  'operation.resume',
  'operation.retry',
  'operation.displace',
  'operation.suspend',
  'operation.cancel',
  'retry.due',
  'attempt.failed',
]
const CONDITIONS = ['conditions.offline', 'conditions.metered', 'conditions.good']

/** What the chart would take now; of the past nothing is known but where it stood, so that everything can be asked. */
export function supposable({availableEvents, operation}: OperationDetail, isPast: boolean): readonly string[] {
  if (isPast) return [...COMMANDS, ...CONDITIONS]
  const taken = COMMANDS.filter((event) => availableEvents.includes(event))
  const delays = availableEvents.filter((event) => event.startsWith('xstate.after.'))
  return [...taken, ...delays, ...(operation.endedAt === undefined ? CONDITIONS : [])]
}
