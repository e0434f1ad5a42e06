/** The completion script for fish. */

import {type CommandLine, type CommandShape, type FlagShape, namesWithValue} from './command-line.ts'

/** No argument stands between the command and the cursor; what is given are flags that take a value. */
const IS_FIRST = `function __bgt_is_first -a command
  set -l words (commandline -opc)
  set -l at (contains -i -- $command $words); or return 1
  set -l value 0
  for word in $words[(math $at + 1)..-1]
    if test $value = 1
      set value 0
    else if contains -- "$word" $argv[2..-1]
      set value 1
    else if not string match -qr -- '^-.' "$word"
      return 1
    end
  end
end`

export function fishScript({commands, flags}: CommandLine): string {
  const names = commands.map(({name}) => name).join(' ')
  const first = `not __fish_seen_subcommand_from ${names}`
  const lines = [
    '# fish completion for bgt: put it into ~/.config/fish/completions, as bgt.fish',
    IS_FIRST,
    'complete -c bgt -f',
    ...commands.map(
      ({name, description}) => `complete -c bgt -n ${quoted(first)} -a ${name} -d ${quoted(description)}`,
    ),
    ...flags.map((flag) => flagLine(first, flag)),
    ...commands.flatMap(commandLines),
  ]
  return lines.join('\n')
}

function commandLines({name, flags, takesFile, words}: CommandShape): readonly string[] {
  const when = `__fish_seen_subcommand_from ${name}`
  const choices = words.flat().join(' ')
  return [
    ...flags.map((flag) => flagLine(when, flag)),
    ...(takesFile
      ? [`complete -c bgt -n ${quoted(`__bgt_is_first ${name} ${namesWithValue(flags).join(' ')}`)} -F`]
      : []),
    ...(choices === '' ? [] : [`complete -c bgt -n ${quoted(when)} -a ${quoted(choices)}`]),
  ]
}

function flagLine(when: string, {short, long, description, value}: FlagShape): string {
  const names = `${short === undefined ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`
  const about = `-d ${quoted(description)}`
  const taken = {
    none: '',
    any: ' -x',
    file: ' -r -F',
    directory: " -x -a '(__fish_complete_directories)'",
    words: value.kind === 'words' ? ` -x -a ${quoted(value.words.join(' '))}` : '',
  }[value.kind]
  return `complete -c bgt -n ${quoted(when)} ${names} ${about}${taken}`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
