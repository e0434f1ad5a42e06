/** An engine on the machine's conditions in a process that has nothing else to do, and is never closed while it waits. */

import {filter, firstValueFrom} from 'rxjs'
import {createMachineConditions} from '../../src/adapters/conditions/machine-conditions.ts'
import {BackgroundTransferEngine, BackgroundTransferStatus, TransferError} from '../../src/index.ts'
import {CONNECTED, fakeFiles, LOOPBACK_ONLY} from './fake-machine.ts'

const [mode, directory = '', file = ''] = process.argv.slice(2)

let interfaces = LOOPBACK_ONLY
let looks = 0

const conditions = await createMachineConditions({
  intervalMs: 50,
  settleMs: 50,
  busAddress: 'unix:path=/nowhere/bus',
  interfaces: () => {
    looks += 1
    if (looks > 20) interfaces = CONNECTED
    return interfaces
  },
  ...fakeFiles({}),
})

const refusing = {
  exchange: () => ({
    received: 0,
    sent: 0,
    given: 0,
    flush: () => undefined,
    resume: () => undefined,
    finished: Promise.reject(new TransferError('CONNECTION_REFUSED', 'nobody is there')),
  }),
  close: async () => undefined,
}

const engine = await BackgroundTransferEngine.open({directory, conditions, transport: refusing, retries: 0})
console.log('opened')
if (mode === 'waiting') {
  const operation = engine.createDownloader().createDownload('http://files.example/a', file)
  const running = operation.startAsync()
  const paused = operation.status$.pipe(filter((status) => status === BackgroundTransferStatus.pausedNoNetwork))
  await firstValueFrom(paused)
  console.log('paused')
  // Nothing else holds the process.
  await running.catch((error: TransferError) => console.log(error.code))
}
