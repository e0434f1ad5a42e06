/**
 * A whole download, and at each call to the file system in turn something goes wrong once: the call fails, the process dies,
 * or the power does and takes any part of what was not synced. Never a hang, never a success over wrong bytes; and whoever
 * asks again has the file, and nothing beside it.
 */

import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import {contentOf} from '../support/content.ts'
import {errno} from '../support/memory-disk.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

/** Several checkpoints, one of them of a part only. */
const SIZE = 150_000
const CONTENT = contentOf(1, SIZE)
const FILE = '/downloads/1'
const MORE_CALLS_THAN_ANY_RUN = 1000

type Trouble = (world: SimulatedWorld) => void

async function worldOf(nth: number): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({seed: nth})
  world.network.serve(urlOf(1), {seed: 1, size: SIZE})
  // A cut in mid-body, so that resuming is part of the story.
  world.network.addFault(urlOf(1), {kind: 'reset', after: 70_000})
  await world.open()
  return world
}

/** Sets the trouble for the n-th call; the answer tells whether it came to that. */
function troubleAt(world: SimulatedWorld, nth: number, trouble: Trouble): () => boolean {
  let calls = 0
  world.beforeDiskCall = (call) => {
    // A close that fails has closed all the same, which this disk cannot show; test/file has it.
    if (call === 'close') return
    calls += 1
    if (calls === nth) trouble(world)
  }
  return () => calls >= nth
}

async function startDraft(world: SimulatedWorld, n: number): Promise<OperationEntry | undefined> {
  const {id} = world.draft(n)
  const [entry] = await world.until(world.engine.start([{...world.draft(1), id}]))
  return entry
}

function assertRight(world: SimulatedWorld, nth: number): void {
  const file = world.disk.readFile(FILE)
  expect(file === undefined || file.equals(CONTENT), `call ${nth}: only the whole file has its name`).toBe(true)
}

/** The end of every story: the file is there, right, alone, and stays so when the power fails. */
async function assertWell(world: SimulatedWorld, nth: number): Promise<void> {
  expect(world.disk.readFile(FILE)?.equals(CONTENT), `call ${nth}: the file is right`).toBe(true)
  expect(world.disk.names('/downloads'), `call ${nth}: nothing else is left`).toEqual(['1'])
  expect(world.disk.openFiles, `call ${nth}: no descriptor leaks`).toBe(0)
  await world.close()
  world.disk.crash()
  expect(world.disk.readFile(FILE)?.equals(CONTENT), `call ${nth}: success is durable`).toBe(true)
}

/** At call 1, 2, 3 … until a run has no such call; resolves with how many there were. */
async function atEachCall(run: (nth: number) => Promise<boolean>): Promise<number> {
  for (let nth = 1; nth < MORE_CALLS_THAN_ANY_RUN; nth++) if (!(await run(nth))) return nth - 1
  throw new Error('the runs do not end')
}

/** The call fails; what that means is the engine's business, until the download is over. */
async function survivesFailure(nth: number, code: string): Promise<boolean> {
  const world = await worldOf(nth)
  const happened = troubleAt(world, nth, () => {
    throw errno(code)
  })
  const entry = await startDraft(world, 1)
  await world.until(() => entry?.isOver === true)
  assertRight(world, nth)
  if (entry?.record.state !== 'completed') {
    expect(entry?.record, `call ${nth}`).toMatchObject({state: 'failed', error: {code: 'DISK_FAILED'}})
    const again = await startDraft(world, 2)
    await world.until(() => again?.isOver === true)
    expect(again?.record.state, `call ${nth}: the second run ends well`).toBe('completed')
  }
  await assertWell(world, nth)
  return happened()
}

/** The next write of the store fails once the call was made. */
async function survivesStore(nth: number): Promise<boolean> {
  const world = await worldOf(nth)
  const happened = troubleAt(world, nth, ({process}) => {
    process.store.failNextCommits(new TransferError('DISK_FAILED', 'the store’s disk failed'))
  })
  const entry = await startDraft(world, 1)
  await world.until(() => entry?.isOver === true)
  expect(entry?.record.state, `call ${nth}: it ends well`).toBe('completed')
  await assertWell(world, nth)
  return happened()
}

/** The world ends at the call; the next process finds what there is and goes on, or is asked again. */
async function survivesDeath(nth: number, how: 'kill' | 'power'): Promise<boolean> {
  const world = await worldOf(nth)
  let isDead = false
  const happened = troubleAt(world, nth, () => {
    isDead = true
    world.crash(how)
  })
  const {id} = world.draft(1)
  let entry: OperationEntry | undefined
  world.engine.start([world.draft(1)]).then(
    ([started]) => {
      entry = started
    },
    () => undefined,
  )
  await world.until(() => isDead || entry?.isOver === true)
  if (isDead) {
    world.beforeDiskCall = () => {}
    assertRight(world, nth)
    await world.open()
    entry = (await world.until(world.engine.find(id))) ?? (await startDraft(world, 1))
    await world.until(() => entry?.isOver === true)
  }
  expect(entry?.record.state, `call ${nth}: it ends well`).toBe('completed')
  await assertWell(world, nth)
  return happened()
}

describe('a download over one connection', () => {
  it.each(['EIO', 'ENOSPC'])('ends well or can be had again when any call fails with %s', async (code) => {
    expect(await atEachCall((nth) => survivesFailure(nth, code))).toBeGreaterThan(30)
  })

  it('goes on when the write of the store that follows any call fails', async () => {
    expect(await atEachCall(survivesStore)).toBeGreaterThan(30)
  })

  it('goes on when the process dies at any call', async () => {
    expect(await atEachCall((nth) => survivesDeath(nth, 'kill'))).toBeGreaterThan(30)
  })

  it('goes on when the power fails at any call, with any part of what was not synced', async () => {
    expect(await atEachCall((nth) => survivesDeath(nth, 'power'))).toBeGreaterThan(30)
  })
})
