/**
 * A program of somebody else, which uses everything that the package exports: never run, and compiled here and as a consumer
 * would (consumer.test.ts). Functions without a declared result show whether what they give can be named outside.
 */

import * as api from '../../src/index.ts'
import * as inspecting from '../../src/inspect.ts'
import * as otel from '../../src/observe/otel.ts'
import * as prometheus from '../../src/observe/prometheus.ts'

export const options: api.BackgroundTransferEngineOptions = {
  directory: './transfers',
  maxConcurrentTransfers: 2,
  maxConnectionsPerOrigin: 1,
  retention: {count: 10},
  limits: {operations: 200, groups: 50},
  resumeOnOpen: 'nothing',
  durability: 'process',
  conditions: 'good',
  notifier: {show: async (notice) => notice.outcome === 'success'},
  prefetch: {idleMs: 1_000},
  cookies: true,
  proxy: {https: 'http://proxy:3128'},
  logger: console,
  beforeAttempt: {token: {headers: async ({signal}) => ({authorization: String(signal.aborted)})}},
  egress: {hosts: ['example.com']},
  tls: {minVersion: 'TLSv1.3'},
  control: {stays: true},
  applications: {apps: {player: {maxOperations: 1}}},
  cache: {maxBytes: 1},
  backgroundTasks: {maxRuns: 1},
  unconstrainedConsent: (transfers) => transfers.every(({url}) => url !== ''),
}

export function openings() {
  return {
    own: api.BackgroundTransferEngine.open(options),
    shared: api.BackgroundTransferEngine.open({...options, shared: 'host'}),
    started: api.BackgroundTransferEngine.open({directory: 'd', shared: 'host', noHost: 'start', app: 'player'}),
    connected: api.BackgroundTransferEngine.connect({directory: 'd', succeed: {retries: 1}}),
    either: api.BackgroundTransferEngine.openOrConnect(options),
    first: () => api.BackgroundTransferEngine.default,
  }
}

export async function downloads(engine: api.BackgroundTransferEngine, signal: AbortSignal) {
  const downloader = engine.createDownloader({completionGroup: engine.createCompletionGroup()})
  downloader.costPolicy = api.BackgroundTransferCostPolicy.unrestrictedOnly
  downloader.serverCredential = new api.PasswordCredential('server', 'ann', 'secret')
  downloader.successToastNotification = api.ToastNotification.ofTexts('Done')
  downloader.failureTileNotification = new api.TileNotification('<tile/>')
  downloader.transferGroup = engine.createGroup('episodes')
  downloader.transferGroup.transferBehavior = api.BackgroundTransferBehavior.serialized
  const asked: api.DownloadOptions = {
    collision: 'replaceExisting',
    checksum: {algorithm: 'sha256', hex: ''},
    expect: {contentType: ['image/*'], maxBytes: 1},
    priority: api.BackgroundTransferPriority.low,
  }
  const download = downloader.createDownload(new URL('https://example.com/a'), 'a', asked)
  download.isRandomAccessRequired = true
  download.recoverableWebErrorStatuses.push(api.WebErrorStatus.unauthorized)
  download.addEventListener('rangesdownloaded', ({addedRanges, target}) => addedRanges.length + target.guid.length)
  const running = download.startAsync({signal})
  const done = await running
  const stream = await done.getResultRandomAccessStreamReference().openReadAsync()
  return {
    ftpTls: downloader.ftpTls,
    running,
    progress: done.progress,
    progress$: running.progress$,
    ranges: done.rangesDownloaded,
    downloaded: done.getDownloadedRanges(),
    isPaused: done.progress.status === api.BackgroundTransferStatus.pausedByApplication,
    error: done.currentWebErrorStatus,
    response: done.getResponseInformation()?.headers.get('ETag'),
    described: done.describe(),
    explained: done.explain(),
    read: () => stream.readAsync(1, {partial: true, signal}),
    change: (changed: api.ChangeableOptions) => done.changeOptions(changed),
    body: () => downloader.createDownloadAsync('https://example.com/a', 'a', new ReadableStream<Uint8Array>()),
    many: () =>
      downloader.createDownloads([
        ['https://example.com/a', 'a'],
        [new URL('https://example.com/b'), 'b', asked],
      ]),
    found: () => api.BackgroundDownloader.getCurrentDownloadsAsync(),
    all: () => Promise.all([engine.getCurrentDownloadsAsync(), engine.getDownloadAsync(done.guid)]),
    consent: () => engine.requestUnconstrainedDownloadsAsync([done]),
  }
}

