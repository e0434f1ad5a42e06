/** The table at the head of the benchmarks: nothing that was wanted is left out of it, and each durability stands by its name. */

import {expect, it} from 'vitest'
// @ts-expect-error The bench is plain JavaScript.
import {glance} from './bench-report.mjs'

const RATIOS = [
  '| ours | peer | | measured | bare Node.js | bare C | wanted | reached |',
  '| --- | --- | --- | ---: | ---: | ---: | ---: | --- |',
]

const section = (title: string, ...lines: readonly string[]) =>
  [
    `### ${title}`,
    '',
    '| | MiB/s |',
    '| --- | ---: |',
    '| bgt | 9 (8–10) |',
    ...(lines.length === 0 ? [] : ['', ...RATIOS]),
    ...lines,
  ].join('\n')

it('shows both durabilities in one line, and whoever stands alone by its own name', () => {
  const table = glance([
    section(
      'to memory',
      '| bgt | curl | speed | 1.5 (1–2) | 1.6 | 1.7 | ≥ 1.25 | yes |',
      '| bgt |  | peak MiB | 70 (69–71) |  |  | ≤ 110 | yes |',
      '| bgt, process | curl | speed | 1.2 (1–2) | 1.6 | 1.7 | ≥ 1.25 | no |',
    ),
    section('without a wish'),
    section('to the disk', '| bgt, process | curl | speed | 1.7 (1–2) |  |  | ≥ 1.5 | yes |'),
  ])
  expect(table.split('\n').slice(8)).toEqual([
    '| to memory | bgt | curl | speed | 1.5 / 1.2 | 1.6 | 1.7 | ≥ 1.25 | yes / no |',
    '| to memory | bgt |  | peak MiB | 70 |  |  | ≤ 110 | yes |',
    '| to the disk | bgt, process | curl | speed | 1.7 |  |  | ≥ 1.5 | yes |',
  ])
})
