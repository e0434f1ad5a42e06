/** The commands and their flags. Each command's own code is loaded when it is called, and not before. */

import {Argument, Command, CommanderError} from 'commander'
import type {TransferError} from '../domain/errors.ts'
import {shortened} from '../domain/given.ts'
import {LINE_MOVES} from '../domain/line-move.ts'
import {nearest} from '../domain/nearest.ts'
import type {Change, ChangeFlags} from './commands/change.ts'
import type {ChartFlags} from './commands/chart.ts'
import type {DoctorFlags} from './commands/doctor.ts'
import type {ExportFlags} from './commands/export.ts'
import type {InspectFlags} from './commands/inspect.ts'
import type {ListFlags} from './commands/list.ts'
import type {ShowFlags} from './commands/show.ts'
import {EXIT} from './exit-code.ts'
import {assertGroupFlags, collect, json, requesting, store, transferring} from './flags.ts'
import {DETAILS, EXAMPLES} from './help.ts'
import {addHost} from './host-program.ts'
import type {Io} from './io.ts'
import {count, filePath, oneOf, PRIORITIES, parseChecksum, parseUrl, path, usageError} from './parse.ts'
import {addPut} from './put-program.ts'
import {assertText} from './raw-arguments.ts'
import type {RunFlags} from './run-flags.ts'
import type {GetFlags} from './wanted.ts'

/** Resolves with the exit code; rejects with what goes on the error line. */
export async function runProgram(args: readonly string[], version: string, io: Io): Promise<number> {
  let code: number = EXIT.done
  const program = createProgram(version, io, (result) => {
    code = result
  })
  const names = program.commands.map((each) => each.name())
  try {
    assertText(args)
    assertHelpFor(args, names)
    await program.parseAsync(args, {from: 'user'})
    return code
  } catch (thrown) {
    if (thrown instanceof CommanderError)
      return afterCommander(
        thrown,
        names.find((name) => name === args[0]),
      )
    throw thrown
  }
}

/** commander would show the help of all, and say nothing of the mistake. */
function assertHelpFor([first, wanted]: readonly string[], names: readonly string[]): void {
  const known = [...names, 'help', '-h', '--help']
  if (first !== 'help' || wanted === undefined || known.includes(wanted)) return
  const near = nearest(wanted, names)
  throw usageError(
    `unknown command '${shortened(wanted)}'`,
    'help',
    near === undefined ? 'see bgt --help' : `did you mean ${near}?`,
  )
}

