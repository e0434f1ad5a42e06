/** The rows of spec 13.1 and the cells of 13.4 that the application's handle decides, over an engine in simulation. */

import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'
import {lastValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {BackgroundTransferPriority} from '../../src/domain/priority.ts'
import {BackgroundTransferStatus as Status} from '../../src/domain/status.ts'
import {BackgroundTransferGroup} from '../../src/namespace/background-transfer-group.ts'
import {DownloadOperation} from '../../src/namespace/download-operation.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

const ILLEGAL = expect.objectContaining({code: 'ILLEGAL_STATE'})

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

async function worldOf(): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1}})
  for (let n = 1; n <= 3; n++) world.network.serve(urlOf(n), {seed: n, size: 80_000})
  await world.open()
  return world
}

function draft(world: SimulatedWorld, n = 1, method = 'GET'): DownloadOperation {
  const draft = world.draft(n)
  return DownloadOperation.fromDraft(world.engine, {...draft, request: {...draft.request, method}})
}

/** A download that runs. */
async function running(world: SimulatedWorld, method = 'GET') {
  const operation = draft(world, 1, method)
  const download = operation.startAsync()
  download.catch(() => undefined)
  await world.until(() => operation.progress.bytesReceived > 0)
  return {operation, download}
}

/** What every state but the first refuses alike. */
function expectStarted(operation: DownloadOperation): void {
  expect(() => operation.startAsync()).toThrow(ILLEGAL)
}