export async function uploads(engine: api.BackgroundTransferEngine) {
  const uploader: api.BackgroundUploader = engine.createUploader()
  const part = api.BackgroundTransferContentPart.createWithName('field')
  part.setText('text')
  const upload = await uploader.createUploadAsync('https://example.com', [part], 'related')
  const done = await upload.startAsync()
  return {
    progress: done.progress,
    file: uploader.createUpload('https://example.com', 'a', {protocol: 'tus', metadata: {title: 'a'}}),
    stream: uploader.createUploadFromStreamAsync('https://example.com', process.stdin),
    answer: done.getResultStreamAt(0),
    s3: api.s3Multipart({
      name: 's3',
      create: ({guid}) => guid,
      partUrl: ({uploadId}, number) => `https://example.com/${uploadId}/${number}`,
      completeUrl: async () => 'https://example.com',
    }),
  }
}

export function failures(error: unknown) {
  if (!(error instanceof api.TransferError)) throw error
  const known: api.ErrorCode = error.code
  switch (error.kind) {
    case 'network':
    case 'server':
      return {plain: error.toSerialized(), verdict: error.retry, details: error.details}
    default:
      return {known, facts: api.ERROR_CODES[known], status: api.BackgroundTransferError.getStatus(error.number)}
  }
}

/** A word that is no type of an event does not compile, and each type gives its own members. */
export function event(happened: api.EngineEvent) {
  switch (happened.type) {
    case 'operation.started':
    case 'operation.moved':
      return happened.record.state
    case 'task.failed':
      return happened.retryAt
    // @ts-expect-error there is no such event
    case 'operation.vanished':
      return undefined
    default:
      return happened.type
  }
}

export async function everythingElse(engine: api.BackgroundTransferEngine) {
  const group = engine.createCompletionGroup()
  const builder = new api.BackgroundTaskBuilder()
  builder.setTrigger(group.trigger)
  return {
    task: builder.register(),
    registered: engine.registerBackgroundTask({taskEntryPoint: 'a.js', trigger: group.trigger, isolation: 'process'}),
    tasks: engine.backgroundTasks,
    page: await engine.queryAsync({states: ['queued'], limit: 1}),
    journal: await engine.journalAsync('' as api.OperationId, {limit: 1}),
    bundle: await engine.exportAsync('' as api.OperationId),
    standing: await engine.applicationsAsync(),
    inspector: await engine.inspect({control: true}),
    serving: await inspecting.startInspector(engine),
    prefetched: await engine.contentPrefetcher.prefetchAsync(),
    listed: engine.contentPrefetcher.contentUris,
    prefetchedAt: api.ContentPrefetcher.lastSuccessfulPrefetchTime,
    group: api.BackgroundTransferGroup.createGroup('g'),
    store: await api.diagnoseStore('d'),
    repaired: await api.repairStore('d', {search: ['e']}),
    conditions: {...api.GOOD_CONDITIONS, batterySaver: true},
    metrics: [otel.startOtelMetrics(), prometheus.startPrometheusMetrics()],
    host: engine.host,
  }
}

export const run: api.BackgroundTask = async ({triggerDetails, engine}) => {
  if (!(triggerDetails instanceof api.BackgroundTransferCompletionGroupTriggerDetails)) return
  const failed = triggerDetails.downloads.filter(({progress}) => progress.status === api.BackgroundTransferStatus.error)
  const again = engine.createDownloader()
  for (const {requestedUri, resultFile} of failed) await again.createDownload(requestedUri, resultFile).startAsync()
}

export type Classes = [
  api.BackgroundDownloader,
  api.BackgroundTaskRegistration,
  api.BackgroundTransferCompletionGroup,
  api.DownloadOperation,
  api.ResponseInformation,
  api.UnconstrainedTransferRequestResult,
  api.UploadOperation,
]

