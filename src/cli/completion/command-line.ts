/** What can stand on the command line, read off the program itself: what the completion scripts are made of. */

import type {Command, Option} from 'commander'

export interface CommandLine {
  readonly commands: readonly CommandShape[]
  /** Flags of `bgt` itself. */
  readonly flags: readonly FlagShape[]
}

export interface CommandShape {
  readonly name: string
  readonly description: string
  readonly flags: readonly FlagShape[]
  /** Its first argument is a file. */
  readonly takesFile: boolean
  /** What its arguments may be, where that is a closed set; one list for each argument. */
  readonly words: readonly (readonly string[])[]
}

export interface FlagShape {
  /** -o */
  readonly short: string | undefined
  /** --output */
  readonly long: string
  readonly description: string
  readonly value: FlagValue
}

export type FlagValue =
  | {readonly kind: 'none' | 'any' | 'file' | 'directory'}
  | {readonly kind: 'words'; readonly words: readonly string[]}

const HELP: FlagShape = {short: '-h', long: '--help', description: 'show help', value: {kind: 'none'}}

export function commandLineOf(program: Command): CommandLine {
  const commands = program.commands.map(shapeOf)
  const names = commands.map(({name}) => name)
  const help = {name: 'help', description: 'show help for a command', flags: [], takesFile: false, words: [names]}
  return {commands: [...commands, help], flags: [...flagsOf(program), HELP]}
}

/** Behind these a word is no argument. */
export function namesWithValue(flags: readonly FlagShape[]): readonly string[] {
  const taking = flags.filter(({value}) => value.kind !== 'none')
  return taking.flatMap(({short, long}) => (short === undefined ? [long] : [short, long]))
}

function shapeOf(command: Command): CommandShape {
  return {
    name: command.name(),
    description: command.description(),
    flags: [...flagsOf(command), HELP],
    takesFile: command.registeredArguments[0]?.name() === 'file',
    words: command.registeredArguments.map(({argChoices}) => argChoices ?? []),
  }
}

function flagsOf(command: Command): readonly FlagShape[] {
  return command.options.map((option) => ({
    short: option.short,
    long: option.long ?? `--${option.name()}`,
    description: option.description,
    value: valueKind(option),
  }))
}

/** The name of the value says what it is, as it does to who reads the help. */
function valueKind({flags, parseArg, required, optional}: Option): FlagValue {
  if (!required && !optional) return {kind: 'none'}
  const words = wordsOf(parseArg)
  if (words !== undefined) return {kind: 'words', words}
  const name = /<(.+)>$/.exec(flags)?.[1]
  if (name === 'dir') return {kind: 'directory'}
  return {kind: name === 'file' || name === 'list' ? 'file' : 'any'}
}

/** The parsers of `oneOf` say what they take. */
function wordsOf(parser: unknown): readonly string[] | undefined {
  if (typeof parser !== 'function' || !('words' in parser) || !Array.isArray(parser.words)) return undefined
  return parser.words.map(String)
}
