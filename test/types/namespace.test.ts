/**
 * Every type and member that the namespace names is there, under its JavaScript name, with its type and, for enumerations, its
 * number. Most of this is the compiler's work; the tests count, so that nothing is left out of the table.
 */

import type {Observable} from 'rxjs'
import {describe, expect, expectTypeOf, it} from 'vitest'
import type {
  BackgroundDownloader,
  BackgroundDownloadProgress,
  BackgroundTransferBehavior,
  BackgroundTransferContentPart,
  BackgroundTransferCostPolicy,
  BackgroundTransferFileRange,
  BackgroundTransferGroup,
  BackgroundTransferPriority,
  BackgroundTransferRangesDownloadedEventArgs,
  BackgroundTransferStatus,
  BackgroundUploader,
  BackgroundUploadProgress,
  DownloadOperation,
  IBackgroundTransferBase,
  IBackgroundTransferContentPartFactory,
  IBackgroundTransferOperation,
  IBackgroundTransferOperationPriority,
  OperationId,
  PasswordCredential,
  RandomAccessStreamReference,
  ResponseInformation,
  RunningDownload,
  TileNotification,
  ToastNotification,
  UnconstrainedTransferRequestResult,
  UploadOperation,
  WebErrorStatus,
} from '../../src/index.ts'
import * as api from '../../src/index.ts'
import {apiReference} from '../docs/api-reference.ts'
import {CLASSES, ENUMS, INTERFACES, PENDING, STRUCTS, WEB_ERROR_STATUS} from './namespace-members.ts'

/** Names that the table has and the type lacks, but for those that are pending. */
type Lacking<T, Members, Name extends string> = Exclude<`${Name}.${keyof Members & string}`, Present<T, Name> | Pending>
type Present<T, Name extends string> = `${Name}.${keyof T & string}`
type Pending = (typeof PENDING)[number]
type Of<Name extends keyof typeof CLASSES> = (typeof CLASSES)[Name]['members']
type Statics<Name extends keyof typeof CLASSES> = (typeof CLASSES)[Name]['statics']

