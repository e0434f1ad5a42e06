/** RangesDownloaded on a download that comes from its start to its end (O35). Numbers are the items' of 17.F. */

import {firstValueFrom, Subject, toArray} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  type BackgroundTransferRangesDownloadedEventArgs,
  BackgroundTransferStatus,
  type DownloadOperation,
} from '../../../src/index.ts'
import {listenTo, type RangeState, rangesDownloaded} from '../../../src/namespace/ranges-downloaded.ts'
import {contentOf} from '../../support/content.ts'
import {makeWorld, type World} from '../harness.ts'

const SIZE = 1_000_000
const SLOW = {content: contentOf(1, SIZE), etag: '"1"', pieceBytes: 50_000, pieceDelayMs: 25}

function create(world: World): DownloadOperation {
  world.server.route('/a', SLOW)
  return world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('a'))
}

/** Fails when a range begins before the one before it ends. */
function lengthOf(events: readonly Pick<BackgroundTransferRangesDownloadedEventArgs, 'addedRanges'>[]): number {
  let end = 0
  for (const {addedRanges} of events) {
    for (const {offset, length} of addedRanges) {
      expect(offset).toBe(end)
      expect(length).toBeGreaterThan(0)
      end = offset + length
    }
  }
  return end
}

describe('17.F ranges as events', () => {
  it('137. come on where the clock is set back', () => {
    let now = Date.UTC(2026, 0, 1)
    const states = new Subject<RangeState>()
    const told: number[] = []
    rangesDownloaded(states, () => now).subscribe(({addedRanges}) => told.push(addedRanges.length))
    const status = BackgroundTransferStatus.running
    states.next({generation: 1, ranges: [[0, 1]], status})
    now -= 3_600_000
    states.next({generation: 1, ranges: [[0, 2]], status})
    expect(told).toHaveLength(2)
  })

  it('134, 135, 137. events add up to what is there: sorted, merged, never empty (invariants 6 and 7)', async () => {
    const operation = create(await makeWorld())
    const events = firstValueFrom(operation.rangesDownloaded.pipe(toArray()))
    await operation.startAsync()
    expect((await events).length).toBeGreaterThan(1)
    expect(lengthOf(await events)).toBe(SIZE)
    expect(operation.getDownloadedRanges()).toEqual([{offset: 0, length: SIZE}])
  })

  it('140, 141, 142. an open deferral holds the next event, which then has all (invariant 9)', async () => {
    const operation = create(await makeWorld())
    const events: BackgroundTransferRangesDownloadedEventArgs[] = []
    let release = () => {}
    operation.rangesDownloaded.subscribe((event) => {
      events.push(event)
      const deferral = event.getDeferral()
      release = () => deferral.complete()
    })
    await operation.startAsync()
    expect(events.length).toBe(1)
    release()
    await expect.poll(() => events.length).toBe(2)
    expect(lengthOf(events)).toBe(SIZE)
    release()
  })

  it('143. without a deferral a handler has done its part when it returns, whatever it goes on with', async () => {
    const operation = create(await makeWorld())
    let begun = 0
    let over = 0
    operation.rangesDownloaded.subscribe(async () => {
      begun += 1
      await operation.attachAsync().catch(() => undefined)
      over += 1
    })
    await operation.startAsync()
    expect(begun).toBeGreaterThan(1)
    await expect.poll(() => over).toBe(begun)
  })

  it('144. a deferral completes once, and closes as often as anybody likes', async () => {
    const operation = create(await makeWorld())
    const event = firstValueFrom(operation.rangesDownloaded)
    const running = operation.startAsync()
    const deferral = (await event).getDeferral()
    deferral.complete()
    expect(() => deferral.complete()).toThrow('completed already')
    deferral.close()
    deferral.close()
    await running
  })

  it('O36. a handler whose promise rejects holds nothing back, and is the application’s failure', async () => {
    const states = new Subject<RangeState>()
    const status = BackgroundTransferStatus.running
    const failures: unknown[] = []
    const note = (error: unknown) => failures.push(error)
    let told = 0
    let now = 0
    const failing = async (args: BackgroundTransferRangesDownloadedEventArgs) => {
      told += 1
      args.getDeferral()
      await Promise.resolve()
      throw new Error(`of the application: ${told}`)
    }
    // What the runner takes for its own failure is what is looked for.
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', note)
    try {
      listenTo(
        rangesDownloaded(states, () => now),
        failing,
      )
      for (const end of [1, 2]) {
        states.next({generation: 1, ranges: [[0, end]], status})
        now += 1_000
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(told).toBe(2)
      expect(failures.map(String)).toEqual(['Error: of the application: 1', 'Error: of the application: 2'])
    } finally {
      process.off('unhandledRejection', note)
      for (const other of others) process.on('unhandledRejection', other)
    }
  })

  it('134, 137. who subscribes when it has ended is told all, once, and that there is no more', async () => {
    const operation = create(await makeWorld())
    await operation.startAsync()
    const added = [[{offset: 0, length: SIZE}]]
    const late = await firstValueFrom(operation.rangesDownloaded.pipe(toArray()))
    expect(late.map(({addedRanges}) => addedRanges)).toEqual(added)
    const heard: unknown[] = []
    operation.addEventListener('rangesdownloaded', (event) => {
      heard.push(event.addedRanges)
    })
    // Not within the call.
    expect(heard).toEqual([])
    await expect.poll(() => heard).toEqual(added)
  })
})
