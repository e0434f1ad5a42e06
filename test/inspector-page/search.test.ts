/** The search of the inspector's page over what its list left out: what it lists is what there is by then. */

import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {InspectorState, OperationView} from '../../src/inspector/protocol.ts'

const operation = (number: number): OperationView => ({
  guid: `00000000-0000-7000-8000-${String(number).padStart(12, '0')}` as OperationId,
  url: `http://127.0.0.1/${number}`,
  name: `file-${number}`,
  direction: 'download',
  group: '',
  priority: 0,
  status: 'completed',
  state: 'completed',
  path: 'completed',
  bytesReceived: 0,
  totalBytesToReceive: 0,
  rate: 0,
  attempts: 1,
  createdAt: number,
})

const STATE: InspectorState = {
  seq: 1,
  version: '1',
  readOnly: true,
  engine: 'serving',
  conditions: {} as InspectorState['conditions'],
  maxConcurrentTransfers: 5,
  operations: [],
  groups: [],
}

interface Searching {
  readonly searchOn: () => Promise<void>
  readonly search: {readonly value: {readonly phase: string; readonly found: number}}
}

interface Listing {
  readonly filter: {value: {readonly text: string; readonly show: 'all'}}
  readonly found: {readonly value: ReadonlySet<OperationId>}
}

/** Of the page's own program, whose types are those of a browser. */
const load = (name: string) => import(`../../visualizations/inspector/state/${name}.ts`)

/** A page whose questions are answered when the test says so. */
async function openPage() {
  vi.resetModules()
  const asked: ((operations: readonly OperationView[], next?: OperationId) => void)[] = []
  vi.stubGlobal('fetch', () => {
    return new Promise((resolve) => {
      asked.push((operations, next) => resolve(Response.json({operations, ...(next === undefined ? {} : {next})})))
    })
  })
  const store = await import('../../visualizations/inspector/state/store.ts')
  const list: Listing = await load('list')
  const search: Searching = await load('search')
  store.applyState(STATE)
  list.filter.value = {text: 'file', show: 'all'}
  return {...store, ...list, ...search, asked}
}

describe('the search for what is not listed', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
    vi.resetModules()
  })

  it('lists nothing that was removed while the engine was asked', async () => {
    const page = await openPage()
    const searching = page.searchOn()
    page.applyMessage(2, {type: 'removed', guid: operation(1).guid})
    page.asked[0]?.([operation(1), operation(2)], operation(2).guid)
    await expect.poll(() => page.asked.length).toBe(2)
    page.applyMessage(3, {type: 'removed', guid: operation(3).guid})
    page.asked[1]?.([operation(3), operation(4)])
    await searching
    expect([...page.operations.keys()]).toEqual([operation(2).guid, operation(4).guid])
    expect(page.search.value).toMatchObject({phase: 'done', found: 2})
    expect([...page.found.value]).toEqual([operation(2).guid, operation(4).guid])
  })

  it('lists what is removed behind it no more', async () => {
    const page = await openPage()
    const searching = page.searchOn()
    page.asked[0]?.([operation(1), operation(2)])
    await searching
    page.applyMessage(2, {type: 'removed', guid: operation(1).guid})
    expect([...page.operations.keys()]).toEqual([operation(2).guid])
  })
})
