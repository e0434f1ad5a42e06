/** docs/reference/api.md is what the sources say: `npm run api` writes it anew. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import * as api from '../../src/index.ts'
import {
  BackgroundDownloader,
  BackgroundTransferEngine,
  BackgroundTransferGroup,
  DownloadOperation,
  ResponseInformation,
  ToastNotification,
} from '../../src/index.ts'
import {ROOT, sourceOf} from '../layers/module-graph.ts'
import {allMembersOf, apiReference, type Declaration, entries, membersOf} from './api-reference.ts'

const [main] = entries()

/** Takes or gives what only the package has. */
const INTERNAL = ['of', 'belongsTo', 'fromDraft', 'fromEntry', 'isOf', 'exempt']

function declaration(name: string): Declaration {
  const found = main?.declarations.find((each) => each.name === name)
  if (found === undefined) throw new Error(`${name} is not exported`)
  return found
}

/** For those that extend them alone. */
const PROTECTED = ['transfer-settings', 'transfer-operation'].flatMap((name) =>
  [...sourceOf(`src/namespace/${name}.ts`).matchAll(/^ {2}protected (?:async |get )?(\w+)/gm)].map(
    ([, member]) => member,
  ),
)

/** What an object has its members from. */
function prototypesOf(prototype: object): readonly object[] {
  return prototype === Object.prototype ? [] : [prototype, ...prototypesOf(Object.getPrototypeOf(prototype))]
}

describe('docs/reference/api.md', () => {
  it('is what the sources say', async () => {
    await expect(apiReference()).toMatchFileSnapshot(join(ROOT, 'docs', 'reference', 'api.md'))
  })

  it('has every value that the package exports', () => {
    const names = main?.declarations.map(({name}) => name)
    expect(names).toEqual(expect.arrayContaining(Object.keys(api)))
    expect(new Set(names).size).toBe(names?.length)
  })

  it.each([
    BackgroundTransferEngine,
    BackgroundDownloader,
    DownloadOperation,
    BackgroundTransferGroup,
    ResponseInformation,
    ToastNotification,
  ])('has every public member of %o', (type) => {
    const named = [
      ...prototypesOf(type.prototype).flatMap(Object.getOwnPropertyNames),
      ...Object.getOwnPropertyNames(type),
    ].filter((name) => !['constructor', 'length', 'name', 'prototype', ...INTERNAL, ...PROTECTED].includes(name))
    const text = allMembersOf(declaration(type.name)).map(({signature}) => signature)
    expect(text.length).toBeGreaterThan(3)
    for (const name of named)
      expect(
        text.some((each) => each.split(/[^\w$]/).includes(name)),
        name,
      ).toBe(true)
    expect(text.join('\n')).not.toMatch(/#|private /)
  })

  it('has no signature that ends before its end', () => {
    const types = entries().flatMap(({declarations}) =>
      declarations.filter(({kind}) => /^(class|interface)$/.test(kind)),
    )
    expect(types.flatMap(membersOf).filter(({signature}) => /[({[,:]$|\(,/.test(signature))).toEqual([])
  })

  it.each([
    ['BackgroundDownloader', 'constructor(completionGroup?: BackgroundTransferCompletionGroup)'],
    ['BackgroundUploader', 'constructor(completionGroup?: BackgroundTransferCompletionGroup)'],
    ['BackgroundTransferCompletionGroup', 'constructor()'],
    ['BackgroundTaskBuilder', 'constructor()'],
    ['BackgroundTransferContentPart', 'constructor(name?: string, fileName?: string)'],
    ['EndedUpload', undefined],
  ])('says how an application makes a %s', (name, expected) => {
    const signatures = membersOf(declaration(name)).map(({signature}) => signature)
    expect(signatures.find((each) => each.startsWith('constructor'))).toBe(expected)
  })
})
