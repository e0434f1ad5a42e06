/**
 * Files of tests share a process (vitest.config.ts), and leave nothing to the next one: no clock that stands still, no other
 * working directory or environment, nobody who listens to the process, no open server, connection, child, thread or timer. What
 * is closed as a file ends may take its time; what stays fails that file.
 */

import {afterAll, expect, vi} from 'vitest'

/**
 * The runner's own timer, by which it tells of tests ten times a second, is over within it, too. Counted by looks: on a machine with much
 * else to do they come later, as do the ends that are waited for.
 */
const PATIENCE_MS = 5_000
const INTERVAL_MS = 10

const before = look()
/** As the file before left it: what is open while this one begins may be the runner's, and would hide what this one leaves. */
const shared: typeof globalThis & {openBefore?: ReadonlyMap<string, number>} = globalThis
const openBefore = shared.openBefore ?? open()

afterAll(async () => {
  expect(vi.isFakeTimers(), 'time is simulated still').toBe(false)
  expect(look()).toEqual(before)
  for (let waitedMs = 0; left().length > 0 && waitedMs < PATIENCE_MS; waitedMs += INTERVAL_MS) {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))
  }
  const stillOpen = left()
  // The next file is not to fail for it, too.
  shared.openBefore = open()
  expect(stillOpen, 'still open').toEqual([])
})

function look() {
  const listeners = process.eventNames().map((event) => [String(event), process.listenerCount(event)])
  return {
    directory: process.cwd(),
    umask: process.umask(),
    environment: {...process.env},
    listeners: Object.fromEntries(listeners),
  }
}

/** What holds the process alive, counted by kind. */
function open(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

function left(): readonly string[] {
  return [...open()].flatMap(([kind, count]) => {
    const more = count - (openBefore.get(kind) ?? 0)
    return more > 0 ? [`${more} ${kind}`] : []
  })
}
