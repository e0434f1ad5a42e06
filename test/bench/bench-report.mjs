/**
 * What the bench says: a section for each row, with medians, spread, and ratios to the peers beside what was wanted; and their
 * place in docs/benchmarks.md, where each processor has a table of its own and a section stays until its row is measured again.
 */

import {execFileSync} from 'node:child_process'
import {readFile, writeFile} from 'node:fs/promises'
import {availableParallelism, cpus, loadavg, release, totalmem} from 'node:os'
import {fileURLToPath} from 'node:url'
import {has, median, spread} from './measured-run.mjs'

const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
const markOf = (processor, which) => `<!-- transfers on ${processor}: ${which} -->`
/** What ends any of the tables. */
const ANY_END = /<!-- transfers on .*: end -->/g

/** The head of the table of a row's ratios. */
const RATIOS =
  '| ours | peer | | measured | bare Node.js | bare C | wanted | reached |\n| --- | --- | --- | ---: | ---: | ---: | ---: | --- |\n'

/** What a target compares, how it is written, and which side of the bound is good. */
const FIGURES = {
  speed: {of: (mine, peer) => peer.wall / mine.wall, sign: '≥'},
  cpu: {of: (mine, peer) => mine.cpu / peer.cpu, sign: '≤'},
  'peak MiB': {of: (mine) => mine.mib, sign: '≤'},
  'MiB for each further': {of: (mine, peer, {further}) => (mine.mib - peer.mib) / further, sign: '≤'},
  '% of a core': {of: (mine) => mine.value, sign: '≤'},
}

export function sectionOf(row, results, rounds) {
  const date = new Date().toISOString().slice(0, 10)
  // The bench itself is one to two of it.
  const load = `load average ${Math.round(loadavg()[0])}`
  return [
    `### ${row.title}`,
    '',
    `${date}, ${rounds} rounds, ${load}.`,
    '',
    ...table(row, results),
    ...ratios(row, results),
    '',
  ].join('\n')
}

function table(row, results) {
  if (row.unit !== undefined) {
    const lines = [...results].map(([name, runs]) => `| ${name} | ${spread(runs.map(({value}) => value))} |`)
    return [`| | ${row.unit} |`, '| --- | ---: |', ...lines]
  }
  const amount = row.bytes === undefined ? row.files : row.bytes / 1024 ** 2
  const unit = row.bytes !== undefined ? 'MiB/s' : row.files !== undefined ? 'files/s' : 'ms'
  const speed = ({wall}) => (amount === undefined ? wall * 1000 : amount / wall)
  const lines = [`| | ${unit} | CPU s | peak MiB |`, '| --- | ---: | ---: | ---: |']
  for (const [name, runs] of results) {
    const of = (pick) => (runs[0].cpu === undefined ? '–' : spread(runs.map(pick)))
    lines.push(`| ${name} | ${spread(runs.map(speed))} | ${of(({cpu}) => cpu)} | ${of(({mib}) => mib)} |`)
  }
  return lines
}

function ratios(row, results) {
  const lines = []
  for (const [mine, peer, figure, bound] of row.targets) {
    const [a, b] = [results.get(mine), peer === undefined ? [] : results.get(peer)]
    if (a === undefined || b === undefined) continue
    const {of, sign} = FIGURES[figure]
    const pairedWith = (others, peers) => others.map((run, at) => of(run, peers[at], row))
    const paired = pairedWith(a, b)
    if (paired.some(Number.isNaN)) continue
    const isReached = sign === '≤' ? median(paired) <= bound : median(paired) >= bound
    const wanted = `${sign} ${Number(bound.toPrecision(3))}`
    const bares = [row.bareNode, row.bareC].map((bare) => bareOf(bare, results, mine, peer, pairedWith))
    const cells = [mine, peer ?? '', figure, spread(paired), ...bares, wanted, isReached ? 'yes' : 'no']
    lines.push(`| ${cells.join(' | ')} |`)
  }
  if (lines.length === 0) return []
  return ['', ...RATIOS.trimEnd().split('\n'), ...lines]
}

