/** One handle per operation and process (O: the same object per guid), as long as the application has it. */

import type {OperationId} from '../domain/operation-id.ts'
import type {EngineApi, HeldOperation} from '../engine/engine-api.ts'
import {WeakValues} from './weak-values.ts'

const handles = new WeakMap<EngineApi, WeakValues<OperationId, object>>()

const lettingGo = new FinalizationRegistry<() => void>((letGo) => letGo())

export function knownHandle(engine: EngineApi, id: OperationId): object | undefined {
  return handles.get(engine)?.get(id)
}

/** From now on it is the handle of its operation; when the application lets go of it, the engine's entry is released. */
export function rememberHandle(engine: EngineApi, entry: HeldOperation, handle: object): void {
  const known = handles.get(engine) ?? new WeakValues()
  handles.set(engine, known)
  known.set(entry.record.id, handle)
  lettingGo.register(handle, () => engine.release(entry))
}

/** A draft that nobody has any more counts no longer, and needs no copy of a stream. */
export function watchDraft(engine: EngineApi, id: OperationId, handle: object): void {
  lettingGo.register(handle, () => {
    engine.limits.dropDraft(id)
    engine.dropBody(id)
  })
}
