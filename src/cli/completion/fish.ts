/** The completion script for fish. */

import type {CommandLine, CommandShape, FlagShape} from './command-line.ts'

export function fishScript({commands, flags}: CommandLine): string {
  const names = commands.map(({name}) => name).join(' ')
  const first = `not __fish_seen_subcommand_from ${names}`
  const lines = [
    '# fish completion for bgt: put it into ~/.config/fish/completions, as bgt.fish',
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
    ...(takesFile ? [`complete -c bgt -n ${quoted(when)} -F`] : []),
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
