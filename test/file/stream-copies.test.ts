/** Copies of streams: read as they come, and again, and gone with whoever had them. */

import {existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {PassThrough} from 'node:stream'
import {buffer} from 'node:stream/consumers'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import {createStreamCopies} from '../../src/adapters/file/stream-copies.ts'
import {contentOf, sha256} from '../support/content.ts'
import {errno} from '../support/memory-disk.ts'
import {operationId} from '../support/records.ts'

const ID = operationId(1)
const BYTES = contentOf(6, 1_500_000)
let home: string
let directory: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'copies-'))
  directory = join(home, 'spool')
})

afterEach(() => rmSync(home, {recursive: true}))

/** Files below the directory that this process has open, also without their names. */
function openFiles(): readonly string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return targets.filter((target) => target.startsWith(directory))
}

const isLinux = existsSync('/proc/self/fd')

describe('a copy of a stream', () => {
  it('is read while it comes, and from its start again, and has no name', async () => {
    const stream = new PassThrough()
    const copy = await createStreamCopies(directory).open(ID, stream)
    expect(readdirSync(directory)).toEqual([])
    const first = copy.read()[Symbol.asyncIterator]()
    stream.write('begun')
    expect(String((await first.next()).value)).toBe('begun')
    const rest = first.next()
    stream.end(BYTES)
    expect((await rest).done).toBe(false)
    for (let again = 0; again < 2; again += 1) {
      const whole = await buffer(copy.read())
      expect([whole.subarray(0, 5).toString(), sha256(whole.subarray(5))]).toEqual(['begun', sha256(BYTES)])
    }
    copy.close()
    copy.close()
    if (isLinux) await expect.poll(openFiles).toEqual([])
  })

  it('fails as the stream does, whenever it is read', async () => {
    const stream = new PassThrough()
    const copy = await createStreamCopies(directory).open(ID, stream)
    stream.write('begun')
    const reading = buffer(copy.read())
    stream.destroy(new RangeError('it broke'))
    await expect(reading).rejects.toThrow('it broke')
    await expect(buffer(copy.read())).rejects.toThrow('it broke')
    expect(copy.failure?.reason).toBeInstanceOf(RangeError)
    copy.close()
  })

  it('says that the disk is full, and lets go of the stream', async () => {
    const full = {...nodeFileSystem, write: async () => Promise.reject(errno('ENOSPC'))}
    const stream = new PassThrough()
    const copy = await createStreamCopies(directory, full).open(ID, stream)
    stream.write('begun')
    await expect(buffer(copy.read())).rejects.toMatchObject({code: 'DISK_FULL', where: directory})
    await expect.poll(() => stream.destroyed).toBe(true)
    copy.close()
  })

  it('that is closed wakes who waits for more, and is closed behind the last read', async () => {
    let finish: (() => void) | undefined
    const slow = {
      ...nodeFileSystem,
      read: async (...given: Parameters<typeof nodeFileSystem.read>) => {
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        return nodeFileSystem.read(...given)
      },
    }
    const stream = new PassThrough()
    const copy = await createStreamCopies(directory, slow).open(ID, stream)
    const waiting = copy.read()[Symbol.asyncIterator]().next()
    stream.write('begun')
    await expect.poll(() => finish).toBeDefined()
    const other = copy.read()[Symbol.asyncIterator]()
    copy.close()
    if (isLinux) expect(openFiles()).toHaveLength(1)
    finish?.()
    expect(String((await waiting).value)).toBe('begun')
    if (isLinux) await expect.poll(openFiles).toEqual([])
    await expect(other.next()).rejects.toMatchObject({code: 'CLOSED'})
  })

  it('says that it cannot be made, and leaves the stream as it is', async () => {
    const denied = {...nodeFileSystem, open: async () => Promise.reject(errno('EACCES'))}
    const stream = new PassThrough()
    await expect(createStreamCopies(directory, denied).open(ID, stream)).rejects.toMatchObject({code: 'FILE_ACCESS'})
    expect(stream.destroyed).toBe(false)
  })
})
