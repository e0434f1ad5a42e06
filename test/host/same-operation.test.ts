/** One operation with handles in several processes: what one of them asks of it the others show, whatever it does meanwhile. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferCostPolicy,
  BackgroundTransferEngine,
  BackgroundTransferPriority,
  BackgroundTransferStatus,
} from '../../src/index.ts'
import {makeClientWorld, onCleanup, reaches} from '../integration/harness.ts'
import {contentOf} from '../support/content.ts'

async function pausedForTwo() {
  const world = await makeClientWorld()
  world.server.route('/a', {content: contentOf(1, 100_000), etag: '"1"', cutAfter: 50_000, cut: 'stall'})
  const own = world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
  const running = own.startAsync()
  running.catch(() => undefined)
  await running.accepted
  await reaches(own, BackgroundTransferStatus.running)
  own.pause()
  await reaches(own, BackgroundTransferStatus.pausedByApplication)
  const other = await BackgroundTransferEngine.connect({directory: join(world.directory, '.store')})
  onCleanup(() => other.close())
  return {own, theirs: await other.getDownloadAsync(own.guid)}
}

describe('an operation of two processes', () => {
  it('shows the other one what it was set to, also while it is paused', async () => {
    const {own, theirs} = await pausedForTwo()
    own.priority = BackgroundTransferPriority.high
    own.costPolicy = BackgroundTransferCostPolicy.always
    await expect
      .poll(() => [theirs.priority, theirs.costPolicy])
      .toEqual([BackgroundTransferPriority.high, BackgroundTransferCostPolicy.always])
    theirs.requestedUri = new URL('/b', own.requestedUri)
    await expect.poll(() => own.requestedUri.pathname).toBe('/b')
  })
})
