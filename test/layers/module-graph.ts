/**
 * Reads the import statements of the source: who imports what, and in which way. A small scanner, not a compiler: comments
 * are blanked and texts stand aside, so that nothing inside them counts as code.
 */

import {readdirSync, readFileSync} from 'node:fs'
import {dirname, join, posix, relative} from 'node:path'
import {fileURLToPath} from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Import {
  /** As written: ./x.ts, rxjs, node:fs. */
  readonly specifier: string
  /** type: erased by the compiler. dynamic: loaded when it is called. */
  readonly kind: 'value' | 'type' | 'dynamic'
}

export interface Edge extends Import {
  /** Path from the repository's root, with forward slashes. */
  readonly from: string
  /** The same for a module of ours; else the package's name, or the built-in with its `node:`. */
  readonly to: string
}

/** Every TypeScript file below these folders, from the repository's root. */
export function modulesBelow(...folders: readonly string[]): readonly string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), {recursive: true, withFileTypes: true})
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
        .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/')),
    )
    .sort()
}

export function sourceOf(module: string): string {
  return readFileSync(join(ROOT, module), 'utf8')
}

export function edgesOf(module: string, source: string): readonly Edge[] {
  return importsOf(source).map((each) => ({...each, from: module, to: resolveFrom(module, each.specifier)}))
}

function resolveFrom(module: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(module), specifier))
  if (specifier.startsWith('node:')) return specifier
  const [first = '', second = ''] = specifier.split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

// In what `tokenless` leaves, a quoted number stands for each text.
const STATEMENT = /\b(?:import|export)\s+(type\s+)?[\w$*{][\w$*{}\s,]*?\s*from\s*"(\d+)"/g
const BARE = /\bimport\s*"(\d+)"/g
const CALL = /\bimport\s*\(\s*"(\d+)"/g

export function importsOf(source: string): readonly Import[] {
  const {code, texts} = tokenless(source)
  const text = (index: string | undefined) => texts[Number(index)] ?? ''
  return [
    ...[...code.matchAll(STATEMENT)].map(
      ([, type, index]): Import => ({specifier: text(index), kind: type === undefined ? 'value' : 'type'}),
    ),
    ...[...code.matchAll(BARE)].map(([, index]): Import => ({specifier: text(index), kind: 'value'})),
    ...[...code.matchAll(CALL)].map(([, index]): Import => ({specifier: text(index), kind: 'dynamic'})),
  ]
}

/** What runs: no comments, no texts. */
export function codeOf(source: string): string {
  return tokenless(source).code
}

export const COMMENT = String.raw`\/\/[^\n]*|\/\*[^]*?\*\/`
const TEMPLATE = '`(?:[^`\\\\]|\\\\[^])*`'
export const QUOTED = String.raw`'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"`
/** After these a slash begins a regular expression, which may hold quotes. */
export const REGEX = String.raw`(?<=[(,=:[!&|?{};\n]\s*|\breturn\s+)\/(?![*/\s])(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[dgimsuvy]*`
const TOKEN = new RegExp(`(${COMMENT}|${TEMPLATE}|${REGEX})|(${QUOTED})`, 'g')

/** Templates go whole, with the code in their placeholders: nothing is imported there. */
function tokenless(source: string): {readonly code: string; readonly texts: readonly string[]} {
  const texts: string[] = []
  const code = source.replace(TOKEN, (_, blanked: string | undefined, quoted: string | undefined) =>
    blanked === undefined ? `"${texts.push(quoted?.slice(1, -1) ?? '') - 1}"` : ' ',
  )
  return {code, texts}
}

/** One cycle of imports, of whatever kind, as the modules on it; undefined when there is none. */
export function findCycle(edges: readonly Edge[]): readonly string[] | undefined {
  const next = new Map<string, string[]>()
  for (const {from, to} of edges) next.set(from, [...(next.get(from) ?? []), to])
  const done = new Set<string>()
  const path: string[] = []
  const visit = (module: string): readonly string[] | undefined => {
    if (path.includes(module)) return [...path.slice(path.indexOf(module)), module]
    if (done.has(module)) return undefined
    path.push(module)
    for (const target of next.get(module) ?? []) {
      const cycle = visit(target)
      if (cycle !== undefined) return cycle
    }
    path.pop()
    done.add(module)
    return undefined
  }
  for (const module of next.keys()) {
    const cycle = visit(module)
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** The folder that decides what a module may import. */
export function layerOf(module: string): string {
  if (module.startsWith('machines/')) return 'machines'
  const [, first = '', second = ''] = module.split('/')
  if (second === '') return dirname(module) === 'src' ? 'roots' : first
  return first === 'adapters' ? `adapters/${second}` : first
}