describe('the members of the namespace', () => {
  it('are all there', () => {
    type Downloader = 'BackgroundDownloader'
    type Args = BackgroundTransferRangesDownloadedEventArgs
    expectTypeOf<Lacking<BackgroundDownloader, Of<Downloader>, Downloader>>().toBeNever()
    expectTypeOf<Lacking<typeof api.BackgroundDownloader, Statics<Downloader>, Downloader>>().toBeNever()
    expectTypeOf<Lacking<typeof api.BackgroundTransferError, Statics<'BackgroundTransferError'>, 'x'>>().toBeNever()
    expectTypeOf<Lacking<BackgroundTransferGroup, Of<'BackgroundTransferGroup'>, 'x'>>().toBeNever()
    expectTypeOf<Lacking<typeof api.ContentPrefetcher, Statics<'ContentPrefetcher'>, 'x'>>().toBeNever()
    expectTypeOf<Lacking<typeof api.BackgroundTransferGroup, Statics<'BackgroundTransferGroup'>, 'x'>>().toBeNever()
    expectTypeOf<Lacking<Args, Of<'BackgroundTransferRangesDownloadedEventArgs'>, 'x'>>().toBeNever()
    expectTypeOf<Lacking<DownloadOperation, Of<'DownloadOperation'>, 'DownloadOperation'>>().toBeNever()
    expectTypeOf<Lacking<ResponseInformation, Of<'ResponseInformation'>, 'x'>>().toBeNever()
    expectTypeOf<keyof BackgroundDownloadProgress>().toEqualTypeOf<keyof typeof STRUCTS.BackgroundDownloadProgress>()
    expectTypeOf<keyof BackgroundTransferFileRange>().toEqualTypeOf<keyof typeof STRUCTS.BackgroundTransferFileRange>()
    expectTypeOf<UnconstrainedTransferRequestResult>().toEqualTypeOf<{readonly isUnconstrained: boolean}>()
    type Uploader = 'BackgroundUploader'
    expectTypeOf<Lacking<BackgroundUploader, Of<Uploader>, Uploader>>().toBeNever()
    expectTypeOf<Lacking<typeof api.BackgroundUploader, Statics<Uploader>, Uploader>>().toBeNever()
    expectTypeOf<Lacking<BackgroundTransferContentPart, Of<'BackgroundTransferContentPart'>, 'x'>>().toBeNever()
    expectTypeOf<Lacking<UploadOperation, Of<'UploadOperation'>, 'x'>>().toBeNever()
    expectTypeOf<keyof BackgroundUploadProgress>().toEqualTypeOf<keyof typeof STRUCTS.BackgroundUploadProgress>()
    type Base = 'IBackgroundTransferBase'
    type Operation = 'IBackgroundTransferOperation'
    type Priority = (typeof INTERFACES)['IBackgroundTransferOperationPriority']
    expectTypeOf<Lacking<IBackgroundTransferBase, (typeof INTERFACES)[Base], Base>>().toBeNever()
    expectTypeOf<Lacking<IBackgroundTransferOperation, (typeof INTERFACES)[Operation], Operation>>().toBeNever()
    expectTypeOf<Lacking<IBackgroundTransferOperationPriority, Priority, 'x'>>().toBeNever()
  })

  it('have their types, and setters only where the namespace has them', () => {
    type Credentials = 'proxyCredential' | 'serverCredential'
    type Settings = 'costPolicy' | 'group' | 'method' | 'transferGroup' | Credentials
    expectTypeOf<Pick<BackgroundDownloader, Settings>>().toEqualTypeOf<{
      costPolicy: BackgroundTransferCostPolicy
      proxyCredential: PasswordCredential | null
      serverCredential: PasswordCredential | null
      group: string
      method: string
      transferGroup: BackgroundTransferGroup | null
    }>()
    type Slots = Record<'failureToastNotification' | 'successToastNotification', ToastNotification | null> &
      Record<'failureTileNotification' | 'successTileNotification', TileNotification | null>
    expectTypeOf<Pick<BackgroundDownloader, keyof Slots>>().toEqualTypeOf<Pick<Slots, keyof Slots>>()
    expectTypeOf<Pick<BackgroundUploader, keyof Slots>>().toEqualTypeOf<Pick<Slots, keyof Slots>>()
    expectTypeOf<Pick<BackgroundTransferGroup, 'name' | 'transferBehavior'>>().toEqualTypeOf<{
      readonly name: string
      transferBehavior: BackgroundTransferBehavior
    }>()
    type Prefetching = 'indirectContentUri' | 'lastSuccessfulPrefetchTime'
    expectTypeOf<Pick<typeof api.ContentPrefetcher, Prefetching>>().toEqualTypeOf<{
      indirectContentUri: URL | null
      readonly lastSuccessfulPrefetchTime: Date | null
    }>()
    expectTypeOf<(typeof api.ContentPrefetcher)['contentUris']>().toExtend<URL[]>()
    type Changeable = 'costPolicy' | 'isRandomAccessRequired' | 'priority' | 'requestedUri'
    type Fixed = 'currentWebErrorStatus' | 'group' | 'guid' | 'method' | 'progress' | 'resultFile' | 'transferGroup'
    expectTypeOf<Pick<DownloadOperation, Changeable | Fixed>>().toEqualTypeOf<{
      costPolicy: BackgroundTransferCostPolicy
      isRandomAccessRequired: boolean
      priority: BackgroundTransferPriority
      requestedUri: URL
      readonly currentWebErrorStatus: WebErrorStatus | null
      readonly group: string
      readonly guid: OperationId
      readonly method: string
      readonly progress: BackgroundDownloadProgress
      readonly resultFile: string
      readonly transferGroup: BackgroundTransferGroup | null
    }>()
    expectTypeOf<DownloadOperation['recoverableWebErrorStatuses']['push']>().toBeCallableWith(404)
    expectTypeOf<BackgroundDownloadProgress>().toEqualTypeOf<{
      readonly bytesReceived: number
      readonly totalBytesToReceive: number
      readonly status: BackgroundTransferStatus
      readonly hasResponseChanged: boolean
      readonly hasRestarted: boolean
    }>()
    expectTypeOf<BackgroundTransferFileRange>().toEqualTypeOf<{readonly offset: number; readonly length: number}>()
    type Facts = 'actualUri' | 'headers' | 'isResumable' | 'statusCode'
    expectTypeOf<Pick<ResponseInformation, Facts>>().toEqualTypeOf<{
      readonly actualUri: URL
      readonly headers: ReadonlyMap<string, string>
      readonly isResumable: boolean
      readonly statusCode: number
    }>()
  })

  it('are called as the namespace has them called', () => {
    expectTypeOf<BackgroundDownloader>().toExtend<{
      createDownload(uri: URL, resultFile: string): DownloadOperation
      setRequestHeader(name: string, value: string): void
    }>()
    expectTypeOf<typeof api.BackgroundDownloader>().toExtend<{
      getCurrentDownloadsAsync(): Promise<readonly DownloadOperation[]>
      getCurrentDownloadsAsync(group: string): Promise<readonly DownloadOperation[]>
      requestUnconstrainedDownloadsAsync(
        operations: Iterable<DownloadOperation>,
      ): Promise<UnconstrainedTransferRequestResult>
      getCurrentDownloadsForTransferGroupAsync(group: BackgroundTransferGroup): Promise<readonly DownloadOperation[]>
    }>()
    expectTypeOf<typeof api.BackgroundTransferError>().toExtend<{getStatus(hresult: number): WebErrorStatus}>()
    expectTypeOf<typeof api.BackgroundTransferGroup>().toExtend<{createGroup(name: string): BackgroundTransferGroup}>()
    expectTypeOf<DownloadOperation>().toExtend<{
      startAsync(): RunningDownload
      attachAsync(): RunningDownload
      pause(): void
      resume(): void
      getDownloadedRanges(): readonly BackgroundTransferFileRange[]
      getResponseInformation(): ResponseInformation | null
      getResultRandomAccessStreamReference(): RandomAccessStreamReference
      getResultStreamAt(position: number): ReadableStream<Uint8Array>
      makeCurrentInTransferGroup(): void
      setRequestHeader(name: string, value: string): void
      removeRequestHeader(name: string): void
      rangesDownloaded: Observable<BackgroundTransferRangesDownloadedEventArgs>
    }>()
    expectTypeOf<BackgroundTransferRangesDownloadedEventArgs>().toExtend<{
      readonly addedRanges: readonly BackgroundTransferFileRange[]
      readonly wasDownloadRestarted: boolean
      getDeferral(): {complete(): void; close(): void}
    }>()
  })

  it('77, 163, 164, U16. leave an upload without pause, resume, another address and recoverable errors', () => {
    type Absent = 'pause' | 'resume' | 'recoverableWebErrorStatuses' | 'currentWebErrorStatus' | 'rangesDownloaded'
    expectTypeOf<Extract<keyof UploadOperation, Absent>>().toBeNever()
    expectTypeOf<Pick<UploadOperation, 'requestedUri' | 'sourceFile' | 'progress'>>().toEqualTypeOf<{
      readonly requestedUri: URL
      readonly sourceFile: string | null
      readonly progress: BackgroundUploadProgress
    }>()
    const {prototype} = api.UploadOperation
    for (const name of ['pause', 'resume', 'recoverableWebErrorStatuses', 'currentWebErrorStatus']) {
      expect(prototype).not.toHaveProperty(name)
    }
    const accessor = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(prototype), 'requestedUri')
    expect(accessor?.set).toBeUndefined()
  })

  it('are what the interfaces ask', () => {
    expectTypeOf<UploadOperation>().toExtend<IBackgroundTransferOperation>()
    expectTypeOf<UploadOperation>().toExtend<IBackgroundTransferOperationPriority>()
    expectTypeOf<typeof api.BackgroundTransferContentPart>().toExtend<IBackgroundTransferContentPartFactory>()
    const named = api.BackgroundTransferContentPart.createWithNameAndFileName('field', 'name.txt')
    expect(named).toBeInstanceOf(api.BackgroundTransferContentPart)
    expect(api.BackgroundTransferContentPart.createWithName('field')).toBeInstanceOf(api.BackgroundTransferContentPart)
    expect(() => api.BackgroundTransferContentPart.createWithName(undefined as never)).toThrow('must be text')
    expectTypeOf<BackgroundUploader>().toExtend<IBackgroundTransferBase>()
    expectTypeOf<BackgroundDownloader>().toExtend<IBackgroundTransferBase>()
    expectTypeOf<DownloadOperation>().toExtend<IBackgroundTransferOperation>()
    expectTypeOf<DownloadOperation>().toExtend<IBackgroundTransferOperationPriority>()
  })
})

