/** Enumeration looks for what is unfinished or unheard of; a long history is none of it. */

import {expect, it} from 'vitest'
import {getCurrentDownloads, getCurrentUploads} from '../../src/namespace/current-transfers.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const TOLD = 20
const UNTOLD = 3

it('takes up none whose outcome was told to somebody, nor any of the other direction', async () => {
  const world = new SimulatedWorld()
  let taken = 0
  world.onStore = (store) => {
    const query = store.query.bind(store)
    store.query = async (asked) => {
      const found = await query(asked)
      taken += found.length
      return found
    }
  }
  for (let n = 1; n <= TOLD + UNTOLD; n++) world.network.serve(urlOf(n), {seed: n, size: 100})
  await world.open()
  const drafts = Array.from({length: TOLD + UNTOLD}, (_, n) => world.draft(n + 1))
  const entries = await world.until(world.engine.start(drafts))
  await world.until(() => entries.every(({isOver}) => isOver))
  await world.until(Promise.all(entries.slice(0, TOLD).map((entry) => world.engine.markDelivered(entry))))
  for (const entry of entries) world.engine.release(entry)

  taken = 0
  const found = await world.until(getCurrentDownloads(world.engine, ''))
  expect(found.map(({guid}) => guid)).toEqual(drafts.slice(TOLD).map(({id}) => id))
  expect(taken).toBe(UNTOLD)
  expect(await world.until(getCurrentUploads(world.engine, ''))).toEqual([])
  expect(taken).toBe(UNTOLD)
  await world.close()
})
