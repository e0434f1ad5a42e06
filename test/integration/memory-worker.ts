/**
 * The program whose memory is watched: fetches one large body into a file on a disk that is slower than the network, with the
 * engine itself and all its real ports but for a delay before each write. Prints its peak RSS in bytes.
 */

import {NO_ATTEMPTS, NO_EVIDENCE} from '../../src/domain/record.ts'
import {Engine} from '../../src/engine/engine.ts'
import {createPlatform} from '../../src/platform.ts'
import type {FileSink} from '../../src/ports/file-sink.ts'

const [directory = '', url = '', file = '', delayMs = '0'] = process.argv.slice(2)

function slowed(sink: FileSink): FileSink {
  return {
    ...sink,
    openPart: async (name, claimed) => {
      const {part, ranges} = await sink.openPart(name, claimed)
      const slow: typeof part = {
        write: async (buffer, length, position) => {
          await new Promise((resolve) => setTimeout(resolve, Number(delayMs)))
          await part.write(buffer, length, position)
        },
        read: (buffer, position) => part.read(buffer, position),
        sync: () => part.sync(),
        checkpoint: (facts) => part.checkpoint(facts),
        digest: (algorithm) => part.digest(algorithm),
        claimRoom: (bytes, size) => part.claimRoom(bytes, size),
        truncate: (length) => part.truncate(length),
        close: () => part.close(),
      }
      return {part: slow, ranges}
    },
  }
}

const platform = await createPlatform({directory})
const engine = new Engine({...platform, sink: slowed(platform.sink)})
await engine.open()
const [entry] = await engine.start([
  {
    id: engine.newId(),
    direction: 'download',
    request: {url, method: 'GET', headers: []},
    target: {file, collision: 'failIfExists'},
    policy: {priority: 0, costPolicy: 0, group: ''},
    createdAt: engine.now(),
    attempts: NO_ATTEMPTS,
    evidence: NO_EVIDENCE,
  },
])
if (entry === undefined) throw new Error('nothing was started')
await new Promise<void>((resolve, reject) => {
  entry.notices.subscribe(({record}) => {
    if (record.state === 'completed') resolve()
    if (record.state === 'failed') reject(new Error(record.error?.message))
  })
})
await engine.close()
// In kilobytes on every platform of Node.js.
console.log(String(process.resourceUsage().maxRSS * 1024))
process.exit(0)
