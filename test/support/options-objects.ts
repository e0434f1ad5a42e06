/**
 * Where the public API takes objects whose members it names, as the compiler sees it. Its interface for programs may change with any
 * version, and is used nowhere else.
 */

import {join} from 'node:path'
import type {Symbol as Named, Project, Type} from 'typescript/unstable/sync'
import {ROOT} from '../layers/module-graph.ts'

const ENTRIES = ['src/index.ts', 'src/inspect.ts', 'src/observe/otel.ts', 'src/observe/prometheus.ts']

const MADE_OF_OTHERS = /^(?:Omit|Partial|Pick|Required|Readonly)</
const LISTS = /^(?:Async)?Iterable</

type Compiler = typeof import('typescript/unstable/sync')

/**
 * Each place as `Class.member(parameter)` or `function(parameter)`, and those within as `….member`. Types of other packages, classes
 * and those that `isOther` names are none.
 */
export async function optionsObjects(isOther: (type: string) => boolean): Promise<readonly string[]> {
  const before = new Set(process.listeners('exit'))
  const compiler = await import('typescript/unstable/sync')
  const api = new compiler.API({cwd: ROOT})
  try {
    const [project] = api.updateSnapshot({openProjects: [join(ROOT, 'tsconfig.json')]}).getProjects()
    if (project === undefined) throw new Error('there is no project')
    return new Walk(compiler, project, isOther).found()
  } finally {
    api.close()
    // It would wait for the end of this process, which it shares with others.
    for (const each of process.listeners('exit')) if (!before.has(each)) process.off('exit', each)
  }
}

class Walk {
  readonly #compiler: Compiler
  readonly #project: Project
  readonly #isOther: (type: string) => boolean
  readonly #found = new Set<string>()

  constructor(compiler: Compiler, project: Project, isOther: (type: string) => boolean) {
    this.#compiler = compiler
    this.#project = project
    this.#isOther = isOther
  }

  found(): readonly string[] {
    const {checker, program} = this.#project
    for (const entry of ENTRIES) {
      const file = program.getSourceFile(join(ROOT, entry))
      const module = file === undefined ? undefined : checker.getSymbolAtLocation(file)
      if (module === undefined) throw new Error(`${entry} is no module`)
      for (const exported of checker.getExportsOfModule(module)) this.#exported(exported)
    }
    return [...this.#found].sort()
  }

  #exported(exported: Named): void {
    const {checker} = this.#project
    const {SymbolFlags, SignatureKind} = this.#compiler
    const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    const value = checker.getTypeOfSymbol(symbol)
    if (symbol.flags & SymbolFlags.Function) this.#calls(symbol.name, value)
    if ((symbol.flags & SymbolFlags.Class) === 0 || value === undefined) return
    this.#calls(`new ${symbol.name}`, value, SignatureKind.Construct)
    for (const type of [value, checker.getDeclaredTypeOfSymbol(symbol)]) {
      for (const member of checker.getPropertiesOfType(type).filter((each) => this.#isPublic(each))) {
        const name = `${symbol.name}.${member.name}`
        if (member.flags & SymbolFlags.Method) this.#calls(name, checker.getTypeOfSymbol(member))
        if (member.flags & SymbolFlags.SetAccessor) this.#look(name, checker.getTypeOfSymbol(member))
      }
    }
  }

  #isPublic({name, declarations = []}: Named): boolean {
    const {Private, Protected} = this.#compiler.ModifierFlags
    if (name.includes('#')) return false
    return declarations.every((each) => {
      const {modifierFlags = 0} = (each.resolve(this.#project) ?? {}) as {readonly modifierFlags?: number}
      return (modifierFlags & (Private | Protected)) === 0
    })
  }

  #calls(name: string, type: Type | undefined, kind = this.#compiler.SignatureKind.Call): void {
    const {checker} = this.#project
    for (const signature of type === undefined ? [] : checker.getSignaturesOfType(type, kind)) {
      for (const each of signature.getParameters()) this.#look(`${name}(${each.name})`, checker.getTypeOfSymbol(each))
    }
  }

  #look(place: string, type: Type | undefined): void {
    if (type === undefined || this.#found.has(place)) return
    const {checker} = this.#project
    if (type.isUnionType()) {
      for (const each of type.getTypes()) this.#look(place, each)
      return
    }
    const text = checker.typeToString(type)
    if (type.isIntersectionType()) {
      // Not a text or number with a brand.
      if (type.getTypes().every((each) => each.isObjectType())) this.#object(place, type, text)
      return
    }
    if (!type.isObjectType()) return
    if (checker.isTupleType(type) || checker.isArrayLikeType(type) || LISTS.test(text)) {
      for (const each of type.isTypeReference() ? checker.getTypeArguments(type) : []) this.#look(`${place}[]`, each)
      return
    }
    const symbol = type.getAliasSymbol() ?? type.getSymbol()
    const isClass = symbol !== undefined && (symbol.flags & this.#compiler.SymbolFlags.Class) !== 0
    const isOurs = symbol === undefined || MADE_OF_OTHERS.test(text) || isDeclaredHere(symbol)
    if (!isClass && isOurs) this.#object(place, type, text)
  }

  #object(place: string, type: Type, text: string): void {
    const {checker} = this.#project
    const isFunction = checker.getSignaturesOfType(type, this.#compiler.SignatureKind.Call).length > 0
    const members = checker.getPropertiesOfType(type)
    // One without members has them by any name.
    if (isFunction || members.length === 0 || this.#isOther(text)) return
    this.#found.add(place)
    for (const each of members) this.#look(`${place}.${each.name}`, checker.getTypeOfSymbol(each))
  }
}

function isDeclaredHere({declarations}: Named): boolean {
  return declarations?.some(({path}) => path.startsWith(join(ROOT, 'src'))) ?? false
}
