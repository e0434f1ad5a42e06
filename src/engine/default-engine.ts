/** The engine that `new BackgroundDownloader()` and the static members act on: the first one opened, while it is open. */

import {invalidArgument, TransferError} from '../domain/errors.ts'
import type {EngineApi} from './engine-api.ts'

const open: EngineApi[] = []

export function addOpenEngine(engine: EngineApi): void {
  open.push(engine)
}

export function removeOpenEngine(engine: EngineApi): void {
  const index = open.indexOf(engine)
  if (index !== -1) open.splice(index, 1)
}

/**
 * Throws INVALID_ARGUMENT, in these words, for what is no engine of ours: the face that an application has is none, and `call` of it
 * is what was meant.
 */
export function assertEngine(argument: string, violated: string, engine: EngineApi, call: string): void {
  if (typeof engine?.newId === 'function') return
  throw invalidArgument(argument, violated, `of an engine that is not the default one, call ${call}`)
}

/** Throws CLOSED when no engine is open. */
export function defaultEngine(): EngineApi {
  const [first] = open
  if (first === undefined)
    throw new TransferError('CLOSED', 'no engine is open; call BackgroundTransferEngine.open first')
  return first
}
