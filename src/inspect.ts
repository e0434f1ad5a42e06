/** `background-transfer/inspect`: the inspector's types, and its server for an engine, without the rest of the package. */

import type {BackgroundTransferEngine} from './background-transfer-engine.ts'
import {invalidArgument} from './domain/errors.ts'
import {shown} from './domain/given.ts'
import type {InspectOptions} from './domain/inspect-options.ts'
import type {Inspector} from './inspector/inspector.ts'

export type {InspectOptions} from './domain/inspect-options.ts'
export type {Inspector} from './inspector/inspector.ts'
export type {
  AttemptView,
  CommandRequest,
  ConnectionView,
  ExportBundle,
  GroupView,
  HeaderChange,
  InspectorMessage,
  InspectorState,
  JournalEntry,
  OperationDetail,
  OperationView,
  Redirect,
  Supposed,
} from './inspector/protocol.ts'

/**
 * Serves the inspector's page for `engine` on 127.0.0.1; the same as `engine.inspect(options)`. Rejects with INVALID_ARGUMENT for what is
 * no engine, too.
 */
export async function startInspector(
  engine: BackgroundTransferEngine,
  options: InspectOptions = {},
): Promise<Inspector> {
  // Its class would bring the rest of the package along.
  if (typeof engine?.inspect !== 'function') throw invalidArgument('engine', `must be an engine, not ${shown(engine)}`)
  return engine.inspect(options)
}
