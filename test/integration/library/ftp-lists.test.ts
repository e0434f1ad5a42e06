/** Lists of FTP downloads: how often they log in, and what becomes of sessions that break or are left. */

import {describe, expect, it} from 'vitest'
import {contentOf, sha256} from '../../support/content.ts'
import {type FtpScript, FtpServer} from '../../support/ftp-server.ts'
import {digestOf, makeWorld, onCleanup} from '../harness.ts'

const CUT = 400_000
/** Asked for again and compared. */
const COMPARED = 1024
const BYTES = contentOf(12, 600_000)
const WHOLE: FtpScript = {content: BYTES}

async function serve(script: FtpScript | readonly FtpScript[]): Promise<FtpServer> {
  const server = await FtpServer.start(script)
  onCleanup(() => server.close())
  return server
}

describe('a list of FTP downloads', () => {
  it.each([1, 4])('logs in as often as there are files at a time (%i)', async (maxConcurrentTransfers) => {
    const world = await makeWorld({maxConcurrentTransfers})
    const small = (path: string) => contentOf(Number(path), 20_000)
    const server = await serve({content: small})
    const downloader = world.engine.createDownloader()
    const names = Array.from({length: 24}, (_, index) => String(index))
    const downloads = names.map((name) => downloader.createDownload(server.url(`/${name}`), world.file(name)))
    await Promise.all(downloads.map((each) => each.startAsync()))
    for (const name of names) expect(await digestOf(world.file(name))).toBe(sha256(small(name)))
    expect(server.said('RETR').toSorted()).toEqual(names.toSorted())
    expect(server.sessions.length).toBeLessThanOrEqual(maxConcurrentTransfers)
    await world.engine.close()
    await expect.poll(() => server.open).toBe(0)
  })

  it('goes on in a new session where one was cut, and in that one with the next file', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 1, retries: 1})
    const server = await serve([{...WHOLE, cutAfter: CUT}, WHOLE])
    for (const name of ['a', 'b']) {
      await world.engine
        .createDownloader()
        .createDownload(server.url(`/${name}`), world.file(name))
        .startAsync()
      expect(await digestOf(world.file(name))).toBe(sha256(BYTES))
    }
    expect(server.sessions).toHaveLength(2)
    expect(server.said('REST')).toEqual(['0', String(CUT - COMPARED), '0'])
  })

  it('needs no further try where servers end idle sessions', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 1, retries: 0})
    // Behind the ten commands of a first file.
    const server = await serve({...WHOLE, leave: {at: 11, by: '421'}})
    for (const name of ['a', 'b', 'c']) {
      const operation = world.engine.createDownloader().createDownload(server.url(`/${name}`), world.file(name))
      await operation.startAsync()
      expect(await digestOf(world.file(name))).toBe(sha256(BYTES))
    }
    expect(server.sessions).toHaveLength(3)
  })
})
