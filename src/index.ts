/** background-transfer: the public entry. */

export type {CookieJar, Cookies} from './adapters/cookies/jar.ts'
export type {EgressOptions} from './adapters/http/egress.ts'
export type {TlsSettings} from './adapters/http/tls-options.ts'
export {
  type S3MultipartOptions,
  type S3StartedUpload,
  type S3Upload,
  s3Multipart,
} from './adapters/uploads/s3-multipart.ts'
export {BackgroundTransferEngine} from './background-transfer-engine.ts'
export type {ControlOptions} from './control.ts'
export {diagnoseStore, type RepairReport, type RepairStoreOptions, repairStore, type StoreReport} from './doctor.ts'
export type {ApplicationRules, Applications} from './domain/applications.ts'
export {BackgroundTransferBehavior} from './domain/behavior.ts'
export {type Conditions, GOOD_CONDITIONS} from './domain/conditions.ts'
export type {ExpectedContent} from './domain/content-guard.ts'
export {BackgroundTransferCostPolicy} from './domain/cost-policy.ts'
export {ERROR_CODES, type ErrorCode, type ErrorKind, type RetryVerdict} from './domain/error-codes.ts'
export {type ErrorDetails, type SerializedError, TransferError, type TransferErrorOptions} from './domain/errors.ts'
export type {Explanation} from './domain/explain.ts'
export type {InspectOptions} from './domain/inspect-options.ts'
export type {JournalEntry, JournalPage} from './domain/journal.ts'
export type {LineMove} from './domain/line-move.ts'
export type {Notice, NoticeOutcome, TileNotice, ToastNotice} from './domain/notice.ts'
export type {OperationId} from './domain/operation-id.ts'
export type {PrefetchOutcome} from './domain/prefetch.ts'
export {BackgroundTransferPriority} from './domain/priority.ts'
export type {ProxyOptions} from './domain/proxy.ts'
export type {Checksum, ChecksumAlgorithm, CollisionPolicy, FtpTls} from './domain/record.ts'
export type {Redirect} from './domain/redirect.ts'
export {BackgroundTransferStatus, type LifeState} from './domain/status.ts'
export type {TaskCall, TaskDownload, TaskLaunch} from './domain/task-view.ts'
export type {StepAnswer, StepOutcome, UploadStep, UploadView} from './domain/upload-steps.ts'
export type {Json, ResumableFacts, UploadWay} from './domain/upload-way.ts'
export {WebErrorStatus} from './domain/web-error-status.ts'
export type {ApplicationStanding} from './engine/applications/application-quotas.ts'
export type {LimitOptions} from './engine/engine-limits.ts'
export type {EngineEvent, ProgressChange} from './engine/events.ts'
export type {
  BackgroundTaskOptions,
  ConstrainedTransfer,
  EngineOptions,
  PrefetchOptions,
  RetentionPolicy,
  UnconstrainedConsent,
} from './engine/options.ts'
export type {Inspector} from './inspector/inspector.ts'
export type {ExportBundle} from './inspector/protocol.ts'
export {BackgroundDownloader} from './namespace/background-downloader.ts'
export {
  BackgroundTaskBuilder,
  BackgroundTaskRegistration,
  type BackgroundTaskSettings,
} from './namespace/background-task.ts'
export {
  BackgroundTransferCompletionGroup,
  type CompletionTrigger,
} from './namespace/background-transfer-completion-group.ts'
export {BackgroundTransferContentPart} from './namespace/background-transfer-content-part.ts'
export {BackgroundTransferError} from './namespace/background-transfer-error.ts'
export {BackgroundTransferGroup} from './namespace/background-transfer-group.ts'
export {BackgroundUploader, type UploadOptions} from './namespace/background-uploader.ts'
export {ContentPrefetcher, type PrefetchReport, type UriList} from './namespace/content-prefetcher.ts'
export {
  type BackgroundDownloadProgress,
  DownloadOperation,
  type RangesDownloadedListener,
  type RunningDownload,
} from './namespace/download-operation.ts'
export type {DownloadOptions} from './namespace/download-options.ts'
export type {ByteStream} from './namespace/given-bytes.ts'
export type {
  IBackgroundTransferBase,
  IBackgroundTransferContentPartFactory,
  IBackgroundTransferOperation,
  IBackgroundTransferOperationPriority,
} from './namespace/interfaces.ts'
export {TileNotification, ToastNotification} from './namespace/notifications.ts'
export type {OperationSummary} from './namespace/operation-summary.ts'
export {PasswordCredential} from './namespace/password-credential.ts'
export type {
  RandomAccessStream,
  RandomAccessStreamReference,
  ReadOptions,
} from './namespace/random-access-stream.ts'
export type {
  BackgroundTransferFileRange,
  BackgroundTransferRangesDownloadedEventArgs,
  Deferral,
} from './namespace/ranges-downloaded.ts'
export {ResponseInformation} from './namespace/response-information.ts'
export type {RunningTransfer, WaitOptions} from './namespace/running-transfer.ts'
export type {ChangeableOptions} from './namespace/transfer-operation.ts'
export {UnconstrainedTransferRequestResult} from './namespace/unconstrained-transfers.ts'
export {type BackgroundUploadProgress, type RunningUpload, UploadOperation} from './namespace/upload-operation.ts'
export type {
  AttemptMessage,
  DiagnosticMessages,
  EngineCloseMessage,
  EngineOpenMessage,
  StoreFailedMessage,
  TransferProgressMessage,
  TransferRestartMessage,
  TransferRetryMessage,
  TransferStateMessage,
} from './observe/channels.ts'
export type {
  BackgroundTransferEngineOptions,
  ConnectOptions,
  HostInformation,
  HostOnlyOptions,
  HostOrEmbedOptions,
  SharedEngineOptions,
} from './opening-options.ts'
export type {CacheOptions, PlatformOptions} from './platform.ts'
export type {
  AddressGiven,
  AttemptProvider,
  AttemptProviders,
  ComingAttempt,
  HeadersGiven,
} from './ports/attempt-provider.ts'
export type {ConditionsSource} from './ports/conditions.ts'
export type {Log} from './ports/log.ts'
export type {Notifier} from './ports/notifier.ts'
export type {OperationQuery} from './ports/record-store.ts'
export type {RunningTask, TaskHost, TaskRunner} from './ports/task-runner.ts'
export type {StepRequest, StepTools, UploadProtocol} from './ports/upload-protocol.ts'
export type {
  EndedDownload,
  EndedDownloadProgress,
  EndedTransfer,
  EndedUpload,
  EndedUploadProgress,
} from './task/ended-transfer.ts'
export type {
  TaskCompletionGroup,
  TaskDownloader,
  TaskDownloadOperation,
  TaskEngine,
  TaskTrigger,
} from './task/task-engine.ts'
export type {BackgroundTask, BackgroundTaskInstance} from './task/task-instance.ts'
export {BackgroundTransferCompletionGroupTriggerDetails} from './task/trigger-details.ts'
