/** `bgt chart` and `bgt completion`, as a person and a shell meet them. */

import {execFileSync, spawnSync} from 'node:child_process'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {nearest} from '../../src/cli/nearest.ts'
import {ROOT} from '../layers/module-graph.ts'
import {type BuiltCli, buildCli, ERROR_LINE} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
}, 60_000)

afterAll(() => cli.dispose())

const MACHINES = ['completionGroup', 'engine', 'group', 'operation', 'origin', 'upload']

describe('bgt chart', () => {
  it('names the machines', async () => {
    expect((await cli.run(['chart'])).stdout.split('\n')).toEqual([...MACHINES, ''])
  })

  it.each([
    [[], 'light.svg'],
    [['--dark'], 'dark.svg'],
    [['--format', 'svg'], 'light.svg'],
    [['--format', 'mermaid'], 'mmd'],
    [['--format', 'json'], 'chart.json'],
  ])('%j prints the file that is shipped', async (flags, ending) => {
    const {code, stdout} = await cli.run(['chart', 'group', ...flags])
    expect(code).toBe(0)
    expect(stdout.trimEnd()).toBe((await readFile(join(ROOT, 'visualizations', `group.${ending}`), 'utf8')).trimEnd())
  })

  it.each([
    [['chart', 'operatoin'], /there is no machine 'operatoin' \(chart\): did you mean operation\?/],
    [['chart', 'unicorn'], /give one of completionGroup, engine, group, operation, origin, upload/],
    [['chart', '../package'], /there is no machine/],
    [['chart', 'group', '--format', 'png'], /--format.*svg, mermaid, json/],
    [['chart', 'group', '--format', 'json', '--dark'], /--dark/],
    [['chart', '--fromat', 'svg'], /did you mean --format/],
    [['cahrt'], /did you mean chart/],
  ])('refuses %j with 2', async (args, says) => {
    const {code, lines, stdout} = await cli.run(args)
    expect({code, stdout}).toEqual({code: 2, stdout: ''})
    expect(lines).toEqual([expect.stringMatching(ERROR_LINE)])
    expect(lines[0]).toMatch(says)
  })
})

describe('the nearest word', () => {
  it.each([
    ['operation', 'operation'],
    ['Operation', 'operation'],
    ['operatons', 'operation'],
    ['grop', 'group'],
    ['enigne', 'engine'],
    ['', undefined],
    ['xyz', undefined],
  ])('to %j is %j', (word, expected) => {
    expect(nearest(word, MACHINES)).toBe(expected)
  })
})

const SHELLS = ['bash', 'zsh', 'fish'].map((shell) => ({
  shell,
  isThere: spawnSync(shell, ['-c', 'exit 0']).status === 0,
}))
for (const {shell, isThere} of SHELLS) {
  if (!isThere) console.warn(`the completion script for ${shell} is not tried: there is no ${shell}`)
}

describe('bgt completion', () => {
  it.each(SHELLS)('$shell names every command and every long flag of the help', async ({shell}) => {
    const {code, stdout} = await cli.run(['completion', shell])
    expect(code).toBe(0)
    const {stdout: help} = await cli.run(['--help'])
    const commands = [...(/Commands:\n([\s\S]*?)\n\n/.exec(help)?.[1] ?? '').matchAll(/^ {2}(\w+)/gm)].map(
      ([, name]) => name,
    )
    const {stdout: getHelp} = await cli.run(['get', '--help'])
    const flags = [...getHelp.matchAll(/^ {2}(?:-\w, )?--([\w-]+).*$/gm)]
      .filter(([line]) => !line.includes('not in this version'))
      .map(([, name]) => name)
    expect(commands.length).toBeGreaterThan(10)
    expect(flags.length).toBeGreaterThan(20)
    for (const name of [...commands, ...flags]) expect(stdout).toContain(name)
    expect(stdout).not.toContain('detach')
  })

  it.each(SHELLS)('$shell can read its script', async ({shell, isThere}) => {
    const {stdout} = await cli.run(['completion', shell])
    if (!isThere) {
      expect(stdout).toContain('bgt')
      return
    }
    // fish reads no script from a pipe to check it.
    const directory = await mkdtemp(join(tmpdir(), 'completion-'))
    const file = join(directory, 'script')
    await writeFile(file, stdout)
    expect(spawnSync(shell, ['-n', file], {encoding: 'utf8'})).toMatchObject({status: 0, stderr: ''})
    await rm(directory, {recursive: true})
  })

  it('refuses another shell', async () => {
    const {code, lines} = await cli.run(['completion', 'tcsh'])
    expect(code).toBe(2)
    expect(lines).toEqual([expect.stringContaining('bash, zsh, fish')])
  })

  /** What bash would offer. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const {stdout} = await cli.run(['completion', 'bash'])
    const line = words.map((word) => `'${word}'`).join(' ')
    const asks = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _bgt; printf '%s\\n' "\${COMPREPLY[@]}"`
    const text = execFileSync('bash', ['--norc', '-c', `${stdout}\n${asks}`], {cwd: ROOT, encoding: 'utf8'})
    return text.split('\n').filter((each) => each !== '')
  }

  it('offers commands, flags, words, files and directories in bash', async () => {
    expect(await offered('bgt', 're')).toEqual(['resume', 'retry'])
    expect(await offered('bgt', 'get', '--if')).toEqual(['--if-exists'])
    expect(await offered('bgt', 'get', '--if-exists', '')).toEqual(['fail', 'unique', 'replace'])
    expect(await offered('bgt', 'chart', 'group', '--format', 'm')).toEqual(['mermaid'])
    expect(await offered('bgt', 'completion', 'f')).toEqual(['fish'])
    expect(await offered('bgt', 'priority', '01a1', 'h')).toContain('high')
    expect(await offered('bgt', 'get', '-o', 'LICEN')).toEqual(['LICENSE'])
    expect(await offered('bgt', 'get', '--directory', 'LICEN')).toEqual([])
    expect(await offered('bgt', 'get', '-d', 'visualiz')).toEqual(['visualizations'])
    expect(await offered('bgt', 'get', '--retries', '')).toEqual([])
  })
})