describe('a handle', () => {
  it('D1 new → Idle: a guid, no traffic, no response', async () => {
    const world = await worldOf()
    const operation = draft(world)
    await world.advance(1_000)
    expect(operation.guid).toMatch(/^[0-9a-f-]{36}$/)
    expect(operation.progress).toEqual({
      bytesReceived: 0,
      totalBytesToReceive: 0,
      status: Status.idle,
      hasResponseChanged: false,
      hasRestarted: false,
    })
    expect(operation.getResponseInformation()).toBeNull()
    expect(world.network.notes).toEqual([])
  })

  it('D2 StartAsync → Running; D14 last byte → Completed, the promise resolves with it', async () => {
    const world = await worldOf()
    const operation = draft(world)
    const statuses: number[] = []
    const download = operation.startAsync()
    operation.status$.subscribe((status) => statuses.push(status))
    expect(await world.until(download)).toBe(operation)
    expect(statuses).toEqual([Status.idle, Status.running, Status.completed])
    expect(operation.progress).toMatchObject({bytesReceived: 80_000, totalBytesToReceive: 80_000})
    expect(operation.getResponseInformation()?.statusCode).toBe(200)
  })

  it('D3 StartAsync without a slot → Idle; D9 a slot frees → Running', async () => {
    const world = await worldOf()
    const {download} = await running(world)
    const second = draft(world, 2)
    const waiting = second.startAsync()
    await world.advance(100)
    expect(second.progress.status).toBe(Status.idle)
    await world.until(download)
    await world.until(() => second.progress.status === Status.running)
    await world.until(waiting)
  })

  it('D7 Pause, D8 Resume and AttachAsync of a new one throw; it stays Idle', async () => {
    const world = await worldOf()
    const operation = draft(world)
    expect(() => operation.pause()).toThrow(ILLEGAL)
    expect(() => operation.resume()).toThrow(ILLEGAL)
    expect(() => operation.attachAsync()).toThrow(ILLEGAL)
    expect(operation.progress.status).toBe(Status.idle)
  })

  it('D11 cancel while queued → Canceled, the promise rejects with CANCELED', async () => {
    const world = await worldOf()
    await running(world)
    const second = draft(world, 2)
    const waiting = second.startAsync()
    await world.advance(100)
    waiting.cancel()
    await expect(world.until(waiting)).rejects.toMatchObject({code: 'CANCELED'})
    expect(second.progress.status).toBe(Status.canceled)
    expect(world.network.notes).toHaveLength(1)
  })

  it('D12 headers arrive → HasResponseChanged once', async () => {
    const world = await worldOf()
    const operation = draft(world)
    const changed: boolean[] = []
    const download = operation.startAsync()
    download.progress$.subscribe(({progress}) => changed.push(progress.hasResponseChanged))
    await world.until(download)
    expect(changed.filter(Boolean)).toHaveLength(1)
  })

  it('D15 Pause, D17 Resume while Running throws, D31 Resume → Running; no promise settles by a pause', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world)
    expectStarted(operation)
    expect(() => operation.resume()).toThrow(ILLEGAL)
    let settled = false
    download.then(() => {
      settled = true
    })
    operation.pause()
    await world.until(() => operation.progress.status === Status.pausedByApplication)
    await world.advance(60_000)
    expect(settled).toBe(false)
    expect(() => operation.pause()).toThrow(ILLEGAL)
    expectStarted(operation)
    operation.resume()
    await world.until(download)
    expect(world.network.notes.at(-1)?.status).toBe(206)
  })

  it('D16 Pause of a POST throws', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world, 'POST')
    expect(() => operation.pause()).toThrow(ILLEGAL)
    await world.until(download)
  })

  it('D25 a failure → Error, the promise rejects with it, the status says it', async () => {
    const world = await worldOf()
    world.network.addFault(urlOf(1), {kind: 'status', status: 404})
    const operation = draft(world)
    await expect(world.until(operation.startAsync())).rejects.toMatchObject({
      code: 'HTTP_STATUS',
      details: {status: 404},
    })
    expect(operation.progress.status).toBe(Status.error)
    expect(operation.currentWebErrorStatus).toBe(404)
  })

  it('D27 cancel while Running → Canceled, once, however often it is said', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world)
    download.cancel()
    download.cancel()
    await expect(world.until(download)).rejects.toMatchObject({code: 'CANCELED'})
    download.cancel()
    await world.settle()
    expect(operation.progress.status).toBe(Status.canceled)
    expect(world.disk.names('/downloads')).toEqual([])
  })

  it('D28 another version → counters drop to zero, HasRestarted once', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world)
    operation.pause()
    await world.until(() => operation.progress.status === Status.pausedByApplication)
    world.network.serve(urlOf(1), {seed: 9, size: 50_000})
    const seen: {readonly bytes: number; readonly restarted: boolean}[] = []
    download.progress$.subscribe(({progress}) => {
      seen.push({bytes: progress.bytesReceived, restarted: progress.hasRestarted})
    })
    operation.resume()
    await world.until(download)
    expect(seen.filter(({restarted}) => restarted)).toEqual([{bytes: 0, restarted: true}])
    for (const [index, {bytes, restarted}] of seen.entries()) {
      if (!restarted) expect(bytes).toBeGreaterThanOrEqual(seen[index - 1]?.bytes ?? 0)
    }
    expect(operation.progress).toMatchObject({bytesReceived: 50_000, totalBytesToReceive: 50_000})
  })

  it('D13 bytes that come → each subscriber of progress$ hears it at each tick, and has the final counters last', async () => {
    const world = await worldOf()
    world.network.pieceBytes = 512
    world.network.pieceDelayMs = 7
    const {operation, download} = await running(world)
    const seen: number[][] = []
    const follow = (most: number) => {
      const counts: number[] = []
      seen.push(counts)
      const following = download.progress$.subscribe(({progress}) => {
        counts.push(progress.bytesReceived)
        if (counts.length === most) following.unsubscribe()
      })
    }
    follow(Number.POSITIVE_INFINITY)
    await world.advance(250)
    const present = operation.progress.bytesReceived
    follow(3)
    follow(Number.POSITIVE_INFINITY)
    await world.until(download)
    const [first = [], leaving = [], late = []] = seen
    expect(first.length).toBeGreaterThan(6)
    expect(first.at(-1)).toBe(80_000)
    expect(leaving).toEqual(late.slice(0, 3))
    expect(late[0]).toBe(present)
    expect(late.slice(1)).toEqual(first.slice(1 - late.length))
    for (const counts of seen) expect(counts).toEqual(counts.toSorted((a, b) => a - b))
  })

  it('D34 set RequestedUri while paused → used on Resume; elsewhere it throws', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world)
    const other = new URL(urlOf(2))
    expect(() => {
      operation.requestedUri = other
    }).toThrow(ILLEGAL)
    operation.pause()
    await world.until(() => operation.progress.status === Status.pausedByApplication)
    operation.requestedUri = other
    expect(operation.requestedUri.href).toBe(other.href)
    operation.resume()
    await world.until(download)
    expect(world.network.notes.at(-1)?.request.url).toBe(other.href)
  })

  it('D40 Pause in a pause of the system throws; D41 Resume has no effect', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world)
    world.setConditions({connectivity: 'none'})
    await world.until(() => operation.progress.status === Status.pausedNoNetwork)
    expect(() => operation.pause()).toThrow(ILLEGAL)
    operation.resume()
    await world.advance(1_000)
    expect(operation.progress.status).toBe(Status.pausedNoNetwork)
    world.setConditions({connectivity: 'internet'})
    await world.until(download)
  })

  it('D47 a terminal one throws; D48 AttachAsync settles at once; D49 its data can be read', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world)
    await world.until(download)
    expect(() => operation.pause()).toThrow(ILLEGAL)
    expect(() => operation.resume()).toThrow(ILLEGAL)
    expectStarted(operation)
    expect(() => {
      operation.requestedUri = new URL(urlOf(2))
    }).toThrow(ILLEGAL)
    const saved = world.storeDisk.log.length
    expect(await operation.attachAsync()).toBe(operation)
    expect(world.storeDisk.log.length, 'nothing is written for it').toBe(saved)
    expect(operation.getResponseInformation()?.statusCode).toBe(200)
    expect(operation.getDownloadedRanges()).toMatchObject([{offset: 0, length: 80_000}])
  })

  it('D50 a new session: AttachAsync continues it', async () => {
    const world = await worldOf()
    const {operation} = await running(world)
    await world.advance(1_200)
    world.crash('power')
    await world.open({resumeOnOpen: false})
    const entry = await world.until(world.engine.find(operation.guid))
    if (entry === undefined) throw new Error('it is lost')
    const found = DownloadOperation.fromEntry(world.engine, entry)
    expect(await world.until(found.attachAsync())).toBe(found)
    expect(world.network.notes.at(-1)?.status).toBe(206)
  })
})

