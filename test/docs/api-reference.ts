/**
 * The reference of the public names, read from the sources: what the package's entries export, with the comments above it.
 * It relies on the formatter: a member begins at an indentation of two, and a declaration ends with a line that has none.
 */

import {posix} from 'node:path'
import {sourceOf} from '../layers/module-graph.ts'

type Kind = 'class' | 'function' | 'interface' | 'type' | 'const'

export interface Declaration {
  readonly name: string
  readonly kind: Kind
  readonly about: string
  /** Its lines, the comment left out. */
  readonly lines: readonly string[]
  /** What it extends and nobody can name: its members count as those of this one. */
  readonly hidden: readonly Declaration[]
}

export interface Entry {
  /** As it is imported. */
  readonly specifier: string
  readonly declarations: readonly Declaration[]
}

interface Member {
  readonly signature: string
  readonly about: string
}

const HEADINGS: readonly (readonly [kind: Kind, heading: string])[] = [
  ['class', 'Classes'],
  ['function', 'Functions'],
  ['const', 'Values'],
  ['interface', 'Interfaces'],
  ['type', 'Types'],
]

/** Longer values have pages of their own. */
const LONGEST_VALUE = 60

/** Members that only the package itself can use. */
const INTERNAL =
  /\b(?:Caller|Engine|EngineApi|HeldOperation|OperationDraft|OperationEntry|RandomAccessTarget|ResponseFacts|TaskInstanceOptions)\b|^constructor\(view: |^\[PRINTED\]/

export function apiReference(): string {
  const parts = [
    '# API',
    'Everything that the package exports, with the comments of its source. Made by `npm run api`; do not edit. In tasks instead\nof names: [guides](../guides/embed.md).',
    ...entries().flatMap(({specifier, declarations}) => [
      `## ${specifier}`,
      ...HEADINGS.flatMap(([kind, heading]) =>
        section(
          heading,
          declarations.filter((each) => each.kind === kind),
        ),
      ),
    ]),
  ]
  return `${parts.join('\n\n')}\n`
}

/** One for each entry of the package that is a module. */
export function entries(): readonly Entry[] {
  const {name, exports}: {name: string; exports: Record<string, string | {default: string}>} = JSON.parse(
    sourceOf('package.json'),
  )
  return Object.entries(exports).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return []
    const module = target.default.replace('./dist/', '').replace(/\.js$/, '.ts')
    return [{specifier: posix.join(name, subpath), declarations: exportsOf(module)}]
  })
}

function exportsOf(module: string): readonly Declaration[] {
  const source = sourceOf(module)
  const passedOn = [...source.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'$/gm)].flatMap(
    ([, names = '', specifier = '']) => {
      const from = posix.join(posix.dirname(module), specifier)
      return names
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter((name) => name !== '')
        .map((name) => declarationOf(from, name))
    },
  )
  const own = [...source.matchAll(/^export (?:async )?(?:class|function|interface|type|const) (\w+)/gm)].map(
    ([, name = '']) => declarationOf(module, name),
  )
  return [...passedOn, ...own].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A value and a type of one name are the value, which says more. */
function declarationOf(module: string, name: string): Declaration {
  const lines = sourceOf(module).split('\n')
  for (const kind of ['class', 'function', 'interface', 'const', 'type'] as const) {
    const head = new RegExp(`^export (?:async |abstract )?${kind} ${name}\\b`)
    const at = lines.findIndex((line) => head.test(line))
    if (at === -1) continue
    const own = lines.slice(at, endOf(lines, at) + 1)
    return {name, kind, about: commentAbove(lines, at), lines: own, hidden: hiddenParents(module, own)}
  }
  // Passed on from another module, or imported and named again.
  const passing = new RegExp(`^(?:export|import) (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from '([^']+)'$`, 'm')
  const specifier = passing.exec(lines.join('\n'))?.[1]
  if (specifier === undefined) throw new Error(`${name} is not declared in ${module}`)
  return declarationOf(posix.join(posix.dirname(module), specifier), name)
}

function parentsOf([head = '']: readonly string[]): readonly string[] {
  return (/ extends (.+?)(?: implements .+)? \{/.exec(head)?.[1] ?? '')
    .split(/, (?![^<]*>)/)
    .filter((name) => name !== '')
}

/** Interfaces of the module itself, and abstract classes: none of them has a place of its own. */
function hiddenParents(module: string, own: readonly string[]): readonly Declaration[] {
  const lines = sourceOf(module).split('\n')
  return parentsOf(own).flatMap((name) => {
    for (const kind of ['interface', 'class'] as const) {
      const head = kind === 'class' ? `abstract class ${name} ` : `interface ${name} `
      const at = lines.findIndex((line) => line.startsWith(head))
      if (at === -1) continue
      const parent = lines.slice(at, endOf(lines, at) + 1)
      return [{name, kind, about: '', lines: parent, hidden: hiddenParents(module, parent)}]
    }
    const specifier = new RegExp(`^import \\{[^}]*\\b${name}\\b[^}]*\\} from '([^']+)'$`, 'm').exec(
      sourceOf(module),
    )?.[1]
    if (specifier === undefined) return []
    const from = posix.join(posix.dirname(module), specifier)
    return sourceOf(from).includes(`\nexport abstract class ${name} `) ? [declarationOf(from, name)] : []
  })
}

/** Everything but the last line of a declaration that goes on is indented, or closes what it opened. */
function endOf(lines: readonly string[], start: number): number {
  let end = start
  while (end + 1 < lines.length && /^(?: {2}|[})\]])/.test(lines[end + 1] ?? '')) end += 1
  // A blank line inside a body is followed by what belongs to it.
  const next = lines[end + 2] ?? ''
  return lines[end + 1] === '' && next.startsWith('  ') ? endOf(lines, end + 1) : end
}

