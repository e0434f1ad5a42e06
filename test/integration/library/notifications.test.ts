/** The namespace's checklist, 17.L: notifications. Numbers are the items'. */

import {writeFile} from 'node:fs/promises'
import {filter, firstValueFrom, Subject, scan, startWith} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {
  type BackgroundDownloader,
  type BackgroundTransferEngineOptions,
  type BackgroundUploader,
  type Notice,
  TileNotification,
  ToastNotification,
} from '../../../src/index.ts'
import {contentOf} from '../../support/content.ts'
import {failure, makeWorld, openEngine, receives} from '../harness.ts'

const TILE = '<tile><visual><binding template="TileMedium"><text>1</text></binding></visual></tile>'

/** Notes what is shown, and tells when so much was. */
function recorder(answer: () => Promise<boolean> = async () => true) {
  const seen: Notice[] = []
  const shown$ = new Subject<Notice>()
  return {
    seen,
    notifier: {
      show: (notice: Notice) => {
        seen.push(notice)
        shown$.next(notice)
        return answer()
      },
    },
    /** Resolves when `count` of them were shown. */
    async shows(count: number): Promise<void> {
      const counts$ = shown$.pipe(
        scan((sum) => sum + 1, seen.length),
        startWith(seen.length),
        filter((sum) => sum >= count),
      )
      await firstValueFrom(counts$)
    },
  }
}

async function makeNotifiedWorld(options: Partial<BackgroundTransferEngineOptions> = {}) {
  const record = recorder()
  const world = await makeWorld({notifier: record.notifier, retries: 0, ...options})
  for (const n of [1, 2, 3]) world.server.route(`/${n}`, {content: contentOf(n, 1_000), etag: `"${n}"`})
  world.server.route('/missing', {status: 404})
  return {world, ...record}
}

/** All four, told apart by what they say. */
function fill(settings: BackgroundDownloader | BackgroundUploader): void {
  settings.successToastNotification = ToastNotification.ofTexts('done')
  settings.failureToastNotification = ToastNotification.ofTexts('failed')
  settings.successTileNotification = new TileNotification(TILE)
  settings.failureTileNotification = new TileNotification(TILE.replace('1', '2'))
}

