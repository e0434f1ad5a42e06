/** The page as it is shipped: small, alone, and nothing inline. */

import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {gzipSync} from 'node:zlib'
import {build} from 'vite'
import {afterAll, beforeAll, expect, it, vi} from 'vitest'

const BUDGET_BYTES = 40 * 1024

let directory: string
let files: readonly (readonly [name: string, text: string])[]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'inspector-page-'))
  const configFile = fileURLToPath(new URL('../../visualizations/inspector/vite.config.ts', import.meta.url))
  // As npm run build makes it: under the test runner's own NODE_ENV the libraries keep their checks for developers.
  vi.stubEnv('NODE_ENV', 'production')
  await build({configFile, logLevel: 'error', build: {outDir: directory}})
  files = readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')] as const)
})

afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(directory, {recursive: true, force: true})
})

it('is one document, one script, one style sheet and one icon', () => {
  expect(files.map(([name]) => name).toSorted()).toEqual(['icon.svg', 'index.css', 'index.html', 'page.js'])
})

it('weighs less than its budget, compressed', () => {
  const total = files.reduce((sum, [, text]) => sum + gzipSync(text, {level: 9}).length, 0)
  expect(total).toBeGreaterThan(10_000)
  expect(total).toBeLessThan(BUDGET_BYTES)
})

it('has no script and no style in the document', () => {
  const [, html = ''] = files.find(([name]) => name === 'index.html') ?? []
  const scripts = [...html.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/g)]
  expect(scripts.length).toBe(1)
  expect(scripts.map(([, inline]) => inline?.trim())).toEqual([''])
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/)
})

it('names no other host, evaluates no text, and brings no data: address', () => {
  for (const [name, text] of files) {
    const hosts = [...text.matchAll(/https?:\/\/([\w.-]+)/g)]
      .map(([, host]) => host)
      .filter((host) => host !== 'www.w3.org')
    expect([name, hosts]).toEqual([name, []])
    expect(text).not.toMatch(/\beval\(|new Function\(|url\(data:/)
  }
})
