/** What a Node.js program usually does: undici's request, piped into files. plain-undici CONCURRENT DIR URL… (or - for stdin) */

import {createWriteStream} from 'node:fs'
import {basename, join} from 'node:path'
import {text} from 'node:stream/consumers'
import {pipeline} from 'node:stream/promises'
import {Agent, request, setGlobalDispatcher} from 'undici'

const [concurrent, directory, ...given] = process.argv.slice(2)
const urls = given[0] === '-' ? (await text(process.stdin)).trim().split('\n') : given
setGlobalDispatcher(new Agent({connections: Number(concurrent)}))
let next = 0
async function work() {
  while (next < urls.length) {
    const url = urls[next++]
    const {statusCode, body} = await request(url)
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`)
    await pipeline(body, createWriteStream(join(directory, basename(new URL(url).pathname))))
  }
}
await Promise.all(Array.from({length: Number(concurrent)}, work))
process.exit(0)