function createProgram(version: string, io: Io, finish: (code: number) => void): Command {
  const program = new Command('bgt')
    .description('Downloads and uploads that survive crashes, reboots and bad networks.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // The error line is written where all of them are.
      outputError: () => {},
    })
    .addHelpText('after', EXAMPLES.bgt)

  addGet(program, io, finish)
  addPut(program, io, finish)
  addHost(program, io, finish)

  transferring(program.command('resume [guid...]'))
    .description('go on with everything unfinished that was not paused on purpose, or with the operations named')
    .addHelpText('after', EXAMPLES.resume)
    .action(async (guids: string[], flags: RunFlags) => {
      const {resume} = await import('./commands/resume.ts')
      finish(await resume(io, guids, flags))
    })

  json(store(program.command('list')))
    .description('list every operation of the store')
    .action(async (flags: ListFlags) => {
      const {list} = await import('./commands/list.ts')
      finish(await list(io, flags))
    })

  json(store(program.command('show <guid>')))
    .description('show one operation, and why it is not moving')
    .option('--history', 'and every transition that is kept of it')
    .action(async (guid: string, flags: ShowFlags) => {
      const {show} = await import('./commands/show.ts')
      finish(await show(io, guid, flags))
    })

  const changing = async (guid: string, what: Change, flags: ChangeFlags) => {
    const {change} = await import('./commands/change.ts')
    finish(await change(io, guid, what, flags))
  }
  json(store(program.command('pause <guid>')))
    .description('pause an operation: bgt resume leaves it alone')
    .action((guid: string, flags: ChangeFlags) => changing(guid, {kind: 'pause'}, flags))
  json(store(program.command('unpause <guid>')))
    .description('put a paused operation back in line; bgt resume runs it')
    .action((guid: string, flags: ChangeFlags) => changing(guid, {kind: 'unpause'}, flags))
  json(store(program.command('retry <guid>')))
    .description('end the wait of an operation before its next try; bgt resume runs it')
    .action((guid: string, flags: ChangeFlags) => changing(guid, {kind: 'retry'}, flags))
  json(store(program.command('cancel <guid>')))
    .description('cancel an operation and remove its partial file')
    .action((guid: string, flags: ChangeFlags) => changing(guid, {kind: 'cancel'}, flags))
  json(store(program.command('priority <guid>')))
    .addArgument(new Argument('<priority>').choices(Object.keys(PRIORITIES)))
    .description('give an operation the priority high, default or low')
    .action((guid: string, name: string, flags: ChangeFlags) => {
      const priority = oneOf('priority', PRIORITIES)(name)
      return changing(guid, {kind: 'priority', priority, name}, flags)
    })

  json(store(program.command('move <guid>')))
    .addArgument(new Argument('<where>').choices([...LINE_MOVES, 'before']))
    .argument('[other]', 'with before: the guid of another that waits in the same group')
    .description('move a waiting operation up or down in its group, to first or last, or before another')
    .action(
      (guid: string, to: (typeof LINE_MOVES)[number] | 'before', other: string | undefined, flags: ChangeFlags) => {
        if ((to === 'before') !== (other !== undefined)) {
          throw usageError('before takes the guid of another, and nothing else does', 'move', 'see bgt move --help')
        }
        return changing(guid, {kind: 'move', to, other}, flags)
      },
    )

  json(store(program.command('doctor')))
    .description('say how the store is, and repair it')
    .option('--repair', 'make a new store of what can be saved; the old one is kept aside')
    .option(
      '--search <dir>',
      'with --repair: take lost downloads from the side files in this directory',
      collect<string>(),
    )
    .addHelpText('after', EXAMPLES.doctor)
    .action(async (flags: DoctorFlags) => {
      if (flags.search !== undefined && flags.repair !== true) {
        throw usageError('it searches only to repair', '--search', 'give --repair too')
      }
      const {doctor} = await import('./commands/doctor.ts')
      finish(await doctor(io, flags))
    })

  json(store(program.command('inspect')))
    .description('serve the statechart inspector on 127.0.0.1, and print its address')
    .option('--port <n>', 'the port (default: any free one)', count('--port', 0, 65_535))
    .option('--control', 'take commands from the page too')
    .action(async (flags: InspectFlags) => {
      const {inspect} = await import('./commands/inspect.ts')
      finish(await inspect(io, flags))
    })

  store(program.command('export <guid>'))
    .description('print all that is kept of one operation, masked, as JSON for a report')
    .action(async (guid: string, flags: ExportFlags) => {
      const {exportOperation} = await import('./commands/export.ts')
      finish(await exportOperation(io, guid, flags))
    })

  program
    .command('chart [machine]')
    .description('print the statechart of a machine; without a machine, the names of all')
    .option('--format <format>', 'svg, mermaid or json (default: svg)', oneOf('--format', CHART_FORMATS))
    .option('--dark', 'the picture for a dark page')
    .action(async (machine: string | undefined, flags: ChartFlags) => {
      const {chart} = await import('./commands/chart.ts')
      await chart(io, machine, flags)
    })

  program
    .command('completion')
    .description('print a script that completes bgt in a shell')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', EXAMPLES.completion)
    .action(async (shell: string) => {
      const {completion} = await import('./commands/completion.ts')
      await completion(io, shell, program)
    })

  program
    .command('demo')
    .description('watch a flaky server, a serialized group, a crash and a resume')
    .option('--keep', 'keep the files and the store, and say where they are')
    .option('--inspect', 'serve the inspector on it, and stay until Ctrl-C')
    .action(async ({keep = false, inspect = false}: {keep?: boolean; inspect?: boolean}) => {
      const {runDemo} = await import('./demo/demo.ts')
      const {stdout, env} = io
      finish(await runDemo({keep, inspect, stdout, color: stdout.isTTY === true && (env.NO_COLOR ?? '') === ''}))
    })

  return program
}

