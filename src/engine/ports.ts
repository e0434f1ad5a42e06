/** Everything of the world that an engine stands on, as one argument. */

import type {Clock} from '../ports/clock.ts'
import type {ConditionsSource} from '../ports/conditions.ts'
import type {ContentSource} from '../ports/content-source.ts'
import type {FileBounds} from '../ports/file-bounds.ts'
import type {FileSink} from '../ports/file-sink.ts'
import type {IndexReader} from '../ports/index-reader.ts'
import type {Log} from '../ports/log.ts'
import type {Notifier} from '../ports/notifier.ts'
import type {Random} from '../ports/random.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {ResponseCache} from '../ports/response-cache.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {Spool} from '../ports/spool.ts'
import type {TaskRunner} from '../ports/task-runner.ts'
import type {Transport} from '../ports/transport.ts'
import type {UploadProtocols} from '../ports/upload-protocol.ts'
import type {UsageLedger} from '../ports/usage-ledger.ts'

export interface EnginePorts {
  readonly store: RecordStore
  /** With cookies, and with a look into the cache, where there are any. */
  readonly transport: Transport
  /** The same without them: for what is fetched ahead of need. */
  readonly plainTransport: Transport
  readonly cache: ResponseCache
  readonly indexReader: IndexReader
  readonly sink: FileSink
  readonly content: ContentSource
  readonly spool: Spool
  readonly clock: Clock
  readonly random: Random
  readonly secrets: Secrets
  readonly conditions: ConditionsSource
  readonly log: Log
  readonly tasks: TaskRunner
  readonly notifier: Notifier
  readonly protocols: UploadProtocols
  /** Absent where applications have no rules. */
  readonly bounds?: FileBounds
  /** The same. */
  readonly usage?: UsageLedger
}
