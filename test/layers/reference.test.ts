/** The reference pages say what the code says: error codes, options and events by name, with their numbers. */

import {describe, expect, it} from 'vitest'
import {ERROR_CODES, type ErrorCode} from '../../src/domain/error-codes.ts'
import {getStatus} from '../../src/domain/get-status.ts'
import {WebErrorStatus} from '../../src/domain/web-error-status.ts'
import {type EngineOptions, resolveOptions} from '../../src/engine/options.ts'
import {sourceOf} from './module-graph.ts'

const CODES = Object.keys(ERROR_CODES) as ErrorCode[]

describe('docs/reference/errors.md', () => {
  const page = sourceOf('docs/reference/errors.md')
  const entries = new Map(
    page
      .split(/^### /m)
      .slice(1)
      .map((text) => [text.slice(0, text.indexOf('\n')), text.split(/^## /m)[0] ?? ''] as const),
  )

  it('has one heading for each code and none besides', () => {
    expect([...entries.keys()].sort()).toEqual([...CODES].sort())
  })

  it.each(CODES)('says of %s what the table says', (code) => {
    const {kind, retry, hresult} = ERROR_CODES[code]
    const status = Object.entries(WebErrorStatus).find(([, value]) => value === getStatus(hresult))?.[0]
    const facts = `Kind: ${kind} · Retry: ${retry} · HRESULT: 0x${hresult.toString(16)} · WebErrorStatus: ${status}`
    expect(entries.get(code)?.split('\n')).toContain(facts)
  })

  it.each(CODES)('says of %s when it happens and what can be done', (code) => {
    const [when = '', advice = ''] = entries.get(code)?.split('\n\n').slice(2) ?? []
    expect(when.length).toBeGreaterThan(20)
    expect(advice).toMatch(/^\*What you can do:\* ./)
  })
})

interface Row {
  readonly name: string
  readonly fallback: string
  readonly bounds: string
}

/** The rows of the tables below a heading that begin with a name in backquotes. */
function rowsOf(page: string, heading: string): readonly Row[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/^\| `([\w.]+)` \|(.*)\|$/gm)].map(([, name = '', cells = '']) => {
    const [, fallback = '', bounds = ''] = cells.split('|').map((cell) => cell.trim())
    return {name, fallback, bounds}
  })
}

/** The members of an interface, without those of types inside it. */
function membersOf(module: string, name: string): readonly string[] {
  const body = new RegExp(`interface ${name} \\{\n([^]*?)\n\\}`).exec(sourceOf(module))?.[1] ?? ''
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, member = '']) => member)
}

function namesOf(rows: readonly Row[]): readonly string[] {
  return rows.map(({name}) => name)
}

describe('docs/reference/options.md', () => {
  const page = sourceOf('docs/reference/options.md')
  const engine = rowsOf(page, 'Engine')
  const bounded = engine.filter(({bounds}) => bounds.includes('–'))

  it('names the options of the engine, the platform, a download and an upload, and no others', () => {
    const top = namesOf(engine).filter((name) => !name.includes('.'))
    expect(top.toSorted()).toEqual(membersOf('src/engine/options.ts', 'EngineOptions').toSorted())
    expect(namesOf(rowsOf(page, 'Platform')).toSorted()).toEqual(
      membersOf('src/platform.ts', 'PlatformOptions').toSorted(),
    )
    expect(namesOf(rowsOf(page, 'One download')).toSorted()).toEqual(
      membersOf('src/namespace/download-options.ts', 'DownloadOptions').toSorted(),
    )
    expect(namesOf(rowsOf(page, 'One upload')).toSorted()).toEqual(
      membersOf('src/namespace/background-uploader.ts', 'UploadOptions').toSorted(),
    )
    expect(bounded.length).toBeGreaterThan(10)
  })

  it.each(bounded)('gives the bounds and the default of $name', ({name, fallback, bounds}) => {
    const [low = Number.NaN, high = Number.NaN] = bounds.split('–').map(Number)
    expect(resolved(name, low)).toBe(low)
    expect(resolved(name, high)).toBe(high)
    expect(() => resolved(name, low - 1)).toThrow(name)
    if (high < Number.MAX_SAFE_INTEGER) expect(() => resolved(name, high + 1)).toThrow(name)
    const without = resolved(name, undefined)
    expect(without === undefined || without === Number.POSITIVE_INFINITY ? 'none' : String(without)).toBe(fallback)
  })

  /** What the engine makes of one option. */
  function resolved(name: string, value: number | undefined): unknown {
    const [outer = '', inner] = name.split('.')
    const given = inner === undefined ? {[outer]: value} : {[outer]: {[inner]: value}}
    const {settings, ...rest} = resolveOptions(value === undefined ? {} : (given as EngineOptions))
    const {retry, ...times} = settings
    const flat: Readonly<Record<string, unknown>> = {
      ...times,
      ...rest,
      retries: retry.retries,
      retryDelayMs: retry.baseDelayMs,
      'retention.count': rest.retention.count,
      'retention.ageMs': rest.retention.ageMs,
      ...prefixed('backgroundTasks', rest.backgroundTasks),
      ...prefixed('prefetch', rest.prefetch),
    }
    expect(flat).toHaveProperty([name])
    return flat[name]
  }
})

function prefixed(name: string, options: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).map(([member, each]) => [`${name}.${member}`, each]))
}

describe('docs/reference/events.md', () => {
  it('has one heading for each type of event and none besides', () => {
    const union = sourceOf('src/engine/events.ts').split('export interface')[0] ?? ''
    const types = [...union.matchAll(/readonly type: '([\w.]+)'/g)].map(([, type]) => type)
    const headings = [...sourceOf('docs/reference/events.md').matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
    expect(types.length).toBeGreaterThan(4)
    expect(headings).toEqual(types)
  })
})
