/** The types of the package, as a consumer has them that asks the compiler for all that it can check. */

import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {entries} from '../docs/api-reference.ts'
import {createProject, type Project} from '../docs/installed-package.ts'
import {sourceOf} from '../layers/module-graph.ts'

const PROGRAM = 'test/types/consumer.ts'

const STRICTEST = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  verbatimModuleSyntax: true,
  // What has no name outside cannot stand in a declaration.
  declaration: true,
  skipLibCheck: false,
}

/** What the program imports by the way of the sources, under the names of the installed package. */
function asConsumer(program: string): string {
  return program
    .replace("'../../src/index.ts'", "'background-transfer'")
    .replace("'../../src/inspect.ts'", "'background-transfer/inspect'")
    .replace("'../../src/observe/otel.ts'", "'background-transfer/otel'")
    .replace("'../../src/observe/prometheus.ts'", "'background-transfer/prometheus'")
}

/** The declarations of xstate 5.33 do not agree with exactOptionalPropertyTypes themselves. What is indented belongs to the line before. */
function areOurs(complaints: readonly string[]): readonly string[] {
  const begins = complaints.map((line) => /^\S/.test(line))
  return complaints.filter((_, at) => !complaints[begins.lastIndexOf(true, at)]?.includes('node_modules/xstate/'))
}

describe('the types of the package', {timeout: 120_000}, () => {
  let project: Project

  beforeAll(async () => {
    project = await createProject()
  })

  afterAll(() => project?.dispose())

  it.each([
    ['NodeNext', 'NodeNext'],
    ['ESNext', 'Bundler'],
  ])('can all be used and named, of modules as %s, resolved as %s', async (module, moduleResolution) => {
    const programs = {'consumer.ts': asConsumer(sourceOf(PROGRAM))}
    expect(areOurs(await project.compile(programs, {...STRICTEST, module, moduleResolution}))).toEqual([])
  })

  it('are not said to be well where the compiler has something else to complain of', async () => {
    const complaints = await project.compile({'empty.ts': 'export {}'}, {types: ['nothing']})
    expect(areOurs(complaints)[0]).toMatch(/^error TS2688: /)
  })

  it('are all in the program that uses them', () => {
    const program = sourceOf(PROGRAM)
    const exported = entries().flatMap(({declarations}) => declarations.map(({name}) => name))
    expect(exported.length).toBeGreaterThan(100)
    expect(exported.filter((name) => !new RegExp(`\\.${name}\\b`).test(program))).toEqual([])
  })
})
