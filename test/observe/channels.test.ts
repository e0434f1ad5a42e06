/** The channels of node:diagnostics_channel, heard while a real engine works on a real server. */

import {afterEach, describe, expect, it} from 'vitest'
import type {AttemptMessage, DiagnosticMessages} from '../../src/index.ts'
import {listen} from '../../src/observe/channels.ts'
import {countUnfinished} from '../../src/observe/count-unfinished.ts'
import {failure, makeDirectory, makeWorld, openEngine, startServer} from '../integration/harness.ts'
import {contentOf} from '../support/content.ts'
import {MemoryStore} from '../support/memory-store.ts'
import {queuedRecord} from '../support/records.ts'

type Name = keyof DiagnosticMessages
type Heard = {readonly [N in Name]: {readonly name: N} & DiagnosticMessages[N]}[Name]

const NAMES: readonly Name[] = [
  'bgt:engine:open',
  'bgt:engine:close',
  'bgt:transfer:state',
  'bgt:transfer:retry',
  'bgt:transfer:restart',
  'bgt:transfer:progress',
  'bgt:attempt:start',
  'bgt:attempt:end',
  'bgt:attempt:asyncStart',
  'bgt:attempt:asyncEnd',
  'bgt:attempt:error',
  'bgt:store:failed',
]

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

function hearAll(): Heard[] {
  const heard: Heard[] = []
  for (const name of NAMES) ends.push(listen(name, (message) => heard.push({name, ...message} as Heard)))
  return heard
}

const CONTENT = contentOf(3, 300_000)

describe('the diagnostics channels', () => {
  it('tell the life of a transfer whose first try is cut', async () => {
    const heard = hearAll()
    const {engine, server, file} = await makeWorld()
    let tries = 0
    server.route('/file.bin', () => {
      tries += 1
      return tries === 1 ? {status: 503, content: Buffer.from('later')} : {content: CONTENT, etag: '"1"'}
    })
    await engine
      .createDownloader()
      .createDownload(server.url('/file.bin?sig=hidden-word'), file('file.bin'))
      .startAsync()
    await engine.close()

    expect(heard[0]).toMatchObject({name: 'bgt:engine:open', unfinished: {}})
    expect(heard.at(-1)).toMatchObject({name: 'bgt:engine:close', engine: heard[0]?.engine})
    const states = heard.filter((each) => each.name === 'bgt:transfer:state')
    expect(states.map(({previous, state}) => `${previous} ${state}`)).toEqual([
      'undefined queued',
      'queued running',
      'running waitingToRetry',
      'waitingToRetry returning',
      'returning running',
      'running publishing',
      'publishing completed',
    ])
    expect(states.map(({queuedMs}) => queuedMs !== undefined)).toEqual([false, true, false, false, false, false, false])
    expect(states.at(-1)?.durationMs).toBeGreaterThanOrEqual(0)
    expect(states.every(({server: host}) => host === '127.0.0.1')).toBe(true)
    expect(heard.filter(({name}) => name === 'bgt:transfer:retry')).toMatchObject([{error: 'HTTP_STATUS'}])
    const bytes = heard
      .filter((each) => each.name === 'bgt:transfer:progress')
      .flatMap(({changes}) => changes.map(({added}) => added))
    expect(bytes.reduce((sum, each) => sum + each, 0)).toBe(CONTENT.length)
    expect(JSON.stringify(heard)).not.toContain('hidden-word')
  })

  it('are a tracing channel for each try', async () => {
    const told: string[] = []
    const contexts: AttemptMessage[] = []
    const note = (what: string) => (message: AttemptMessage) => {
      told.push(what)
      contexts.push(message)
    }
    for (const what of ['start', 'end', 'error', 'asyncStart', 'asyncEnd'] as const) {
      ends.push(listen(`bgt:attempt:${what}`, note(what)))
    }
    const {engine, server, file} = await makeWorld({retries: 0})
    server.route('/gone', {status: 404, content: Buffer.from('no')})
    server.route('/file.bin', {content: CONTENT})
    const downloader = engine.createDownloader()
    await failure(downloader.createDownload(server.url('/gone'), file('gone')).startAsync())
    expect(told).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    expect(new Set(contexts).size).toBe(1)
    expect(contexts[0]).toMatchObject({attempt: 1, from: 0, outcome: 'failed', status: 404, error: 'HTTP_STATUS'})

    told.length = 0
    contexts.length = 0
    await downloader.createDownload(server.url('/file.bin'), file('file.bin')).startAsync()
    expect(told).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    expect(contexts[0]).toMatchObject({outcome: 'finished', status: 200, to: CONTENT.length})
  })

  it('say at the opening what the store holds unfinished, as recovery has it', async () => {
    const directory = await makeDirectory()
    const server = await startServer()
    server.route('/slow', {content: CONTENT, pieceDelayMs: 1_000})
    const first = await openEngine(directory, {maxConcurrentTransfers: 1})
    const downloader = first.createDownloader()
    const operations = ['a', 'b', 'c'].map((name) =>
      downloader.createDownload(server.url('/slow'), `${directory}/${name}`),
    )
    const running = operations.map((operation) => operation.startAsync())
    for (const each of running) each.catch(() => undefined)
    await Promise.all(running.map(({accepted}) => accepted))
    operations[2]?.pause()
    await first.close()

    const heard = hearAll()
    const second = await openEngine(directory, {maxConcurrentTransfers: 0})
    expect(heard[0]).toMatchObject({name: 'bgt:engine:open', unfinished: {queued: 2, pausedByApplication: 1}})
    await second.close()
  })

  it('count a line that is longer than a page', async () => {
    const store = new MemoryStore()
    await store.open()
    const members = Array.from({length: 25}, (_, n) =>
      queuedRecord(n, {state: n % 5 === 0 ? 'pausedNoNetwork' : 'queued'}),
    )
    await store.create(members)
    expect(await countUnfinished(store, 3)).toEqual({queued: 20, pausedNoNetwork: 5})
    await store.close()
  })
})
