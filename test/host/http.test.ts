/** What is answered over node:http to clients that may go away at any moment. */

import {once} from 'node:events'
import {createServer, get, type IncomingMessage} from 'node:http'
import type {AddressInfo} from 'node:net'
import {describe, expect, it} from 'vitest'
import {answerBytes} from '../../src/host/http.ts'
import {onCleanup} from '../integration/harness.ts'

describe('an answer of bytes', () => {
  it('lets go of what it is read from when its client goes away between two reads', async () => {
    const noted: string[] = []
    const server = createServer(async (_, response) => {
      async function* chunks() {
        try {
          yield Buffer.from('first')
          await once(response, 'close')
          yield Buffer.from('second')
          yield Buffer.from('third')
        } finally {
          noted.push('let go')
        }
      }
      await answerBytes(response, chunks()).catch(() => noted.push('given up'))
    }).listen(0, '127.0.0.1')
    onCleanup(async () => void server.close())
    await once(server, 'listening')
    const asked = get({port: (server.address() as AddressInfo).port})
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    await once(answer, 'data')
    asked.destroy()
    await expect.poll(() => noted.toSorted()).toEqual(['given up', 'let go'])
  })
})
