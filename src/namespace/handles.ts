/** One handle per operation and process (O: the same object per guid): a weak registry beside each engine. */

import type {OperationId} from '../domain/operation-id.ts'
import type {Engine} from '../engine/engine.ts'
import type {DownloadOperation} from './download-operation.ts'

const handles = new WeakMap<Engine, Map<OperationId, WeakRef<DownloadOperation>>>()

export function knownHandle(engine: Engine, id: OperationId): DownloadOperation | undefined {
  return handles.get(engine)?.get(id)?.deref()
}

export function rememberHandle(engine: Engine, id: OperationId, handle: DownloadOperation): void {
  const known = handles.get(engine) ?? new Map<OperationId, WeakRef<DownloadOperation>>()
  handles.set(engine, known)
  known.set(id, new WeakRef(handle))
  lettingGo.register(handle, () => {
    if (known.get(id)?.deref() === undefined) known.delete(id)
  })
}

const lettingGo = new FinalizationRegistry<() => void>((forget) => forget())
