/** Pages of a client while one host after the other is asked for them: each call is heard here, and answered when the test says so. */

import {describe, expect, it} from 'vitest'
import {RemotePages} from '../../src/client/remote-pages.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {InspectOptions} from '../../src/domain/inspect-options.ts'
import type {CallAnswer, CallInput, CallName} from '../../src/host/protocol.ts'

const PORT = 7777
const TOKEN = 't'.repeat(32)
const ANSWER: CallAnswer<'inspect'> = {
  url: `http://127.0.0.1/#${TOKEN}`,
  origin: 'http://127.0.0.1',
  token: TOKEN,
  port: PORT,
}

interface Heard {
  readonly name: CallName
  readonly input: unknown
  readonly answer: (value: unknown) => void
  readonly refuse: (error: unknown) => void
}

async function openedPage(options: InspectOptions = {control: true}) {
  const heard: Heard[] = []
  const pages = new RemotePages({
    call: <Name extends CallName>(name: Name, input: CallInput<Name>) =>
      new Promise<CallAnswer<Name>>((resolve, reject) =>
        heard.push({name, input, answer: (value) => resolve(value as CallAnswer<Name>), refuse: reject}),
      ),
  })
  const opening = pages.open(options)
  const [asked] = heard.splice(0)
  asked?.answer(ANSWER)
  return {pages, heard, page: await opening, asked}
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const names = (calls: readonly Heard[]) => calls.map(({name}) => name)

describe('a page', () => {
  it('is asked for with what its options inherit, which no message carries by itself', async () => {
    const {asked} = await openedPage(Object.create({control: true}))
    expect(JSON.parse(JSON.stringify(asked?.input))).toEqual({control: true})
  })

  it('is asked for as it was, at its address and with its token', async () => {
    const {pages, heard} = await openedPage()
    pages.resync()
    expect(heard).toMatchObject([{name: 'inspect', input: {control: true, port: PORT, token: TOKEN}}])
  })

  it('is asked for once, where a host went away before it answered: the call itself goes to the next one', async () => {
    const {pages, heard} = await openedPage()
    pages.resync()
    pages.resync()
    expect(names(heard)).toEqual(['inspect'])
    heard[0]?.answer(ANSWER)
    await turn()
    pages.resync()
    expect(names(heard)).toEqual(['inspect', 'inspect'])
  })

  it('that is closed while it is served anew is closed behind that', async () => {
    const {pages, heard, page} = await openedPage()
    pages.resync()
    const closing = page.close()
    await turn()
    expect(names(heard)).toEqual(['inspect'])
    heard[0]?.answer(ANSWER)
    await turn()
    expect(heard).toMatchObject([{name: 'inspect'}, {name: 'closeInspector', input: {port: PORT}}])
    heard[1]?.answer(null)
    await closing
    pages.resync()
    expect(heard).toHaveLength(2)
  })

  it('whose port somebody has taken is given up: no later host serves it, nor closes what is there', async () => {
    const {pages, heard, page} = await openedPage()
    pages.resync()
    heard[0]?.refuse(new TransferError('INVALID_ARGUMENT', 'port 7777 is in use'))
    await turn()
    pages.resync()
    await page.close()
    expect(names(heard)).toEqual(['inspect'])
  })
})
