/** `bgt put`: uploads a file, stdin or a form, and goes on with the upload that an earlier run did not finish. */

import {stat} from 'node:fs/promises'
import {TransferError} from '../../domain/errors.ts'
import {
  BackgroundTransferContentPart,
  type BackgroundTransferEngine,
  type BackgroundUploader,
  type UploadOperation,
  type UploadOptions,
} from '../../index.ts'
import {type Io, stdinError} from '../io.ts'
import {goOn, isCanceled, isOver} from '../operations.ts'
import {applySettings, changeUnfinished, limitsOf} from '../request-flags.ts'
import {type Left, type Run, runTransfers, type Told} from '../run.ts'
import {engineOptions} from '../run-flags.ts'
import {OwnOperations} from '../scopes.ts'
import {type Field, type PutFlags, protocolOf, type Sent} from '../sent.ts'
import {detach} from './detach.ts'

export function put(io: Io, sent: Sent, flags: PutFlags): Promise<number> {
  const run = new PutRun(io, sent, flags)
  return flags.detach === true ? detach(io, flags, run) : runTransfers(io, flags, engineOptions(flags, io.env), run)
}

class PutRun implements Run {
  readonly scope = new OwnOperations()
  readonly #io: Io
  readonly #sent: Sent
  readonly #flags: PutFlags
  /** Once it is on record. */
  #upload: UploadOperation | undefined

  constructor(io: Io, sent: Sent, flags: PutFlags) {
    this.#io = io
    this.#sent = sent
    this.#flags = flags
  }

  async begin(engine: BackgroundTransferEngine, told: Told): Promise<void> {
    if (await this.#isFresh(engine, told)) {
      const operation = await this.#create(engine)
      this.scope.add(operation.guid)
      const running = operation.startAsync()
      // Its outcome is followed by the engine's events.
      running.catch(() => {})
      await running.accepted
      this.#upload = operation
    }
    this.scope.close()
  }

