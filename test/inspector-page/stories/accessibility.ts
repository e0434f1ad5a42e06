/**
 * axe finds nothing to object to: the whole page in light, dark and narrow, then each thing that can come up on it. A theme
 * changes colours and a width everything else, so the rules about contrast are asked in both themes and the others in both widths.
 */

import axe from 'axe-core'
import type {Locator, Page} from 'playwright-core'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {sharedWorld} from '../../inspector/world.ts'
import {leave, visit, WIDE} from '../browser.ts'

const NARROW = {width: 400, height: 860}

const CONTRAST = '{runOnly: ["color-contrast", "link-in-text-block"], resultTypes: ["violations"]}'
const REST = '{rules: {"color-contrast": {enabled: false}}, resultTypes: ["violations"]}'
const LOOKS = [
  ['light', 'light', WIDE, '{resultTypes: ["violations"]}'],
  ['dark', 'dark', WIDE, CONTRAST],
  ['narrow', 'light', NARROW, REST],
] as const

export function accessibilityStories(): void {
  const world = sharedWorld({page: {control: true}, maxConcurrentTransfers: 2, retries: 0})
  let page: Page

  beforeAll(async () => {
    const {server, start} = world()
    server.route('/done.bin', {content: {seed: 1, size: 4096}})
    for (const name of ['slow.bin', 'held.bin', 'waits.bin'])
      server.route(`/${name}`, {content: {seed: 2, size: 8_000_000}, pieceBytes: 8192, pieceDelayMs: 50})
    const begin = (name: string, group?: string) =>
      start(server.url(`/${name}`), name, group === undefined ? {} : {group})
    await begin('done.bin')
    await begin('missing.bin')
    page = await visit(world().inspector.url)
    await page.getByRole('option', {name: /^done.bin .*Completed/}).waitFor()
    await page.getByRole('option', {name: /^missing.bin .*Failed/}).waitFor()
    const held = await begin('held.bin', 'batch')
    await begin('slow.bin', 'batch')
    await begin('waits.bin', 'batch')
    await page.getByRole('option', {name: /^slow.bin .*Transferring/}).waitFor()
    held.pause()
    await page.getByRole('option', {name: /^held.bin .*Paused/}).waitFor()
    // By the debugger, not by a script element: the page's policy stands as it is.
    await page.evaluate(axe.source)
  })
  afterAll(leave)

  /** In every look; of the whole page, or of what `part` finds on it. */
  async function isWithoutObjection(part?: string): Promise<void> {
    for (const [look, colorScheme, size, rules] of LOOKS) {
      await page.emulateMedia({colorScheme, reducedMotion: 'reduce'})
      await page.setViewportSize(size)
      const context = part === undefined ? 'document' : JSON.stringify(part)
      const objections = await page.evaluate(
        `axe.run(${context}, ${rules}).then(({violations}) => violations.flatMap(({id, nodes}) => nodes.map((node) => [id, node.html.slice(0, 200), node.failureSummary].join(' '))))`,
      )
      expect([look, part, objections]).toEqual([look, part, []])
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
      // A chart is taller than this: it scrolls in a box of its own.
      expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThan(3000)
    }
    await page.setViewportSize(WIDE)
  }

  const choose = async (name: string): Promise<void> => {
    await page.getByRole('option', {name: new RegExp(`^${name}`)}).click()
    await page.getByRole('heading', {name, level: 1}).waitFor()
    await drawing().waitFor({state: 'attached'})
  }
  const drawing = (): Locator => page.locator('.drawing .active.leaf').first()

  it('is without objection as a whole', async () => {
    await choose('held.bin')
    await isWithoutObjection()
  })

  it('gives every card of figures the same width where the page is narrow', async () => {
    await page.setViewportSize(NARROW)
    const widths = await page.evaluate(
      "[...document.querySelectorAll('.side > *')].map(({offsetWidth}) => offsetWidth)",
    )
    expect(widths).toEqual(Array.from(widths as readonly number[], () => NARROW.width - 24))
    await page.setViewportSize(WIDE)
  })

  it('lets nothing cover anything where there are two columns', async () => {
    await choose('held.bin')
    await page.setViewportSize({width: 768, height: 900})
    // Counts of a long list, which are wide.
    await page.evaluate("for (const count of document.querySelectorAll('.segments small')) count.textContent = '4000'")
    const edges = await page.evaluate(`({
      figures: document.querySelector('.side').getBoundingClientRect().top,
      middle: Math.max(...[...document.querySelectorAll('#detail > *, #panel > *, #panel > * > *')].map((each) => each.getBoundingClientRect().bottom)),
      list: document.querySelector('.list').getBoundingClientRect().right,
      filter: Math.max(...[...document.querySelectorAll('.filter *')].map((each) => each.getBoundingClientRect().right)),
    })`)
    const {figures, middle, list, filter} = edges as Readonly<Record<string, number>>
    expect(middle).toBeLessThanOrEqual(figures ?? 0)
    expect(filter).toBeLessThanOrEqual(list ?? 0)
    await page.setViewportSize(WIDE)
  })

  it('has the tags of a lit state readable, also those that stand below its name', async () => {
    await choose('held.bin')
    await drawing().waitFor()
    const unreadable = await page.evaluate(`[...document.querySelectorAll('.drawing .state.leaf')].flatMap((card) => {
      const wasActive = card.classList.contains('active')
      card.classList.add('active')
      const band = card.querySelector('.band').getBoundingClientRect()
      const onBand = getComputedStyle(card.querySelector('.title')).fill
      const tags = [...card.querySelectorAll('tspan.tag')]
      const found = tags.filter((tag) => tag.getBoundingClientRect().top >= band.bottom && getComputedStyle(tag).fill === onBand)
      card.classList.toggle('active', wasActive)
      return found.map((tag) => tag.textContent)
    })`)
    expect(unreadable).toEqual([])
  })

  it('is without objection for a failure, and under every tab', async () => {
    await choose('missing.bin')
    await isWithoutObjection('.side')
    await isWithoutObjection('#detail .title')
    for (const tab of ['Transitions', 'Events', 'Requests', 'Record']) {
      await page.getByRole('tab', {name: tab}).click()
      await isWithoutObjection('#panel')
    }
  })

  it('is without objection in the past, and as text', async () => {
    await page.keyboard.press('ArrowLeft')
    await page.getByRole('tab', {name: 'Chart'}).click()
    await page.getByRole('button', {name: 'Text', exact: true}).click()
    await page.keyboard.press('Home')
    await page.getByRole('heading', {name: 'At step'}).waitFor()
    await isWithoutObjection('#detail')
    await page.getByRole('button', {name: 'Text', exact: true}).click()
  })

  it('is without objection in its drawer, its dialogs and its marks', async () => {
    await choose('held.bin')
    await page.getByText('What if…').click()
    await page.locator('.what-if select').selectOption('operation.resume')
    await page.getByText('It would stand at').waitFor()
    await isWithoutObjection('.what-if')
    await page.getByRole('button', {name: 'Change request…'}).click()
    await page.getByRole('dialog', {name: 'Change the request'}).waitFor()
    await isWithoutObjection('dialog[open]')
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    await page.getByRole('dialog', {name: 'Keyboard'}).waitFor()
    await isWithoutObjection('dialog[open]')
    await page.keyboard.press('Escape')
    await page.locator('#operations').focus()
    await page.keyboard.press('Control+a')
    await page.getByRole('region', {name: 'Marked operations'}).waitFor()
    await isWithoutObjection('.bulk')
    await page.keyboard.press('Escape')
  })

  it('keeps to its width for the longest names of a file and a group', async () => {
    const {server, start} = world()
    const name = 'n'.repeat(240)
    await start(server.url('/missing.bin'), name, {group: 'g'.repeat(256)})
    await choose(name)
    await isWithoutObjection()
  })

  it('cuts names that are written from right to left at their ends', async () => {
    const {server, start} = world()
    const name = `${'ملف طويل '.repeat(8)}.bin`
    await start(server.url('/missing.bin'), name, {group: 'مجموعة'})
    await choose(name)
    await page.getByRole('option', {name: 'Group مجموعة'}).waitFor()
    const directions = await page.evaluate(
      "[...document.querySelectorAll('[data-current=true] .name, .title h1, .group-name')].filter(({textContent}) => /\\p{Script=Arabic}/u.test(textContent)).map((each) => getComputedStyle(each).direction)",
    )
    expect(directions).toEqual(['rtl', 'rtl', 'rtl'])
  })

  it('is without objection for a group', async () => {
    await page.getByRole('option', {name: 'Group batch'}).click()
    await page.getByRole('heading', {name: 'batch', level: 1}).waitFor()
    await isWithoutObjection('#detail')
    await isWithoutObjection('.side')
  })
}