function addGet(program: Command, io: Io, finish: (code: number) => void): void {
  requesting(program.command('get [url...]'), {
    what: 'downloads',
    user: 'who you are for the server: over HTTP told when it asks (Basic, Digest), over FTP with the login',
  })
    .description('download files; run it again to go on with what is unfinished')
    .option('-o, --output <file>', 'where to put the one file', filePath('--output'))
    .option(
      '-d, --directory <dir>',
      'the directory for the files (default: the working directory)',
      path('--directory'),
    )
    .option('-i, --input <list>', 'a list of downloads, one "URL [TAB FILE [TAB DIGEST]]" a line; - reads stdin')
    .option('--checksum <digest>', 'sha256=HEX, sha512=HEX, sha1=HEX or md5=HEX of the one file', (text) =>
      parseChecksum(text, '--checksum'),
    )
    .option('--if-exists <what>', 'fail, skip, unique or replace (default: fail)', oneOf('--if-exists', COLLISIONS))
    .option(
      '--ftp-tls <when>',
      'none, explicit or implicit: TLS for ftp URLs (default: none)',
      oneOf('--ftp-tls', FTP_TLS),
    )
    .option(
      '--resume-without-validator',
      'go on where the server names no version, when bytes asked for again are equal',
    )
    .option('--compare-on-resume', 'ask for the last bytes again at each resume, and compare')
    .option('--detach', 'hand the downloads to a host (bgt host), print their guids, and return')
    .option(
      '--connections <n>',
      'for one file, as far as more are faster (default: 1)',
      count('--connections', 1, 1000),
    )
    .option('--mirror <url>', 'another address of the one file (repeatable)', (url: string, others: string[] = []) => [
      ...others,
      parseUrl(url, '--mirror').href,
    ])
    .addHelpText('after', DETAILS.get + EXAMPLES.get)
    .action(async (urls: string[], flags: GetFlags) => {
      if (flags.output !== undefined && flags.directory !== undefined) {
        throw usageError('--output names the directory already', '--directory', 'give the one or the other')
      }
      assertGroupFlags(flags)
      const {wantedBy} = await import('./wanted.ts')
      const wanted = await wantedBy(io, urls, flags)
      const {get: run} = await import('./commands/get.ts')
      finish(await run(io, wanted, flags))
    })
}

const CHART_FORMATS = {svg: 'svg', mermaid: 'mermaid', json: 'json'} as const
const FTP_TLS = {none: 'none', explicit: 'explicit', implicit: 'implicit'} as const
const COLLISIONS = {
  fail: 'failIfExists',
  skip: 'skip',
  unique: 'generateUniqueName',
  replace: 'replaceExisting',
} as const

/** Help is no error; everything else is one line, and exit code 2. */
function afterCommander(error: CommanderError, command: string | undefined): number {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return EXIT.done
  // Without a command its help was shown, on stderr.
  if (error.code === 'commander.help') return error.exitCode === 0 ? EXIT.done : EXIT.usage
  throw usageLine(error, command === undefined ? 'see bgt --help' : `see bgt ${command} --help`)
}

const NO_SUCH_CHOICE = /^command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)$/s

/** commander says `error: what.` and, on a line of its own, `(Did you mean x?)`; what it quotes may have lines, too, and any length. */
function usageLine({message}: CommanderError, help: string): TransferError {
  const [, what = message, hint] = /^error: (.*?)\.?(?:\n\(Did you mean (.*)\?\))?$/s.exec(message) ?? []
  const [, value, argument = '', choices] = NO_SUCH_CHOICE.exec(what) ?? []
  if (value !== undefined) return usageError(`'${shortened(value)}' is not known`, argument, `give one of ${choices}`)
  const shown = what.replace(/'(.*)'/s, (_, quoted: string) => `'${shortened(quoted)}'`)
  return usageError(shown, 'command line', hint === undefined ? help : `did you mean ${hint}?`)
}
