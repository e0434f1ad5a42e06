/** The names of the tests cite the namespace's facts; docs/reference/conformance.md is made of them. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {ROOT} from '../layers/module-graph.ts'
import {conformance, conformancePage, strayCitations, unexpectedlyPending} from './conformance.ts'
import {REASONS} from './conformance-reasons.ts'
import {namesIn} from './test-names.ts'

describe('the facts of the namespace', () => {
  const facts = conformance()

  it('are 285 items, 36 stories, 70 transitions and 10 invariants', () => {
    const count = (prefix: RegExp) => facts.filter(({id}) => prefix.test(id)).length
    expect(facts.length).toBe(285 + 36 + 70 + 10)
    expect([/^\d/, /^story/, /^[DU]/, /^invariant/].map(count)).toEqual([285, 36, 70, 10])
  })

  it('are the only ones that tests cite', () => {
    expect(strayCitations()).toEqual([])
  })

  it('need a reason only where there is one to give', () => {
    const known = new Set(facts.map(({id}) => id))
    expect(Object.keys(REASONS).filter((id) => !known.has(id))).toEqual([])
  })

  it('have a test each, or a reason why not', () => {
    expect(unexpectedlyPending(facts)).toEqual([])
  })

  it('stand in docs/reference/conformance.md with their tests (npm run conformance)', async () => {
    await expect(conformancePage(facts)).toMatchFileSnapshot(join(ROOT, 'docs', 'reference', 'conformance.md'))
  })

  it('have a row each', () => {
    const rows = conformancePage(facts).match(/^\| [DU]?\d+ \|/gm)
    expect(rows?.length).toBe(facts.length)
  })
})

describe('the scanner of test names', () => {
  const source = `
    // it('in a comment', () => {})
    const ROWS = [['D4', 1], ['D5', 2]] as const
    describe('17.C pause (and "resume")', () => {
      it('61, 64–66. says \\'no\\'', () => { expect(\`it('in a text', \${f(')')})\`).toBe(/\\)'/) })
      it.each<[string, () => void]>([['7. a row', f], ['no number', f]])('%s of a table', async (_, f) => {})
      describe.skipIf(missing(')'))('deeper', () => { it.each(ROWS)('%s started', () => {}) })
    })
    test('outside', () => {})
    it(\`story 31: flat memory\`, {timeout: 1}, () => {})
    api.it('not ours')
  `

  it('finds titles with what is around them, and the rows of tables that tell', () => {
    const within = '17.C pause (and "resume")'
    expect(namesIn('a.test.ts', source).map(({within: around, title}) => [...around, title])).toEqual([
      [within, "61, 64–66. says 'no'"],
      [within, '7. a row of a table'],
      [within, 'deeper', 'D4 started'],
      [within, 'deeper', 'D5 started'],
      ['outside'],
      ['story 31: flat memory'],
    ])
  })

  it('reads citations as they are written', () => {
    const shown = (id: string) => conformance(namesIn('a.test.ts', source)).find((each) => each.id === id)?.tests.length
    expect(['61', '64', '65', '66', '7', 'D4', 'D5', 'story 31'].map(shown)).toEqual(Array(8).fill(1))
    expect(['62', '4', 'D6', 'story 3'].map(shown)).toEqual(Array(4).fill(0))
  })
})
