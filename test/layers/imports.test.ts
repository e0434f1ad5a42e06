/**
 * Which layer may import which (docs/design.md, "Layout"), and that domain and machines are pure. A new layer or package has
 * to be named here before it can be used.
 */

import {describe, expect, it} from 'vitest'
import {codeOf, type Edge, edgesOf, findCycle, importsOf, layerOf, modulesBelow, sourceOf} from './module-graph.ts'

/** Layer, package, or `node:` for every built-in. A layer may always import itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  domain: ['saxes', 'structured-headers'],
  machines: ['domain', 'xstate'],
  ports: ['domain', 'rxjs'],
  actors: ['ports', 'domain', 'xstate'],
  engine: ['machines', 'actors', 'ports', 'domain', 'xstate', 'rxjs'],
  namespace: ['engine', 'domain', 'rxjs', 'node:path'],
  task: ['namespace', 'domain', 'node:'],
  observe: ['engine', 'ports', 'domain', 'rxjs', 'node:diagnostics_channel'],
  client: ['engine', 'machines', 'ports', 'domain', 'xstate', 'rxjs'],
  host: ['engine', 'machines', 'ports', 'domain', 'xstate', 'rxjs', 'zod', 'node:'],
  inspector: ['engine', 'domain', 'rxjs', 'node:'],
  cli: ['index', 'inspector', 'domain', 'commander', 'rxjs', 'node:'],
}

const ADAPTER = ['ports', 'domain', 'rxjs', 'node:']
const ADAPTER_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'adapters/cache': ['http-cache-semantics'],
  'adapters/conditions': ['dbus-native'],
  'adapters/cookies': ['tough-cookie'],
  // TLS, egress, errnos and memory are the same for both.
  'adapters/ftp': ['basic-ftp', 'adapters/http'],
  'adapters/http': ['undici', 'socks'],
  'adapters/level': ['level', 'classic-level'],
  'adapters/notify': ['dbus-native'],
  'adapters/xml': ['saxes'],
}

/** Each is an entry of its own, for those who have the package. */
const OPTIONAL: Readonly<Record<string, string>> = {
  'src/observe/otel.ts': '@opentelemetry/api',
  'src/observe/prometheus.ts': 'prom-client',
}

/** Which other folders of the engine each of them may import. */
const ENGINE_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  operations: [],
  applications: [],
  admission: ['operations'],
  bytes: ['operations'],
  'small-files': ['operations'],
  chores: ['admission', 'operations'],
}

/** What the engine's folders may import of the files above them: what all agree on, and nothing that puts them together. */
const ENGINE_CONTRACTS = ['engine-api.ts', 'events.ts', 'options.ts', 'pages.ts', 'ports.ts']

/** What errnos mean is one table for all adapters. */
const SHARED_BY_ADAPTERS = 'src/adapters/file/file-errors.ts'

/** src/*.ts put the layers together; they do no work of a layer. */
const ROOT_FORBIDDEN = [
  'cli',
  'basic-ftp',
  'dbus-native',
  'http-cache-semantics',
  'saxes',
  'tough-cookie',
  'undici',
  'level',
  'classic-level',
  'commander',
]

