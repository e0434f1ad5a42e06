/** The journal across kill -9 and reopening: in order, without gaps or doubles, and never behind what the record says. */

import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest'
import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import {JOURNAL_BOUND, type JournalEntry, type JournalPage} from '../../src/domain/journal.ts'
import {JournalTail} from '../../src/engine/operations/journal-tail.ts'
import {BackgroundTransferEngine, type OperationId} from '../../src/index.ts'
import {startChild} from '../support/child-program.ts'
import {type FaultyServer, startFaultyServer} from '../support/faulty-server.ts'
import {journalEntry, queuedRecord} from '../support/records.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const PERSISTENT = ['waitingToRetry', 'pausedByApplication', 'completed', 'canceled', 'failed']

describe('the journal of a process that is killed', () => {
  let program: string
  let server: FaultyServer
  let directory: string

  beforeAll(async () => {
    program = await compiledProgram(new URL('./killed-writer.ts', import.meta.url))
    server = await startFaultyServer()
    directory = await mkdtemp(join(tmpdir(), 'journal-'))
    // Every other file needs a second try.
    server.route('/file', ({path}) => {
      const isRefused = path.endsWith('1') && !seen.has(path)
      seen.add(path)
      return isRefused ? {status: 503} : {content: {seed: 1, size: 5_000}}
    })
  })
  const seen = new Set<string>()

  afterAll(async () => {
    await server?.close()
    await rm(directory, {recursive: true, force: true})
  })

  it('holds what was told of every saved state, and goes on with the next seq', {timeout: 60_000}, async () => {
    const random = new SeededRandom(7)
    /** The newest entry that was told together with a state that is always saved. */
    const told = new Map<string, number>()
    for (let round = 0; round < 4; round += 1) {
      const child = startChild(program, [directory, server.origin, String(round)])
      let left = 50 + Math.floor(random.next() * 200)
      for await (const line of child.lines) {
        const [id = '', seq = '', state = ''] = line.split(' ')
        if (PERSISTENT.includes(state)) told.set(id, Number(seq))
        left -= 1
        if (left === 0) child.process.kill('SIGKILL')
      }
      const store = createLevelStore({directory: join(directory, '.store'), durability: 'process'})
      await store.open()
      for (const [id, seq] of told)
        expect(seqsOf(await store.journal(id as OperationId)).at(-1)).toBeGreaterThanOrEqual(seq)
      for (const record of await store.query({limit: 5000}))
        expectWhole(await store.journal(record.id), record.journalled)
      await store.close()
    }
    expect(told.size).toBeGreaterThan(50)

    const engine = await BackgroundTransferEngine.open({directory: join(directory, '.store'), durability: 'process'})
    const ended = new Promise<void>((resolve) => {
      const poll = async () => {
        const open = await engine.queryAsync({
          states: ['queued', 'running', 'returning', 'waitingToRetry', 'publishing'],
        })
        if (open.length === 0) resolve()
      }
      // Those that are under way when the engine closes hear that it did.
      const look = () => void poll().catch(() => {})
      engine.events$.subscribe(look)
      look()
    })
    await ended
    await engine.close()
    const store = createLevelStore({directory: join(directory, '.store'), durability: 'process'})
    await store.open()
    for (const record of await store.query({limit: 5000}))
      expectWhole(await store.journal(record.id), record.journalled)
    await store.close()
  })
})

function seqsOf(journal: readonly JournalEntry[]): readonly number[] {
  return journal.map(({seq}) => seq)
}

/** Its seqs count up from 1, and its times never fall. */
function expectWhole(journal: readonly JournalEntry[], journalled = 0): void {
  expect(seqsOf(journal)).toEqual(Array.from({length: journalled}, (_, at) => at + 1))
  for (const [at, entry] of journal.entries()) expect(entry.at).toBeGreaterThanOrEqual(journal[at - 1]?.at ?? 0)
}

describe('the journal in simulation', () => {
  const worlds: SimulatedWorld[] = []

  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.close().catch(() => {})
  })

  async function worldWith(options: ConstructorParameters<typeof SimulatedWorld>[0]): Promise<SimulatedWorld> {
    const world = new SimulatedWorld(options)
    worlds.push(world)
    world.network.serve(urlOf(1), {seed: 1, size: 50_000})
    await world.open()
    return world
  }

  it('costs no save of its own', async () => {
    const count = async (journal: boolean) => {
      const world = await worldWith({engine: {journal}})
      const before = world.storeDisk.log.length
      const [entry] = await world.until(world.engine.start([world.draft(1)]))
      await world.until(() => entry?.isOver === true)
      await world.settle()
      return world.storeDisk.log.length - before
    }
    expect(await count(true)).toBe(await count(false))
  })

  it('is empty when it is turned off, and the transitions are told all the same', async () => {
    const world = await worldWith({engine: {journal: false}})
    const [entry] = await world.until(world.engine.start([world.draft(1)]))
    await world.until(() => entry?.isOver === true)
    if (entry === undefined) throw new Error('nothing was started')
    expect(await world.until(world.engine.journal(entry.record.id))).toEqual([])
    expect(entry.record.journalled).toBeUndefined()
    expect(world.process.events.filter(({type}) => type === 'operation.moved').length).toBeGreaterThan(4)
  })

  it('shows what is not in the store yet', async () => {
    const world = await worldWith({})
    const [entry] = await world.until(world.engine.start([world.draft(1)]))
    if (entry === undefined) throw new Error('nothing was started')
    await world.until(() => entry.path === 'running.exchanging.active.connecting')
    const {id} = entry.record
    expect(await world.until(world.process.store.journal(id))).toEqual([])
    const live = await world.until(world.engine.journal(id))
    expect(live.map(({event, to}) => [event, to])).toEqual([
      ['operation.admit', 'running.exchanging.active.connecting'],
    ])
    expect(await world.until(world.engine.journal(id, {before: 1}))).toEqual([])
  })

  it('has no more entries than are kept, whatever of them is not in the store yet', () => {
    const tail = new JournalTail(JOURNAL_BOUND.entries)
    const stored = Array.from({length: JOURNAL_BOUND.entries}, (_, at) => journalEntry(at + 1))
    const move = {at: 1, event: 'operation.pause', from: 'queued', to: 'pausedByApplication'}
    for (let n = 0; n < 3; n++) tail.note(move, queuedRecord(1), 'pausedByApplication', undefined)
    const range = (page: JournalPage) => {
      const seqs = seqsOf(tail.merge(stored, page))
      return [seqs.length, seqs[0], seqs.at(-1)]
    }
    expect(range({})).toEqual([1_000, 4, 1_003])
    expect(range({limit: 5_000})).toEqual([1_000, 4, 1_003])
    expect(range({before: 1_002})).toEqual([998, 4, 1_001])
    expect(range({limit: 2})).toEqual([2, 1_002, 1_003])
  })

  it('loses nothing to a store that refuses for a while', async () => {
    const world = await worldWith({})
    const [entry] = await world.until(world.engine.start([world.draft(1)]))
    if (entry === undefined) throw new Error('nothing was started')
    await world.until(() => entry.path.startsWith('running'))
    const {TransferError} = await import('../../src/domain/errors.ts')
    world.process.store.failNextCommits(new TransferError('DISK_FULL', 'no room'), 2)
    await world.until(() => entry.isOver)
    await world.settle()
    const stored = await world.until(world.process.store.journal(entry.record.id))
    expectWhole(stored, entry.record.journalled)
    expect(stored.at(-1)?.state).toBe(entry.record.state)
  })
})
