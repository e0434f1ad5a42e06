/** What a client asks of its operations while no host is there: the next one is asked it, once it knows what the client holds. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferEngine, BackgroundTransferStatus} from '../../src/index.ts'
import {makeDirectory, onCleanup, openEngine, reaches, receives, startServer} from '../integration/harness.ts'

const WHOLE = {content: Buffer.alloc(200_000, 1), etag: '"1"'} as const
const STALLED = {...WHOLE, cutAfter: 50_000, cut: 'stall'} as const

/** A client that holds a running download, and whose host is gone. */
async function leftAlone() {
  const directory = await makeDirectory()
  const server = await startServer()
  server.route('/a', STALLED)
  const host = await openEngine(directory, {control: true})
  const client = await BackgroundTransferEngine.connect({directory: join(directory, '.store')})
  onCleanup(() => client.close())
  const operation = client.createDownloader().createDownload(server.url('/a'), join(directory, 'a'))
  const running = operation.startAsync()
  running.catch(() => undefined)
  await receives(running, 50_000)
  await host.close()
  return {directory, server, client, operation, running}
}

describe('what is asked while no host is there', () => {
  it('reaches the next one: a pause', async () => {
    const {directory, operation} = await leftAlone()
    operation.pause()
    const next = await openEngine(directory, {control: true})
    await reaches(operation, BackgroundTransferStatus.pausedByApplication)
    expect(await next.queryAsync({states: ['pausedByApplication']})).toHaveLength(1)
  })

  it('reaches the next one: that an operation takes part, where nothing goes on by itself', async () => {
    const {directory, server, running} = await leftAlone()
    server.route('/a', WHOLE)
    await openEngine(directory, {control: true, resumeOnOpen: false})
    await running
  })
})
