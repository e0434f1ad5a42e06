/** Exemption from pauses that save power (spec 2.12): asked for a list of operations, decided by the application. */

import {invalidArgument} from '../domain/errors.ts'
import type {EngineApi} from '../engine/engine-api.ts'
import {DownloadOperation} from './download-operation.ts'
import {listOf} from './list-of.ts'
import {refuseOtherCopy} from './other-copies.ts'
import {TransferOperation} from './transfer-operation.ts'
import {UploadOperation} from './upload-operation.ts'

/** The answer to a request for unconstrained transfers. */
export class UnconstrainedTransferRequestResult {
  /** True when the operations will run without the usual limits on battery. Cost and connectivity still hold. */
  readonly isUnconstrained: boolean

  constructor(isUnconstrained: boolean) {
    this.isUnconstrained = isUnconstrained
  }
}

/**
 * Asks the engine's `unconstrainedConsent`, which refuses by default. With its consent the exemption holds at once and is kept
 * with each operation; ended ones are passed over. Rejects with INVALID_ARGUMENT, CLOSED, or with what the callback threw.
 */
export function requestUnconstrainedDownloads(
  engine: EngineApi,
  operations: Iterable<DownloadOperation>,
): Promise<UnconstrainedTransferRequestResult> {
  return request(engine, operations, DownloadOperation, 'downloads')
}

/** The same of uploads. */
export function requestUnconstrainedUploads(
  engine: EngineApi,
  operations: Iterable<UploadOperation>,
): Promise<UnconstrainedTransferRequestResult> {
  return request(engine, operations, UploadOperation, 'uploads')
}

async function request(
  engine: EngineApi,
  operations: Iterable<TransferOperation>,
  kind: typeof DownloadOperation | typeof UploadOperation,
  name: string,
): Promise<UnconstrainedTransferRequestResult> {
  const asked = listOf(operations)
  const others = asked.filter((each) => !(each instanceof kind))
  if (asked.length === 0 || others.length > 0) {
    for (const each of others) refuseOtherCopy('operations', each, kind.name)
    throw invalidArgument('operations', `must be ${name}, one at least`)
  }
  if (asked.some((each) => !TransferOperation.isOf(engine, each))) {
    throw invalidArgument('operations', `must be ${name} of this engine`)
  }
  const isGranted = await engine.consentsToUnconstrained(
    asked.map((each) => {
      const {guid, url, file} = each.describe()
      return {guid, url, file}
    }),
  )
  if (isGranted) for (const each of asked) TransferOperation.exempt(engine, each)
  return new UnconstrainedTransferRequestResult(isGranted)
}
