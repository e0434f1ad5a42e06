/** Pages of one real browser, each watched for what the inspector must never do: leave loopback, break its policy, fail. */

import {existsSync, readdirSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import type {Browser, BrowserContext, BrowserContextOptions, Page} from 'playwright-core'
import {build} from 'vite'
import {afterAll, afterEach, beforeAll, expect} from 'vitest'
import {findChromium, launchChromium} from '../support/chromium.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = join(ROOT, 'visualizations', 'inspector')

export const executable = findChromium()
export const isRequired = process.env.BGT_REQUIRE_PEERS === '1'

const violations: string[] = []
let browser: Browser | undefined
const contexts: BrowserContext[] = []

export function setUpBrowser(): void {
  beforeAll(async () => {
    if (executable === undefined) throw new Error('Chromium is not installed')
    await buildPageIfStale()
    browser = await launchChromium(executable)
  }, 60_000)
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
    expect(violations.splice(0)).toEqual([])
  })
  afterAll(() => browser?.close())
}

export async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  if (browser === undefined) throw new Error('the browser is not open')
  const context = await browser.newContext({viewport: {width: 1500, height: 900}, reducedMotion: 'reduce', ...options})
  contexts.push(context)
  context.setDefaultTimeout(20_000)
  await context.addInitScript(
    `addEventListener('securitypolicyviolation', ({violatedDirective, blockedURI}) => console.error('policy', violatedDirective, blockedURI))`,
  )
  context.on('request', (request) => {
    const {hostname, protocol} = new URL(request.url())
    if (hostname !== '127.0.0.1' && protocol !== 'blob:') violations.push(`asked ${request.url()}`)
  })
  context.on('weberror', (thrown) => violations.push(`threw ${thrown.error().message}`))
  context.on('console', (message) => {
    // A refusal of the server is part of some tests, and the browser reports each on its console.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      violations.push(message.text())
    }
  })
  return context
}

export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await newContext(options)).newPage()
  await page.goto(url)
  return page
}

/** The server serves what `npm run build` made; a test of the page wants what the sources say now. */
async function buildPageIfStale(): Promise<void> {
  const built = join(ROOT, 'dist', 'inspector-page', 'index.html')
  const newest = Math.max(
    ...readdirSync(SOURCES, {recursive: true, encoding: 'utf8'}).map((name) => statSync(join(SOURCES, name)).mtimeMs),
  )
  if (existsSync(built) && statSync(built).mtimeMs > newest) return
  await build({configFile: join(SOURCES, 'vite.config.ts'), logLevel: 'error'})
}