describe('the enumerations of the namespace', () => {
  it('have their names and numbers', () => {
    for (const [name, values] of Object.entries(ENUMS)) expect(api, name).toHaveProperty([name], values)
    expect(api.WebErrorStatus).toEqual(WEB_ERROR_STATUS)
  })

  it('are closed sets to the compiler', () => {
    type Values<T> = T[keyof T]
    expectTypeOf<BackgroundTransferBehavior>().toEqualTypeOf<Values<typeof ENUMS.BackgroundTransferBehavior>>()
    expectTypeOf<BackgroundTransferCostPolicy>().toEqualTypeOf<Values<typeof ENUMS.BackgroundTransferCostPolicy>>()
    expectTypeOf<BackgroundTransferPriority>().toEqualTypeOf<Values<typeof ENUMS.BackgroundTransferPriority>>()
    expectTypeOf<BackgroundTransferStatus>().toEqualTypeOf<Values<typeof ENUMS.BackgroundTransferStatus>>()
    expectTypeOf<WebErrorStatus>().toEqualTypeOf<Values<typeof WEB_ERROR_STATUS>>()
  })
})

describe('the table', () => {
  const sum = (members: object) => Object.values(members).reduce((total: number, each: number) => total + each, 0)
  const values = (of: object) => Object.keys(of).length

  it('has the 159 members of the metadata, and the 55 values of WebErrorStatus', () => {
    const ofClasses = Object.values(CLASSES).map(
      ({constructors, members, statics}) => constructors + sum(members) + sum(statics),
    )
    const total = (counts: readonly number[]) => counts.reduce((all, each) => all + each, 0)
    expect(ofClasses).toEqual([21, 4, 2, 6, 1, 3, 3, 23, 3, 24, 4, 1, 16])
    expect(total(Object.values(STRUCTS).map(sum))).toBe(14)
    expect(total(Object.values(INTERFACES).map(sum))).toBe(16)
    expect(total(Object.values(ENUMS).map(values))).toBe(18)
    expect(total(ofClasses) + 14 + 16 + 18).toBe(159)
    expect(values(WEB_ERROR_STATUS)).toBe(55)
  })

  it('names types that are exported, or pending', () => {
    const page = apiReference()
    const pending = new Set<string>(PENDING)
    const types = [CLASSES, STRUCTS, INTERFACES, ENUMS].flatMap((group) => Object.keys(group))
    expect(types).toHaveLength(13 + 3 + 4 + 4)
    expect(types.filter((name) => !pending.has(name) && !page.includes(`\n#### ${name}\n`))).toEqual([])
  })
})
