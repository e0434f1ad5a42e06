/** The program that is killed: downloads one file after another, and prints each transition once it was told. */

import {writeSync} from 'node:fs'
import {join} from 'node:path'
import {BackgroundTransferEngine} from '../../src/index.ts'

const [directory = '', origin = '', round = ''] = process.argv.slice(2)
const engine = await BackgroundTransferEngine.open({
  directory: join(directory, '.store'),
  durability: 'process',
  retryDelayMs: 1,
})
engine.events$.subscribe((event) => {
  if (event.type === 'operation.moved')
    writeSync(1, `${event.id} ${event.entry.seq} ${event.state} ${event.entry.to}\n`)
})

async function work(worker: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const name = `${round}-${worker}-${n}`
    await engine.createDownloader().createDownload(`${origin}/file?${name}`, join(directory, name)).startAsync()
  }
}

await Promise.all([0, 1, 2, 3].map(work))
