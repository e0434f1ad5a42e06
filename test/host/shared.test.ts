/** open({shared: 'host'}): whose engine an application gets, and what it gets where nobody has one. */

import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  BackgroundTransferEngine,
  type BackgroundTransferEngineOptions,
  type SharedEngineOptions,
} from '../../src/index.ts'
import {digestOf, failure, makeDirectory, onCleanup, openEngine, startServer} from '../integration/harness.ts'
import {contentOf, sha256} from '../support/content.ts'

const open = async (options: BackgroundTransferEngineOptions | SharedEngineOptions) => {
  const engine = await BackgroundTransferEngine.open(options)
  onCleanup(() => engine.close())
  return engine
}

describe('the host of a directory', () => {
  it('is used where it runs, whatever is to be done where none does', async () => {
    const directory = await makeDirectory()
    await openEngine(directory, {control: {stays: true}})
    const store = join(directory, '.store')
    for (const noHost of ['embed', 'start', 'fail', undefined] as const) {
      const options = {
        directory: store,
        shared: 'host',
        ...(noHost === undefined ? {} : {noHost}),
      } as SharedEngineOptions
      const engine = await open(options)
      expect(engine.host).toMatchObject({pid: process.pid, stays: true})
      await engine.close()
    }
  })

  it('is this process where none runs, and is shared with the next; when it ends, the next takes its place', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    const content = contentOf(5, 200_000)
    server.route('/a', {content, etag: '"1"', cutAfter: 100_000, cut: 'stall'})
    const store = join(directory, 'store')
    const options = {directory: store, shared: 'host', conditions: 'good', drainTimeoutMs: 2_000} as const
    const first = await open(options)
    const second = await open(options)
    expect([first.host, second.host?.stays]).toEqual([null, false])
    const running = second.createDownloader().createDownload(server.url('/a'), join(directory, 'a')).startAsync()
    await running.accepted
    const owners: unknown[] = []
    second.host$.subscribe({next: (owner) => owners.push(owner?.stays), complete: () => owners.push('over')})
    expect(owners).toEqual([false])
    server.route('/a', {content, etag: '"1"'})
    await first.close()
    await running
    expect(owners).toEqual([false, false])
    await second.close()
    expect(owners).toEqual([false, false, 'over'])
    expect(await firstValueFrom(first.host$)).toBe(null)
    expect(await digestOf(join(directory, 'a'))).toBe(sha256(content))
  })

  it('is succeeded also by one that would not share its own, and that one answers then, itself and others', async () => {
    const directory = join(await makeDirectory(), 'store')
    const first = await open({directory, control: true})
    const second = await BackgroundTransferEngine.openOrConnect({directory, control: false})
    onCleanup(() => second.close())
    await first.close()
    expect(await second.queryAsync()).toEqual([])
    const third = await BackgroundTransferEngine.openOrConnect({directory})
    onCleanup(() => third.close())
    expect(await third.queryAsync()).toEqual([])
  })

  it('is missed with HOST_UNREACHABLE where that was asked for, and nothing is made', async () => {
    const store = join(await makeDirectory(), 'store')
    const error = await failure(open({directory: store, shared: 'host', noHost: 'fail', app: 'films'}))
    expect(error.code).toBe('HOST_UNREACHABLE')
    expect(existsSync(store)).toBe(false)
  })

  it('has to be there for the name of an application', async () => {
    const wrong: readonly object[] = [
      {shared: 'host', app: 'films'},
      {shared: 'host', noHost: 'embed', app: 'films'},
      {shared: 'host', noHost: 'perhaps'},
      {shared: 'everybody'},
    ]
    for (const options of wrong) {
      const directory = join(await makeDirectory(), 'store')
      const error = await failure(open({directory, ...options} as SharedEngineOptions))
      expect([JSON.stringify(options), error.code]).toEqual([JSON.stringify(options), 'INVALID_ARGUMENT'])
      expect(existsSync(directory)).toBe(false)
    }
  })
})
