/** One handle per operation and process (O: the same object per guid): a weak registry beside each engine. */

import type {OperationId} from '../domain/operation-id.ts'
import type {Engine} from '../engine/engine.ts'
import type {OperationEntry} from '../engine/operation-entry.ts'
import type {DownloadOperation} from './download-operation.ts'

const handles = new WeakMap<Engine, Map<OperationId, WeakRef<DownloadOperation>>>()

export function knownHandle(engine: Engine, id: OperationId): DownloadOperation | undefined {
  return handles.get(engine)?.get(id)?.deref()
}

/** From now on it is the handle of its operation; when the application lets go of it, the engine's entry is released. */
export function rememberHandle(engine: Engine, entry: OperationEntry, handle: DownloadOperation): void {
  const {id} = entry.record
  const known = handles.get(engine) ?? new Map<OperationId, WeakRef<DownloadOperation>>()
  handles.set(engine, known)
  known.set(id, new WeakRef(handle))
  lettingGo.register(handle, () => {
    if (known.get(id)?.deref() === undefined) known.delete(id)
    engine.release(entry)
  })
}

const lettingGo = new FinalizationRegistry<() => void>((letGo) => letGo())
