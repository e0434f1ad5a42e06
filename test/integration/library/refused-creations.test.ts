/** What is refused at its creation was never there: it counts in no limit, holds nobody up, and leaves nothing (17.A, 17.K). */

import {readdir} from 'node:fs/promises'
import {join} from 'node:path'
import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import type {BackgroundTransferEngine, DownloadOptions} from '../../../src/index.ts'
import {failure, makeWorld} from '../harness.ts'

const REFUSED = expect.objectContaining({code: 'INVALID_ARGUMENT', number: 0x80070057 | 0})

async function* oneChunk(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('the body')
}

/** Resolves when the group is through, with nobody's task to run. */
function fired({events$}: BackgroundTransferEngine): Promise<unknown> {
  return firstValueFrom(events$.pipe(filter(({type}) => type === 'completion.dropped')))
}

describe('17.A what is refused at its creation', () => {
  it.each<DownloadOptions>([{retries: -1}, {mirrors: ['ftp://127.0.0.1/a']}])(
    '33. counts in no limit: %o',
    async (options) => {
      const {engine, server, file} = await makeWorld({limits: {operations: 1}})
      const downloader = engine.createDownloader()
      for (const name of ['a', 'b']) {
        expect(() => downloader.createDownload(server.url('/a'), file(name), options)).toThrow(REFUSED)
      }
      downloader.createDownload(server.url('/a'), file('c'))
    },
  )

  it('33, 235. does not hold its completion group: mirrors, and a body of a file', async () => {
    const {engine, server, file} = await makeWorld({limits: {operations: 1}})
    const completionGroup = engine.createCompletionGroup()
    const downloader = engine.createDownloader({completionGroup})
    for (const name of ['a', 'b']) {
      const mirrors = [server.url('/mirror')]
      expect(() => downloader.createDownload(server.url('/a'), file(name), file('body'), {mirrors})).toThrow(REFUSED)
    }
    const firing = fired(engine)
    completionGroup.enable()
    await firing
  })

  it('31, 235. leaves no copy of its stream: mirrors, and a body of a stream', async () => {
    const {engine, server, file, directory} = await makeWorld()
    const completionGroup = engine.createCompletionGroup()
    const downloader = engine.createDownloader({completionGroup})
    const mirrors = [server.url('/mirror')]
    const created = downloader.createDownloadAsync(server.url('/a'), file('a'), oneChunk(), {mirrors})
    expect(await failure(created)).toEqual(REFUSED)
    expect(await readdir(join(directory, '.store', 'spool')).catch(() => [])).toEqual([])
    const firing = fired(engine)
    completionGroup.enable()
    await firing
  })

  it('227, 176. does not take a stream first: an upload for a group that is enabled', async () => {
    const {engine, server} = await makeWorld()
    const completionGroup = engine.createCompletionGroup()
    const uploader = engine.createUploader({completionGroup})
    completionGroup.enable()
    let isRead = false
    async function* watched(): AsyncGenerator<Uint8Array> {
      isRead = true
      yield Buffer.from('the body')
    }
    expect((await failure(uploader.createUploadFromStreamAsync(server.url('/a'), watched()))).code).toBe(
      'ILLEGAL_STATE',
    )
    expect(isRead).toBe(false)
  })

  it('227, 234. what is being created is a member: a group is not through before an upload whose stream is being taken', async () => {
    const {engine, server} = await makeWorld()
    const completionGroup = engine.createCompletionGroup()
    const uploader = engine.createUploader({completionGroup})
    const creating = uploader.createUploadFromStreamAsync(server.url('/a'), oneChunk())
    completionGroup.enable()
    const types: string[] = []
    engine.events$.subscribe(({type}) => types.push(type))
    const upload = await creating
    server.route('/a', {content: Buffer.from('thanks')})
    await upload.startAsync()
    await expect.poll(() => types).toContain('completion.dropped')
    expect(types.indexOf('completion.dropped')).toBeGreaterThan(types.indexOf('operation.started'))
  })
})
