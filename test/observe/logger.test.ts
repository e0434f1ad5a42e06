/** What an application's logger hears of a transfer's life, and what it never hears. */

import {describe, expect, it} from 'vitest'
import {BackgroundTransferStatus, type Log} from '../../src/index.ts'
import {failure, makeWorld, reaches} from '../integration/harness.ts'
import {contentOf} from '../support/content.ts'

interface Line {
  readonly level: keyof Log
  readonly facts: Readonly<Record<string, unknown>>
  readonly message: string
}

function createRecorder(): {readonly logger: Log; readonly lines: Line[]} {
  const lines: Line[] = []
  const at = (level: keyof Log) => (facts: object, message: string) => {
    lines.push({level, facts: facts as Line['facts'], message})
  }
  return {lines, logger: {debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error')}}
}

const CONTENT = contentOf(6, 100_000)

describe('the logger', () => {
  it('hears where a transfer begins, goes wrong, stands still and ends, and no secret', async () => {
    const {logger, lines} = createRecorder()
    const {engine, server, file} = await makeWorld({logger, retries: 1})
    let tries = 0
    server.route('/file.bin', () => {
      tries += 1
      return tries === 1 ? {status: 503, content: Buffer.from('later')} : {content: CONTENT}
    })
    server.route('/gone', {status: 410, content: Buffer.from('no')})
    const downloader = engine.createDownloader()
    downloader.setRequestHeader('Authorization', 'Bearer planted-header')
    const good = downloader.createDownload(server.url('/file.bin?sig=planted-query'), file('file.bin'))
    await good.startAsync()
    const told = (id: string) =>
      lines.filter(({facts}) => facts.id === id).map(({level, message}) => `${level}: ${message}`)
    expect(told(good.guid)).toEqual([
      'debug: a transfer was accepted',
      'info: a transfer started',
      'warn: a try failed; another one follows',
      'info: a transfer started',
      'info: a transfer completed',
    ])
    expect(lines.find(({level}) => level === 'warn')?.facts).toMatchObject({
      error: expect.stringMatching(/^HTTP_STATUS: /),
      retryAt: expect.stringMatching(/Z$/),
    })
    expect(lines.find(({message}) => message === 'a transfer completed')?.facts).toMatchObject({
      file: file('file.bin'),
      bytes: CONTENT.length,
    })

    const bad = downloader.createDownload(server.url('/gone?sig=planted-query'), file('gone'))
    await failure(bad.startAsync())
    expect(told(bad.guid).at(-1)).toBe('error: a transfer failed')

    server.route('/slow', {content: CONTENT, pieceDelayMs: 1_000})
    const slow = downloader.createDownload(server.url('/slow'), file('slow'))
    const running = slow.startAsync()
    running.catch(() => undefined)
    await reaches(slow, BackgroundTransferStatus.running)
    slow.pause()
    await reaches(slow, BackgroundTransferStatus.pausedByApplication)
    running.cancel()
    await failure(running)
    expect(told(slow.guid).slice(-2)).toEqual(['info: a transfer was paused', 'info: a transfer was canceled'])

    expect(JSON.stringify(lines)).not.toContain('planted')
  })

  it('hears a pause that nobody asked for as a warning', async () => {
    const {logger, lines} = createRecorder()
    const {engine, server, file} = await makeWorld({logger})
    server.route('/private', {status: 401, content: Buffer.from('who')})
    const operation = engine.createDownloader().createDownload(server.url('/private'), file('private'))
    operation.recoverableWebErrorStatuses.push(401)
    operation.startAsync().catch(() => undefined)
    await reaches(operation, BackgroundTransferStatus.pausedRecoverableWebErrorStatus)
    expect(lines.at(-1)).toMatchObject({
      level: 'warn',
      message: 'a transfer paused',
      facts: {id: operation.guid, state: 'pausedRecoverableWebErrorStatus', error: expect.stringContaining('401')},
    })
  })
})
