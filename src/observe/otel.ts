/**
 * background-transfer/otel: OpenTelemetry metrics of every engine of this process. Requests themselves are left to the HTTP
 * instrumentation. No attribute holds a URL or an id.
 */

import {type MeterProvider, metrics} from '@opentelemetry/api'
import {invalidArgument} from '../domain/errors.ts'
import {assertOptions, shown} from '../domain/given.ts'
import {listen} from './channels.ts'
import {errorTypeOf, TRANSFER_SECONDS} from './measures.ts'
import {followUnfinished} from './unfinished-counts.ts'

export interface OtelMetricsOptions {
  /** The global one by default. */
  readonly meterProvider?: MeterProvider
}

export interface OtelMetrics {
  /** Nothing more is recorded. */
  stop(): void
}

/**
 * Records from now on; call it before the engine is opened, so that what the engine finds is counted too. Throws INVALID_ARGUMENT.
 */
export function startOtelMetrics(options: OtelMetricsOptions = {}): OtelMetrics {
  assertOptions('options', options, {meterProvider: true})
  const {meterProvider = metrics.getMeterProvider()} = options
  if (typeof meterProvider?.getMeter !== 'function') {
    throw invalidArgument('meterProvider', `must be a MeterProvider, not ${shown(meterProvider)}`)
  }
  const meter = meterProvider.getMeter('background-transfer')
  const operations = meter.createUpDownCounter('transfer.operations', {
    description: 'Unfinished operations by state',
    unit: '{operation}',
  })
  const io = meter.createCounter('transfer.io', {description: 'Body bytes', unit: 'By'})
  const duration = meter.createHistogram('transfer.duration', {
    description: 'From acceptance to the end',
    unit: 's',
    advice: {explicitBucketBoundaries: [...TRANSFER_SECONDS]},
  })
  const retries = meter.createCounter('transfer.retries', {
    description: 'Tries that failed and were followed by another one',
    unit: '{retry}',
  })
  const queueWait = meter.createHistogram('transfer.queue.wait', {
    description: 'From acceptance to the wire',
    unit: 's',
    advice: {explicitBucketBoundaries: [...TRANSFER_SECONDS]},
  })
  const ends = [
    followUnfinished((state, difference) => operations.add(difference, {'transfer.state': state})),
    listen('bgt:transfer:progress', ({changes}) => {
      for (const {server, added} of changes) {
        io.add(added, {'network.io.direction': 'receive', 'server.address': server})
      }
    }),
    listen('bgt:transfer:state', ({server, state, queuedMs, durationMs, error}) => {
      const attributes = {'server.address': server}
      if (queuedMs !== undefined) queueWait.record(queuedMs / 1000, attributes)
      if (durationMs === undefined) return
      const type = errorTypeOf(state, error)
      duration.record(durationMs / 1000, type === undefined ? attributes : {...attributes, 'error.type': type})
    }),
    listen('bgt:transfer:retry', ({server, error}) => retries.add(1, {'server.address': server, 'error.type': error})),
  ]
  return {
    stop: () => {
      for (const end of ends) end()
    },
  }
}