describe('17.L notifications', () => {
  it('8. the four slots begin empty, and take only what belongs there', async () => {
    const {engine} = await makeWorld()
    for (const settings of [engine.createDownloader(), engine.createUploader()]) {
      expect(settings).toMatchObject({
        successToastNotification: null,
        failureToastNotification: null,
        successTileNotification: null,
        failureTileNotification: null,
      })
      fill(settings)
      const {successToastNotification: toast, successTileNotification: tile} = settings
      expect(() => Object.assign(settings, {successToastNotification: tile})).toThrow('ToastNotification, or null')
      expect(() => Object.assign(settings, {failureTileNotification: toast})).toThrow('TileNotification, or null')
      expect(settings.successToastNotification).toBe(toast)
      settings.successToastNotification = null
      expect(settings.successToastNotification).toBeNull()
    }
  })

  it('242, 244, 246. toast and tile of success come once, when all of the group’s batch succeeded', async () => {
    const {world, seen, shows} = await makeNotifiedWorld()
    const {engine, server, file} = world
    const downloader = engine.createDownloader()
    fill(downloader)
    downloader.transferGroup = engine.createGroup('g')
    server.route('/3', {content: contentOf(3, 1_000), etag: '"3"', cutAfter: 500, cut: 'stall'})
    const [first, second, third] = [1, 2, 3].map((n) => downloader.createDownload(server.url(`/${n}`), file(`${n}`)))
    await first?.startAsync()
    await second?.startAsync()
    const last = third?.startAsync()
    if (last === undefined) throw new Error('three were made')
    await receives(last, 500)
    expect(seen).toEqual([])
    server.route('/3', {content: contentOf(3, 1_000), etag: '"3"'})
    third?.pause()
    await firstValueFrom((third as NonNullable<typeof third>).status$.pipe(filter((status) => status === 2)))
    third?.resume()
    await last
    await shows(1)
    await engine.close()
    expect(seen).toEqual([
      {
        batch: expect.any(String),
        group: 'g',
        outcome: 'success',
        completed: 3,
        failed: 0,
        canceled: 0,
        toast: {content: expect.stringContaining('<text>done</text>')},
        tile: {content: TILE},
      },
    ])
  })

  it('242, 243. the groups of one downloader have a batch each', async () => {
    const {world, seen, shows} = await makeNotifiedWorld()
    const {engine, server, file} = world
    const downloader = engine.createDownloader()
    fill(downloader)
    const downloads = [
      ['g', '1'],
      ['h', 'missing'],
      ['h', '2'],
      ['g', '3'],
    ].map(([group = '', name = '']) => {
      downloader.transferGroup = engine.createGroup(group)
      return downloader.createDownload(server.url(`/${name}`), file(name))
    })
    await Promise.allSettled(downloads.map((each) => each.startAsync()))
    await shows(2)
    await engine.close()
    expect(seen.map(({group, outcome, completed, failed}) => [group, outcome, completed, failed]).sort()).toEqual([
      ['g', 'success', 2, 0],
      ['h', 'failure', 1, 1],
    ])
  })

  it('243, 246. toast and tile of failure come once, when one at least failed', async () => {
    const {world, seen, shows} = await makeNotifiedWorld()
    const {engine, server, file} = world
    const downloader = engine.createDownloader()
    fill(downloader)
    downloader.transferGroup = engine.createGroup('g')
    const downloads = ['1', 'missing', '2'].map((name) => downloader.createDownload(server.url(`/${name}`), file(name)))
    await Promise.allSettled(downloads.map((each) => each.startAsync()))
    await shows(1)
    await engine.close()
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({
      outcome: 'failure',
      completed: 2,
      failed: 1,
      tile: {content: TILE.replace('1', '2')},
    })
  })

  it('244, 245. what was created and not started holds a batch; what is created after it begins another', async () => {
    const {world, seen, shows} = await makeNotifiedWorld()
    const {engine, server, file} = world
    const downloader = engine.createDownloader()
    fill(downloader)
    downloader.transferGroup = engine.createGroup('g')
    const [first, second] = [1, 2].map((n) => downloader.createDownload(server.url(`/${n}`), file(`${n}`)))
    await first?.startAsync()
    await downloader.createDownloads([[server.url('/missing'), file('4')]])
    expect(seen).toEqual([])
    await second?.startAsync()
    await shows(1)
    await downloader.createDownload(server.url('/3'), file('3')).startAsync()
    await shows(2)
    expect(seen.map(({outcome, completed, failed}) => [outcome, completed, failed])).toEqual([
      ['failure', 2, 1],
      ['success', 1, 0],
    ])
    // Somebody else's operations of the same group are a batch of theirs.
    const other = engine.createDownloader()
    fill(other)
    other.transferGroup = engine.createGroup('g')
    const held = downloader.createDownload(server.url('/1'), file('5'))
    await other.createDownload(server.url('/2'), file('6')).startAsync()
    await shows(3)
    await held.startAsync()
    await shows(4)
    expect(new Set(seen.map(({batch}) => batch)).size).toBe(2)
  })

  it('without a group each operation is a batch; what was canceled by its application tells nothing (O29)', async () => {
    const {world, seen, shows} = await makeNotifiedWorld()
    const {engine, server, file} = world
    const downloader = engine.createDownloader()
    fill(downloader)
    server.route('/3', {content: contentOf(3, 1_000), etag: '"3"', cutAfter: 500, cut: 'stall'})
    const canceled = downloader.createDownload(server.url('/3'), file('3')).startAsync()
    await receives(canceled, 500)
    canceled.cancel()
    await failure(canceled)
    await downloader.createDownload(server.url('/1'), file('1')).startAsync()
    await failure(downloader.createDownload(server.url('/missing'), file('2')).startAsync())
    await shows(2)
    // One that has nothing to say for this outcome says nothing.
    downloader.failureToastNotification = null
    downloader.failureTileNotification = null
    await failure(downloader.createDownload(server.url('/missing'), file('4')).startAsync())
    await engine.close()
    expect(seen.map(({outcome}) => outcome)).toEqual(['success', 'failure'])
  })

  it('248. uploads honour the uploader’s slots in the same way', async () => {
    const {world, seen, shows} = await makeNotifiedWorld()
    const {engine, server, file} = world
    server.route('/up', {status: 201})
    await writeFile(file('source'), 'abc')
    const uploader = engine.createUploader()
    fill(uploader)
    uploader.transferGroup = engine.createGroup('g')
    const uploads = ['/up', '/missing'].map((path) => uploader.createUpload(server.url(path), file('source')))
    await Promise.allSettled(uploads.map((each) => each.startAsync()))
    await shows(1)
    uploader.method = 'PUT'
    await uploader.createUpload(server.url('/up'), file('source')).startAsync()
    await shows(2)
    await engine.close()
    expect(seen.map(({outcome}) => outcome)).toEqual(['failure', 'success'])
  })

  it('247. where nobody can show it, nothing fails, and events$ tells of it all the same', async () => {
    const broken = recorder(() => Promise.reject(new Error('no desktop')))
    const {world} = await makeNotifiedWorld({notifier: broken.notifier})
    const {engine, server, file} = world
    const events: unknown[] = []
    const raised = firstValueFrom(engine.events$.pipe(filter(({type}) => type === 'notification.raised')))
    engine.events$.subscribe((event) => void (event.type === 'notification.raised' && events.push(event)))
    const downloader = engine.createDownloader()
    fill(downloader)
    await downloader.createDownload(server.url('/1'), file('1')).startAsync()
    expect(await raised).toMatchObject({outcome: 'success', shown: false, group: '', completed: 1})
    await engine.close()
    expect(events).toHaveLength(1)
    const [notice] = broken.seen
    expect(events[0]).toEqual({...notice, type: 'notification.raised', at: expect.any(Number), shown: false})
  })

  it('247. the default shows what it can, and a machine without a desktop nothing', async () => {
    const {engine, server, file} = await makeWorld()
    server.route('/1', {content: contentOf(1, 1_000)})
    const raised = firstValueFrom(engine.events$.pipe(filter(({type}) => type === 'notification.raised')))
    const downloader = engine.createDownloader()
    downloader.successTileNotification = new TileNotification(TILE)
    await downloader.createDownload(server.url('/1'), file('1')).startAsync()
    expect(await raised).toMatchObject({tile: {content: TILE}, shown: false})
  })

  it('243. a batch that ends in a later session is told then, with the notifications that it was given', async () => {
    const {world, seen, shows, notifier} = await makeNotifiedWorld()
    const {directory, engine, server, file} = world
    const downloader = engine.createDownloader()
    fill(downloader)
    downloader.transferGroup = engine.createGroup('g')
    server.route('/2', {content: contentOf(2, 1_000), etag: '"2"', cutAfter: 500, cut: 'stall'})
    const downloads = ['missing', '2'].map((name) => downloader.createDownload(server.url(`/${name}`), file(name)))
    downloader.createDownload(server.url('/3'), file('never started'))
    downloader.failureToastNotification = ToastNotification.ofTexts('changed since')
    const [first, second] = downloads.map((each) => each.startAsync())
    await failure(first as NonNullable<typeof first>)
    await receives(second as NonNullable<typeof second>, 500)
    second?.catch(() => undefined)
    await engine.close()
    expect(seen).toEqual([])
    server.route('/2', {content: contentOf(2, 1_000), etag: '"2"'})
    const again = await openEngine(directory, {notifier})
    await shows(1)
    await again.close()
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({
      outcome: 'failure',
      toast: {content: expect.stringContaining('<text>failed</text>')},
    })
  })
})

