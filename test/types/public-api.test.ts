/** The public surface, used as the README uses it: the compiler checks the types, the test checks the names. */

import type {Observable} from 'rxjs'
import {describe, expect, expectTypeOf, it} from 'vitest'
import * as api from '../../src/index.ts'
import {
  BackgroundDownloader,
  type BackgroundDownloadProgress,
  BackgroundTransferBehavior,
  BackgroundTransferEngine,
  BackgroundTransferError,
  type BackgroundTransferFileRange,
  BackgroundTransferGroup,
  BackgroundTransferPriority,
  BackgroundTransferStatus,
  type DownloadOperation,
  type EngineEvent,
  type OperationSummary,
  type ResponseInformation,
  type RunningDownload,
  type TransferError,
  WebErrorStatus,
} from '../../src/index.ts'

/** Never called: it stands here for the compiler. */
async function useEverything(signal: AbortSignal): Promise<void> {
  await using engine = await BackgroundTransferEngine.open({directory: './transfers', maxConcurrentTransfers: 2})
  const downloader: BackgroundDownloader = engine.createDownloader()
  downloader.transferGroup = BackgroundTransferGroup.createGroup('episodes')
  downloader.transferGroup.transferBehavior = BackgroundTransferBehavior.serialized
  const operation: DownloadOperation = downloader.createDownload(new URL('https://example.com/e1.mp4'), './e1.mp4')
  operation.priority = BackgroundTransferPriority.high
  const running: RunningDownload = operation.startAsync({signal})
  running.progress$.subscribe(({progress}) => {
    expectTypeOf(progress).toEqualTypeOf<BackgroundDownloadProgress>()
  })
  running.cancel()
  const finished: DownloadOperation = await running
  expectTypeOf(finished.explain().why).toBeString()
  for (const each of await engine.getCurrentDownloadsAsync()) await each.attachAsync({signal})
  const others: BackgroundDownloader = new BackgroundDownloader()
  expectTypeOf(others.transferGroup).toEqualTypeOf<BackgroundTransferGroup | null>()
  expectTypeOf(operation.status$).toEqualTypeOf<Observable<BackgroundTransferStatus>>()
  expectTypeOf(operation.getDownloadedRanges()).toEqualTypeOf<readonly BackgroundTransferFileRange[]>()
  expectTypeOf(operation.getResponseInformation()).toEqualTypeOf<ResponseInformation | null>()
  expectTypeOf(operation.currentWebErrorStatus).toEqualTypeOf<WebErrorStatus | null>()
  expectTypeOf(engine.events$).toEqualTypeOf<Observable<EngineEvent>>()
  expectTypeOf(engine.operations$).toEqualTypeOf<Observable<OperationSummary>>()
  expectTypeOf(BackgroundTransferError.getStatus(0)).toEqualTypeOf<WebErrorStatus>()
  expectTypeOf<TransferError['code']>().toExtend<string>()
  // @ts-expect-error the directory has no default
  await BackgroundTransferEngine.open({})
  // @ts-expect-error statuses are a closed set
  const wrong: BackgroundTransferStatus = 9
  // @ts-expect-error a group has no public constructor
  new BackgroundTransferGroup(wrong)
}

describe('the public entry', () => {
  it('compiles as the README uses it', () => {
    expect(useEverything).toBeTypeOf('function')
  })

  it('exports these values and no others', () => {
    expect(Object.keys(api).sort()).toEqual([
      'BackgroundDownloader',
      'BackgroundTaskBuilder',
      'BackgroundTaskRegistration',
      'BackgroundTransferBehavior',
      'BackgroundTransferCompletionGroup',
      'BackgroundTransferCompletionGroupTriggerDetails',
      'BackgroundTransferContentPart',
      'BackgroundTransferCostPolicy',
      'BackgroundTransferEngine',
      'BackgroundTransferError',
      'BackgroundTransferGroup',
      'BackgroundTransferPriority',
      'BackgroundTransferStatus',
      'BackgroundUploader',
      'ContentPrefetcher',
      'DownloadOperation',
      'ERROR_CODES',
      'GOOD_CONDITIONS',
      'PasswordCredential',
      'ResponseInformation',
      'TileNotification',
      'ToastNotification',
      'TransferError',
      'UnconstrainedTransferRequestResult',
      'UploadOperation',
      'WebErrorStatus',
      'diagnoseStore',
      'repairStore',
      's3Multipart',
    ])
  })

  it('gives the numbers of the namespace', () => {
    expect(BackgroundTransferStatus.pausedSystemPolicy).toBe(32)
    expect(BackgroundTransferPriority).toEqual({default: 0, high: 1, low: 2})
    expect(BackgroundTransferBehavior).toEqual({parallel: 0, serialized: 1})
    expect(WebErrorStatus.notFound).toBe(404)
  })
})
