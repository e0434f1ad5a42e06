/** Carries out what a background task asks of the engine: a new completion group, its task, its downloads, their start. */

import {asTransferError, TransferError} from '../domain/errors.ts'
import type {TaskCall} from '../domain/task-view.ts'
import type {EngineApi} from '../engine/engine-api.ts'
import {BackgroundDownloader} from './background-downloader.ts'
import {BackgroundTaskRegistration} from './background-task.ts'
import {BackgroundTransferCompletionGroup} from './background-transfer-completion-group.ts'
import type {DownloadOperation} from './download-operation.ts'
import type {DownloadOptions} from './download-options.ts'

export class EngineTaskHost {
  readonly #engine: EngineApi
  /** By the keys that the task gave them; they last as long as its try. */
  readonly #groups = new Map<string, BackgroundTransferCompletionGroup>()
  readonly #operations = new Map<string, DownloadOperation>()

  constructor(engine: EngineApi) {
    this.#engine = engine
  }

  /** What changes anything does so before this returns, so that calls take effect in their order. */
  call(call: TaskCall): Promise<unknown> {
    try {
      return this.#carryOut(call)
    } catch (thrown) {
      return Promise.reject(asTransferError(thrown))
    }
  }

  #carryOut(call: TaskCall): Promise<unknown> {
    switch (call.kind) {
      case 'createGroup':
        this.#groups.set(call.group, new BackgroundTransferCompletionGroup(this.#engine))
        return Promise.resolve()
      case 'register':
        return BackgroundTaskRegistration.register(this.#engine, {
          name: call.name,
          taskEntryPoint: call.entryPoint,
          trigger: this.#group(call.group).trigger,
          ...(call.timeoutMs === undefined ? {} : {timeoutMs: call.timeoutMs}),
        }).accepted
      case 'createDownload':
        this.#operations.set(call.key, this.#create(call))
        return Promise.resolve()
      case 'start':
        return this.#start(call.key)
      case 'enable':
        return this.#group(call.group).enableAsync()
    }
  }

  #create({group, download}: TaskCall & {readonly kind: 'createDownload'}): DownloadOperation {
    const downloader = new BackgroundDownloader(group === undefined ? this.#engine : this.#group(group))
    downloader.method = download.method
    downloader.group = download.group
    downloader.costPolicy = download.costPolicy
    for (const [name, value] of download.headers) downloader.setRequestHeader(name, value)
    return downloader.createDownload(download.uri, download.file, download.options as DownloadOptions)
  }

  async #start(key: string): Promise<string> {
    const operation = this.#operations.get(key)
    if (operation === undefined) throw new TransferError('ILLEGAL_STATE', 'there is no such download')
    await operation.startAsync().accepted
    return operation.guid
  }

  #group(key: string): BackgroundTransferCompletionGroup {
    const group = this.#groups.get(key)
    if (group === undefined) throw new TransferError('ILLEGAL_STATE', 'there is no such completion group')
    return group
  }
}
