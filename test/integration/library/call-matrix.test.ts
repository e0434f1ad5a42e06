/**
 * Which call is allowed in which state (13.4): every call in every state, on the real engine, held against the table as the
 * specification has it. A column a test; each call gets an operation of its own in that state. The two rows of random access
 * belong to the tests of that.
 */

import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferCostPolicy,
  BackgroundTransferPriority,
  BackgroundTransferStatus,
  type Conditions,
  type DownloadOperation,
  type RunningDownload,
  TransferError,
  WebErrorStatus,
} from '../../../src/index.ts'
import {contentOf} from '../../support/content.ts'
import {failure, makeWorld, reaches, receives, type World} from '../harness.ts'
import {byName, makeConditionalWorld, OFFLINE, ROAMING, SAVING} from './conditional-world.ts'

const SIZE = 300_000
const HALF = 100_000
const CONTENT = {content: contentOf(1, SIZE), etag: '"1"'} as const
const E_ILLEGAL_METHOD_CALL = 0x8000000e | 0
const {canceled, completed, error, idle, pausedByApplication, pausedCostedNetwork, pausedNoNetwork} =
  BackgroundTransferStatus
const {pausedRecoverableWebErrorStatus, pausedSystemPolicy, running: RUNNING} = BackgroundTransferStatus

/** An operation in a state, and the promise of its start. */
interface Subject {
  readonly operation: DownloadOperation
  readonly running?: RunningDownload
}

type Call = (subject: Subject) => string | Promise<string>

/** What each call does, in a word of the table. Whatever throws E_ILLEGAL_METHOD_CALL is ISE. */
const CALLS = {
  startAsync: ({operation}) => {
    operation.startAsync().cancel()
    return 'ok'
  },
  attachAsync: async ({operation}) => {
    const {status} = operation.progress
    const attached = operation.attachAsync()
    if (isTerminal(status)) {
      const outcome = await attached.then(
        () => completed,
        (thrown: TransferError) => (thrown.code === 'CANCELED' ? canceled : error),
      )
      return outcome === status ? 'settles' : 'settles otherwise'
    }
    return operation.progress.status === status ? 'ok' : 'moves it'
  },
  cancel: async ({operation, running}) => {
    if (running === undefined) return '-'
    const {status} = operation.progress
    running.cancel()
    if (!isTerminal(status)) {
      await failure(running)
      return operation.progress.status === canceled ? 'Canceled' : 'something else'
    }
    await operation.attachAsync().catch(() => undefined)
    return operation.progress.status === status ? 'no effect' : 'moves it'
  },
  pause: async ({operation}) => {
    operation.pause()
    await reaches(operation, pausedByApplication)
    return 'PausedByApplication'
  },
  resume: async ({operation}) => {
    const {status} = operation.progress
    operation.resume()
    if (status !== pausedByApplication && status !== pausedRecoverableWebErrorStatus) {
      return operation.progress.status === status ? 'no effect' : 'moves it'
    }
    await reaches(operation, RUNNING)
    return 'ok'
  },
  'set requestedUri': ({operation}) => {
    operation.requestedUri = new URL('http://files.example/elsewhere')
    return operation.requestedUri.pathname === '/elsewhere' ? 'ok' : 'no effect'
  },
  'set costPolicy': ({operation}) => {
    operation.costPolicy = BackgroundTransferCostPolicy.always
    return operation.costPolicy === BackgroundTransferCostPolicy.always ? 'ok' : 'no effect'
  },
  'set priority': ({operation}) => {
    operation.priority = BackgroundTransferPriority.low
    return operation.priority === BackgroundTransferPriority.low ? 'ok' : 'no effect'
  },
  'change recoverableWebErrorStatuses': ({operation}) => {
    operation.recoverableWebErrorStatuses.push(WebErrorStatus.gone)
    return operation.recoverableWebErrorStatuses.includes(WebErrorStatus.gone) ? 'ok' : 'no effect'
  },
  setRequestHeader: ({operation}) => {
    operation.setRequestHeader('X-Late', 'yes')
    return 'ok'
  },
  removeRequestHeader: ({operation}) => {
    operation.removeRequestHeader('X-Absent')
    return 'ok'
  },
  getResponseInformation: ({operation}) => String(operation.getResponseInformation()?.statusCode ?? 'null'),
  getResultStreamAt: async ({operation}) => {
    await operation.getResultStreamAt(0).cancel()
    return 'ok'
  },
  getDownloadedRanges: ({operation}) => (operation.getDownloadedRanges().length === 0 ? 'empty' : 'ok'),
  makeCurrentInTransferGroup: ({operation}) => {
    const {status} = operation.progress
    operation.makeCurrentInTransferGroup()
    return operation.progress.status === status ? 'no effect' : 'moves it'
  },
} satisfies Record<string, Call>