function commentAbove(lines: readonly string[], at: number): string {
  if (!lines[at - 1]?.trimEnd().endsWith('*/')) return ''
  let start = at - 1
  while (start > 0 && !lines[start]?.trimStart().startsWith('/**')) start -= 1
  return textOf(lines.slice(start, at))
}

function textOf(comment: readonly string[]): string {
  const text = comment.map((line) => line.replace(/^\s*(?:\/\*\*|\*(?!\/))? ?/, '').replace(/\s*\*\/$/, '')).join(' ')
  // Numbers of rules mean nothing here.
  return text.replaceAll(/ \((?:spec )?[A-Z]?\d+(?:\.\d+)*(?:, (?:spec )?[A-Z]?\d+(?:\.\d+)*)*\)/g, '').trim()
}

function section(heading: string, declarations: readonly Declaration[]): readonly string[] {
  return declarations.length === 0 ? [] : [`### ${heading}`, ...declarations.map(described)]
}

function described(declaration: Declaration): string {
  const {name, kind, about, lines} = declaration
  const parts = [`#### ${name}`, ...(about === '' ? [] : [about])]
  if (kind === 'class' || kind === 'interface') {
    const members = allMembersOf(declaration)
    const list = members.map((each) => `- \`${each.signature}\`${each.about === '' ? '' : `: ${each.about}`}`)
    const parents = parentsOf(lines).filter((parent) => declaration.hidden.every((each) => each.name !== parent))
    if (parents.length > 0) parts.push(`Extends \`${parents.join('`, `')}\`.`)
    if (list.length > 0) parts.push(list.join('\n'))
    return parts.join('\n\n')
  }
  const code = kind === 'function' ? headOf(lines) : lines.length > LONGEST_VALUE ? [`${lines[0]} … }`] : lines
  return [...parts, `\`\`\`typescript\n${code.join('\n').replace(/^export (?:async )?/, '')}\n\`\`\``].join('\n\n')
}

