/** The inspector page in a real browser, over a real engine and a server that is slow on purpose. */

import type {Page} from 'playwright-core'
import {describe, expect, it} from 'vitest'
import type {DownloadOperation} from '../../src/index.ts'
import {type InspectedWorld, inspectedWorld} from '../inspector/world.ts'
import {executable, isRequired, newContext, openPage, setUpBrowser} from './browser.ts'

const MIB = 1024 * 1024

if (executable === undefined && !isRequired) console.log('page.test.ts: left out, because Chromium is not installed')

/** A download that takes long enough to be looked at. */
async function startSlow(world: InspectedWorld, name: string, group?: string): Promise<DownloadOperation> {
  const content = {seed: 7, size: 64 * MIB}
  world.server.route(`/${name}`, {content, etag: `"${name}"`, pieceBytes: 16 * 1024, pieceDelayMs: 50})
  return world.start(world.server.url(`/${name}`), name, group === undefined ? {} : {group})
}

const eventually = <T>(read: () => Promise<T>) => expect.poll(read, {timeout: 15_000})
const chip = (page: Page, words: string) => page.locator('.status-chip', {hasText: words}).waitFor()
const row = (page: Page, name: string) => page.getByRole('option', {name: new RegExp(`^${name}`)})
const activeLeaves = (page: Page): Promise<readonly string[]> =>
  page.evaluate("[...document.querySelectorAll('.drawing .active.leaf')].map((state) => state.dataset.state)")
const count = (page: Page, selector: string): Promise<number> => page.locator(selector).count()
const focused = (page: Page): Promise<string> => page.evaluate('document.activeElement.id')

/** Paused after some bytes: a journal of several steps that stands still. */
async function pausedWorld(control = true): Promise<{world: InspectedWorld; page: Page; operation: DownloadOperation}> {
  const world = await inspectedWorld({page: {control}})
  const operation = await startSlow(world, 'paused.bin')
  const page = await openPage(world.inspector.url)
  await chip(page, 'Transferring')
  operation.pause()
  await chip(page, 'Paused')
  return {world, page, operation}
}

