/** A host to be killed: an engine that others may connect to. Says so on its standard output, and ends in order when asked. */

import {writeSync} from 'node:fs'
import {createInterface} from 'node:readline'
import {BackgroundTransferEngine} from '../../src/index.ts'

const [directory = ''] = process.argv.slice(2)
const engine = await BackgroundTransferEngine.open({
  directory,
  control: true,
  conditions: 'good',
  durability: 'process',
  retryDelayMs: 5,
  drainTimeoutMs: 2_000,
})
writeSync(1, 'ready\n')
for await (const line of createInterface({input: process.stdin})) {
  if (line === 'close') break
}
await engine.close()
process.exit(0)