type Column = Readonly<Record<keyof typeof CALLS, string>>

/** Of a live operation: what is the same in every such column. */
const LIVE = {
  startAsync: 'ISE',
  attachAsync: 'ok',
  cancel: 'Canceled',
  'set costPolicy': 'ok',
  'set priority': 'ok',
  'change recoverableWebErrorStatuses': 'ok',
  setRequestHeader: 'ok',
  removeRequestHeader: 'ok',
  getResultStreamAt: 'ok',
  makeCurrentInTransferGroup: 'no effect',
}

const SYSTEM: Column = {
  ...LIVE,
  pause: 'ISE',
  resume: 'no effect',
  'set requestedUri': 'ISE',
  getResponseInformation: 'null',
  getDownloadedRanges: 'empty',
}

const TERMINAL = {
  startAsync: 'ISE',
  attachAsync: 'settles',
  cancel: 'no effect',
  pause: 'ISE',
  resume: 'ISE',
  'set requestedUri': 'ISE',
  'set costPolicy': 'ISE',
  'set priority': 'ISE',
  'change recoverableWebErrorStatuses': 'ok',
  setRequestHeader: 'ISE',
  removeRequestHeader: 'ISE',
  getResultStreamAt: 'ok',
  makeCurrentInTransferGroup: 'no effect',
}

/** How an operation gets there, and the table's column. */
interface State {
  readonly name: string
  readonly conditions?: Conditions
  readonly capacity?: number
  readonly reach: (world: World, operation: DownloadOperation) => Promise<Omit<Subject, 'operation'>>
  readonly column: Column
}

const STATES: readonly State[] = [
  {
    name: 'new',
    reach: async () => ({}),
    column: {
      ...LIVE,
      startAsync: 'ok',
      attachAsync: 'ISE',
      cancel: '-',
      pause: 'ISE',
      resume: 'ISE',
      'set requestedUri': 'ISE',
      getResponseInformation: 'null',
      getResultStreamAt: 'ISE',
      getDownloadedRanges: 'empty',
    },
  },
  {
    name: 'queued',
    capacity: 1,
    reach: async (_, operation) => {
      const running = operation.startAsync()
      await running.accepted
      expect(operation.progress.status).toBe(idle)
      return {running}
    },
    column: {
      ...LIVE,
      pause: 'PausedByApplication',
      resume: 'ISE',
      'set requestedUri': 'ISE',
      getResponseInformation: 'null',
      getDownloadedRanges: 'empty',
    },
  },
  {
    name: 'running',
    reach: (_, operation) => run(operation),
    column: {
      ...LIVE,
      pause: 'PausedByApplication',
      resume: 'ISE',
      'set requestedUri': 'ISE',
      getResponseInformation: '200',
      getDownloadedRanges: 'ok',
    },
  },
  {
    name: 'pausedByApplication',
    reach: async (_, operation) => {
      const {running} = await run(operation)
      operation.pause()
      await reaches(operation, pausedByApplication)
      return {running}
    },
    column: {
      ...LIVE,
      pause: 'ISE',
      resume: 'ok',
      'set requestedUri': 'ok',
      getResponseInformation: '200',
      getDownloadedRanges: 'ok',
    },
  },
  {name: 'pausedNoNetwork', conditions: OFFLINE, reach: waitIn(pausedNoNetwork), column: SYSTEM},
  {name: 'pausedCostedNetwork', conditions: ROAMING, reach: waitIn(pausedCostedNetwork), column: SYSTEM},
  {name: 'pausedSystemPolicy', conditions: SAVING, reach: waitIn(pausedSystemPolicy), column: SYSTEM},
  {
    name: 'pausedRecoverableWebErrorStatus',
    reach: async (world, operation) => {
      world.server.route('/a', {status: 404})
      operation.recoverableWebErrorStatuses.push(WebErrorStatus.notFound)
      const running = operation.startAsync()
      await reaches(operation, pausedRecoverableWebErrorStatus)
      return {running}
    },
    column: {
      ...LIVE,
      pause: 'ISE',
      resume: 'ok',
      'set requestedUri': 'ok',
      getResponseInformation: '404',
      getDownloadedRanges: 'empty',
    },
  },
  {
    name: 'completed',
    reach: async (world, operation) => {
      world.server.route('/a', CONTENT)
      const running = operation.startAsync()
      await running
      return {running}
    },
    column: {...TERMINAL, getResponseInformation: '200', getDownloadedRanges: 'ok'},
  },
  {
    name: 'canceled',
    reach: async (_, operation) => {
      const {running} = await run(operation)
      running.cancel()
      await failure(running)
      return {running}
    },
    column: {...TERMINAL, getResponseInformation: '200', getDownloadedRanges: 'ok'},
  },
  {
    name: 'error',
    reach: async (world, operation) => {
      world.server.route('/a', {status: 404})
      const running = operation.startAsync()
      await failure(running)
      return {running}
    },
    column: {...TERMINAL, getResponseInformation: '404', getDownloadedRanges: 'empty'},
  },
]

