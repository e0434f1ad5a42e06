/** The completion script for zsh. */

import type {CommandLine, CommandShape, FlagShape} from './command-line.ts'

export function zshScript({commands, flags}: CommandLine): string {
  return `#compdef bgt
# zsh completion for bgt: put it into a directory of $fpath, as _bgt
_bgt() {
  local context state line
  typeset -A opt_args
  _arguments -C \\
${flags.map((flag) => `    ${flagSpec(flag)} \\`).join('\n')}
    '1: :->command' \\
    '*:: :->rest'
  case $state in
    command)
      local -a commands
      commands=(
${commands.map(({name, description}) => `        ${quoted(`${name}:${escaped(description)}`)}`).join('\n')}
      )
      _describe command commands
      ;;
    rest)
      case $line[1] in
${commands.map(commandCase).join('\n')}
      esac
      ;;
  esac
}
if [ "$funcstack[1]" = _bgt ]; then _bgt "$@"; else compdef _bgt bgt; fi`
}

function commandCase({name, flags, takesFile, words}: CommandShape): string {
  const specs = [
    ...flags.map(flagSpec),
    ...words
      .map((each, index) => quoted(`${index + 1}: :(${each.join(' ')})`))
      .filter((_, index) => words[index]?.length),
    ...(takesFile ? ["'1:file:_files'"] : []),
    // Without it, nothing at all is offered behind an argument that no spec expects.
    "'*: :'",
  ]
  return `        ${name}) _arguments ${specs.join(' ')} ;;`
}

function flagSpec({short, long, description, value}: FlagShape): string {
  const about = `[${escaped(description)}]`
  const action = {none: '', any: ':value: ', file: ':file:_files', directory: ':directory:_path_files -/', words: ''}[
    value.kind
  ]
  const taken = value.kind === 'words' ? `:value:(${value.words.join(' ')})` : action
  if (short === undefined) return quoted(`${long}${about}${taken}`)
  return `'(${short} ${long})'{${short},${long}}${quoted(`${about}${taken}`)}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll(/[:[\]]/g, '\\$&')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
