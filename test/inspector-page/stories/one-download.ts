/** One download, from its first bytes to its last, as the page shows and steers it: each story goes on where the one before ended. */

import type {Page} from 'playwright-core'
import {afterAll, beforeAll, expect, it} from 'vitest'
import type {DownloadOperation} from '../../../src/index.ts'
import {sharedWorld} from '../../inspector/world.ts'
import {leave, newContext, visit} from '../browser.ts'
import {chip, eventually, row, startSlow} from './looks.ts'

export function oneDownloadStories(): void {
  const world = sharedWorld({page: {control: true}})
  const streams: string[] = []
  let page: Page
  let operation: DownloadOperation

  beforeAll(async () => {
    operation = await startSlow(world(), 'slow.bin')
    page = await visit('about:blank')
    page.context().on('request', (request) => {
      if (request.url().includes('/api/v1/events')) streams.push(request.url())
    })
    await page.goto(world().inspector.url)
  })
  afterAll(leave)

  const activeLeaves = (): Promise<readonly string[]> =>
    page.evaluate("[...document.querySelectorAll('.drawing .active.leaf')].map((state) => state.dataset.state)")

  it('shows it move, and its pause and resumption, without being asked again', async () => {
    await chip(page, 'Transferring')
    expect(await page.locator('.address').textContent()).toContain(`id ${operation.guid.slice(-8)}`)
    const received = () => page.getByRole('progressbar').getAttribute('aria-valuetext')
    for (let seen = await received(), moves = 0; moves < 3; moves += 1) {
      await eventually(received).not.toBe(seen)
      seen = await received()
    }
    await page.locator('.throughput .line[d^="M"]').waitFor({state: 'attached'})
    operation.pause()
    await chip(page, 'Paused')
    await page.getByRole('button', {name: 'Resume'}).click()
    await chip(page, 'Transferring')
  })

  it('keeps eight tabs live over one stream, also when the tab that reads it closes', async () => {
    const first = page
    const others = await Promise.all(Array.from({length: 7}, () => first.context().newPage()))
    await Promise.all(others.map((tab) => tab.goto(world().inspector.origin)))
    for (const tab of others) await chip(tab, 'Transferring')
    expect(streams).toHaveLength(1)
    operation.pause()
    for (const tab of [first, ...others]) await chip(tab, 'Paused')

    await first.close()
    operation.resume()
    for (const tab of others) await chip(tab, 'Transferring')
    expect(streams).toHaveLength(2)
    operation.pause()
    const [last, ...rest] = others
    for (const tab of rest) await tab.close()
    if (last !== undefined) page = last
    await chip(page, 'Paused')
  })

  it('takes the token out of the address, keeps the session over a reload, and asks who has neither for the link', async () => {
    const {origin, url, token} = world().inspector
    const context = await newContext()
    const stranger = await context.newPage()
    await stranger.goto(origin)
    await stranger.getByRole('heading', {name: 'needs its link again'}).waitFor()
    // Into the same tab.
    await stranger.goto(url)
    await chip(stranger, 'Paused')
    expect(stranger.url()).not.toContain(token)
    expect(await stranger.evaluate('document.cookie')).toBe('')
    await stranger.reload()
    await chip(stranger, 'Paused')
    await context.close()
  })

  it('travels back through the journal and returns to the present', async () => {
    await eventually(activeLeaves).toEqual(['operation.paused.byApplication'])
    const slider = page.getByRole('slider', {name: 'Step of the history'})
    const last = Number(await slider.getAttribute('aria-valuemax'))
    expect(last).toBeGreaterThan(3)

    await page.keyboard.press('Home')
    await page.getByText('Step 1').first().waitFor()
    expect(await slider.getAttribute('aria-valuenow')).toBe('1')
    await eventually(activeLeaves).toEqual(['operation.running.exchanging.active.connecting'])
    // As an arrow, or as a line of the state that it left.
    await page.locator('.drawing .taken').first().waitFor({state: 'attached'})
    await page.getByRole('heading', {name: 'At step'}).waitFor()

    await page.keyboard.press('ArrowRight')
    await eventually(activeLeaves).toEqual(['operation.running.exchanging.active.awaitingResponse'])
    await page.keyboard.press('End')
    await page.locator('.chip', {hasText: 'Live'}).waitFor()
    await eventually(activeLeaves).toEqual(['operation.paused.byApplication'])
  })

  it('gives the chart as text too', async () => {
    await page.getByRole('button', {name: 'Text', exact: true}).click()
    const outline = page.getByRole('region', {name: 'The chart as text'})
    await outline.getByText('byApplication active').waitFor()
  })

  it('lists the transitions, finds among them, and says what a step changed', async () => {
    await page.getByRole('tab', {name: 'Transitions'}).click()
    const rows = page.getByRole('grid').locator('tbody tr')
    const all = await rows.count()
    await page.getByLabel('Filter transitions').fill('responded')
    // It was resumed twice.
    await eventually(() => rows.count()).toBe(3)
    await rows.first().click()
    await page.getByRole('heading', {name: /^Step \d+: attempt.responded/}).waitFor()
    await page.getByText('206').or(page.getByText('200')).first().waitFor()
    await page.getByLabel('Filter transitions').fill('operation.pause')
    await rows.first().click()
    await page.getByText('because').first().waitFor()
    await page.getByLabel('Filter transitions').fill('')
    await eventually(() => rows.count()).toBe(all)
    await rows.first().focus()
    await page.keyboard.press('ArrowDown')
    expect(await page.locator('[role=grid] tr[aria-selected=true]').count()).toBe(1)
  })

  it('offers no command to those who may only read, and says what the chart would do without doing it', async () => {
    const reading = await world().engine.inspect()
    await visit(reading.url)
    await page.locator('.chip', {hasText: 'Read-only'}).waitFor()
    await chip(page, 'Paused')
    expect(await page.locator('.commands button, .commands select').count()).toBe(0)
    await page.getByText('What if…').click()
    await page.locator('.what-if select').selectOption('operation.resume')
    await page.getByText('It would stand at queued (Queued).').waitFor()
    await page.keyboard.press('Home')
    await page.locator('#panel').focus()
    expect(operation.describe().state).toBe('pausedByApplication')
    await visit(world().inspector.url)
    await reading.close()
  })

  it('changes the address and the headers of what is paused, and copies the request without its secrets', async () => {
    const {server} = world()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    server.route('/elsewhere', {status: 302, headers: [['Location', '/there?signature=s3cret']]})
    server.route('/there', {content: Buffer.from('from there'), etag: '"1"'})
    await page.getByRole('button', {name: 'Change request…'}).click()
    const dialog = page.getByRole('dialog', {name: 'Change the request'})
    await dialog.getByLabel('New address').fill(server.url('/elsewhere?token=s3cret'))
    await dialog.getByLabel(/^Headers/).fill('no header')
    await dialog.getByRole('button', {name: 'Change'}).click()
    await dialog.getByText('Line 1 has no name and colon.').waitFor()
    await dialog.getByLabel(/^Headers/).fill('Authorization: Bearer s3cret')
    await dialog.getByRole('button', {name: 'Change'}).click()
    await dialog.waitFor({state: 'detached'})
    await page.getByRole('tab', {name: 'Requests'}).click()
    await page.locator('.address', {hasText: '/elsewhere'}).waitFor()
    // What is copied is of the record, which is read a moment after the address above has changed.
    const copied = async () => {
      await page.getByRole('button', {name: 'Copy as curl'}).click()
      return page.evaluate<string>('navigator.clipboard.readText()')
    }
    await eventually(copied).toContain('/elsewhere?token=***')
    expect(await copied()).not.toContain('s3cret')
    await page.getByRole('button', {name: 'Resume'}).click()
    await operation.attachAsync()
    expect(server.requests.at(-1)).toMatchObject({headers: {authorization: 'Bearer s3cret'}})
    await page.getByRole('list', {name: 'Redirects'}).getByText('/there?signature=***').waitFor()
  })

  it('ends a wait before its deadline', async () => {
    const {server, start} = world()
    server.route('/busy', {status: 503, retryAfter: '300'})
    await start(server.url('/busy'), 'busy.bin')
    await row(page, 'busy.bin').click()
    await chip(page, 'Waiting to retry')
    await page.getByRole('button', {name: 'Retry now'}).click()
    await chip(page, 'Waiting for a free slot')
  })
}
