/** The program that is killed: puts bodies into a cache, several at a time, and prints which are there. */

import {writeSync} from 'node:fs'
import {HttpCache} from '../../src/adapters/cache/http-cache.ts'
import {createSystemClock} from '../../src/adapters/clock/system-clock.ts'

const [directory = '', size = '0'] = process.argv.slice(2)
const maxBytes = 1024 ** 3
const clock = createSystemClock()
const cache = await HttpCache.at({directory, durability: 'process', clock, maxBytes, maxBodyBytes: maxBytes})
const half = Buffer.alloc(Number(size) / 2, 'x')
let last = 0

async function work(): Promise<never> {
  for (;;) {
    last += 1
    const request = {url: `http://files.example/${last}`, headers: []}
    await cache.ask(request)
    const verdict = cache.answered(request, {
      status: 200,
      url: request.url,
      headers: [['Cache-Control', 'max-age=3600']],
    })
    if (verdict.kind !== 'storable') throw new Error(`it is ${verdict.kind}`)
    const writer = verdict.begin()
    const file = await writer.file
    await file.write(half, half.length, 0)
    await file.write(half, half.length, half.length)
    await file.sync()
    await file.close()
    await writer.commit()
    writeSync(1, `${request.url}\n`)
  }
}

await Promise.all([0, 1, 2, 3].map(work))
