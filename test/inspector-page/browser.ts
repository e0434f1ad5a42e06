/**
 * One real browser for every story, and one page that they visit one after another: a page of its own costs more than most
 * stories. Every page is watched for what the inspector must never do: leave loopback, break its policy, fail.
 */

import {existsSync, readdirSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import type {Browser, BrowserContext, Page} from 'playwright-core'
import {afterAll, afterEach, beforeAll, expect} from 'vitest'
import {findChromium, launchChromium} from '../support/chromium.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = join(ROOT, 'visualizations', 'inspector')

export const executable = findChromium()
export const isRequired = process.env.BGT_REQUIRE_PEERS === '1'

export const WIDE = {width: 1500, height: 900}

const violations: string[] = []
let browser: Browser | undefined
let context: BrowserContext | undefined
let shared: Page | undefined

export function setUpBrowser(): void {
  beforeAll(async () => {
    if (executable === undefined) throw new Error('Chromium is not installed')
    await buildPageIfStale()
    browser = await launchChromium(executable)
    context = await newContext()
  })
  afterEach(() => expect(violations.splice(0)).toEqual([]))
  afterAll(() => browser?.close())
}

/** The page that all share, at `url`. */
export async function visit(url: string): Promise<Page> {
  const page = await sharedPage()
  await page.goto(url)
  return page
}

/** Before its server closes. */
export async function leave(): Promise<void> {
  await (await sharedPage()).goto('about:blank')
}

async function sharedPage(): Promise<Page> {
  if (context === undefined) throw new Error('the browser is not open')
  if (shared === undefined || shared.isClosed()) shared = context.pages()[0] ?? (await context.newPage())
  return shared
}

/** With no cookie and no storage of the others. */
export async function newContext(): Promise<BrowserContext> {
  if (browser === undefined) throw new Error('the browser is not open')
  const fresh = await browser.newContext({viewport: WIDE, reducedMotion: 'reduce'})
  fresh.setDefaultTimeout(60_000)
  await fresh.addInitScript(
    `addEventListener('securitypolicyviolation', ({violatedDirective, blockedURI}) => console.error('policy', violatedDirective, blockedURI))`,
  )
  fresh.on('request', (request) => {
    const {hostname, protocol} = new URL(request.url())
    if (hostname !== '127.0.0.1' && protocol !== 'blob:') violations.push(`asked ${request.url()}`)
  })
  fresh.on('weberror', (thrown) => violations.push(`threw ${thrown.error().message}`))
  fresh.on('console', (message) => {
    // A refusal of the server is part of some tests, and the browser reports each on its console.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      violations.push(message.text())
    }
  })
  return fresh
}

/** The server serves what `npm run build` made; a test of the page wants what the sources say now. */
async function buildPageIfStale(): Promise<void> {
  const built = join(ROOT, 'dist', 'inspector-page', 'index.html')
  const newest = Math.max(
    ...readdirSync(SOURCES, {recursive: true, encoding: 'utf8'}).map((name) => statSync(join(SOURCES, name)).mtimeMs),
  )
  if (existsSync(built) && statSync(built).mtimeMs > newest) return
  const {build} = await import('vite')
  await build({configFile: join(SOURCES, 'vite.config.ts'), logLevel: 'error'})
}
