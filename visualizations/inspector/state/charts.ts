/** Charts by the name of their machine, asked for once. */

import {type Signal, signal} from '@preact/signals'
import type {Chart} from '../../chart.ts'
import {readChart} from './api.ts'

const charts = new Map<string, Signal<Chart | 'missing' | undefined>>()

export function chartOf(machine: string): Signal<Chart | 'missing' | undefined> {
  const known = charts.get(machine)
  if (known !== undefined) return known
  const asked = signal<Chart | 'missing' | undefined>(undefined)
  charts.set(machine, asked)
  readChart(machine).then(
    (chart) => {
      asked.value = chart
    },
    () => {
      asked.value = 'missing'
    },
  )
  return asked
}