const IMPURE =
  /\b(setTimeout|setInterval|setImmediate|Date\.now|Math\.random|performance\.now|process\.\w+|fetch\()|new Date\(\s*\)/

function isAllowed({from, to, kind}: Edge): boolean {
  const layer = layerOf(from)
  const target = targetOf(to)
  if (target === layer) return !(to in OPTIONAL)
  if (OPTIONAL[from] === target) return true
  // The inspector and the host are loaded when they are asked for, and not before.
  if ((layer === 'roots' || layer === 'host') && target === 'inspector') return kind !== 'value'
  if (layer === 'roots' && target === 'host') return kind !== 'value'
  // A client knows what is spoken, and nothing of how it is answered.
  if (layer === 'client' && to === 'src/host/protocol.ts') return kind === 'type'
  if (layer === 'roots') return !ROOT_FORBIDDEN.includes(target)
  if (layer.startsWith('adapters/') && to === SHARED_BY_ADAPTERS) return true
  const allowed = layer.startsWith('adapters/') ? [...ADAPTER, ...(ADAPTER_PACKAGES[layer] ?? [])] : ALLOWED[layer]
  if (allowed === undefined) return false
  return allowed.includes(target) || (target.startsWith('node:') && allowed.includes('node:'))
}

function targetOf(to: string): string {
  if (to === 'src/index.ts') return 'index'
  return to.startsWith('src/') || to.startsWith('machines/') ? layerOf(to) : to
}

/** The folder, or the file where that stands in none. */
function engineFolderOf(module: string): string {
  return module.split('/')[2] ?? ''
}

function describeEdge({from, to, kind}: Edge): string {
  return `${from} imports ${to} (${kind}), but ${layerOf(from)} may not import ${targetOf(to)}`
}

const modules = modulesBelow('machines', 'src')
const edges = modules.flatMap((module) => edgesOf(module, sourceOf(module)))

describe('the import directions', () => {
  it('were looked for in every module, and found', () => {
    expect(modules.length).toBeGreaterThan(110)
    expect(edges.length).toBeGreaterThan(450)
    for (const layer of ['machines', 'roots', 'adapters/http', 'adapters/level', ...Object.keys(ALLOWED)]) {
      if (layer !== 'inspector') expect(modules.map(layerOf), layer).toContain(layer)
    }
    const statements = modules.reduce(
      (sum, module) => sum + (sourceOf(module).match(/^} from |^import [^(]/gm)?.length ?? 0),
      0,
    )
    expect(edges.length).toBeGreaterThan(statements * 0.7)
  })

  it('are kept', () => {
    expect(edges.filter((edge) => !isAllowed(edge)).map(describeEdge)).toEqual([])
  })

  it('lead to modules that are there', () => {
    const known = new Set(modules)
    const lost = edges.filter(({specifier, to}) => specifier.startsWith('.') && !known.has(to))
    expect(lost.map(({from, specifier}) => `${from} imports ${specifier}, which is not there`)).toEqual([])
  })

  it('lead one way between the folders of the engine', () => {
    const inEngine = edges.filter(({from, to}) => /^src\/engine\/[\w-]+\//.test(from) && to.startsWith('src/engine/'))
    expect(inEngine.length).toBeGreaterThan(60)
    const wrong = inEngine.filter(({from, to}) => {
      const folder = engineFolderOf(from)
      const target = engineFolderOf(to)
      return target !== folder && ![...(ENGINE_FOLDERS[folder] ?? []), ...ENGINE_CONTRACTS].includes(target)
    })
    expect(wrong.map(({from, to}) => `${from} imports ${to}`)).toEqual([])
  })

  it('make no cycle', () => {
    expect(findCycle(edges)?.join(' → ')).toBeUndefined()
  })

  it('leave machines and domain without clock, chance or process', () => {
    const pure = modules.filter((module) => ['machines', 'domain'].includes(layerOf(module)))
    expect(pure.length).toBeGreaterThan(25)
    const offences = pure.flatMap((module) => {
      const found = IMPURE.exec(codeOf(sourceOf(module)))
      return found === null ? [] : [`${module} uses ${found[0]}`]
    })
    expect(offences).toEqual([])
  })
})

describe('the check itself', () => {
  const edge = (from: string, specifier: string) => edgesOf(from, `import {x} from '${specifier}'`)[0] as Edge

  it.each([
    ['src/domain/a.ts', 'node:fs'],
    ['src/domain/a.ts', '../ports/clock.ts'],
    ['src/domain/a.ts', 'xstate'],
    ['machines/a.machine.ts', '../src/ports/clock.ts'],
    ['machines/a.machine.ts', 'rxjs'],
    ['src/ports/a.ts', '../engine/engine.ts'],
    ['src/actors/a.ts', 'node:fs'],
    ['src/actors/a.ts', '../engine/engine.ts'],
    ['src/adapters/file/a.ts', 'undici'],
    ['src/adapters/file/a.ts', '../level/keys.ts'],
    ['src/adapters/http/a.ts', 'level'],
    ['src/adapters/file/a.ts', 'dbus-native'],
    ['src/adapters/http/a.ts', '../../engine/engine.ts'],
    ['src/engine/a.ts', '../adapters/http/lane.ts'],
    ['src/engine/a.ts', 'node:path'],
    ['src/namespace/a.ts', '../adapters/http/lane.ts'],
    ['src/namespace/a.ts', 'node:fs'],
    ['src/observe/publish.ts', 'prom-client'],
    ['src/observe/observe.ts', './otel.ts'],
    ['src/platform.ts', './cli/bgt.ts'],
    ['src/platform.ts', 'undici'],
    ['src/cli/a.ts', '../engine/engine.ts'],
    ['src/cli/demo/a.ts', '../../platform.ts'],
    ['src/new-layer/a.ts', '../domain/errors.ts'],
  ])('refuses that %s imports %s', (from, specifier) => {
    expect(isAllowed(edge(from, specifier))).toBe(false)
  })

  it.each([
    ['machines/a.machine.ts', '../src/domain/errors.ts'],
    ['src/adapters/http/a.ts', 'undici'],
    ['src/adapters/level/a.ts', './keys.ts'],
    ['src/cli/demo/a.ts', '../../index.ts'],
    ['src/index.ts', './namespace/handles.ts'],
    ['src/observe/otel.ts', '@opentelemetry/api'],
  ])('allows that %s imports %s', (from, specifier) => {
    expect(isAllowed(edge(from, specifier))).toBe(true)
  })

  it('sees every form of import and nothing in texts and comments', () => {
    const source = `
      import one, {type A, b} from './one.ts'
      import type {C} from './two.ts'
      import * as three from "./three.ts"
      import './four.ts'
      export * from './five.ts'
      export type {
        D,
      } from './six.ts'
      const seven = await import('./seven.ts')
      // import {x} from './no-1.ts'
      /* import {x} from './no-2.ts' */
      const text = "import {x} from './no-3.ts'"
      const template = \`\${1} import './no-4.ts'\`
      const quotes = text.replace(/['"]/g, '')
      import {last} from './eight.ts'
    `
    expect(
      importsOf(source)
        .map(({kind, specifier}) => `${kind} ${specifier}`)
        .sort(),
    ).toEqual(
      [
        'dynamic ./seven.ts',
        'type ./six.ts',
        'type ./two.ts',
        'value ./eight.ts',
        'value ./five.ts',
        'value ./four.ts',
        'value ./one.ts',
        'value ./three.ts',
      ].sort(),
    )
  })

  it('finds a cycle of whatever imports', () => {
    const ring = (third: string) => [
      ...edgesOf('src/domain/a.ts', "import {b} from './b.ts'"),
      ...edgesOf('src/domain/b.ts', "export * from './c.ts'"),
      ...edgesOf('src/domain/c.ts', third),
    ]
    expect(findCycle(ring("import {a} from './a.ts'"))).toHaveLength(4)
    expect(findCycle(ring("import type {a} from './a.ts'"))).toHaveLength(4)
    expect(findCycle(ring("const a = () => import('./a.ts')"))).toHaveLength(4)
  })

  it('sees a clock in code but not in a text, and a date that is given its time', () => {
    expect(IMPURE.test(codeOf('const now = Date.now()'))).toBe(true)
    expect(IMPURE.test(codeOf('const now = new Date( )'))).toBe(true)
    expect(IMPURE.test(codeOf("const text = 'Date.now()' // setTimeout"))).toBe(false)
    expect(IMPURE.test(codeOf('const date = new Date(at)'))).toBe(false)
  })
})
