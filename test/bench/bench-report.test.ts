/**
 * The tables of the benchmarks: nothing that was wanted is left out of the one at the head, each durability stands by its name, and
 * what is measured on one processor leaves the tables of others as they are.
 */

import {expect, it} from 'vitest'
// @ts-expect-error The bench is plain JavaScript.
import {glance, withSections} from './bench-report.mjs'

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
  expect(table.split('\n').slice(4)).toEqual([
    '| to memory | bgt | curl | speed | 1.5 / 1.2 | 1.6 | 1.7 | ≥ 1.25 | yes / no |',
    '| to memory | bgt |  | peak MiB | 70 |  |  | ≤ 110 | yes |',
    '| to the disk | bgt, process | curl | speed | 1.7 |  |  | ≥ 1.5 | yes |',
  ])
})

const ROWS = [{title: 'one'}, {title: 'two'}]
const onA = {processor: 'A', machine: '2 × A'}
const onB = {processor: 'B', machine: '2 × B'}
const withOneTable = [
  'Intro.',
  '<!-- transfers on A: begin -->',
  '2 × A',
  glance([section('one')]),
  section('one'),
  '<!-- transfers on A: end -->',
  '## Where the rest goes',
  '',
].join('\n\n')

it('puts what is measured into the table of its processor, in the order of the rows', () => {
  const both = withSections(withOneTable, onA, new Map([['two', section('two')]]), ROWS)
  expect(both.match(/^### (one|two)$/gm)).toEqual(['### one', '### two'])
  const [again, gone] = [section('one', '| bgt | curl | speed | 2 (2–2) |  |  | ≥ 1 | yes |'), [{title: 'one'}]]
  const anew = withSections(both, onA, new Map([['one', again]]), gone)
  expect(anew).toContain(again)
  expect(anew).not.toContain('### two')
  expect(anew.startsWith('Intro.\n')).toBe(true)
  expect(anew.endsWith('<!-- transfers on A: end -->\n\n## Where the rest goes\n\n')).toBe(true)
})

it('gives another processor a table of its own behind the first, which stays as it is', () => {
  const both = withSections(withOneTable, onB, new Map([['two', section('two')]]), ROWS)
  const [first, second] = both.split('\n\n## Transfers on B\n\n')
  expect(withOneTable.startsWith(first ?? 'nothing')).toBe(true)
  expect(second).toMatch(/^<!-- transfers on B: begin -->\n\n2 × B\n\n### At a glance\n/)
  expect(second?.endsWith('<!-- transfers on B: end -->\n\n## Where the rest goes\n\n')).toBe(true)
  expect(withSections(both, onB, new Map(), ROWS)).toBe(both)
})
