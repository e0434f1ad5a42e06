/** What the state of the inspector says of itself where it is not all there is, and names that would turn the order of letters. */

import {describe, expect, it} from 'vitest'
import type {InspectorState} from '../../src/inspector/protocol.ts'
import {read} from './harness.ts'
import {inspectedWorld} from './world.ts'

describe('the state', () => {
  it('says how many of the ended operations it has where there are more', async () => {
    const world = await inspectedWorld()
    world.server.route('/small', {content: {seed: 1, size: 10}})
    const state = async () => (await read(world.inspector, '/api/v1/state')).json<InspectorState>()
    const downloader = world.engine.createDownloader()
    const fetchOf = (n: number) =>
      downloader.createDownload(world.server.url('/small'), `${world.directory}/small-${n}`).startAsync()
    await Promise.all(Array.from({length: 500}, (_, n) => fetchOf(n)))
    expect(await state()).not.toHaveProperty('newestEnded')
    await fetchOf(500)
    const {operations, newestEnded} = await state()
    expect(newestEnded).toBe(500)
    expect(operations).toHaveLength(500)
  })

  it('says how many of the unfinished operations it has where there are more', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 1})
    const slow = world.server.url('/slow')
    world.server.route('/slow', {content: {seed: 1, size: 100_000}, pieceBytes: 1, pieceDelayMs: 50})
    const state = async () => (await read(world.inspector, '/api/v1/state')).json<InspectorState>()
    const create = (first: number, count: number) =>
      world.engine
        .createDownloader()
        .createDownloads(Array.from({length: count}, (_, n) => [slow, `${world.directory}/${first + n}`] as const))
    await create(0, 4000)
    expect(await state()).not.toHaveProperty('firstUnfinished')
    await create(4000, 1)
    const {operations, firstUnfinished} = await state()
    expect(firstUnfinished).toBe(4000)
    expect(operations).toHaveLength(4000)
  })

  it('leaves nothing out that a search does not find, by its group as well', async () => {
    const world = await inspectedWorld()
    await world.start(world.server.url('/none'), 'a', {group: 'Nightly'})
    await world.start(world.server.url('/none'), 'b', {group: 'weekly'})
    const found = await read(world.inspector, '/api/v1/operations?text=nightly')
    expect(found.json<{operations: readonly {name: string}[]}>().operations.map(({name}) => name)).toEqual(['a'])
  })

  it('shows controls of direction in names as the command line does', async () => {
    const world = await inspectedWorld()
    world.server.route('/small', {content: {seed: 1, size: 10}})
    await world.start(world.server.url('/small'), 'bill\u202efdp.exe\u2066')
    const {operations} = (await read(world.inspector, '/api/v1/state')).json<InspectorState>()
    expect(operations.map(({name}) => name)).toEqual(['bill?fdp.exe?'])
  })
})
