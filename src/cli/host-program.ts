/** The command `bgt host` and its flags. */

import {Argument, type Command} from 'commander'
import type {HostFlags} from './commands/host.ts'
import {engineFlags, json, store} from './flags.ts'
import {EXAMPLES} from './help.ts'
import type {Io} from './io.ts'
import {seconds} from './parse.ts'

export function addHost(program: Command, io: Io, finish: (code: number) => void): void {
  json(engineFlags(store(program.command('host'))))
    .addArgument(new Argument('[what]', 'status: who has the store, and how applications stand').choices(['status']))
    .description('run the transfers of other commands and applications, until it is ended')
    .option('--background', 'start it in the background, unless one runs, and return when it takes clients')
    .option(
      '--idle-exit <s>',
      'end so many seconds after the last transfer and client',
      seconds('--idle-exit', {zero: true}),
    )
    .addHelpText('after', EXAMPLES.host)
    .action(async (what: 'status' | undefined, flags: HostFlags) => {
      if (what === 'status') {
        const {hostStatus} = await import('./commands/host-status.ts')
        finish(await hostStatus(io, flags))
        return
      }
      const {host} = await import('./commands/host.ts')
      finish(await host(io, flags))
    })
}
