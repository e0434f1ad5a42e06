/**
 * docs/reference/conformance.md: what the namespace's facts are, and which tests show each. The facts stand in
 * checklist.json, the tests cite them by number in their names.
 *
 * An item of the checklist: `it('61, 64. …')` within a describe that names the section (17.C), or `17.C 61` in any title. A
 * story: `story 21` at the beginning of a title. A row of the transition tables: `D15` or `U7`. An invariant: `invariant 8`.
 */

import {sourceOf} from '../layers/module-graph.ts'
import {PENDING, REASONS} from './conformance-reasons.ts'
import {type TestName, testNames} from './test-names.ts'

interface Section {
  readonly section: string
  readonly title: string
  readonly items: readonly string[]
}

interface Checklist {
  readonly sections: readonly Section[]
  readonly transitions: Readonly<Record<string, string>>
  readonly stories: readonly string[]
  readonly invariants: readonly string[]
}

/** A fact and what shows it. `id` as the tests cite it: '61', 'D15', 'story 21', 'invariant 8'. */
export interface Fact {
  readonly id: string
  readonly group: string
  readonly text: string
  readonly tests: readonly TestName[]
  /** Why no test shows it. */
  readonly reason: string | undefined
}

const CITED_ITEMS = /^((?:[DU]?\d+)(?:(?:, |–|-)[DU]?\d+)*)\. /
const SECTION = /\b17\.[A-O]\b/
const ITEMS_OF_SECTION = /\b17\.[A-O] (\d+(?:, \d+)*)/g
const ROW = /\b[DU][1-9]\d?\b/g
const STORY = /^story (\d+)\b/
const INVARIANTS = /\binvariants? (\d+(?:(?:, | and )\d+)*)/g

export function conformance(names: readonly TestName[] = testNames()): readonly Fact[] {
  const {sections, transitions, stories, invariants}: Checklist = JSON.parse(sourceOf('test/docs/checklist.json'))
  const shownBy = citations(names)
  const fact = (id: string, group: string, text: string): Fact => ({
    id,
    group,
    text,
    tests: shownBy.get(id) ?? [],
    reason: REASONS[id],
  })
  const items: Fact[] = []
  for (const {section, title, items: sentences} of sections) {
    for (const sentence of sentences) items.push(fact(String(items.length + 1), `${section} ${title}`, sentence))
  }
  return [
    ...items,
    ...stories.map((text, n) => fact(`story ${n + 1}`, 'Stories', text)),
    ...Object.entries(transitions).map(([id, text]) =>
      fact(id, id.startsWith('D') ? 'Transitions of downloads' : 'Transitions of uploads', text),
    ),
    ...invariants.map((text, n) => fact(`invariant ${n + 1}`, 'Invariants', text)),
  ]
}

/** What is cited that is not there: a slip of the pen in a test's name. */
export function strayCitations(names: readonly TestName[] = testNames()): readonly string[] {
  const known = new Set(conformance([]).map(({id}) => id))
  return [...citations(names)]
    .filter(([id]) => !known.has(id))
    .flatMap(([id, tests]) => tests.map(({file, title}) => `${file}: '${title}' cites ${id}`))
}

function citations(names: readonly TestName[]): ReadonlyMap<string, readonly TestName[]> {
  const found = new Map<string, TestName[]>()
  for (const name of names) {
    for (const id of idsIn(name)) {
      const others = found.get(id)
      if (others === undefined) found.set(id, [name])
      else if (!others.includes(name)) others.push(name)
    }
  }
  return found
}

function idsIn({within, title}: TestName): readonly string[] {
  const titles = [...within, title]
  const ids: string[] = []
  if (within.some((each) => SECTION.test(each))) ids.push(...itemsIn(title))
  for (const each of titles) {
    for (const [, numbers = ''] of each.matchAll(ITEMS_OF_SECTION)) ids.push(...numbers.split(', '))
    const story = STORY.exec(each)
    if (story !== null) ids.push(`story ${story[1]}`)
    ids.push(...(each.match(ROW) ?? []))
    for (const [, numbers = ''] of each.matchAll(INVARIANTS)) {
      ids.push(...(numbers.match(/\d+/g) ?? []).map((n) => `invariant ${n}`))
    }
  }
  return ids
}

/** '61, 64. …', '249–251. …' and '165, U7. …', whose row is found as one. */
function itemsIn(title: string): readonly string[] {
  const list = CITED_ITEMS.exec(title)?.[1]
  if (list === undefined) return []
  return list.split(', ').flatMap((part) => {
    if (/^[DU]/.test(part)) return []
    const [from = 0, to = from] = part.split(/[–-]/).map(Number)
    return Array.from({length: to - from + 1}, (_, n) => String(from + n))
  })
}

export function conformancePage(facts: readonly Fact[]): string {
  const groups = [...new Set(facts.map(({group}) => group))]
  const items = facts.filter(({group}) => group.startsWith('17.'))
  const shown = items.filter(({tests}) => tests.length > 0).length
  const parts = [
    '# Conformance',
    [
      'What Windows.Networking.BackgroundTransfer does, in 285 sentences, and the tests that show that this package does it; then',
      'stories of transfers that went wrong elsewhere, the transition tables, and what always holds. Made by `npm run conformance`',
      'from the names of the tests; do not edit. How this package differs on purpose: [design](../design.md).',
    ].join('\n'),
    `${shown} of ${items.length} sentences are shown by tests, the others are listed with a reason.`,
    ...pendingSection(facts),
    ...groups.map((group) =>
      section(
        group,
        facts.filter((each) => each.group === group),
      ),
    ),
  ]
  return `${parts.join('\n\n')}\n`
}

/** What has neither test nor reason. */
function pendingIn(facts: readonly Fact[]): readonly string[] {
  return facts.filter(({tests, reason}) => tests.length === 0 && reason === undefined).map(({id}) => id)
}

/** What is pending and not meant to be. */
export function unexpectedlyPending(facts: readonly Fact[]): readonly string[] {
  return pendingIn(facts).filter((id) => !PENDING.includes(id))
}

function pendingSection(facts: readonly Fact[]): readonly string[] {
  const pending = pendingIn(facts)
  return pending.length === 0 ? [] : [`## Pending\n\nNeither test nor reason yet: ${pending.join(', ')}.`]
}

function section(group: string, facts: readonly Fact[]): string {
  const rows = facts.map(({id, text, tests, reason}) => {
    const number = id.replace(/^(?:story|invariant) /, '')
    const evidence = tests.map(linkTo)
    if (reason !== undefined) evidence.push(tests.length === 0 ? `no test: ${reason}` : reason)
    return `| ${number} | ${cell(text)} | ${evidence.length === 0 ? 'pending' : evidence.join('<br>')} |`
  })
  return [`## ${group}\n`, '| # | What holds | Shown by |', '| --- | --- | --- |', ...rows].join('\n')
}

function linkTo({file, within, title}: TestName): string {
  // The section, story or row stands in the table already.
  const nearest = within.at(-1)
  const told = nearest === undefined || SECTION.test(nearest) || STORY.test(nearest) ? title : `${nearest}: ${title}`
  return `${cell(told)} ([${file.replace(/^test\//, '')}](../../${file}))`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ')
}