/** Up to the body. */
function headOf(lines: readonly string[]): readonly string[] {
  const last = lines.findIndex((line) => /^\S.* \{$/.test(line))
  return lines.slice(0, last + 1).map((line, index) => (index === last ? line.replace(/ \{$/, '') : line))
}

/** With those of hidden parents, unless it has one of the name itself; what says nothing of itself is what its parent says. */
export function allMembersOf(declaration: Declaration): readonly Member[] {
  const own = membersOf(declaration)
  const inherited = declaration.hidden.flatMap(allMembersOf)
  const aboutOf = new Map(inherited.map((each) => [nameOf(each), each.about]))
  const names = new Set(own.map(nameOf))
  return [
    ...inherited.filter((each) => !names.has(nameOf(each))),
    ...own.map((each) => (each.about === '' ? {...each, about: aboutOf.get(nameOf(each)) ?? ''} : each)),
  ]
}

function nameOf({signature}: Member): string {
  return signature.replace(/^(?:static |readonly )*/, '').split(/[(:?< ]/)[0] ?? ''
}

export function membersOf({kind, lines}: Declaration): readonly Member[] {
  const found: Member[] = []
  let comment: string[] = []
  let overloaded: string | undefined
  for (let at = 1; at < lines.length - 1; at++) {
    const line = lines[at] ?? ''
    if (/^ {2}\/\*\*/.test(line)) {
      comment = []
      for (;;) {
        comment.push(lines[at] ?? '')
        if (lines[at]?.trimEnd().endsWith('*/')) break
        at += 1
      }
      continue
    }
    if (!/^ {2}\S/.test(line)) continue
    const start = at
    // What goes on is indented, or closes a list of parameters.
    while (/^ {3}|^ {2}[)}\]]/.test(lines[at + 1] ?? '') && !(kind === 'class' && opensBody(lines[at] ?? ''))) at += 1
    const hasBody = kind === 'class' && opensBody(lines[at] ?? '')
    const isPublic = !/^ {2}(?:readonly |static |async |get |set )*(?:#|private |protected |\/\/)/.test(line)
    const signature = signatureOf(lines.slice(start, at + 1))
    // What stands behind overloads is how they are done, and not another one.
    const isBehindOverloads = hasBody && overloaded !== undefined && signature.startsWith(`${overloaded}(`)
    if (isPublic && !isBehindOverloads && !INTERNAL.test(signature)) found.push({signature, about: textOf(comment)})
    overloaded = kind === 'class' && !hasBody ? /^(?:static )?\w+(?=\()/.exec(signature)?.[0] : undefined
    comment = []
    if (hasBody) while (lines[at + 1] !== undefined && lines[at] !== '  }') at += 1
  }
  return accessorsAsOne(found)
}

/** `  name(): Type {` or, after a long list of parameters, `  ): Type {`. */
function opensBody(line: string): boolean {
  return /^ {2}\S.*\{$/.test(line) && !/[(=,:]\s*\{$/.test(line)
}

function signatureOf(lines: readonly string[]): string {
  return (
    lines
      .map((line) => line.trim().replace(/^\/\*\*.*\*\/$/, ''))
      .filter((line) => line !== '')
      .join('\n')
      // Members of a type inside it need what the line break said.
      .replaceAll(/(?<=[^\s({[,|&<:=])\n(?=[^\s)}\]|&?:.])/g, '; ')
      .replaceAll('\n', ' ')
      .replace(/ \{$/, '')
      .replaceAll('( ', '(')
      .replaceAll(/,? \)/g, ')')
      .replace(/^(static )?(?:override|abstract) /, '$1')
      .replace(/^(static )?async /, '$1')
      // In place of the default engine, and what comes behind it, only the package itself gives something.
      .replace(/(\w+): (\w+) \| EngineApi = defaultEngine\(\)/, '$1?: $2')
      .replace(/engine: EngineApi = defaultEngine\(\).*(?=\)$)/, '')
      .replaceAll(/ {2,}/g, ' ')
      .trim()
  )
}

/** A getter is a readonly property; with its setter, a property. */
function accessorsAsOne(members: readonly Member[]): readonly Member[] {
  const setterOf = ({signature}: Member) => /^(?:static )?set ([\w$]+)/.exec(signature)?.[1]
  const setters = new Map(
    members.flatMap((each) => (setterOf(each) === undefined ? [] : [[setterOf(each), each] as const])),
  )
  return members.flatMap((member) => {
    if (setterOf(member) !== undefined) return []
    const [, isStatic = '', name, type] = /^(static )?get ([\w$]+)\(\): (.+)$/.exec(member.signature) ?? []
    if (name === undefined) return [member]
    const setter = setters.get(name)
    const about = [member.about, setter?.about ?? ''].filter((text) => text !== '').join(' ')
    return [{signature: `${isStatic}${setter === undefined ? 'readonly ' : ''}${name}: ${type}`, about}]
  })
}
