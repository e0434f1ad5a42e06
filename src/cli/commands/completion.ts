/** `bgt completion`: a script that completes commands, flags and their values in a shell. */

import type {Command} from 'commander'
import {bashScript} from '../completion/bash.ts'
import {type CommandLine, commandLineOf} from '../completion/command-line.ts'
import {fishScript} from '../completion/fish.ts'
import {zshScript} from '../completion/zsh.ts'
import {type Io, printResult} from '../io.ts'

const SCRIPTS: Readonly<Record<string, (line: CommandLine) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** `shell`: one of those that the program takes. */
export async function completion(io: Io, shell: string, program: Command): Promise<void> {
  const script = SCRIPTS[shell]?.(commandLineOf(program))
  if (script !== undefined) await printResult(io, script)
}