function isTerminal(status: BackgroundTransferStatus): boolean {
  return status === completed || status === canceled || status === error
}

async function run(operation: DownloadOperation): Promise<{readonly running: RunningDownload}> {
  const running = operation.startAsync()
  await receives(running, HALF)
  return {running}
}

function waitIn(status: BackgroundTransferStatus): State['reach'] {
  return async (_, operation) => {
    const running = operation.startAsync()
    await reaches(operation, status)
    return {running}
  }
}

/** What the call comes to; only the namespace's own error for a wrong state counts as ISE. */
async function outcomeOf(call: Call, subject: Subject): Promise<string> {
  try {
    return await call(subject)
  } catch (thrown) {
    if (thrown instanceof TransferError && thrown.number === E_ILLEGAL_METHOD_CALL) return 'ISE'
    throw thrown
  }
}

async function worldFor({conditions, capacity = 50}: State): Promise<World> {
  const options = {maxConcurrentTransfers: capacity, durability: 'process', retries: 0} as const
  const world = conditions ? (await makeConditionalWorld(conditions, options)).world : await makeWorld(options)
  world.server.route('/a', {...CONTENT, cutAfter: HALF, cut: 'stall'})
  if (capacity === 1)
    await run(world.engine.createDownloader().createDownload(world.server.url('/a'), world.file('first')))
  return world
}

describe('13.4 which call is allowed in which state', () => {
  it.each(STATES)('13.4. every call while $name', async (state) => {
    const world = await worldFor(state)
    const url = state.conditions === undefined ? world.server.url('/a') : byName(world.server.url('/a'))
    const observed: Record<string, string> = {}
    for (const [name, call] of Object.entries(CALLS)) {
      const operation = world.engine.createDownloader().createDownload(url, world.file(name.replace(' ', '-')))
      const subject = {operation, ...(await state.reach(world, operation))}
      observed[name] = await outcomeOf(call, subject)
      // Makes room, and its file is of no use to the others.
      subject.running?.catch(() => undefined)
      subject.running?.cancel()
    }
    expect(observed).toEqual(state.column)
  })

  it('62. 13.4. pause while running, of a POST download: ISE', async () => {
    const world = await makeWorld()
    world.server.route('/a', {...CONTENT, cutAfter: HALF, cut: 'stall'})
    const downloader = world.engine.createDownloader()
    downloader.method = 'POST'
    const operation = downloader.createDownload(world.server.url('/a'), world.file('a'))
    await run(operation)
    expect(await outcomeOf(CALLS.pause, {operation})).toBe('ISE')
    expect(operation.progress.status).toBe(RUNNING)
  })
})
