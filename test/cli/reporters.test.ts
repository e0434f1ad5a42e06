/** How often the reporters of a run write: of a list of thousands each write costs more than all else about its line. */

import {relative} from 'node:path'
import {afterEach, describe, expect, it, vi} from 'vitest'
import {createBarsReporter} from '../../src/cli/reporters/bars.ts'
import {fileText} from '../../src/cli/reporters/phrases.ts'
import {createPlainReporter} from '../../src/cli/reporters/plain.ts'
import {Transfer} from '../../src/cli/transfer.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {operationId} from '../support/records.ts'

const CLEAR_BELOW = '\u001b[0J'
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'

/** A stream that keeps what is written, write by write. */
function fakeStream() {
  const writes: string[] = []
  const stream = {destroyed: false, columns: 80, rows: 24, write: (text: string) => writes.push(text)}
  return {writes, stream: stream as unknown as NodeJS.WriteStream}
}

const transferTo = (file: string) =>
  new Transfer({
    guid: operationId(1),
    direction: 'download',
    url: 'http://example.com/',
    file,
    state: 'completed',
    bytesReceived: 0,
    totalBytesToReceive: 0,
    bytesSent: 0,
    totalBytesToSend: 0,
  })

const completed = (file: string) => ({happening: 'completed', at: 0, transfer: transferTo(file)}) as const

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the name of a file', () => {
  const here = process.cwd()

  it.each(['/a', '/a/b c', '/.a', '/a./b', '//a', '/./a', '/a/../b', '/a/.', '/a/', '/..a', '/../a', 'a', '', '/'])(
    'is what node:path makes of the working directory and "%s"',
    (rest) => {
      const fromHere = relative(here, here + rest)
      expect(fileText(here + rest)).toBe(fromHere === '' || fromHere.startsWith('..') ? here + rest : fromHere)
    },
  )
})

describe('off a terminal', () => {
  it('what is told in one turn is one write, in its order', async () => {
    const {writes, stream} = fakeStream()
    const reporter = createPlainReporter({stderr: stream})
    for (const file of ['/a', '/b', '/c']) reporter.tell(completed(file))
    reporter.note('one thing more')
    expect(writes).toEqual([])
    await turn()
    expect(writes).toEqual(['/a: completed, 0 bytes\n/b: completed, 0 bytes\n/c: completed, 0 bytes\none thing more\n'])
    reporter.end(undefined)
  })

  it('an error does not overtake what was told before it, and waits for nothing', () => {
    const {writes, stream} = fakeStream()
    const reporter = createPlainReporter({stderr: stream})
    reporter.tell(completed('/a'))
    reporter.fail(new TransferError('INTERNAL', 'broken'))
    expect(writes).toHaveLength(1)
    expect(writes[0]).toMatch(/^\/a: completed, 0 bytes\nbgt: broken/)
    reporter.end(undefined)
  })

  it('quotes of a name that no file can have as much as tells which it is', async () => {
    const {writes, stream} = fakeStream()
    const reporter = createPlainReporter({stderr: stream})
    const [name, longest] = [`/${'n'.repeat(100_000)}`, `/${'n'.repeat(4_095)}`]
    reporter.tell(completed(name))
    reporter.skip(name, '', 0)
    reporter.skip(longest, '', 0)
    reporter.end(undefined)
    const quoted = `${name.slice(0, 100)}… (100001 characters)`
    expect(writes.join('')).toBe(
      `${quoted}: completed, 0 bytes\n${quoted}: is there already\n${longest}: is there already\n`,
    )
  })

  it('and of such an address', async () => {
    const {writes, stream} = fakeStream()
    const reporter = createPlainReporter({stderr: stream})
    const {transfer, at} = completed('/a')
    const url = `http://host.test/${'u'.repeat(60_000)}`
    reporter.tell({happening: 'started', at, transfer: Object.create(transfer, {url: {value: url}})})
    reporter.end(undefined)
    expect(writes.join('')).toBe(`/a: started, ${url.slice(0, 100)}… (60017 characters)\n`)
  })
})

describe('on a terminal', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('what ends between two frames scrolls away with the next one, in one write', () => {
    vi.useFakeTimers()
    const {writes, stream} = fakeStream()
    const reporter = createBarsReporter({stderr: stream, env: {NO_COLOR: '1'}} as never, () => [])
    for (const file of ['/a', '/b']) reporter.tell(completed(file))
    expect(writes).toEqual([])
    vi.advanceTimersToNextTimer()
    expect(writes).toEqual([
      `${HIDE_CURSOR}${CLEAR_BELOW}/a: completed, 0 bytes\n/b: completed, 0 bytes\n${CLEAR_BELOW}${SHOW_CURSOR}`,
    ])
    vi.advanceTimersToNextTimer()
    expect(writes).toHaveLength(1)
    reporter.end(undefined)
  })

  it('the cursor is hidden for no longer than one write: a command may be stopped, or killed, at any moment', () => {
    const {writes, stream} = fakeStream()
    const reporter = createBarsReporter({stderr: stream, env: {NO_COLOR: '1'}} as never, () => [])
    reporter.tell(completed('/a'))
    reporter.fail(new TransferError('INTERNAL', 'broken'))
    reporter.end(undefined)
    for (const text of writes) expect(text.lastIndexOf(HIDE_CURSOR)).toBeLessThanOrEqual(text.lastIndexOf(SHOW_CURSOR))
    expect(writes.join('')).toContain(HIDE_CURSOR)
  })

  it('what waits for the next frame is shown before the end, and before an error', () => {
    const {writes, stream} = fakeStream()
    const reporter = createBarsReporter({stderr: stream, env: {NO_COLOR: '1'}} as never, () => [])
    reporter.tell(completed('/a'))
    reporter.fail(new TransferError('INTERNAL', 'broken'))
    expect(writes.at(-1)).toMatch(/\/a: completed, 0 bytes\nbgt: broken/)
    reporter.tell(completed('/b'))
    reporter.end(undefined)
    expect(writes.join('')).toContain('/b: completed, 0 bytes\n')
  })
})