describe('17.L what a toast or a tile may be', () => {
  it.each([
    ['no XML', 'must be well-formed XML'],
    ['<toast>', 'must be well-formed XML'],
    ['<toast/><toast/>', 'must be well-formed XML'],
    ['<tile/>', 'must have the root toast, not tile'],
    ['<!DOCTYPE toast [<!ENTITY a "b">]><toast>&a;</toast>', 'must'],
    [`<toast>${'x'.repeat(5_120)}</toast>`, 'must not be longer than 5120 characters'],
    [7, 'must be XML as a text'],
  ])('%j is refused', (content, message) => {
    expect(() => new ToastNotification(content as string)).toThrow(message)
  })

  it('tags, groups and times have their bounds', () => {
    const toast = new ToastNotification('<toast/>')
    const tile = new TileNotification('<tile/>')
    expect(toast).toMatchObject({content: '<toast/>', tag: '', group: '', expirationTime: null, suppressPopup: false})
    toast.tag = 'x'.repeat(64)
    tile.tag = 'x'.repeat(16)
    toast.expirationTime = new Date(5)
    toast.suppressPopup = true
    expect(toast).toMatchObject({expirationTime: new Date(5), suppressPopup: true})
    for (const wrong of ['', 'x'.repeat(65)]) {
      expect(() => Object.assign(toast, {tag: wrong})).toThrow('1 to 64')
      expect(() => Object.assign(toast, {group: wrong})).toThrow('1 to 64')
    }
    expect(() => Object.assign(tile, {tag: 'x'.repeat(17)})).toThrow('1 to 16')
    expect(() => Object.assign(toast, {expirationTime: 'soon'})).toThrow('must be a Date')
    expect(() => Object.assign(toast, {suppressPopup: 1})).toThrow('true or false')
    expect(() => ToastNotification.ofTexts('')).toThrow('every line must be a text')
  })
})
