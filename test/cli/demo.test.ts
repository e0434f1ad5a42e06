/** `bgt demo` is run for real, once, as it is shipped, and its story is read. */

import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {ROOT} from '../layers/module-graph.ts'
import {type BuiltCli, buildCli} from '../support/built-cli.ts'

const FILES = ['episode-1', 'episode-2', 'episode-3', 'trailer']

describe('the demo', {timeout: 120_000}, () => {
  let cli: BuiltCli
  let temporary: string
  let story: {readonly code: number | null; readonly text: string; readonly lines: readonly string[]}

  beforeAll(async () => {
    cli = await buildCli()
    temporary = await mkdtemp(join(tmpdir(), 'demo-test-'))
    const {code, stdout, stderr} = await cli.run(['demo'], {env: {TMPDIR: temporary}})
    const text = stdout + stderr
    story = {code, text, lines: text.split('\n')}
  })

  afterAll(async () => {
    if (temporary !== undefined) await rm(temporary, {recursive: true, force: true})
  })

  /** The first line that has all of these words; fails when there is none. */
  function at(...words: readonly string[]): number {
    const index = story.lines.findIndex((line) => words.every((word) => line.includes(word)))
    expect(index, `no line with ${words.join(' … ')} in:\n${story.text}`).not.toBe(-1)
    return index
  }

  it('exits with 0 and a verified SHA-256 of all four files', () => {
    expect(story.text).toContain('4 of 4 files verified')
    for (const name of FILES) expect(story.text).toMatch(new RegExp(`^ok +${name}\\.bin +[0-9a-f]{64}$`, 'm'))
    expect(story.code).toBe(0)
  })

  it('goes on by Range after a cut, after a stall and after SIGKILL', () => {
    expect(at('episode-1', 'CUTS')).toBeLessThan(at('server', 'episode-1: Range request'))
    expect(at('episode-2', 'STALLS')).toBeLessThan(at('episode-2', 'waiting to retry'))
    const killed = at('worker', 'KILLED with SIGKILL')
    const after = story.lines.slice(killed)
    expect(after.some((line) => line.includes('starts on the same store'))).toBe(true)
    expect(after.some((line) => line.includes('episode-2: Range request'))).toBe(true)
    expect(story.text).not.toContain('episode-1: Range request, sends it from 0.0 MiB')
  })

  it('waits as long as a 503 asks', () => {
    expect(at('episode-3', '503, Retry-After')).toBeLessThan(at('episode-3', 'weighing → waiting to retry'))
  })

  it('lets the latecomer of high priority overtake those that stood in line before it', () => {
    const added = at('A latecomer')
    expect(added).toBeGreaterThan(at('episode-3', 'accepted'))
    expect(at('trailer', '→ completed')).toBeLessThan(at('episode-2', '→ completed'))
    expect(at('trailer', '→ completed')).toBeLessThan(at('episode-3', 'queued → connecting'))
  })

  it('runs the serialized ones one after the other', () => {
    expect(at('episode-1', '→ publishing')).toBeLessThan(at('episode-2', 'queued → connecting'))
    expect(at('episode-2', '→ publishing')).toBeLessThan(at('episode-3', 'queued → connecting'))
  })

  it('says how many bytes were fetched twice: far less than one file', () => {
    const [, twice, total] = /^(\d+) of (\d+) bytes fetched twice/m.exec(story.text) ?? []
    expect(Number(total)).toBe(17 * 1024 * 1024)
    expect(Number(twice)).toBeLessThan(4 * 1024 * 1024)
  })

  it('is plain text off a terminal and leaves nothing behind', async () => {
    expect(story.text).not.toContain('\u001b')
    expect(await readdir(temporary)).toEqual([])
  })

  it('is shipped with all that the other commands load', async () => {
    const {code, stdout} = await cli.run(['chart', 'group', '--format', 'mermaid'])
    expect([code, stdout.trim()]).toEqual([
      0,
      (await readFile(join(ROOT, 'visualizations', 'group.mmd'), 'utf8')).trim(),
    ])
  })
})
