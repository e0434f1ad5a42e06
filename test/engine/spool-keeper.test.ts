/** Bodies that are taken: one at a time for each operation to come, and none behind the end of the engine. */

import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {PassThrough} from 'node:stream'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {createFileSpool} from '../../src/adapters/file/file-spool.ts'
import {SpoolKeeper} from '../../src/engine/operations/spool-keeper.ts'
import type {Log} from '../../src/ports/log.ts'
import type {RecordStore} from '../../src/ports/record-store.ts'
import {spoolName} from '../../src/ports/spool.ts'
import {operationId} from '../support/records.ts'

const ID = operationId(1)
const CLOSED = expect.objectContaining({code: 'CLOSED'})
let directory: string
let keeper: SpoolKeeper

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spool-'))
  const unused = {} as RecordStore & Log
  const spool = createFileSpool({directory, durability: 'process', makeDirectory: async () => undefined})
  keeper = new SpoolKeeper({spool, store: unused, log: unused})
})

afterEach(() => rmSync(directory, {recursive: true}))

/** What became of it: the body, or the error. */
const taken = (stream: PassThrough) => keeper.take(ID, stream).catch((error: unknown) => error)

describe('a body that is sent again', () => {
  it('is the last that was sent, also where several wait for the first to be given up', async () => {
    const streams = [new PassThrough(), new PassThrough(), new PassThrough()] as const
    const first = taken(streams[0])
    streams[0].write('first')
    const [second, third] = [taken(streams[1]), taken(streams[2])]
    expect(await first).toEqual(CLOSED)
    streams[2].write('the ')
    expect(await second).toEqual(CLOSED)
    streams[2].end('third')
    expect(await third).toMatchObject({size: 'the third'.length})
    expect(readFileSync(join(directory, spoolName(ID, 'body')), 'utf8')).toBe('the third')
  })

  it('is not begun with behind the end of the engine', async () => {
    const first = taken(new PassThrough())
    const second = taken(new PassThrough())
    await keeper.dropDrafts()
    expect(await first).toEqual(CLOSED)
    expect(await second).toEqual(CLOSED)
    expect(readdirSync(directory)).toEqual([])
  })
})
