/** The command `bgt put` and its flags. */

import {type Command, Option} from 'commander'
import {assertGroupFlags, collect, requesting} from './flags.ts'
import {DETAILS, EXAMPLES} from './help.ts'
import type {Io} from './io.ts'
import {usageError} from './parse.ts'
import type {PutFlags} from './sent.ts'

export function addPut(program: Command, io: Io, finish: (code: number) => void): void {
  requesting(program.command('put <file> [url]'), {
    what: 'upload',
    user: 'who you are for the server, told when it asks (Basic, Digest)',
  })
    .description('upload a file, - for stdin, or a form; run it again to go on with what is unfinished')
    .addOption(new Option('--method <name>', 'the HTTP method (default: PUT, with --form POST)').argParser(method))
    .option('--form <field>', 'a field of a form, name=value or name=@file; may be given several times', collect())
    .addHelpText('after', DETAILS.put + EXAMPLES.put)
    .action(async (first: string, second: string | undefined, flags: PutFlags) => {
      assertGroupFlags(flags)
      const {sentBy} = await import('./sent.ts')
      const sent = await sentBy(first, second, flags)
      const {put} = await import('./commands/put.ts')
      finish(await put(io, sent, flags))
    })
}

function method(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return text
  throw usageError(`'${text}' is no method`, '--method', 'give PUT or POST')
}
