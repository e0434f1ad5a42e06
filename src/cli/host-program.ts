/** The command `bgt host` and its flags. */

import {Argument, type Command} from 'commander'
import type {HostFlags} from './commands/host.ts'
import {engineFlags, json, store} from './flags.ts'
import {EXAMPLES} from './help.ts'
import type {Io} from './io.ts'
import {seconds, usageError} from './parse.ts'

const idleSeconds = seconds('--idle-exit', {zero: true})

export function addHost(program: Command, io: Io, finish: (code: number) => void): void {
  json(engineFlags(store(program.command('host'))))
    .addArgument(new Argument('[what]', 'status: who has the store, and how applications stand').choices(['status']))
    .description('run the transfers of other commands and applications, until it is ended')
    .option('--background', 'start it in the background, unless one runs, and return when it takes clients')
    .option('--idle-exit <s>', 'end so many seconds after the last transfer and client, or never (default)', (text) =>
      text === 'never' ? text : idleSeconds(text),
    )
    .addHelpText('after', EXAMPLES.host)
    .action(async (what: 'status' | undefined, flags: HostFlags) => {
      if (what === 'status') {
        const {hostStatus} = await import('./commands/host-status.ts')
        finish(await hostStatus(io, flags))
        return
      }
      if (flags.background === true && flags.idleExit !== undefined && Number(flags.idleExit) < 1000) {
        throw usageError('it would end before anybody could use it', '--idle-exit', 'give 1 or more with --background')
      }
      const {host} = await import('./commands/host.ts')
      finish(await host(io, flags))
    })
}
