/** axe finds nothing to object to, on any tab, in light, dark and narrow; and nothing has to be scrolled sideways. */

import axe from 'axe-core'
import type {Page} from 'playwright-core'
import {describe, expect, it} from 'vitest'
import {inspectedWorld} from '../inspector/world.ts'
import {executable, isRequired, openPage, setUpBrowser} from './browser.ts'

if (executable === undefined && !isRequired) {
  console.log('accessibility.test.ts: left out, because Chromium is not installed')
}

async function objections(page: Page): Promise<readonly string[]> {
  // By the debugger, not by a script element: the page's policy stands as it is.
  await page.evaluate(axe.source)
  return page.evaluate(
    'axe.run().then(({violations}) => violations.flatMap(({id, nodes}) => nodes.map((node) => [id, node.html.slice(0, 200), node.failureSummary].join(" "))))',
  )
}

async function busyPage(options: Parameters<typeof openPage>[1]): Promise<Page> {
  const world = await inspectedWorld({page: {control: true}, maxConcurrentTransfers: 2, retries: 0})
  const {server} = world
  server.route('/done.bin', {content: {seed: 1, size: 4096}})
  for (const name of ['slow.bin', 'held.bin', 'waits.bin'])
    server.route(`/${name}`, {content: {seed: 2, size: 8_000_000}, pieceBytes: 8192, pieceDelayMs: 50})
  const begin = (name: string, group?: string) =>
    world.start(server.url(`/${name}`), name, group === undefined ? {} : {group})
  await begin('done.bin')
  await begin('missing.bin')
  const page = await openPage(world.inspector.url, options)
  await page.getByRole('option', {name: /^done.bin .*Completed/}).waitFor()
  await page.getByRole('option', {name: /^missing.bin .*Failed/}).waitFor()
  const held = await begin('held.bin', 'batch')
  await begin('slow.bin', 'batch')
  await begin('waits.bin', 'batch')
  await page.getByRole('option', {name: /^slow.bin .*Transferring/}).waitFor()
  held.pause()
  await page.getByRole('option', {name: /^held.bin .*Paused/}).waitFor()
  return page
}

const CASES = [
  ['light', {colorScheme: 'light'}],
  ['dark', {colorScheme: 'dark'}],
  ['narrow', {colorScheme: 'light', viewport: {width: 400, height: 860}}],
  ['narrow and dark', {colorScheme: 'dark', viewport: {width: 400, height: 860}}],
] as const

describe.skipIf(executable === undefined && !isRequired)('accessibility', () => {
  setUpBrowser()

  it.each(CASES)(
    'is without objection in %s',
    async (_, options) => {
      const page = await busyPage(options)
      for (const name of ['missing.bin', 'held.bin']) {
        await page.getByRole('option', {name: new RegExp(`^${name}`)}).click()
        await page.getByRole('heading', {name, level: 1}).waitFor()
        await page.locator('.drawing .active.leaf').first().waitFor({state: 'attached'})
        expect(await objections(page)).toEqual([])
      }
      await page.getByText('What if…').click()
      await page.locator('.what-if select').selectOption('operation.resume')
      await page.getByText('It would stand at').waitFor()
      expect(await objections(page)).toEqual([])
      await page.getByRole('button', {name: 'Change request…'}).click()
      await page.getByRole('dialog', {name: 'Change the request'}).waitFor()
      expect(await objections(page)).toEqual([])
      await page.keyboard.press('Escape')
      await page.locator('#operations').focus()
      await page.keyboard.press('Control+a')
      await page.getByRole('region', {name: 'Marked operations'}).waitFor()
      expect(await objections(page)).toEqual([])
      await page.keyboard.press('Escape')
      for (const tab of ['Transitions', 'Events', 'Requests', 'Record']) {
        await page.getByRole('tab', {name: tab}).click()
        expect([tab, await objections(page)]).toEqual([tab, []])
      }
      await page.keyboard.press('ArrowLeft')
      await page.getByRole('tab', {name: 'Chart'}).click()
      await page.getByRole('button', {name: 'Text', exact: true}).click()
      await page.keyboard.press('Home')
      expect(await objections(page)).toEqual([])
      await page.getByRole('option', {name: 'Group batch'}).click()
      await page.getByRole('heading', {name: 'batch', level: 1}).waitFor()
      expect(await objections(page)).toEqual([])
      await page.keyboard.press('?')
      await page.getByRole('dialog', {name: 'Keyboard'}).waitFor()
      expect(await objections(page)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
      // A chart is taller than this: it scrolls in a box of its own.
      expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThan(3000)
    },
    120_000,
  )
})
