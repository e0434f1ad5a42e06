/** Several operations and one slot: what keys, buttons, marks and groups do. Each story goes on where the one before ended. */

import type {Page} from 'playwright-core'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {sharedWorld} from '../../inspector/world.ts'
import {leave, visit} from '../browser.ts'
import {chip, eventually, focused, heading, row, startSlow} from './looks.ts'

export function severalStories(): void {
  const world = sharedWorld({page: {control: true}, maxConcurrentTransfers: 1})
  let page: Page

  beforeAll(async () => {
    page = await visit(world().inspector.url)
  })
  afterAll(leave)

  it('shows the first that comes to a page that was open before it', async () => {
    const {server, start} = world()
    await page.getByRole('heading', {name: 'No operation selected'}).waitFor()
    await page.getByText('There are no operations yet.').waitFor()
    server.route('/first.bin', {content: Buffer.from('whole'), etag: '"1"'})
    await start(server.url('/first.bin'), 'first.bin')
    await heading(page, 'first.bin')
    await chip(page, 'Completed')
  })

  it('starts everything again that failed', async () => {
    const {server, engine, start} = world()
    const whole = {content: Buffer.from('whole'), etag: '"1"'}
    for (const name of ['x.bin', 'y.bin']) {
      server.route(`/${name}`, [{status: 404}, whole])
      await start(server.url(`/${name}`), name)
    }
    await page.getByRole('button', {name: 'Failed 2'}).click()
    await page.getByRole('button', {name: 'Retry all failed 2'}).click()
    const ended = async () => (await engine.queryAsync()).filter(({state}) => state === 'completed').length
    await eventually(ended).toBe(3)
    await page.getByRole('button', {name: /^All/}).click()
  })

  it('can be gone through by keys alone', async () => {
    await startSlow(world(), 'alpha.bin')
    await startSlow(world(), 'beta.bin')
    await row(page, 'alpha.bin').click()
    await chip(page, 'Transferring')

    await page.keyboard.press('/')
    expect(await focused(page)).toBe('filter')
    await page.keyboard.type('beta')
    await row(page, 'alpha.bin').waitFor({state: 'detached'})
    await page.keyboard.press('Escape')
    expect(await focused(page)).toBe('operations')
    await row(page, 'alpha.bin').waitFor()

    await page.keyboard.press('j')
    await heading(page, 'beta.bin')
    await page.keyboard.press('k')
    await heading(page, 'alpha.bin')
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

  it('marks several and asks all of them at once, by keys and by the pointer', async () => {
    for (const name of ['a.bin', 'b.bin', 'c.bin', 'd.bin']) await startSlow(world(), name)
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
    const states = async () =>
      (await world().engine.queryAsync()).filter(({file}) => /\/[abcd]\.bin$/.test(file)).map(({state}) => state)
    await eventually(states).toEqual(['canceled', 'queued', 'canceled', 'queued'])
  })

  it('shows a group with its order, and moves members by buttons, keys and dragging', async () => {
    for (const name of ['one.bin', 'two.bin', 'three.bin']) await startSlow(world(), name, 'batch')
    await page.getByRole('option', {name: /^Group batch/}).click()
    const order = page.locator('.card-box', {hasText: 'Next in line'}).locator('.order .link')
    await eventually(() => order.allTextContents()).toEqual(['one.bin', 'two.bin', 'three.bin'])
    await page.getByRole('button', {name: 'Move three.bin to the front'}).click()
    await eventually(() => order.allTextContents()).toEqual(['three.bin', 'one.bin', 'two.bin'])
    await page.getByRole('button', {name: 'Move two.bin up'}).click()
    await eventually(() => order.allTextContents()).toEqual(['three.bin', 'two.bin', 'one.bin'])
    await page.getByRole('button', {name: 'Move three.bin down'}).focus()
    await page.keyboard.press('Alt+ArrowDown')
    await eventually(() => order.allTextContents()).toEqual(['two.bin', 'three.bin', 'one.bin'])
    const line = page.locator('.order li[draggable=true]')
    await line.last().dragTo(line.first())
    await eventually(() => order.allTextContents()).toEqual(['one.bin', 'two.bin', 'three.bin'])
    await row(page, 'one.bin').click()
    await heading(page, 'one.bin')
    await page.keyboard.press('d')
    await page.getByRole('option', {name: /^Group batch/}).click()
    await eventually(() => order.allTextContents()).toEqual(['two.bin', 'one.bin', 'three.bin'])
  })

  it('shows nothing that would turn the order of letters, neither of a file nor of its group', async () => {
    await startSlow(world(), 'bill\u202efdp.exe', 'films\u2066')
    await row(page, 'bill\\?fdp.exe').click()
    await heading(page, 'bill?fdp.exe')
    for (const tab of ['Events', 'Requests', 'Record', 'Chart']) {
      await page.getByRole('tab', {name: tab}).click()
      expect(await page.content()).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/)
    }
    await page.getByRole('option', {name: /^Group films\?/}).click()
    await heading(page, 'films?')
    expect(await page.content()).not.toMatch(/[\u202a-\u202e\u2066-\u2069]/)
  })

  it('says that the engine is not heard any more, in place of what it was then', async () => {
    await page.locator('.engine', {hasText: 'Engine running'}).waitFor()
    await world().inspector.close()
    await page.locator('.engine', {hasText: 'Engine not heard'}).waitFor()
  })
}
