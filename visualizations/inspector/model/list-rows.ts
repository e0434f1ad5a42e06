/** The list's rows: operations under their groups, in the order in which they go. */

import type {OperationId} from '../../../src/domain/operation-id.ts'
import {type PriorityClass, priorityClass} from '../../../src/domain/priority.ts'
import type {GroupView, OperationView} from '../../../src/inspector/protocol.ts'
import {type Mood, moodOf} from './words.ts'

export type Show = 'all' | 'active' | 'waiting' | 'failed'

export interface ListFilter {
  readonly text: string
  readonly show: Show
  /** Those that the engine found for the text: it looks in the paths of files, too. */
  readonly found?: ReadonlySet<OperationId>
}

export interface GroupRow {
  readonly kind: 'group'
  readonly key: string
  readonly name: string
  readonly behavior: GroupView['behavior']
  /** Operations that pass the filter. */
  readonly count: number
  readonly collapsed: boolean
}

export interface OperationRow {
  readonly kind: 'operation'
  readonly key: OperationId
  /** Place in its group, from 1; missing once it has ended. */
  readonly place?: number
}

export type ListRow = GroupRow | OperationRow

export const MOODS: Readonly<Record<Show, readonly Mood[]>> = {
  all: ['active', 'waiting', 'queued', 'failed', 'done', 'stopped'],
  active: ['active'],
  waiting: ['waiting', 'queued'],
  failed: ['failed'],
}

function passes(view: OperationView, {text, show, found}: ListFilter): boolean {
  if (!MOODS[show].includes(moodOf(view.state))) return false
  const wanted = text.trim().toLowerCase()
  return (
    wanted === '' ||
    found?.has(view.guid) === true ||
    [view.name, view.url, view.group, view.guid].some((part) => part.toLowerCase().includes(wanted))
  )
}

function isOver(view: OperationView): boolean {
  return view.endedAt !== undefined
}

function classOf({priority}: OperationView): PriorityClass {
  return priorityClass(priority === 1 || priority === 2 ? priority : 0)
}

/** Members first, then the known head of the line, then the rest as they will go; ends last, newest first. */
function inOrder(views: readonly OperationView[], group: GroupView | undefined): OperationView[] {
  const known = new Map([...(group?.members ?? []), ...(group?.line ?? [])].map((guid, index) => [guid, index]))
  const rank = (view: OperationView) => known.get(view.guid) ?? known.size
  return views.toSorted((a, b) => {
    if (isOver(a) || isOver(b)) return isOver(a) && isOver(b) ? (b.endedAt ?? 0) - (a.endedAt ?? 0) : isOver(a) ? 1 : -1
    return rank(a) - rank(b) || classOf(a) - classOf(b) || a.createdAt - b.createdAt
  })
}

export function listRows(
  views: Iterable<OperationView>,
  groups: ReadonlyMap<string, GroupView>,
  filter: ListFilter,
  collapsed: ReadonlySet<string>,
): ListRow[] {
  const byGroup = new Map<string, OperationView[]>()
  for (const view of views) {
    const members = byGroup.get(view.group)
    if (members === undefined) byGroup.set(view.group, [view])
    else members.push(view)
  }
  // The groupless line stands last.
  const names = [...byGroup.keys()].toSorted((a, b) => (a === '' ? 1 : b === '' ? -1 : a.localeCompare(b)))
  return names.flatMap((name) =>
    rowsOfGroup(name, byGroup.get(name) ?? [], groups.get(name), filter, collapsed.has(name)),
  )
}

function rowsOfGroup(
  name: string,
  views: readonly OperationView[],
  group: GroupView | undefined,
  filter: ListFilter,
  collapsed: boolean,
): ListRow[] {
  const rows = inOrder(views, group).flatMap((view, index): OperationRow[] => {
    if (!passes(view, filter)) return []
    return [{kind: 'operation', key: view.guid, ...(isOver(view) ? {} : {place: index + 1})}]
  })
  if (rows.length === 0) return []
  const behavior = group?.behavior ?? 'parallel'
  const head: GroupRow = {kind: 'group', key: groupKey(name), name, behavior, count: rows.length, collapsed}
  return collapsed ? [head] : [head, ...rows]
}

/** Never an operation's id. */
export function groupKey(name: string): string {
  return `group:${name}`
}
