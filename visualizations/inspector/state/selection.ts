/** What the person looks at: one operation or one group, one tab of it, one step of its past. */

import {batch, computed, signal} from '@preact/signals'
import {isOperationId, type OperationId} from '../../../src/domain/operation-id.ts'
import type {InspectorMessage, JournalEntry, OperationDetail} from '../../../src/inspector/protocol.ts'
import {mergeJournals, stepFrom} from '../model/journey.ts'
import {Refusal, readDetail, readOlder} from './api.ts'
import {listAlso, operations} from './store.ts'

export type Selection =
  | {readonly kind: 'operation'; readonly guid: OperationId}
  | {readonly kind: 'group'; readonly name: string}

export const TABS = ['chart', 'transitions', 'events', 'requests', 'record'] as const
export type Tab = (typeof TABS)[number]

/** A burst of transitions asks for the detail once. */
const REFRESH_MS = 150

export const selection = signal<Selection | undefined>(undefined)
export const tab = signal<Tab>('chart')
export const detail = signal<OperationDetail | undefined>(undefined)
/** `seq` of the journal entry that is looked at; `undefined` is the present. */
export const step = signal<number | undefined>(undefined)

export const selectedView = computed(() => {
  const selected = selection.value
  return selected?.kind === 'operation' ? operations.get(selected.guid)?.value : undefined
})

export const shownEntry = computed((): JournalEntry | undefined => {
  const entries = detail.value?.transitions ?? []
  return step.value === undefined ? entries.at(-1) : (entries.find(({seq}) => seq === step.value) ?? entries.at(-1))
})

let loading: AbortController | undefined
let refreshTimer: ReturnType<typeof setTimeout> | undefined

export function selectOperation(guid: OperationId): void {
  const selected = selection.value
  if (selected?.kind === 'operation' && selected.guid === guid) return
  batch(() => {
    selection.value = {kind: 'operation', guid}
    detail.value = undefined
    step.value = undefined
  })
  history.replaceState(null, '', `#operation=${guid}`)
  refreshDetail()
}

export function selectGroup(name: string): void {
  batch(() => {
    selection.value = {kind: 'group', name}
    detail.value = undefined
    step.value = undefined
  })
  history.replaceState(null, '', `#group=${encodeURIComponent(name)}`)
}

/** A link to one operation or group works after a reload; without one, the first that is there is shown. */
export async function selectFromAddress(): Promise<void> {
  const address = new URLSearchParams(location.hash.slice(1))
  const guid = address.get('operation') ?? ''
  const group = address.get('group')
  if (isOperationId(guid) && (await isListed(guid))) selectOperation(guid)
  else if (group !== null) selectGroup(group)
  else selectFirst()
}

/** Of a long store the state told of a part only. */
async function isListed(guid: OperationId): Promise<boolean> {
  if (!operations.has(guid)) {
    const read = await readDetail(guid).catch(() => undefined)
    if (read !== undefined) listAlso([read.operation])
  }
  return operations.has(guid)
}

/** Where nothing is chosen: also for a page that was open before there was anything. */
export function selectFirst(): void {
  if (selection.value !== undefined) return
  const [first] = operations.keys()
  if (first !== undefined) selectOperation(first)
}

/** Reads the detail, now or when a burst is over; the answer for a selection that was left is thrown away. */
export function refreshDetail(): void {
  if (refreshTimer !== undefined) return
  refreshTimer = setTimeout(load, detail.value === undefined ? 0 : REFRESH_MS)
}

async function load(): Promise<void> {
  refreshTimer = undefined
  loading?.abort()
  const selected = selection.value
  if (selected?.kind !== 'operation') return
  loading = new AbortController()
  const {signal: aborted} = loading
  try {
    const read = await readDetail(selected.guid, aborted)
    if (aborted.aborted) return
    // A state that was read anew may have left it out.
    listAlso([read.operation])
    detail.value = {...read, transitions: mergeJournals(knownOf(selected.guid), read.transitions)}
  } catch (error) {
    if (!aborted.aborted && error instanceof Refusal && error.status === 404) detail.value = undefined
  }
}

/** Entries that are here already: older ones that were asked for stay while newer ones come. */
function knownOf(guid: OperationId): readonly JournalEntry[] {
  const known = detail.value
  return known?.operation.guid === guid ? known.transitions : []
}

/** Entries before the first that is here; the journal may have none. */
export async function loadOlder(): Promise<void> {
  const guid = detail.value?.operation.guid
  const first = detail.value?.transitions[0]
  if (guid === undefined || first === undefined) return
  const older = await readOlder(guid, first.seq).catch(() => [])
  const known = detail.value
  if (known?.operation.guid === guid) detail.value = {...known, transitions: mergeJournals(older, known.transitions)}
}

export function noteMessage(message: InspectorMessage): void {
  const selected = selection.value
  if (selected?.kind !== 'operation') return
  if (message.type === 'transition' && message.guid === selected.guid) {
    appendEntry(message.entry)
    refreshDetail()
  } else if (message.type === 'operation' && message.operation.guid === selected.guid) refreshDetail()
}

function appendEntry(entry: JournalEntry): void {
  const known = detail.value
  if (known === undefined || (known.transitions.at(-1)?.seq ?? 0) >= entry.seq) return
  detail.value = {...known, transitions: [...known.transitions, entry]}
}

export function stepBy(by: number): void {
  const entries = detail.value?.transitions ?? []
  if (entries.length > 0) step.value = stepFrom(entries, step.value, by)
}

export function stepToFirst(): void {
  step.value = detail.value?.transitions[0]?.seq
}

export function backToLive(): void {
  step.value = undefined
}