describe('a promise', () => {
  it('rejects with CLOSED when the engine is closed, and the operation goes on in the next session', async () => {
    const world = await worldOf()
    const {operation, download} = await running(world)
    let completed = false
    download.progress$.subscribe({complete: () => (completed = true)})
    const {engine} = world
    await world.close()
    await expect(download).rejects.toMatchObject({code: 'CLOSED'})
    expect(completed).toBe(true)
    download.cancel()
    expect(() => operation.attachAsync()).toThrow(expect.objectContaining({code: 'CLOSED'}))
    expect(() => operation.makeCurrentInTransferGroup()).toThrow(expect.objectContaining({code: 'CLOSED'}))
    const group = BackgroundTransferGroup.of(engine, 'g')
    expect(() => {
      group.transferBehavior = 1
    }).toThrow(expect.objectContaining({code: 'CLOSED'}))
    await world.open()
    const entry = await world.until(world.engine.find(operation.guid))
    await world.until(() => entry?.isOver === true)
    expect(entry?.record.state).toBe('completed')
  })

  it('rejects with CLOSED also when the engine is closed while the operation is being accepted', async () => {
    const world = new SimulatedWorld({mostDelayMs: 5})
    await world.open()
    const operation = draft(world)
    const download = operation.startAsync()
    operation.makeCurrentInTransferGroup()
    operation.priority = 1
    const closing = world.engine.close()
    await world.until(Promise.allSettled([closing, download.accepted]))
    await expect(world.until(download)).rejects.toMatchObject({code: 'CLOSED'})
  })

  it('an aborted signal starts nothing; one that is aborted before the record is durable ends the wait', async () => {
    const world = new SimulatedWorld({mostDelayMs: 5})
    world.network.serve(urlOf(1), {seed: 1, size: 80_000})
    await world.open()
    const operation = draft(world)
    const reason = new Error('enough')
    const refused = operation.startAsync({signal: AbortSignal.abort(reason)})
    await expect(refused).rejects.toBe(reason)
    await expect(refused.accepted).rejects.toBe(reason)
    expect(operation.describe().state).toBe('queued')
    const controller = new AbortController()
    const download = operation.startAsync({signal: controller.signal})
    controller.abort(reason)
    await expect(download).rejects.toBe(reason)
    expect(await world.until(operation.attachAsync())).toBe(operation)
  })

  it('keeps what it follows alive, and nothing when it has settled', async () => {
    const world = await worldOf()
    const ids: OperationId[] = []
    let settled = 0
    const start = (n: number) => {
      const operation = draft(world, n)
      ids.push(operation.guid)
      operation.startAsync().then(() => {
        settled += 1
      })
    }
    start(1)
    start(2)
    collectGarbage()
    await world.until(() => settled === 2)
    for (let turn = 0; turn < 50 && ids.some((id) => world.engine.live(id) !== undefined); turn++) {
      collectGarbage()
      await world.settle()
    }
    expect(ids.map((id) => world.engine.live(id))).toEqual([undefined, undefined])
  })
})

