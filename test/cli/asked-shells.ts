/** What bash, zsh and fish themselves offer for a command line, once they have read a completion script. */

import {spawnSync} from 'node:child_process'
import {ROOT} from '../layers/module-graph.ts'

export const SHELL_NAMES = ['bash', 'zsh', 'fish'] as const
export type ShellName = (typeof SHELL_NAMES)[number]

/** A shell that waits for something which never comes ends the test, and not the other way round. */
const TIMEOUT_MS = 60_000

export function isInstalled(shell: ShellName): boolean {
  return spawnSync(shell, ['-c', 'exit 0'], {timeout: TIMEOUT_MS}).status === 0
}

/** For each line, up to where the cursor stands, what is offered: sorted. `file` holds the script. */
export function offered(shell: ShellName, file: string, lines: readonly string[]): Readonly<Record<string, string[]>> {
  const {error, stdout, stderr} = spawnSync(shell, [...ARGUMENTS[shell], file, ...lines], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    env: {...process.env, TERM: 'dumb'},
  })
  if (error !== undefined) throw new Error(`${shell} did not answer: ${error.message} ${stderr}`)
  const answers = stdout
    .replaceAll('\r', '')
    .split(/^line:/m)
    .slice(1)
  return Object.fromEntries(
    answers.map((answer) => {
      const [line = '', ...rest] = answer.split('\n')
      const words = rest.filter((each) => each.startsWith('offered:')).map(plain)
      return [line, [...new Set(words)].sort()]
    }),
  )
}

/** Without what fish says of it, and without the slash behind a directory. */
function plain(line: string): string {
  return line.slice('offered:'.length).replace(/\t.*$/, '').replace(/\/$/, '')
}

const BASH = `
source "$1"; shift
for line; do
  printf 'line:%s\\n' "$line"
  read -ra COMP_WORDS <<<"$line"
  [[ $line == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _bgt
  [ "\${#COMPREPLY[@]}" = 0 ] || printf 'offered:%s\\n' "\${COMPREPLY[@]}"
done`

const FISH = `
source $argv[1]
for line in $argv[2..]
  echo "line:$line"
  for word in (complete -C $line); echo "offered:$word"; end
end`

/** Completion in zsh lives in its line editor, and that wants a terminal: zpty is one. What would be added is told instead. */
const ZSH = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -D -u; source '\${(q)1}
zpty -w shell 'compadd() {
  [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] && { builtin compadd "$@"; return }
  local -a hits; builtin compadd -O hits "$@"
  (( $#hits )) && print -rl -- "" "offered:"$^hits
}'
zpty -w shell 'told() { print -rl -- "" "all is to""ld" }'
zpty -w shell 'ask() { comppostfuncs=(told); zle complete-word }; zle -N ask; bindkey "^I" ask; print "is rea""dy"'
zpty -r shell out '*is ready*'
shift
for line; do
  zpty -w -n shell $'\\C-u'"$line"$'\\t'
  zpty -r shell out '*all is told*'
  print -rl -- "line:$line" "$out"
done`

const ARGUMENTS: Readonly<Record<ShellName, readonly string[]>> = {
  bash: ['--norc', '-c', BASH, 'bash'],
  zsh: ['-f', '-c', ZSH, 'zsh'],
  fish: ['--no-config', '-c', FISH, '--'],
}