/** By name, as a signature of the consumer's would have them. */
export type Named = [
  api.AddressGiven,
  api.ApplicationRules,
  api.ApplicationStanding,
  api.Applications,
  api.AttemptMessage,
  api.AttemptProvider,
  api.AttemptProviders,
  api.BackgroundDownloadProgress,
  api.BackgroundTask,
  api.BackgroundTaskInstance,
  api.BackgroundTaskOptions,
  api.BackgroundTaskSettings,
  api.BackgroundTransferEngineOptions,
  api.BackgroundTransferFileRange,
  api.BackgroundTransferRangesDownloadedEventArgs,
  api.BackgroundUploadProgress,
  api.ByteStream,
  api.CacheOptions,
  api.ChangeableOptions,
  api.Checksum,
  api.ChecksumAlgorithm,
  api.CollisionPolicy,
  api.ComingAttempt,
  api.CompletionTrigger,
  api.Conditions,
  api.ConditionsSource,
  api.ConnectOptions,
  api.ConstrainedTransfer,
  api.ControlOptions,
  api.CookieJar,
  api.Cookies,
  api.Deferral,
  api.DiagnosticMessages,
  api.DownloadOptions,
  api.EgressOptions,
  api.EndedDownload,
  api.EndedDownloadProgress,
  api.EndedTransfer,
  api.EndedUpload,
  api.EndedUploadProgress,
  api.EngineCloseMessage,
  api.EngineEvent,
  api.EngineOpenMessage,
  api.EngineOptions,
  api.ErrorCode,
  api.ErrorDetails,
  api.ErrorKind,
  api.ExpectedContent,
  api.Explanation,
  api.ExportBundle,
  api.FtpTls,
  api.HeadersGiven,
  api.HostInformation,
  api.HostOnlyOptions,
  api.HostOrEmbedOptions,
  api.IBackgroundTransferBase,
  api.IBackgroundTransferContentPartFactory,
  api.IBackgroundTransferOperation,
  api.IBackgroundTransferOperationPriority,
  api.InspectOptions,
  api.Inspector,
  api.JournalEntry,
  api.JournalPage,
  api.Json,
  api.LifeState,
  api.LimitOptions,
  api.LineMove,
  api.Log,
  api.Notice,
  api.NoticeOutcome,
  api.Notifier,
  api.OperationId,
  api.OperationQuery,
  api.OperationSummary,
  api.PlatformOptions,
  api.PrefetchOptions,
  api.PrefetchOutcome,
  api.PrefetchReport,
  api.ProgressChange,
  api.ProxyOptions,
  api.RandomAccessStream,
  api.RandomAccessStreamReference,
  api.RangesDownloadedListener,
  api.ReadOptions,
  api.Redirect,
  api.RepairReport,
  api.RepairStoreOptions,
  api.ResumableFacts,
  api.RetentionPolicy,
  api.RetryVerdict,
  api.RunningDownload,
  api.RunningTask,
  api.RunningTransfer<api.DownloadOperation>,
  api.RunningUpload,
  api.S3MultipartOptions,
  api.S3StartedUpload,
  api.S3Upload,
  api.SerializedError,
  api.SharedEngineOptions,
  api.StepAnswer,
  api.StepOutcome,
  api.StepRequest,
  api.StepTools,
  api.StoreFailedMessage,
  api.StoreReport,
  api.TaskCall,
  api.TaskCompletionGroup,
  api.TaskDownload,
  api.TaskDownloadOperation,
  api.TaskDownloader,
  api.TaskEngine,
  api.TaskHost,
  api.TaskLaunch,
  api.TaskRunner,
  api.TaskTrigger,
  api.TileNotice,
  api.TlsSettings,
  api.ToastNotice,
  api.TransferErrorOptions,
  api.TransferProgressMessage,
  api.TransferRestartMessage,
  api.TransferRetryMessage,
  api.TransferStateMessage,
  api.UnconstrainedConsent,
  api.UploadOptions,
  api.UploadProtocol,
  api.UploadStep,
  api.UploadView,
  api.UploadWay,
  api.UriList,
  api.WaitOptions,
  inspecting.AttemptView,
  inspecting.CommandRequest,
  inspecting.ConnectionView,
  inspecting.ExportBundle,
  inspecting.GroupView,
  inspecting.HeaderChange,
  inspecting.InspectOptions,
  inspecting.Inspector,
  inspecting.InspectorMessage,
  inspecting.InspectorState,
  inspecting.JournalEntry,
  inspecting.OperationDetail,
  inspecting.OperationView,
  inspecting.Redirect,
  inspecting.Supposed,
  otel.OtelMetricsOptions,
  otel.OtelMetrics,
  prometheus.PrometheusMetricsOptions,
  prometheus.PrometheusMetrics,
]
