/** Takes the documentation's pictures of the inspector from real transfers: `npm run screenshots`. */

import {mkdirSync, mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import type {Page} from 'playwright-core'
import {findChromium, launchChromium} from '../test/support/chromium.ts'
import {startSampleTransfers} from './sample-transfers.ts'

/** Until every state worth seeing has been reached: retries, a finished file, a full half minute of throughput. */
const SETTLE_MS = 17_000
const IMAGES = process.argv[2] ?? 'docs/images'

const executable = findChromium()
if (executable === undefined) throw new Error('there is no Chromium on this machine')
mkdirSync(IMAGES, {recursive: true})
const directory = mkdtempSync(join(tmpdir(), 'background-transfer-'))
const sample = await startSampleTransfers(directory)
const inspector = await sample.engine.inspect({control: true})
const browser = await launchChromium(executable)

function choose(page: Page, name: string): Promise<void> {
  return page.getByRole('option', {name}).click()
}

async function shoot(page: Page, name: string): Promise<void> {
  // The last smooth scroll ends, and the pointer lights nothing up.
  await page.mouse.move(0, 0)
  await delay(900)
  await page.screenshot({path: join(IMAGES, `${name}.png`)})
}

try {
  const context = await browser.newContext({viewport: {width: 1600, height: 960}, colorScheme: 'light'})
  const page = await context.newPage()
  await page.goto(inspector.url)
  await choose(page, 'chapter-07-4k.mkv')
  await delay(4_000)
  sample.operations['firmware-2.4.1.bin']?.pause()
  await delay(SETTLE_MS - 4_000)
  await shoot(page, 'inspector-light')

  await page.emulateMedia({colorScheme: 'dark'})
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('ArrowLeft')
  await shoot(page, 'inspector-dark')

  await page.getByRole('tab', {name: 'Transitions'}).click()
  await shoot(page, 'inspector-transitions')

  await page.keyboard.press('End')
  await choose(page, 'ubuntu-26.04-live-server.iso')
  await page.getByRole('tab', {name: 'Requests'}).click()
  await page.locator('tr.part').nth(2).waitFor()
  await shoot(page, 'inspector-requests')

  await page.emulateMedia({colorScheme: 'light'})
  await page.getByRole('option', {name: /^Group nightly-backup/}).click()
  await shoot(page, 'inspector-group')

  await page.setViewportSize({width: 400, height: 900})
  await choose(page, 'ubuntu-26.04-live-server.iso')
  await page.getByRole('tab', {name: 'Chart'}).click()
  await page.evaluate('scrollTo(0, 0)')
  await shoot(page, 'inspector-narrow')
} finally {
  await browser.close()
  await inspector.close()
  await sample.close()
  rmSync(directory, {recursive: true, force: true})
}