  get left(): Left {
    const {kind} = this.#sent.content
    const again = kind === 'stdin' ? 'run the same command with all of stdin' : 'the same command sends it anew'
    if (this.#upload === undefined) return {isKept: false, note: `nothing was begun, and nothing is kept: ${again}`}
    if (isOver(this.#upload)) return {isKept: false, note: 'the upload had ended before'}
    const {method, protocol} = this.#upload
    // Of a file the same command finds what is unfinished.
    const how = kind === 'file' ? 'the same command, or bgt resume,' : 'bgt resume'
    if (protocol !== null) return {isKept: true, note: `what is here is kept: ${how} goes on from it`}
    if (!this.#upload.wasSent) return {isKept: true, note: `nothing was sent, and the upload is kept: ${how} sends it`}
    if (isRepeatable(this.#upload)) return {isKept: true, note: `the upload is kept: ${how} sends it anew`}
    const note = `a ${method} that was on the wire is not sent twice unasked, and the server may have it: ${again}`
    return {isKept: true, note}
  }

  #create(engine: BackgroundTransferEngine): Promise<UploadOperation> | UploadOperation {
    const {url, method, content, headers} = this.#sent
    const {priority, partSize} = this.#flags
    const protocol = protocolOf(this.#flags)
    const uploader = applySettings(engine, engine.createUploader(), this.#flags, headers)
    uploader.method = method
    const options = {
      ...limitsOf(this.#flags),
      ...(priority === undefined ? {} : {priority}),
      ...(protocol === undefined ? {} : {protocol}),
      ...(partSize === undefined ? {} : {partBytes: partSize}),
    }
    switch (content.kind) {
      case 'file':
        return uploader.createUpload(url, content.file, options)
      case 'stdin':
        return this.#createFromStdin(engine, uploader, url, options)
      case 'form':
        return uploader.createUploadAsync(url, content.fields.map(partOf), 'form-data', undefined, options)
    }
  }

  /** An interrupt closes the engine: then whoever feeds stdin is not waited for. */
  async #createFromStdin(
    engine: BackgroundTransferEngine,
    uploader: BackgroundUploader,
    url: URL,
    options: UploadOptions,
  ): Promise<UploadOperation> {
    const {stdin} = this.#io
    const ended = engine.events$.subscribe({complete: () => stdin.destroy()})
    try {
      return await uploader.createUploadFromStreamAsync(url, stdin, options)
    } catch (thrown) {
      throw stdinError(this.#io, thrown)
    } finally {
      ended.unsubscribe()
    }
  }

  /** Whether a new upload is to be made; an unfinished one of the same file to the same address goes on instead. */
  async #isFresh(engine: BackgroundTransferEngine, told: Told): Promise<boolean> {
    const {url, method, content} = this.#sent
    if (content.kind !== 'file') return true
    const earlier = await this.#earlier(engine, content.file, told)
    if (earlier === 'unreadable') return false
    if (earlier === undefined) return true
    if (isOver(earlier)) return this.#isAnotherWanted(earlier, content.file, told)
    if (earlier.protocol === (protocolOf(this.#flags) ?? null) && earlier.method === method && isRepeatable(earlier)) {
      this.#continue(earlier, told)
      return false
    }
    told.note(`${content.file}: the unfinished ${earlier.method} to ${url.host} is canceled, and it is sent anew`)
    await cancel(earlier)
    return true
  }

  async #earlier(
    engine: BackgroundTransferEngine,
    file: string,
    {fail}: Told,
  ): Promise<UploadOperation | 'unreadable' | undefined> {
    try {
      return await engine.findUploadAsync(this.#sent.url, file)
    } catch (thrown) {
      if (!(thrown instanceof TransferError) || thrown.code !== 'STORE_DAMAGED') throw thrown
      fail(thrown)
      return 'unreadable'
    }
  }

  async #isAnotherWanted(earlier: UploadOperation, file: string, told: Told): Promise<boolean> {
    const {error, delivered} = earlier.describe()
    if (error?.code === 'UPLOAD_TERMINATED' && !delivered) {
      told.note(`${file}: an earlier ${earlier.method} of it was cut off, and the server may have it; it is sent anew`)
    }
    return !(await this.#isUntoldSuccess(earlier, file, told))
  }

  /** The run before was killed between the end of the upload and the telling of it: this one tells it. */
  async #isUntoldSuccess(earlier: UploadOperation, file: string, {complete}: Told): Promise<boolean> {
    const summary = earlier.describe()
    if (summary.status !== 'completed' || summary.delivered || earlier.method !== this.#sent.method) return false
    const {size, mtimeMs, ctimeMs} = await stat(file)
    // Another file that took its name may be older than it; but not the change of its name.
    if (size !== summary.bytesSent || Math.max(mtimeMs, ctimeMs) > summary.createdAt) return false
    complete(summary)
    return true
  }

  #continue(operation: UploadOperation, told: Told): void {
    this.scope.add(operation.guid)
    this.#upload = operation
    changeUnfinished(operation, this.#flags, this.#sent.headers, (flag) =>
      told.note(`${operation.sourceFile}: goes on as it was started; ${flag} is for new uploads`),
    )
    goOn(operation, told)
  }
}

/** Another method may do twice what it asks for, once it was on the wire: without a protocol that can ask, nobody knows what became of it. */
function isRepeatable({method, protocol, wasSent}: UploadOperation): boolean {
  return protocol !== null || !wasSent || method.toUpperCase() === 'PUT'
}

async function cancel(operation: UploadOperation): Promise<void> {
  const running = operation.attachAsync()
  running.cancel()
  await running.catch((thrown: unknown) => {
    if (!isCanceled(thrown)) throw thrown
  })
}

function partOf(field: Field): BackgroundTransferContentPart {
  if ('text' in field) {
    const part = new BackgroundTransferContentPart(field.name)
    part.setText(field.text)
    return part
  }
  const part = new BackgroundTransferContentPart(field.name, field.fileName)
  part.setHeader('Content-Type', field.type)
  part.setFile(field.file)
  return part
}