/** The same ratio of what does nothing else. */
function bareOf(bare = {}, results, mine, peer, pairedWith) {
  const programs = results.get(bare[mine] ?? bare[mine.replace(', process', '')])
  const peers = results.get(bare[peer] ?? peer)
  if (programs === undefined || peers === undefined) return ''
  return `${Number(median(pairedWith(programs, peers)).toPrecision(3))}`
}

function version(program, args = ['--version']) {
  try {
    return execFileSync(program, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']}).split('\n')[0]
  } catch {
    return `no ${program}`
  }
}

const processor = () => cpus()[0]?.model.trim() ?? 'an unknown processor'

export function machine() {
  const nginx = has('nginx', '-v') ? execFileSync('sh', ['-c', 'nginx -v 2>&1'], {encoding: 'utf8'}).trim() : 'no nginx'
  return (
    `${availableParallelism()} × ${processor()}, ${Math.round(totalmem() / 1024 ** 3)} GiB, linux ${release()}, ` +
    `Node.js ${process.version}, ${nginx.replace('nginx version: ', '')},\n${version('curl').split(' ').slice(0, 2).join(' ')}, ` +
    `${version('aria2c')}. Command: \`npm run bench -- --write\`.`
  )
}

/** `sections` by title, measured on this machine, take their place in its table. */
export async function writeSections(sections, rows) {
  const document = await readFile(DOCUMENT, 'utf8')
  await writeFile(DOCUMENT, withSections(document, {processor: processor(), machine: machine()}, sections, rows))
}

/**
 * The document with `sections` in the table of this processor, in place of those of the same title; all stand in the order of `rows`, and
 * what is no row goes. A processor that has no table gets one behind the others.
 */
export function withSections(document, {processor, machine}, sections, rows) {
  const whole = document.includes(markOf(processor, 'begin')) ? document : withTable(document, processor)
  const begin = markOf(processor, 'begin')
  const [from, to] = [whole.indexOf(begin) + begin.length, whole.indexOf(markOf(processor, 'end'))]
  const [, ...present] = whole.slice(from, to).split(/^(?=### )/m)
  const all = new Map([...present.map((section) => [titleOf(section), section.trim()]), ...sections])
  const inOrder = rows.flatMap(({title}) => all.get(title)?.trim() ?? [])
  return [whole.slice(0, from), machine, glance(inOrder), ...inOrder, whole.slice(to)].join('\n\n')
}

function withTable(document, processor) {
  const last = [...document.matchAll(ANY_END)].at(-1)
  const at = last.index + last[0].length
  const table = ['', `## Transfers on ${processor}`, markOf(processor, 'begin'), markOf(processor, 'end')]
  return document.slice(0, at) + table.join('\n\n') + document.slice(at)
}

/** Everything that was wanted, in one table: the medians of all sections, those of both durabilities side by side. */
export function glance(sections) {
  const wishes = new Map()
  for (const section of sections) {
    const [, ratioLines = ''] = section.split(RATIOS)
    for (const line of ratioLines.split('\n').filter((each) => each.startsWith('| '))) {
      const [ours, ...cells] = line.slice(2, -2).split(' | ')
      const [peer, figure, measured, bareNode, bareC, wanted, reached] = cells
      const wish = [titleOf(section), ours.replace(', process', ''), peer, figure].join()
      const known = wishes.get(wish)
      const [median] = measured.split(' ')
      const work = titleOf(section)
      if (known === undefined) wishes.set(wish, {work, ours, peer, figure, median, bareNode, bareC, wanted, reached})
      else wishes.set(wish, {...known, median: `${known.median} / ${median}`, reached: both(known.reached, reached)})
    }
  }
  return [
    '### At a glance',
    '',
    '| work | ours | peer | | measured | bare Node.js | bare C | wanted | reached |',
    '| --- | --- | --- | --- | ---: | ---: | ---: | ---: | --- |',
    ...[...wishes.values()].map((wish) => `| ${Object.values(wish).join(' | ')} |`),
  ].join('\n')
}

const both = (one, other) => (one === other ? one : `${one} / ${other}`)

const titleOf = (section) => section.slice('### '.length, section.indexOf('\n'))
