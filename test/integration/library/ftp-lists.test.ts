/** Lists of FTP downloads: how often they log in, and what becomes of sessions that break or are left. */

import {readFile, writeFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import type {AnyActorRef, InspectionEvent} from 'xstate'
import {contentOf, sha256} from '../../support/content.ts'
import {type FtpScript, FtpServer} from '../../support/ftp-server.ts'
import {VALID_CERTIFICATE} from '../../support/tls-certificates.ts'
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

/** What an inspector sees of the chart of a batch, and of those of downloads. */
function watch() {
  const seen = {batch: 0, downloads: new Set<string>()}
  const next = (event: InspectionEvent) => {
    if (event.type !== '@xstate.event') return
    const {id} = event.actorRef as AnyActorRef
    if (id === 'small-files') seen.batch += 1
    else if (event.event.type === 'attempt.connected') seen.downloads.add(id)
  }
  return {seen, inspect: {next}}
}

describe('a list of FTP downloads', () => {
  it('is carried by a batch, over TLS as well, once eight small files came whole', async () => {
    const {seen, inspect} = watch()
    const world = await makeWorld({maxConcurrentTransfers: 4, inspect, tls: {ca: VALID_CERTIFICATE.cert}})
    const small = (path: string) => contentOf(Number(path), 20_000)
    const server = await FtpServer.start({content: small}, {certificate: VALID_CERTIFICATE})
    onCleanup(() => server.close())
    const downloader = world.engine.createDownloader()
    downloader.ftpTls = 'explicit'
    const names = Array.from({length: 40}, (_, index) => String(index))
    const downloads = names.map((name) => downloader.createDownload(server.url(`/${name}`), world.file(name)))
    await Promise.all(downloads.map((each) => each.startAsync()))
    for (const name of names) expect(await digestOf(world.file(name))).toBe(sha256(small(name)))
    expect(server.said('RETR').toSorted()).toEqual(names.toSorted())
    expect(seen.batch).toBeGreaterThan(0)
    // How many more are under way by then is a matter of timing.
    expect(seen.downloads.size).toBeGreaterThanOrEqual(8)
    expect(seen.downloads.size).toBeLessThan(names.length)
  })

  it('lets go of what fails in a batch: its chart asks again, or says why', async () => {
    const world = await makeWorld({maxConcurrentTransfers: 1, retries: 1})
    const small = (path: string) => contentOf(path.length, 20_000)
    const cut: FtpScript = {content: small, cutAfter: 5000}
    const server = await serve([{content: small}, cut, {content: small}])
    const start = (name: string) =>
      world.engine
        .createDownloader()
        .createDownload(server.url(`/${name}`), world.file(name))
        .startAsync()
    for (let n = 0; n < 10; n++) await start(`a${n}`)
    server.hangUp('fin')
    await start('cut')
    expect(await digestOf(world.file('cut'))).toBe(sha256(small('cut')))
    await writeFile(world.file('there'), 'mine')
    await expect(start('there')).rejects.toMatchObject({code: 'FILE_EXISTS'})
    expect(await readFile(world.file('there'), 'utf8')).toBe('mine')
    expect(server.said('RETR').slice(10)).toEqual(['cut', 'cut'])
  })

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
