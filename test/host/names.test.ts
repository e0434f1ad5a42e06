/** Applications that use one host, and one group, under their names: what one does to the group is done to its own. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferEngine, BackgroundTransferStatus} from '../../src/index.ts'
import {makeDirectory, onCleanup, openEngine, reaches, receives, startServer} from '../integration/harness.ts'

const STALLED = {content: Buffer.alloc(200_000, 1), etag: '"1"', cutAfter: 50_000, cut: 'stall'} as const

async function world() {
  const directory = await makeDirectory()
  const server = await startServer()
  const host = await openEngine(directory, {control: true})
  const connect = async (app?: string) => {
    const options = {directory: join(directory, '.store'), ...(app === undefined ? {} : {app})}
    const client = await BackgroundTransferEngine.connect(options)
    onCleanup(() => client.close())
    return client
  }
  /** A download of the group that has come half way. */
  const begin = async (engine: BackgroundTransferEngine, name: string) => {
    server.route(`/${name}`, STALLED)
    const downloader = engine.createDownloader()
    downloader.transferGroup = engine.createGroup('films')
    const operation = downloader.createDownload(server.url(`/${name}`), join(directory, name))
    const running = operation.startAsync()
    running.catch(() => undefined)
    await receives(running, 50_000)
    return operation
  }
  return {host, connect, begin}
}

describe('an application with a name', () => {
  it('pauses, resumes and cancels those of a group that are its own; one without a name, all of them', async () => {
    const {connect, begin} = await world()
    const [mine, others, nameless] = [await connect('mine'), await connect('others'), await connect()]
    const [own, other] = [await begin(mine, 'own'), await begin(others, 'other')]
    const group = mine.createGroup('films')
    await group.pauseAllAsync()
    await reaches(own, BackgroundTransferStatus.pausedByApplication)
    expect((await others.getDownloadAsync(other.guid)).progress.status).toBe(BackgroundTransferStatus.running)
    other.pause()
    await reaches(other, BackgroundTransferStatus.pausedByApplication)
    await group.resumeAllAsync()
    await reaches(own, BackgroundTransferStatus.running)
    await group.cancelAllAsync()
    await reaches(own, BackgroundTransferStatus.canceled)
    expect((await others.queryAsync()).map(({state}) => state)).toEqual(['pausedByApplication'])
    await nameless.createGroup('films').cancelAllAsync()
    await reaches(other, BackgroundTransferStatus.canceled)
  })
})
