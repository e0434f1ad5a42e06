/**
 * A port where nobody listens, and nobody begins to unless asked. One that the system handed out and that was given back would be
 * handed out again: to a server of another test, or to a connection, even to the very one that is to be refused there.
 */

import {once} from 'node:events'
import {createServer} from 'node:net'

/** Below those that systems hand out by themselves (Linux: from 32768, others: from 49152), and above those that browsers refuse (10080). */
const [FIRST, COUNT] = [11_000, 20_000]

/** Processes that run tests at the same time are apart by their ids. */
let asked = (process.pid * 64) % COUNT

export async function unusedPort(): Promise<number> {
  for (;;) {
    const port = FIRST + (asked++ % COUNT)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      // Somebody listens there; on Windows, whole ranges are kept for others.
      if (['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) continue
      throw error
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
