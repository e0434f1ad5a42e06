/** What servers and callers may put into names and headers, as the page shows it: as text, and nothing else. */

import type {Page} from 'playwright-core'
import {afterAll, beforeAll, expect, it} from 'vitest'
import {sharedWorld} from '../../inspector/world.ts'
import {leave, visit} from '../browser.ts'
import {chip, eventually, heading} from './looks.ts'

const MARKUP = `"'><img src=x onerror=window.owned=1><svg onload=window.owned=1>`
const ADDRESS = 'javascript:window.owned=1'

export function hostileStories(): void {
  const world = sharedWorld({page: {control: true}})
  let page: Page

  beforeAll(async () => {
    page = await visit(world().inspector.url)
  })
  afterAll(leave)

  const strangers = () =>
    page.evaluate("document.querySelectorAll('img[src=x], [onerror], [onload], [href^=javascript]').length")

  it('shows markup in names, groups and headers as it is written', async () => {
    const {server, start} = world()
    const name = `${MARKUP}.bin`.replaceAll('/', '')
    server.route('/hostile', {
      content: Buffer.from('whole'),
      etag: '"1"',
      headers: [
        ['X-Markup', MARKUP],
        ['Content-Location', ADDRESS],
        ['Link', `<${ADDRESS}>; rel=next`],
      ],
    })
    await start(server.url('/hostile'), name, {group: MARKUP})
    await heading(page, name)
    await chip(page, 'Completed')
    for (const tab of await page.getByRole('tab').all()) {
      await tab.click()
      await eventually(() => tab.getAttribute('aria-selected')).toBe('true')
      expect(await strangers()).toBe(0)
    }
    expect(await page.content()).toContain('onerror')
    expect(await page.evaluate('window.owned')).toBeUndefined()
  })

  it('shows what a server says of a refusal as text, too', async () => {
    const {server, start} = world()
    server.route('/refused', {
      status: 404,
      headers: [
        ['Retry-After', MARKUP],
        ['X-Reason', MARKUP],
      ],
    })
    await start(server.url('/refused'), 'refused.bin')
    await page.getByRole('option', {name: /^refused/}).click()
    await chip(page, 'Failed')
    for (const tab of await page.getByRole('tab').all()) {
      await tab.click()
      expect(await strangers()).toBe(0)
    }
    expect(await page.evaluate('window.owned')).toBeUndefined()
  })
}
