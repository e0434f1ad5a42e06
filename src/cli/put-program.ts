/** The command `bgt put` and its flags. */

import {type Command, Option} from 'commander'
import {shortened} from '../domain/given.ts'
import {assertGroupFlags, collect, requesting} from './flags.ts'
import {DETAILS, EXAMPLES} from './help.ts'
import type {Io} from './io.ts'
import {byteCount, oneOf, usageError} from './parse.ts'
import type {PutFlags} from './sent.ts'

const PROTOCOLS = {tus: 'tus', 'httpbis-9': 'httpbis-9', 'httpbis-8': 'httpbis-8'} as const

export function addPut(program: Command, io: Io, finish: (code: number) => void): void {
  requesting(program.command('put <file> [url]'), {
    what: 'upload',
    user: 'who you are for the server, told when it asks (Basic, Digest)',
  })
    .description('upload a file, - for stdin, or a form; run it again to go on with what is unfinished')
    .addOption(new Option('--method <name>', 'the HTTP method (default: PUT, with --form POST)').argParser(method))
    .option('--tus', 'resumable, by tus 1.0: URL is where uploads are created')
    .option('--protocol <name>', 'resumable, by the protocol of this name', oneOf('--protocol', PROTOCOLS))
    .option(
      '--part-size <bytes>',
      'the most bytes of one request of the protocol, such as 8M',
      byteCount('--part-size'),
    )
    .option('--form <field>', 'a field of a form, name=value or name=@file; may be given several times', collect())
    .option('--detach', 'hand the upload to a host (bgt host), print its guid, and return')
    .addHelpText('after', DETAILS.put + EXAMPLES.put)
    .action(async (first: string, second: string | undefined, flags: PutFlags) => {
      assertGroupFlags(flags)
      if (flags.tus === true && flags.protocol !== undefined) {
        throw usageError('--tus is a protocol already', '--protocol', 'give the one or the other')
      }
      if (flags.partSize !== undefined && flags.tus !== true && flags.protocol === undefined) {
        throw usageError('a plain upload is one request', '--part-size', 'give --tus or --protocol too')
      }
      const {sentBy} = await import('./sent.ts')
      const sent = await sentBy(first, second, flags, io.stdin)
      const {put} = await import('./commands/put.ts')
      finish(await put(io, sent, flags))
    })
}

function method(text: string): string {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return text
  throw usageError(`'${shortened(text)}' is no method`, '--method', 'give PUT or POST')
}
