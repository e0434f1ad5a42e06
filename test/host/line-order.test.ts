/** Moves in a line that clients of a host ask for: they are carried out in their order. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import type {OperationRecord} from '../../src/domain/record.ts'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {makeDirectory, onCleanup, openEngine, startServer} from '../integration/harness.ts'
import {openSession, socketOf} from './raw-session.ts'

describe.each([undefined, 'films'])('a client of the application %s', (app) => {
  it('has an operation last that it puts before another, and then last', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    server.route('/a', {content: Buffer.alloc(100_000), cutAfter: 10_000, cut: 'stall'})
    await openEngine(directory, {control: true, maxConcurrentTransfers: 1})
    const client = await BackgroundTransferEngine.connect({
      directory: join(directory, '.store'),
      ...(app === undefined ? {} : {app}),
    })
    onCleanup(() => client.close())
    const downloader = client.createDownloader()
    for (const name of ['running', 'a', 'b', 'c']) {
      const running = downloader.createDownload(server.url('/a'), join(directory, name)).startAsync()
      running.catch(() => undefined)
      await running.accepted
    }
    const session = await openSession(socketOf(directory), undefined, app)
    const {value} = await session.call('query', {query: {states: ['queued']}})
    const inLine = (value as OperationRecord[]).sort((one, other) => one.sequence - other.sequence)
    const [a, b] = inLine.map(({id}) => id)
    await session.call('find', {id: b})
    await session.callAll([
      ['move', {id: b, to: {before: a}}],
      ['move', {id: b, to: 'last'}],
    ])
    expect(await session.call('move', {id: b, to: 'down'})).toMatchObject({
      error: {message: 'it is the last that waits in its line'},
    })
  })
})
