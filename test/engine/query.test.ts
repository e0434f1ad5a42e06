/** Pages of operations: each as it was last told, also where the store knows it as it was before. */

import {describe, expect, it, vi} from 'vitest'
import {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {OperationQuery} from '../../src/ports/record-store.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const COUNT = 9
const RUNNING = 4

/** Some run and have not been written since they were queued. `beforeAnswer`: what a query of the store waits for. */
async function makeWorld(beforeAnswer: () => Promise<void> = async () => undefined) {
  const world = new SimulatedWorld({engine: {maxConcurrentTransfers: RUNNING, maxConnectionsPerOrigin: RUNNING}})
  world.onStore = (store) => {
    const query = store.query.bind(store)
    store.query = async (asked) => {
      const found = await query(asked)
      await beforeAnswer()
      return found
    }
  }
  for (let n = 1; n <= COUNT; n++) world.network.serve(urlOf(n), {seed: n, size: 1_000_000})
  await world.open()
  await world.until(world.engine.startMany(Array.from({length: COUNT}, (_, n) => world.draft(n + 1))))
  await world.advance(100)
  return world
}

describe('a query by state', () => {
  it('is answered also where nothing is asked for', async () => {
    const world = await makeWorld()
    expect(await world.until(world.engine.query({limit: 0}))).toEqual([])
    await world.close()
  })

  it('refuses a limit that is no whole number, and reads nothing', async () => {
    let reads = 0
    const world = await makeWorld(async () => void reads++)
    for (const limit of [2.5, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const refusal = {code: 'INVALID_ARGUMENT', where: 'limit'}
      await expect(world.engine.query({limit})).rejects.toMatchObject(refusal)
      await expect(world.engine.findMany({limit})).rejects.toMatchObject(refusal)
    }
    expect(reads).toBe(0)
    await world.close()
  })

  it('finds what runs, though the store knows it as queued', async () => {
    const world = await makeWorld()
    const idsIn = async (query: OperationQuery) =>
      (await world.until(world.engine.query(query))).map(({id, state}) => [id, state])
    const running = await idsIn({states: ['running']})
    const queued = await idsIn({states: ['queued']})
    expect([running.length, queued.length]).toEqual([RUNNING, COUNT - RUNNING])
    expect(await idsIn({})).toEqual([...running, ...queued].sort())
    await world.close()
  })

  it('looks at nobody who is only held', async () => {
    const world = await makeWorld()
    const held = await world.until(world.engine.findMany({}))
    for (const entry of held) world.engine.pause(entry)
    await world.until(() => held.every((entry) => !entry.isLive))
    const looks = vi.spyOn(OperationEntry.prototype, 'isLive', 'get')
    const page = await world.until(world.engine.query({limit: 2}))
    expect(page.map(({state}) => state)).toEqual(['pausedByApplication', 'pausedByApplication'])
    expect(looks).not.toHaveBeenCalled()
    vi.restoreAllMocks()
    await world.close()
  })

  it('has no shorter page than there are operations, one behind the other', async () => {
    const world = await makeWorld()
    for (const states of [['running'], ['queued'], ['running', 'queued'], undefined] as const) {
      const all = await world.until(world.engine.query(states === undefined ? {} : {states}))
      for (let limit = 1; limit <= COUNT; limit++) {
        const found: unknown[] = []
        for (let after = all[0]?.id; ; ) {
          const page = await world.until(
            world.engine.query({limit, ...(states && {states}), ...(found.length > 0 && after && {after})}),
          )
          found.push(...page)
          after = page.at(-1)?.id
          if (page.length < limit) break
        }
        expect(found).toEqual(all)
      }
    }
    await world.close()
  })

  it('finds whoever matched all the time, also where it is put away before the store answers', async () => {
    let beforeAnswer = async () => {}
    const world = await makeWorld(() => beforeAnswer())
    const [first] = await world.until(world.engine.findMany({limit: 1}))
    if (first === undefined) throw new Error('nobody was found')
    beforeAnswer = async () => {
      beforeAnswer = async () => {}
      world.engine.pause(first)
      await world.until(() => first.record.state === 'pausedByApplication' && !first.isLive)
    }
    const found = await world.until(world.engine.query({states: ['running', 'pausedByApplication']}))
    expect(found.map(({id}) => id)).toContain(first.record.id)
    await world.close()
  })

  it('passes nobody over for one that is forgotten before the store answers', async () => {
    let beforeAnswer = async () => {}
    const world = await makeWorld(() => beforeAnswer())
    const [first, second, ...others] = await world.until(world.engine.findMany({}))
    if (first === undefined || second === undefined) throw new Error('nobody was found')
    for (const entry of others.slice(0, RUNNING)) world.engine.pause(entry)
    world.engine.cancel(second)
    await world.until(() => second.isOver && !second.isLive && others.at(-1)?.record.state === 'running')
    beforeAnswer = async () => {
      beforeAnswer = async () => {}
      await world.engine.forget(second.record.id)
    }
    const page = await world.until(world.engine.query({limit: 2}))
    const rest = await world.until(world.engine.query({after: page.at(-1)?.id ?? first.record.id}))
    expect([...page, ...rest].map(({id}) => id)).toEqual([first, ...others].map(({record}) => record.id))
    await world.close()
  })
})
