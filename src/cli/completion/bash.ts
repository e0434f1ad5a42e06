/** The completion script for bash, 3.2 and newer. */

import {type CommandLine, type CommandShape, type FlagShape, type FlagValue, namesWithValue} from './command-line.ts'

export function bashScript({commands, flags}: CommandLine): string {
  const names = commands.map(({name}) => name)
  const values = commands.flatMap(({name, flags: own}) => own.flatMap((flag) => valueCase(name, flag)))
  return `# bash completion for bgt: source it, or put it into bash-completion's directory
_bgt() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command='' word rest=1 IFS=$'\\n'
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    rest=$((rest + 1))
    case "$word" in
      ${names.join('|')}) command="$word"; break ;;
    esac
  done
  case "$command $previous" in
${values.join('\n')}
  esac
  case "$command" in
    '') _bgt_words ${[...names, ...namesOf(flags)].join(' ')} ;;
${commands.map(commandCase).join('\n')}
  esac
}
_bgt_words() {
  local IFS=' '
  local words="$*"
  IFS=$' \\n'
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
# No argument stands between the command and the cursor; what is given are flags that take a value
_bgt_is_first() {
  local word value=''
  for word in "\${COMP_WORDS[@]:rest:COMP_CWORD-rest}"; do
    if [ "$word" = = ]; then value=1
    elif [ -n "$value" ]; then value=''
    elif [[ " $1 " == *" $word "* ]]; then value=1
    elif [[ $word != -?* ]]; then return 1
    fi
  done
}
_bgt_files() {
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$current"))
}
complete -F _bgt bgt`
}

function commandCase({name, flags, takesFile, words}: CommandShape): string {
  const offered = `_bgt_words ${[...words.flat(), ...namesOf(flags)].join(' ')}`
  const file = `_bgt_is_first '${namesWithValue(flags).join(' ')}' && _bgt_files -f`
  return `    ${name}) ${takesFile ? `case "$current" in -*) ${offered} ;; *) ${file} ;; esac` : offered} ;;`
}

/** What comes after a flag that takes a value. */
function valueCase(command: string, {short, long, value}: FlagShape): readonly string[] {
  if (value.kind === 'none') return []
  const patterns = [long, ...(short === undefined ? [] : [short])].map((flag) => `'${command} ${flag}'`)
  return [`    ${patterns.join('|')}) ${completed(value)}return ;;`]
}

function completed(value: FlagValue): string {
  switch (value.kind) {
    case 'words':
      return `_bgt_words ${value.words.join(' ')}; `
    case 'file':
      return '_bgt_files -f; '
    case 'directory':
      return '_bgt_files -d; '
    default:
      return ''
  }
}

function namesOf(flags: readonly FlagShape[]): readonly string[] {
  return flags.map(({long}) => long)
}
