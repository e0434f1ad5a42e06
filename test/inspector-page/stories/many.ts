/**
 * Three thousand operations: the page draws those in view, and stays quick while two of them move. And more than it is told of: the
 * others are found.
 */

import {mkdir} from 'node:fs/promises'
import {join} from 'node:path'
import type {Page} from 'playwright-core'
import {expect, it} from 'vitest'
import {inspectedWorld} from '../../inspector/world.ts'
import {leave, visit} from '../browser.ts'

const OPERATIONS = 3000
/** Of the page's processor time, for all of it together; redrawing the whole list each time would miss it many times over. */
const MOST_SECONDS = 10

export function manyOperationsStories(): void {
  it('are scrolled, walked and filtered without jank', async () => {
    const world = await inspectedWorld({maxConcurrentTransfers: 2})
    const {server, directory, engine} = world
    const path = (number: number) => `/file-${String(number).padStart(4, '0')}.bin`
    for (const number of [0, 1])
      server.route(path(number), {
        content: {seed: number, size: 512 * 1024 * 1024},
        pieceBytes: 16 * 1024,
        pieceDelayMs: 50,
      })
    await engine
      .createDownloader()
      .createDownloads(
        Array.from(
          {length: OPERATIONS},
          (_, number) => [server.url(path(number)), join(directory, path(number))] as const,
        ),
      )
    const page = await visit(world.inspector.url)
    await page.getByText(`All ${OPERATIONS}`).waitFor()
    await page.locator('.operation-row[data-mood=active]').first().waitFor()
    const secondsSpent = await watchProcessorTime(page)
    const drawn = () => page.locator('#operations [role=option]').count()
    expect(await drawn()).toBeLessThan(60)

    // From top to bottom, a screen per frame.
    await page.evaluate(
      `new Promise((resolve) => {
        const list = document.getElementById('operations')
        const down = () => {
          list.scrollTop += 1500
          if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) resolve()
          else requestAnimationFrame(down)
        }
        down()
      })`,
    )
    await page.getByRole('option', {name: new RegExp(`^${path(OPERATIONS - 1).slice(1)}`)}).waitFor()
    expect(await drawn()).toBeLessThan(60)

    await page.locator('#operations').focus()
    for (let steps = 0; steps < 40; steps += 1) await page.keyboard.press('j')
    await page.locator('#operations [aria-selected=true]').waitFor()

    await page.keyboard.press('/')
    await page.keyboard.type('file-2999')
    await expect.poll(() => page.locator('#operations .operation-row').count()).toBe(1)
    await page.getByLabel('Filter operations').fill('')
    await page.getByText(`All ${OPERATIONS}`).waitFor()

    const seconds = await secondsSpent()
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan(MOST_SECONDS)
    await leave()
  })

  it('that ended long ago are found, and stand where a link says', async () => {
    const {server, engine, directory, inspector} = await inspectedWorld()
    server.route('/small', {content: {seed: 1, size: 10}})
    const downloader = engine.createDownloader()
    const fetchOf = (name: string) =>
      downloader.createDownload(server.url('/small'), join(directory, name)).startAsync()
    await mkdir(join(directory, 'attic'))
    await Promise.all(['attic/oldest-1', 'attic/oldest-2'].map(fetchOf))
    await Promise.all(Array.from({length: 500}, (_, number) => fetchOf(`newer-${number}`)))
    const page = await visit(inspector.url)
    const rows = page.locator('#operations .operation-row')
    await page.getByText('Of those that have ended only the newest 500 are listed and counted.').waitFor()
    await page.getByText('Filter, or show what failed, to search the others.').waitFor()

    const filter = page.getByLabel('Filter operations')
    await filter.fill('oldest-2')
    await page.getByText('Nothing matches.').waitFor()
    await page.getByRole('button', {name: 'Search the others'}).click()
    await page.getByText('1 more found; these are all.').waitFor()
    // By the keyboard too: the button does not go from under the focus.
    await page.locator('.left-out button:focus').waitFor()
    await rows.click()
    await page.getByRole('heading', {name: 'oldest-2', level: 1}).waitFor()

    // In a part of the path that the row does not have.
    await filter.fill('/attic/')
    await page.getByText('Nothing matches.').waitFor()
    await page.getByRole('button', {name: 'Search the others'}).click()
    await expect.poll(() => rows.count()).toBe(2)
    await filter.fill('newer-499')
    await page.getByRole('button', {name: 'Search the others'}).click()
    await page.getByText('Nothing more was found.').waitFor()

    await page.reload()
    await page.getByRole('heading', {name: 'oldest-2', level: 1}).waitFor()
    await leave()
  })
}

/** What the page's thread works from now on, in seconds: a machine with much else to do adds nothing. */
async function watchProcessorTime(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', {timeDomain: 'threadTicks'})
  return async () => {
    const {metrics} = await session.send('Performance.getMetrics')
    await session.detach()
    return metrics.find(({name}) => name === 'TaskDuration')?.value ?? 0
  }
}
