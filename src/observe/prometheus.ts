/** background-transfer/prometheus: the metrics of every engine of this process in a prom-client registry. */

import {Counter, Gauge, Histogram, type Registry, register} from 'prom-client'
import {invalidArgument} from '../domain/errors.ts'
import {assertOptions, shown} from '../domain/given.ts'
import {listen} from './channels.ts'
import {errorTypeOf, TRANSFER_SECONDS} from './measures.ts'
import {followUnfinished} from './unfinished-counts.ts'

export interface PrometheusMetricsOptions {
  /** prom-client's global one by default. */
  readonly registry?: Registry
}

export interface PrometheusMetrics {
  /** Nothing more is recorded, and the metrics leave the registry. */
  stop(): void
}

const NAMES = [
  'transfer_bytes_total',
  'transfer_operations',
  'transfer_duration_seconds',
  'transfer_retries_total',
  'transfer_queue_wait_seconds',
]

/**
 * Records from now on; call it before the engine is opened, so that what the engine finds is counted too. Throws INVALID_ARGUMENT.
 */
export function startPrometheusMetrics(options: PrometheusMetricsOptions = {}): PrometheusMetrics {
  assertOptions('options', options, {registry: true})
  const {registry = register} = options
  // Of which copy of prom-client it is does not matter.
  if (typeof registry?.registerMetric !== 'function') {
    throw invalidArgument('registry', `must be a Registry of prom-client, not ${shown(registry)}`)
  }
  const registers = [registry]
  const bytes = new Counter({name: 'transfer_bytes_total', help: 'Body bytes that were received', registers})
  const operations = new Gauge({
    name: 'transfer_operations',
    help: 'Unfinished operations by state',
    labelNames: ['state'] as const,
    registers,
  })
  const duration = new Histogram({
    name: 'transfer_duration_seconds',
    help: 'From acceptance to the end; error_type is empty for what completed',
    labelNames: ['error_type'] as const,
    buckets: [...TRANSFER_SECONDS],
    registers,
  })
  const retries = new Counter({
    name: 'transfer_retries_total',
    help: 'Tries that failed and were followed by another one',
    labelNames: ['error_type'] as const,
    registers,
  })
  const queueWait = new Histogram({
    name: 'transfer_queue_wait_seconds',
    help: 'From acceptance to the wire',
    buckets: [...TRANSFER_SECONDS],
    registers,
  })
  const ends = [
    followUnfinished((state, difference) => operations.inc({state}, difference)),
    listen('bgt:transfer:progress', ({changes}) => {
      for (const {added} of changes) bytes.inc(added)
    }),
    listen('bgt:transfer:state', ({state, queuedMs, durationMs, error}) => {
      if (queuedMs !== undefined) queueWait.observe(queuedMs / 1000)
      if (durationMs !== undefined) {
        duration.observe({error_type: errorTypeOf(state, error) ?? ''}, durationMs / 1000)
      }
    }),
    listen('bgt:transfer:retry', ({error}) => retries.inc({error_type: error})),
  ]
  return {
    stop: () => {
      for (const end of ends) end()
      for (const name of NAMES) registry.removeSingleMetric(name)
    },
  }
}
