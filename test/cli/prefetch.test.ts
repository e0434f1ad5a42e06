/** Commands of the moment fetch nothing ahead of need: what an application wished for is for its own engine to fetch. */

import {afterEach, beforeAll, expect, it, vi} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {type BuiltCli, buildCli, CliWorld} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** What the prefetcher of each engine that a command opens from now on says to a run. */
function askEachEngine(url: string): readonly string[] {
  const open = BackgroundTransferEngine.openOrConnect.bind(BackgroundTransferEngine)
  const said: string[] = []
  vi.spyOn(BackgroundTransferEngine, 'openOrConnect').mockImplementation(async (options) => {
    const engine = await open(options)
    engine.contentPrefetcher.contentUris.push(new URL(url))
    const run = engine.contentPrefetcher.prefetchAsync()
    said.push(
      await run.then(
        () => 'fetched',
        ({code}) => code,
      ),
    )
    return engine
  })
  return said
}

it('commands that transfer something, and those that look at it, do not prefetch', async () => {
  await CliWorld.run(cli, async (world) => {
    world.server.route('/a', {content: {seed: 1, size: 10}})
    world.server.route('/wanted', {content: {seed: 2, size: 10}})
    const said = askEachEngine(world.server.url('/wanted'))
    expect((await world.call(['get', world.server.url('/a')])).code).toBe(0)
    expect((await world.call(['list'])).code).toBe(0)
    expect(said).toEqual(['ILLEGAL_STATE', 'ILLEGAL_STATE'])
    expect(world.server.requests.map(({path}) => path)).toEqual(['/a'])
  })
})
