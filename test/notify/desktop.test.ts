/** Notifications on a desktop as python3-dbusmock plays it, on a dbus-daemon of the test's own; and machines without one. */

import {writeFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {toPlain} from 'dbus-native'
import {filter, firstValueFrom} from 'rxjs'
import {describe, expect, it} from 'vitest'
import {createDesktopNotifier, sessionBusAddress} from '../../src/adapters/notify/desktop-notifier.ts'
import type {Notice, ToastNotice} from '../../src/domain/notice.ts'
import {textsOf, toastOf} from '../../src/domain/notice-content.ts'
import {ToastNotification} from '../../src/index.ts'
import {makeDirectory, makeWorld, onCleanup} from '../integration/harness.ts'
import {dbusPeers, MockService, startDaemon} from '../support/dbus.ts'
import {operationId} from '../support/records.ts'

const {isThere, isLeftOut} = dbusPeers('notify/desktop.test.ts')
const NAME = 'org.freedesktop.Notifications'

function notice(wish: Partial<ToastNotice> = {}, app?: string): Notice {
  return {
    ...{batch: operationId(1), group: '', outcome: 'success', completed: 1, failed: 0, canceled: 0},
    toast: {content: toastOf(['title', 'one <&> two', 'three']), ...wish},
    ...(app === undefined ? {} : {app}),
  }
}

/** What the desktop was asked to show, as app, replaced id, title, body, urgency and ms. */
async function shown(desktop: MockService): Promise<readonly unknown[]> {
  const calls = toPlain(await desktop.call('GetMethodCalls', 's', ['Notify'])) as readonly [
    number,
    readonly unknown[],
  ][]
  return calls.map(([, [app, replaces, , title, body, , hints, ms]]) => [app, replaces, title, body, hints, ms])
}

describe.skipIf(isLeftOut)('17.L a Linux desktop', () => {
  it('242. shows what an engine tells, titles, lines, times and replacements', async () => {
    expect(isThere, 'dbus and python3-dbusmock are required and not installed').toBe(true)
    const busAddress = await startDaemon()
    const desktop = await MockService.start(busAddress, 'notification_daemon', NAME)
    const notifier = createDesktopNotifier({busAddress, now: () => 1_000})
    const {engine, server, file} = await makeWorld({notifier})
    server.route('/a', {content: Buffer.from('a')})
    const raised = firstValueFrom(engine.events$.pipe(filter(({type}) => type === 'notification.raised')))
    const downloader = engine.createDownloader()
    downloader.successToastNotification = ToastNotification.ofTexts('All is here')
    await downloader.createDownload(server.url('/a'), file('a')).startAsync()
    expect(await raised).toMatchObject({shown: true})

    expect(await notifier.show(notice({tag: 't', suppressPopup: true}, 'app'))).toBe(true)
    expect(await notifier.show(notice({tag: 't', expiresAt: 61_000}))).toBe(true)
    expect(await notifier.show(notice({tag: 't', group: 'other'}))).toBe(true)
    expect(await notifier.show(notice({expiresAt: 1_000}))).toBe(false)
    expect(await notifier.show(notice({content: '<toast/>'}))).toBe(false)
    const body = 'one &lt;&amp;&gt; two\nthree'
    expect(await shown(desktop)).toEqual([
      ['background-transfer', 0, 'All is here', '', {urgency: 1}, -1],
      ['app', 0, 'title', body, {urgency: 0}, -1],
      ['background-transfer', 2, 'title', body, {urgency: 1}, 60_000],
      ['background-transfer', 0, 'title', body, {urgency: 1}, -1],
    ])
  })

  it('one that knows no markup is given none; many at once are all shown', async () => {
    expect(isThere, 'dbus and python3-dbusmock are required and not installed').toBe(true)
    const busAddress = await startDaemon()
    const desktop = await MockService.start(busAddress, 'notification_daemon', NAME, {capabilities: 'body'})
    const notifier = createDesktopNotifier({busAddress})
    const answers = await Promise.all(Array.from({length: 20}, () => notifier.show(notice())))
    expect(answers).toEqual(Array(20).fill(true))
    const all = await shown(desktop)
    expect(all).toHaveLength(20)
    expect(all[7]).toEqual(['background-transfer', 0, 'title', 'one <&> two\nthree', {urgency: 1}, -1])
  })

  it('247. a bus on which nobody shows notifications is no error', async () => {
    expect(isThere, 'dbus and python3-dbusmock are required and not installed').toBe(true)
    expect(await createDesktopNotifier({busAddress: await startDaemon()}).show(notice())).toBe(false)
  })
})

describe('17.L a machine without a desktop', () => {
  it('247. shows nothing, and nothing fails', async () => {
    const directory = await makeDirectory()
    await writeFile(join(directory, 'file'), '')
    const deaf = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => deaf.listen(join(directory, 'deaf'), resolve))
    onCleanup(async () => void deaf.close())
    for (const busAddress of [
      undefined,
      '',
      'nonsense',
      ...['missing', 'file', 'deaf'].map((name) => `unix:path=${join(directory, name)}`),
    ]) {
      expect(await createDesktopNotifier({busAddress}).show(notice()), busAddress).toBe(false)
    }
  })

  it('is where the session says no bus, and none is where it would be', () => {
    expect(sessionBusAddress({DBUS_SESSION_BUS_ADDRESS: 'unix:path=/b', XDG_RUNTIME_DIR: '/run/user/1'})).toBe(
      'unix:path=/b',
    )
    expect(sessionBusAddress({XDG_RUNTIME_DIR: '/run/user/1'})).toBe('unix:path=/run/user/1/bus')
    expect(sessionBusAddress({DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: ''})).toBeUndefined()
  })
})

describe('the texts of a notification', () => {
  it.each([
    ['<toast><visual><binding><text>a &amp; b</text><text> c </text></binding></visual></toast>', ['a & b', 'c']],
    ['<toast><visual><binding><text/></binding><binding><text>second</text></binding></visual></toast>', ['second']],
    [
      '<toast><visual><binding><text><![CDATA[<x>]]></text></binding><binding><text>no</text></binding></visual></toast>',
      ['<x>'],
    ],
    ['<toast><text>bare</text></toast>', ['bare']],
    ['<toast/>', []],
  ])('%s', (content, texts) => {
    expect(textsOf(content)).toEqual(texts)
  })

  it('that are made of words are those words', () => {
    const words = ['<&>"\'', 'ünï', '  x']
    expect(textsOf(new ToastNotification(toastOf(words)).content)).toEqual(words.map((word) => word.trim()))
  })
})
