/** A page that stays open while its inspector ends, somebody else has its port, and another one starts there. */

import {createServer} from 'node:http'
import {expect, it} from 'vitest'
import {sharedWorld} from '../../inspector/world.ts'
import {unusedPort} from '../../support/unused-port.ts'
import {newContext} from '../browser.ts'
import {chip, eventually, startSlow} from './looks.ts'

export function restartStories(): void {
  const world = sharedWorld()

  it('goes on with an inspector that is started again, and tells nobody its key who had the port meanwhile', async () => {
    const {engine} = world()
    const operation = await startSlow(world(), 'slow.bin')
    operation.pause()
    const port = await unusedPort()
    const first = await engine.inspect({port})
    const context = await newContext()
    const [tab, reloaded] = [await context.newPage(), await context.newPage()]
    await tab.goto(first.url)
    await chip(tab, 'Paused')
    // It has the cookie alone, and what the first one tells it.
    await reloaded.goto(first.origin)
    await chip(reloaded, 'Paused')
    await first.close()
    const heard: string[] = []
    const other = createServer((request, response) => {
      request.on('data', (chunk) => heard.push(String(chunk)))
      heard.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`)
      const isQuestion = request.method === 'GET' && request.url?.startsWith('/api/v1/session') === true
      response.writeHead(isQuestion ? 200 : 401, {'content-type': 'application/json'})
      response.end(JSON.stringify({challenge: 'of somebody else'}))
    })
    other.listen(port, '127.0.0.1')
    await eventually(async () => heard.some((each) => each.includes('proof'))).toBe(true)
    await new Promise((resolve) => {
      other.close(resolve)
      other.closeAllConnections()
    })
    expect(heard.join()).not.toContain(first.token)
    await using again = await engine.inspect({port, token: first.token})
    operation.resume()
    for (const each of [tab, reloaded]) await chip(each, 'Transferring')
    operation.pause()
    for (const each of [tab, reloaded]) await chip(each, 'Paused')
    await again.close()
    // Of another run.
    await using stranger = await engine.inspect({port})
    await tab.getByRole('heading', {name: 'needs its link again'}).waitFor()
    await tab.goto(stranger.url)
    for (const each of [tab, reloaded]) await chip(each, 'Paused')
    await context.close()
  })
}
