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

  it('shows controls of direction in names as the command line does', async () => {
    const world = await inspectedWorld()
    world.server.route('/small', {content: {seed: 1, size: 10}})
    await world.start(world.server.url('/small'), 'bill\u202efdp.exe\u2066')
    const {operations} = (await read(world.inspector, '/api/v1/state')).json<InspectorState>()
    expect(operations.map(({name}) => name)).toEqual(['bill?fdp.exe?'])
  })
})