describe('what is told of an operation that was never started', () => {
  it('ends with its engine, also for who asks later, and a read of it then fails with CLOSED', async () => {
    const world = await worldOf()
    const operation = draft(world)
    operation.isRandomAccessRequired = true
    const statuses: (Status | 'over')[] = []
    const follow = () =>
      operation.status$.subscribe({next: (each) => statuses.push(each), complete: () => statuses.push('over')})
    const ranges = lastValueFrom(operation.rangesDownloaded, {defaultValue: 'none'})
    follow()
    const stream = await operation.getResultRandomAccessStreamReference().openReadAsync()
    const read = stream.readAsync(10)
    read.catch(() => undefined)
    await world.advance(1_000)
    expect(statuses).toEqual([Status.idle])
    await world.close()
    expect(statuses).toEqual([Status.idle, 'over'])
    expect(await ranges).toBe('none')
    await expect(read).rejects.toMatchObject({code: 'CLOSED'})
    follow()
    expect(statuses).toEqual([Status.idle, 'over', Status.idle, 'over'])
  })

  it('ends with its engine where that would not take it any more', async () => {
    const world = await worldOf()
    const operation = draft(world)
    const last = lastValueFrom(operation.status$)
    const closing = world.engine.close()
    await expect(operation.startAsync()).rejects.toMatchObject({code: 'CLOSED'})
    await world.until(closing)
    expect(await last).toBe(Status.idle)
  })
})

describe('an engine that drains', () => {
  it('refuses another policy with CLOSED, and changes nothing', async () => {
    const world = new SimulatedWorld({engine: {maxConcurrentTransfers: 1}, mostDelayMs: 5})
    for (let n = 1; n <= 2; n++) world.network.serve(urlOf(n), {seed: n, size: 80_000})
    await world.open()
    const [first, second] = await world.until(world.engine.start([world.draft(1), world.draft(2)]))
    if (first === undefined || second === undefined) throw new Error('nothing was started')
    await world.until(() => world.engine.progressOf(first).received > 0)
    const closing = world.engine.close()
    expect(world.engine.phase).toBe('draining')
    const before = [world.engine.explain(second), world.engine.groups()]
    const {policy} = second.facts
    expect(() => world.engine.changePolicy(second, {...policy, priority: BackgroundTransferPriority.high})).toThrow(
      expect.objectContaining({code: 'CLOSED'}),
    )
    expect([world.engine.explain(second), world.engine.groups()]).toEqual(before)
    await world.until(closing)
  })
})

describe('a group', () => {
  it('keeps its behaviour although the store refuses it at first', async () => {
    const world = await worldOf()
    const group = BackgroundTransferGroup.of(world.engine, 'g')
    world.process.store.failNextCommits(new TransferError('DISK_FULL', 'the store’s disk is full'), 2)
    group.transferBehavior = 1
    expect(group.transferBehavior).toBe(1)
    await world.advance(20_000)
    world.crash('power')
    await world.open()
    expect(BackgroundTransferGroup.of(world.engine, 'g').transferBehavior).toBe(1)
  })
})

describe('a source of conditions that fails', () => {
  it('is told of, and its last value stands', async () => {
    const world = await worldOf()
    const {download} = await running(world)
    world.conditions$.error(new Error('no such bus'))
    await world.until(download)
    expect(world.process.complaints).toEqual([expect.stringContaining('no such bus')])
    await world.close()
    await world.open()
  })
})
