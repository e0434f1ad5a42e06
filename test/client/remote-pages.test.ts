/** Pages of which the next host is asked when somebody closes them: a page of one's own goes, and nobody else's. */

import {expect, it} from 'vitest'
import {CallQueue} from '../../src/client/call-queue.ts'
import {RemotePages} from '../../src/client/remote-pages.ts'
import {TransferError} from '../../src/domain/errors.ts'

interface Call {
  readonly id: number
  readonly name: string
}

async function servedPage() {
  const heard: Call[] = []
  const calls = new CallQueue({
    post: async (batch) => heard.push(...(JSON.parse(batch) as {readonly calls: readonly Call[]}).calls),
    onBroken: () => {},
  })
  calls.linked(() => {})
  const pages = new RemotePages(calls)
  const opening = pages.open({})
  /** When the host has heard so many calls: the last one of them. */
  const call = async (count: number) => {
    await expect.poll(() => heard.length).toBe(count)
    return heard.at(-1)?.id ?? 0
  }
  const answer = {url: 'http://127.0.0.1:7777/#token=t', origin: 'http://127.0.0.1:7777', token: 't', port: 7777}
  calls.answered(await call(1), answer, undefined)
  const page = await opening
  pages.resync()
  const asked = await call(2)
  return {calls, call, page, asked, answer, names: () => heard.map(({name}) => name)}
}

it('a page that is about to be served again is closed when it is', async () => {
  const {calls, call, page, asked, answer, names} = await servedPage()
  const closing = page.close()
  await new Promise((resolve) => setImmediate(resolve))
  expect(names()).toEqual(['inspect', 'inspect'])
  calls.answered(asked, answer, undefined)
  calls.answered(await call(3), null, undefined)
  await closing
  expect(names()).toEqual(['inspect', 'inspect', 'closeInspector'])
})

it('a page whose port somebody has taken meanwhile is not closed for them', async () => {
  const {calls, page, asked, names} = await servedPage()
  calls.answered(asked, undefined, new TransferError('INVALID_ARGUMENT', 'port 7777 is in use').toSerialized())
  await page.close()
  expect(names()).toEqual(['inspect', 'inspect'])
})
