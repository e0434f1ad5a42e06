/** The OpenTelemetry and Prometheus adapters, with the real packages, a real engine and a real server. */

import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {Registry} from 'prom-client'
import {describe, expect, it} from 'vitest'
import {startOtelMetrics} from '../../src/observe/otel.ts'
import {startPrometheusMetrics} from '../../src/observe/prometheus.ts'
import {failure, makeDirectory, onCleanup, openEngine, startServer} from '../integration/harness.ts'
import {contentOf} from '../support/content.ts'

const CONTENT = contentOf(4, 200_000)

/** One file that completes at the second try, one that is gone, one that waits in line and is seen by the next engine. */
async function transferThree(): Promise<{readonly urls: readonly string[]; readonly ids: readonly string[]}> {
  const directory = await makeDirectory()
  const server = await startServer()
  const downloads = [
    ['/file.bin?token=secret-token', 'file.bin'],
    ['/gone', 'gone'],
    ['/waiting', 'waiting'],
  ] as const
  let tries = 0
  server.route('/file.bin', () => {
    tries += 1
    return tries === 1 ? {status: 503, content: Buffer.from('later')} : {content: CONTENT}
  })
  server.route('/gone', {status: 410, content: Buffer.from('no')})
  const engine = await openEngine(directory, {maxConcurrentTransfers: 1})
  const operations = downloads.map(([path, name]) =>
    engine.createDownloader().createDownload(server.url(path), `${directory}/${name}`),
  )
  const [good, gone, waiting] = operations
  await good?.startAsync()
  await failure(gone?.startAsync() ?? Promise.resolve())
  await engine.close()
  const next = await openEngine(directory, {maxConcurrentTransfers: 0})
  const running = next.createDownloader().createDownload(server.url('/waiting'), `${directory}/waiting`).startAsync()
  running.catch(() => undefined)
  await running.accepted
  return {urls: downloads.map(([path]) => path), ids: operations.flatMap((each) => [each.guid, waiting?.guid ?? ''])}
}

describe('OpenTelemetry', () => {
  it('gets the metrics, with host, error and state for attributes and nothing that says whose', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({exporter, exportIntervalMillis: 3_600_000})
    const meterProvider = new MeterProvider({readers: [reader]})
    onCleanup(() => meterProvider.shutdown())
    const metrics = startOtelMetrics({meterProvider})
    const {urls, ids} = await transferThree()
    await meterProvider.forceFlush()
    metrics.stop()

    const told = exporter.getMetrics().flatMap(({scopeMetrics}) => scopeMetrics)
    expect(told.map(({scope}) => scope.name)).toEqual(['background-transfer'])
    const points = told
      .flatMap((scope) => scope.metrics)
      .flatMap(({descriptor, dataPoints}) =>
        dataPoints.map(({attributes, value}) => ({
          name: `${descriptor.name} ${descriptor.unit}`,
          attributes,
          value: typeof value === 'number' ? value : {count: value.count, sum: value.sum},
        })),
      )
    const of = (name: string) => points.filter((point) => point.name === name).map(({name: _, ...rest}) => rest)
    const server = {'server.address': '127.0.0.1'}
    expect(of('transfer.operations {operation}').filter(({value}) => value !== 0)).toEqual([
      {attributes: {'transfer.state': 'queued'}, value: 1},
    ])
    expect(of('transfer.io By')).toEqual([
      {attributes: {...server, 'network.io.direction': 'receive'}, value: CONTENT.length},
    ])
    expect(of('transfer.retries {retry}')).toEqual([{attributes: {...server, 'error.type': 'HTTP_STATUS'}, value: 1}])
    expect(of('transfer.duration s')).toMatchObject([
      {attributes: server, value: {count: 1}},
      {attributes: {...server, 'error.type': 'HTTP_STATUS'}, value: {count: 1}},
    ])
    expect(of('transfer.queue.wait s')).toMatchObject([{attributes: server, value: {count: 2}}])
    expect(new Set(points.map(({name}) => name)).size).toBe(5)
    const all = JSON.stringify(points)
    for (const each of [...urls, ...ids, 'secret-token', 'http:']) expect(all).not.toContain(each)
  })
})

describe('Prometheus', () => {
  it('gets the metrics, and none when they are stopped', async () => {
    const registry = new Registry()
    const metrics = startPrometheusMetrics({registry})
    const {urls, ids} = await transferThree()
    const text = await registry.metrics()
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        `transfer_bytes_total ${CONTENT.length}`,
        'transfer_operations{state="queued"} 1',
        'transfer_operations{state="running"} 0',
        'transfer_retries_total{error_type="HTTP_STATUS"} 1',
        'transfer_duration_seconds_count{error_type=""} 1',
        'transfer_duration_seconds_count{error_type="HTTP_STATUS"} 1',
        'transfer_queue_wait_seconds_count 2',
      ]),
    )
    for (const each of [...urls, ...ids, 'secret-token', '127.0.0.1']) expect(text).not.toContain(each)
    metrics.stop()
    expect((await registry.metrics()).trim()).toBe('')
    // It can begin again in the same registry.
    startPrometheusMetrics({registry}).stop()
  })
})
