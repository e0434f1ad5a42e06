/** Advice is in the words of whoever asks: a program has options and calls, a person at a command line has flags and commands. */

import {describe, expect, it} from 'vitest'
import {adviceOf} from '../../src/cli/advice.ts'
import {ERROR_CODES, type ErrorCode} from '../../src/domain/error-codes.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {modulesBelow, sourceOf} from './module-graph.ts'

const CODES = Object.keys(ERROR_CODES) as ErrorCode[]
const STATUSES = Array.from({length: 200}, (_, index) => 400 + index)

/** With what it says for each status, and each verdict. */
const ERRORS: readonly (readonly [name: string, error: TransferError])[] = [
  ...CODES.map((code) => [code, new TransferError(code, 'it failed')] as const),
  ...STATUSES.flatMap((status) =>
    (['never', 'backoff'] as const).map(
      (retry) =>
        [`${status}, ${retry}`, new TransferError('HTTP_STATUS', 'it failed', {retry, details: {status}})] as const,
    ),
  ),
]

const FLAG = /(?<![\w-])--[a-z][a-z-]*/g

describe('advice', () => {
  it('for programs names no flag and no command that is to be run again', () => {
    const wrong = ERRORS.filter(([, {advice}]) => advice.match(FLAG) !== null || /command|bgt (?!host)/.test(advice))
    expect(wrong.map(([name, {advice}]) => [name, advice])).toEqual([])
  })

  it('that the engine gives by itself names no flag of a command', () => {
    // Of Node.js, and beside the word for a program.
    const allowed = new Set(['--permission', '--proxy'])
    const wrong = modulesBelow('src')
      .filter((module) => !module.startsWith('src/cli/'))
      .flatMap((module) =>
        [...sourceOf(module).matchAll(/(?:advice|FILE_ACCESS|DISK_FULL): ['"`](.*)['"`]/gi)].flatMap(([, text = '']) =>
          (text.match(FLAG) ?? []).filter((flag) => !allowed.has(flag)).map((flag) => `${module}: ${flag}`),
        ),
      )
    expect(wrong).toEqual([])
  })

  it('for a command line names flags that commands have', () => {
    const reference = sourceOf('docs/reference/cli.md')
    const flags = new Set(ERRORS.flatMap(([, error]) => adviceOf(error).match(FLAG) ?? []))
    expect([...flags].filter((flag) => flag !== '--help' && !reference.includes(`\`${flag}`))).toEqual([])
    expect(flags.size).toBeGreaterThan(5)
  })

  it('for a command line names no option and no call of the library, but of what only a program brings', () => {
    // Every name of two words is one of the library’s.
    const names = /\b[a-z]+[A-Z]\w*|\w\(\)|\btls\.|\boptions?\b|\bcollision\b/
    const wrong = ERRORS.filter(([, error]) => names.test(adviceOf(error)))
    expect(wrong.map(([name]) => name)).toEqual([
      'COOKIES_FAILED',
      'PROVIDER_FAILED',
      'PROVIDER_TIMEOUT',
      'TASK_TIMED_OUT',
    ])
  })

  it('is a sentence of its own, with no word too many', () => {
    const odd = /\b(\w+) \1\b|\b(?:and|or|but) (?:and|or|but)\b|^[A-Z]|\.$/
    const wrong = ERRORS.flatMap(([, error]) => [error.advice, adviceOf(error)]).filter((advice) => odd.test(advice))
    expect(wrong).toEqual([])
  })

  it('that is given where an error is made leaves an error as it is', () => {
    const error = new TransferError('FILE_EXISTS', 'this is a directory', {advice: 'name a file in it'})
    expect(adviceOf(error)).toBe('name a file in it')
  })
})
