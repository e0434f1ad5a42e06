/** `bgt chart` and `bgt completion`, as a person and a shell meet them. */

import {spawnSync} from 'node:child_process'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {beforeAll, describe, expect, it} from 'vitest'
import {nearest} from '../../src/domain/nearest.ts'
import {ROOT} from '../layers/module-graph.ts'
import {isInstalled, offered, SHELL_NAMES} from './asked-shells.ts'
import {type BuiltCli, buildCli, ERROR_LINE} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const MACHINES = [
  'application',
  'completionGroup',
  'engine',
  'group',
  'hostIdle',
  'hostLink',
  'hostSession',
  'notificationBatch',
  'operation',
  'origin',
  'part',
  'prefetch',
  'smallFiles',
  'upload',
]

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
    [['chart', 'unicorn'], /give one of application, completionGroup, engine, group, hostIdle, .*upload/],
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

const SHELLS = SHELL_NAMES.map((shell) => ({shell, isThere: isInstalled(shell)}))
const isRequired = process.env.BGT_REQUIRE_PEERS === '1'
for (const {shell, isThere} of SHELLS) {
  if (!isThere && !isRequired)
    console.log(`chart-and-completion.test.ts: ${shell} is left out, because it is not installed`)
}

/** What every shell must offer for a line that ends where the cursor stands. */
const OFFERS: Readonly<Record<string, readonly string[]>> = {
  'bgt re': ['resume', 'retry'],
  'bgt help pri': ['priority'],
  'bgt completion f': ['fish'],
  'bgt priority 01a1 h': ['high'],
  'bgt get --if': ['--if-exists'],
  'bgt get --if-exists ': ['fail', 'replace', 'skip', 'unique'],
  'bgt get --retries ': [],
  'bgt get -o LICEN': ['LICENSE'],
  'bgt get -d LICEN': [],
  'bgt get --directory visualiz': ['visualizations'],
  'bgt put LICEN': ['LICENSE'],
  'bgt put --retries 3 -H LICEN --tus LICEN': ['LICENSE'],
  // A URL follows the file.
  'bgt put LICENSE LICEN': [],
  'bgt put --tus LICENSE --retries 3 LICEN': [],
  'bgt put - LICEN': [],
  'bgt put LICENSE --met': ['--method'],
  'bgt put --met': ['--method'],
  // Behind an argument too.
  'bgt show 01a1 --hi': ['--history'],
  'bgt get one two --ser': ['--serialized'],
  'bgt chart group --format m': ['mermaid'],
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
  })

  for (const {shell, isThere} of SHELLS) {
    it.skipIf(!isThere && !isRequired)(`${shell} offers commands, flags, words, files and directories`, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'completion-'))
      try {
        const file = join(directory, 'script')
        await writeFile(file, (await cli.run(['completion', shell])).stdout)
        expect(spawnSync(shell, ['-n', file], {encoding: 'utf8'})).toMatchObject({status: 0, stderr: ''})
        expect(offered(shell, file, Object.keys(OFFERS))).toEqual(OFFERS)
      } finally {
        await rm(directory, {recursive: true})
      }
    })
  }

  it('refuses another shell', async () => {
    const {code, lines} = await cli.run(['completion', 'tcsh'])
    expect(code).toBe(2)
    expect(lines).toEqual([expect.stringContaining('bash, zsh, fish')])
  })
})
