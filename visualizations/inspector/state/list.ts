/** The list as the person has it: filter, folded groups, rows, and the row that is chosen. */

import {computed, signal} from '@preact/signals'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import type {OperationView} from '../../../src/inspector/protocol.ts'
import {groupKey, type ListFilter, type ListRow, listRows} from '../model/list-rows.ts'
import {selectGroup, selection, selectOperation} from './selection.ts'
import {groups, operations, structure} from './store.ts'

export const filter = signal<ListFilter>({text: '', show: 'all'})
/** By the engine, for the filter as it is. */
export const found = signal<ReadonlySet<OperationId>>(new Set())
export const collapsed = signal<ReadonlySet<string>>(new Set())

function* views(): Generator<OperationView> {
  for (const operation of operations.values()) yield operation.peek()
}

export const rows = computed(() => {
  void structure.value
  return listRows(views(), groups.value, {...filter.value, found: found.value}, collapsed.value)
})

export const selectedKey = computed(() => {
  const selected = selection.value
  if (selected === undefined) return undefined
  return selected.kind === 'operation' ? selected.guid : groupKey(selected.name)
})

export function selectRow(row: ListRow): void {
  if (row.kind === 'group') selectGroup(row.name)
  else selectOperation(row.key)
}

export function moveSelection(by: number): void {
  const list = rows.value
  const index = list.findIndex(({key}) => key === selectedKey.value)
  const row = list[index === -1 ? 0 : Math.min(list.length - 1, Math.max(0, index + by))]
  if (row !== undefined) selectRow(row)
}

export function toggleGroup(name: string): void {
  const folded = new Set(collapsed.value)
  if (!folded.delete(name)) folded.add(name)
  collapsed.value = folded
}
