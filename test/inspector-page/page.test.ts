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
    // As an arrow, or as a line of the state that it left.
    await page.locator('.drawing .taken').first().waitFor({state: 'attached'})
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
    await page.getByLabel('Filter transitions').fill('operation.pause')
    await rows.first().click()
    await page.getByText('because').first().waitFor()
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

  it('shows a group with its order, and moves members by buttons, keys and dragging', async () => {
    const world = await inspectedWorld({page: {control: true}, maxConcurrentTransfers: 1})
    for (const name of ['one.bin', 'two.bin', 'three.bin']) await startSlow(world, name, 'batch')
    const page = await openPage(world.inspector.url)
    await page.getByRole('option', {name: /^Group batch/}).click()
    const order = page.locator('.card-box', {hasText: 'Next in line'}).locator('.order .link')
    await eventually(() => order.allTextContents()).toEqual(['two.bin', 'three.bin'])
    await page.getByRole('button', {name: 'Move three.bin to the front'}).click()
    await eventually(() => order.allTextContents()).toEqual(['three.bin', 'two.bin'])
    await startSlow(world, 'four.bin', 'batch')
    await eventually(() => order.allTextContents()).toEqual(['three.bin', 'two.bin', 'four.bin'])
    await page.getByRole('button', {name: 'Move four.bin up'}).click()
    await eventually(() => order.allTextContents()).toEqual(['three.bin', 'four.bin', 'two.bin'])
    await page.getByRole('button', {name: 'Move three.bin down'}).focus()
    await page.keyboard.press('Alt+ArrowDown')
    await eventually(() => order.allTextContents()).toEqual(['four.bin', 'three.bin', 'two.bin'])
    const line = page.locator('.order li[draggable=true]')
    await line.last().dragTo(line.first())
    await eventually(() => order.allTextContents()).toEqual(['two.bin', 'four.bin', 'three.bin'])
    await row(page, 'two.bin').click()
    await page.getByRole('heading', {name: 'two.bin', level: 1}).waitFor()
    await page.keyboard.press('d')
    await page.getByRole('option', {name: /^Group batch/}).click()
    await eventually(() => order.allTextContents()).toEqual(['four.bin', 'two.bin', 'three.bin'])
  })

  it('marks several and asks all of them at once, by keys and by the pointer', async () => {
    const world = await inspectedWorld({page: {control: true}, maxConcurrentTransfers: 0})
    for (const name of ['a.bin', 'b.bin', 'c.bin', 'd.bin']) await startSlow(world, name)
    const page = await openPage(world.inspector.url)
    const bar = page.getByRole('region', {name: 'Marked operations'})
    await row(page, 'a.bin').click()
    await page.locator('#operations').focus()
    await page.keyboard.press('Shift+ArrowDown')
    await page.keyboard.press('Shift+ArrowDown')
    await bar.getByText('3 marked').waitFor()
    await page.keyboard.press('Escape')
    await bar.waitFor({state: 'detached'})

    await row(page, 'a.bin').click()
    await row(page, 'c.bin').click({modifiers: ['ControlOrMeta']})
    await bar.getByText('2 marked').waitFor()
    expect(await page.locator('[role=option][aria-selected=true] .name').allTextContents()).toEqual(['a.bin', 'c.bin'])
    await bar.getByRole('button', {name: 'Pause 2'}).click()
    await bar.getByRole('button', {name: 'Resume 2'}).waitFor()
    await bar.getByRole('button', {name: 'Cancel 2'}).click()
    await page.getByRole('dialog', {name: 'Cancel 2 operations?'}).getByRole('button', {name: 'Cancel them'}).click()
    const states = async () => (await world.engine.queryAsync()).map(({state}) => state)
    await eventually(states).toEqual(['canceled', 'queued', 'canceled', 'queued'])
  })

  it('starts everything again that failed', async () => {
    const world = await inspectedWorld({page: {control: true}})
    const whole = {content: Buffer.from('whole'), etag: '"1"'}
    for (const name of ['one', 'two']) {
      world.server.route(`/${name}`, [{status: 404}, whole])
      await world.start(world.server.url(`/${name}`), name)
    }
    const page = await openPage(world.inspector.url)
    await page.getByRole('button', {name: 'Failed 2'}).click()
    await page.getByRole('button', {name: 'Retry all failed 2'}).click()
    const ended = async () => (await world.engine.queryAsync()).filter(({state}) => state === 'completed').length
    await eventually(ended).toBe(2)
  })

  it('ends a wait before its deadline', async () => {
    const world = await inspectedWorld({page: {control: true}})
    world.server.route('/busy', {status: 503, retryAfter: '300'})
    await world.start(world.server.url('/busy'), 'busy.bin')
    const page = await openPage(world.inspector.url)
    await chip(page, 'Waiting to retry')
    await page.getByRole('button', {name: 'Retry now'}).click()
    await chip(page, 'Waiting for a free slot')
  })

  it('says what the chart would do, and does not do it', async () => {
    const {page, operation} = await pausedWorld(false)
    await page.getByText('What if…').click()
    const choice = page.locator('.what-if select')
    await choice.selectOption('operation.resume')
    await page.getByText('It would stand at queued (Queued).').waitFor()
    await page.keyboard.press('Home')
    await page.locator('#panel').focus()
    expect(operation.describe().state).toBe('pausedByApplication')
  })

  it('changes the address and the headers of what is paused, and copies the request without its secrets', async () => {
    const {world, page, operation} = await pausedWorld()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    world.server.route('/elsewhere', {content: Buffer.from('from elsewhere'), etag: '"1"'})
    await page.getByRole('button', {name: 'Change request…'}).click()
    const dialog = page.getByRole('dialog', {name: 'Change the request'})
    await dialog.getByLabel('New address').fill(world.server.url('/elsewhere?token=s3cret'))
    await dialog.getByLabel(/^Headers/).fill('no header')
    await dialog.getByRole('button', {name: 'Change'}).click()
    await dialog.getByText('Line 1 has no name and colon.').waitFor()
    await dialog.getByLabel(/^Headers/).fill('Authorization: Bearer s3cret')
    await dialog.getByRole('button', {name: 'Change'}).click()
    await dialog.waitFor({state: 'detached'})
    await page.getByRole('tab', {name: 'Requests'}).click()
    await page.locator('.address', {hasText: '/elsewhere'}).waitFor()
    await page.getByRole('button', {name: 'Copy as curl'}).click()
    const copied = await page.evaluate<string>('navigator.clipboard.readText()')
    expect(copied).toContain('/elsewhere?token=***')
    expect(copied).not.toContain('s3cret')
    await page.getByRole('button', {name: 'Resume'}).click()
    await operation.attachAsync()
    expect(world.server.requests.at(-1)).toMatchObject({headers: {authorization: 'Bearer s3cret'}})
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