describe.skipIf(executable === undefined && !isRequired)('the inspector page', () => {
  setUpBrowser()

  it('shows a running transfer move, and its pause and resumption, without being asked again', async () => {
    const world = await inspectedWorld({page: {control: true}})
    const operation = await startSlow(world, 'moving.bin')
    const page = await openPage(world.inspector.url)
    await chip(page, 'Transferring')
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

  it('takes the token out of the address, keeps the session over a reload, and locks out who has neither', async () => {
    const {world, page} = await pausedWorld()
    expect(page.url()).not.toContain(world.inspector.token)
    expect(await page.evaluate('document.cookie')).toBe('')
    await page.reload()
    await chip(page, 'Paused')
    const stranger = await openPage(world.inspector.origin)
    await stranger.getByRole('heading', {name: 'needs its link again'}).waitFor()
  })

  it('travels back through the journal and returns to the present', async () => {
    const {page} = await pausedWorld()
    await eventually(() => activeLeaves(page)).toEqual(['operation.paused.byApplication'])
    const slider = page.getByRole('slider', {name: 'Step of the history'})
    const last = Number(await slider.getAttribute('aria-valuemax'))
    expect(last).toBeGreaterThan(3)

    await page.keyboard.press('Home')
    await page.getByText('Step 1').first().waitFor()
    expect(await slider.getAttribute('aria-valuenow')).toBe('1')
    await eventually(() => activeLeaves(page)).toEqual(['operation.running.exchanging.active.connecting'])
    await page.locator('.drawing path.edge.taken').first().waitFor({state: 'attached'})
    await page.getByRole('heading', {name: 'At step'}).waitFor()

    await page.keyboard.press('ArrowRight')
    await eventually(() => activeLeaves(page)).toEqual(['operation.running.exchanging.active.awaitingResponse'])
    await page.keyboard.press('End')
    await page.locator('.chip', {hasText: 'Live'}).waitFor()
    await eventually(() => activeLeaves(page)).toEqual(['operation.paused.byApplication'])
  })

  it('lists the transitions, finds among them, and says what a step changed', async () => {
    const {page} = await pausedWorld()
    await page.getByRole('tab', {name: 'Transitions'}).click()
    const rows = page.getByRole('grid').locator('tbody tr')
    const all = await rows.count()
    await page.getByLabel('Filter transitions').fill('responded')
    await eventually(() => rows.count()).toBe(1)
    await rows.first().click()
    await page.getByRole('heading', {name: /^Step \d+: attempt.responded/}).waitFor()
    await page.getByText('206').or(page.getByText('200')).first().waitFor()
    await page.getByLabel('Filter transitions').fill('')
    await eventually(() => rows.count()).toBe(all)
    await rows.first().focus()
    await page.keyboard.press('ArrowDown')
    expect(await count(page, '[role=grid] tr[aria-selected=true]')).toBe(1)
  })

  it('can be gone through by keys alone', async () => {
    const world = await inspectedWorld({page: {control: true}, maxConcurrentTransfers: 1})
    await startSlow(world, 'alpha.bin')
    await startSlow(world, 'beta.bin')
    const page = await openPage(world.inspector.url)
    await chip(page, 'Transferring')

    await page.keyboard.press('/')
    expect(await focused(page)).toBe('filter')
    await page.keyboard.type('beta')
    await row(page, 'alpha.bin').waitFor({state: 'detached'})
    await page.keyboard.press('Escape')
    expect(await focused(page)).toBe('operations')
    await row(page, 'alpha.bin').waitFor()

    await page.keyboard.press('j')
    await page.getByRole('heading', {name: 'beta.bin', level: 1}).waitFor()
    await page.keyboard.press('k')
    await page.getByRole('heading', {name: 'alpha.bin', level: 1}).waitFor()
    await page.keyboard.press('Enter')
    expect(await focused(page)).toBe('detail')

    await page.keyboard.press('p')
    await chip(page, 'Paused')
    await page.keyboard.press('p')
    await page.locator('.status-chip', {hasText: 'Paused'}).waitFor({state: 'detached'})

    await page.keyboard.press('?')
    await page.getByRole('dialog', {name: 'Keyboard'}).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({state: 'detached'})

    await page.getByRole('tab', {name: 'Chart'}).focus()
    await page.keyboard.press('ArrowRight')
    expect(await focused(page)).toBe('tab-transitions')

    await page.keyboard.press('x')
    const question = page.getByRole('dialog', {name: 'Cancel this operation?'})
    await question.or(page.locator('.status-chip', {hasText: 'Canceled'})).waitFor()
    if (await question.isVisible()) {
      await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
    }
    await chip(page, 'Canceled')
  })

  it('offers no command to those who may only read', async () => {
    const {page} = await pausedWorld(false)
    await page.locator('.chip', {hasText: 'Read-only'}).waitFor()
    expect(await count(page, '.commands button, .commands select')).toBe(0)
  })

  it('gives the chart as text too', async () => {
    const {page} = await pausedWorld()
    await page.getByRole('button', {name: 'Text', exact: true}).click()
    const outline = page.getByRole('region', {name: 'The chart as text'})
    await outline.getByText('byApplication active').waitFor()
  })

  it('shows a group with its order, and moves one to the front', async () => {
    const world = await inspectedWorld({page: {control: true}, maxConcurrentTransfers: 1})
    for (const name of ['one.bin', 'two.bin', 'three.bin']) await startSlow(world, name, 'batch')
    const page = await openPage(world.inspector.url)
    await page.getByRole('option', {name: /^Group batch/}).click()
    const order = page.locator('.card-box', {hasText: 'Next in line'}).locator('.order .link')
    await eventually(() => order.allTextContents()).toEqual(['two.bin', 'three.bin'])
    await page.getByRole('button', {name: 'Move three.bin to the front'}).click()
    await eventually(() => order.allTextContents()).toEqual(['three.bin', 'two.bin'])
  })

  it('keeps eight tabs live over one stream, also when the tab that reads it closes', async () => {
    const world = await inspectedWorld({page: {control: true}})
    const operation = await startSlow(world, 'shared.bin')
    const context = await newContext()
    const streams: string[] = []
    context.on('request', (request) => {
      if (request.url().includes('/api/v1/events')) streams.push(request.url())
    })
    const first = await context.newPage()
    await first.goto(world.inspector.url)
    await chip(first, 'Transferring')
    const others = await Promise.all(Array.from({length: 7}, () => context.newPage()))
    for (const page of others) await page.goto(world.inspector.origin)
    for (const page of others) await chip(page, 'Transferring')
    expect(streams).toHaveLength(1)
    operation.pause()
    for (const page of [first, ...others]) await chip(page, 'Paused')

    await first.close()
    operation.resume()
    for (const page of others) await chip(page, 'Transferring')
    expect(streams).toHaveLength(2)
  }, 90_000)
})
