/** The spool: streams are taken whole or not at all, and what nobody needs goes. */

import {existsSync, lstatSync, mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {createContentSource} from '../../src/adapters/file/content-source.ts'
import {createFileSpool} from '../../src/adapters/file/file-spool.ts'
import type {FileSystem} from '../../src/adapters/file/file-system.ts'
import {nodeFileSystem} from '../../src/adapters/file/node-file-system.ts'
import {type Spool, spoolName} from '../../src/ports/spool.ts'
import {contentOf, sha256} from '../support/content.ts'
import {errno, MemoryDisk} from '../support/memory-disk.ts'
import {operationId} from '../support/records.ts'

const ID = operationId(1)
let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'spool-'))
})

afterEach(() => rmSync(home, {recursive: true}))

function spoolIn(directory: string) {
  return createFileSpool({
    directory,
    durability: 'power',
    makeDirectory: async (path) => {
      await mkdir(path, {recursive: true, mode: 0o700})
    },
  })
}

function onMemory() {
  const disk = new MemoryDisk('/spool')
  const make = () =>
    createFileSpool({
      directory: '/spool',
      durability: 'power',
      makeDirectory: async () => undefined,
      files: disk.fileSystem(),
    })
  return {disk, make}
}

async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function keepAnswer(spool: Spool, text: string): Promise<void> {
  const answer = await spool.openAnswer(ID)
  if (text !== '') await answer.write(Buffer.from(text), text.length, 0)
  await answer.sync()
  await answer.close()
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(Buffer.from(chunk))
  return Buffer.concat(all)
}

describe('the spool', () => {
  it.each([1, 1000, 3_000_000])('takes a stream in chunks of %i, for its owner only', async (size) => {
    const directory = join(home, 'spool')
    const bytes = contentOf(1, size === 1 ? 5000 : 4_000_000)
    expect(await spoolIn(directory).take(ID, piecesOf(bytes, size))).toBe(bytes.length)
    const name = spoolName(ID, 'body')
    expect(lstatSync(join(directory, name)).mode & 0o777).toBe(0o600)
    expect(lstatSync(directory).mode & 0o777).toBe(0o700)
    const content = {pieces: [{kind: 'spool' as const, name, size: bytes.length}]}
    const source = createContentSource({spoolDirectory: directory})
    const body = source.body(content, await source.inspect(content))
    expect(sha256(await collect(body.chunks()))).toBe(sha256(bytes))
  })

  it('leaves nothing of a stream that fails, or that is given up while it is silent', async () => {
    const directory = join(home, 'spool')
    const failing = async function* () {
      yield Buffer.from('a')
      throw new Error('the source broke')
    }
    await expect(spoolIn(directory).take(ID, failing())).rejects.toThrow('the source broke')
    const silent = async function* () {
      yield Buffer.from('a')
      await new Promise<never>(() => undefined)
    }
    const abort = new AbortController()
    const taking = spoolIn(directory).take(ID, silent(), abort.signal)
    abort.abort(new Error('enough'))
    await expect(taking).rejects.toThrow('enough')
    expect(readdirSync(directory)).toEqual([])
  })

  it('keeps the reserve of the disk free, and leaves nothing of what does not fit', async () => {
    const directory = join(home, 'spool')
    let freeBytes = 9_000_000
    const files: FileSystem = {
      ...nodeFileSystem,
      space: async () => ({freeBytes, totalBytes: 100_000_000}),
      write: async (...args) => {
        const count = await nodeFileSystem.write(...args)
        freeBytes -= count
        return count
      },
    }
    const makeDirectory = async (path: string) => void (await mkdir(path, {recursive: true}))
    const spool = createFileSpool({directory, durability: 'power', makeDirectory, files, reserveBytes: 4_000_000})
    const endless = async function* () {
      for (;;) yield Buffer.alloc(100_000)
    }
    await expect(spool.take(ID, endless())).rejects.toMatchObject({code: 'DISK_FULL'})
    expect(freeBytes).toBeGreaterThanOrEqual(4_000_000)
    expect(readdirSync(directory)).toEqual([])
  })

  it('makes its own name durable with its first file', async () => {
    const directory = join(home, 'spool')
    const synced: string[] = []
    const files: FileSystem = {
      ...nodeFileSystem,
      fsyncDirectory: async (path) => {
        synced.push(path)
        await nodeFileSystem.fsyncDirectory(path)
      },
    }
    const makeDirectory = async (path: string) => void (await mkdir(path, {recursive: true}))
    const spool = createFileSpool({directory, durability: 'power', makeDirectory, files})
    await spool.take(ID, piecesOf(Buffer.from('x'), 1))
    await spool.take(operationId(2), piecesOf(Buffer.from('x'), 1))
    expect(synced).toEqual([home, directory, directory])
  })

  it('has no file before its own name is durable, whoever made it, and whatever became of the sync before', async () => {
    const directory = join(home, 'spool')
    const syncs: ((code?: string) => void)[] = []
    const files: FileSystem = {
      ...nodeFileSystem,
      fsyncDirectory: (path) => {
        if (path !== home) return nodeFileSystem.fsyncDirectory(path)
        return new Promise((resolve, reject) => {
          syncs.push((code) => (code === undefined ? resolve() : reject(errno(code))))
        })
      },
    }
    let made = 0
    const makeDirectory = async (path: string) => {
      await mkdir(path, {recursive: true})
      made += 1
    }
    const spool = createFileSpool({directory, durability: 'power', makeDirectory, files})
    const told: string[] = []
    const take = (n: number) =>
      spool.take(operationId(n), piecesOf(Buffer.from('x'), 1)).then(
        () => told.push(`taken ${n}`),
        ({code}) => told.push(`${code} ${n}`),
      )
    const first = take(1)
    await expect.poll(() => syncs.length).toBe(1)
    const second = take(2)
    // What comes next is the sync that the first one waits for.
    await expect.poll(() => made).toBe(2)
    expect(told).toEqual([])
    syncs[0]?.('EIO')
    await Promise.all([first, second])
    expect(told.sort()).toEqual(['DISK_FAILED 1', 'DISK_FAILED 2'])
    const third = take(3)
    await expect.poll(() => syncs.length).toBe(2)
    syncs[1]?.()
    await third
    expect(told).toContain('taken 3')
  })

  it('keeps an answer that can be read while it is written', async () => {
    const spool = spoolIn(join(home, 'spool'))
    expect(await collect(spool.readAnswer(ID, 0))).toEqual(Buffer.alloc(0))
    const answer = await spool.openAnswer(ID)
    await answer.write(Buffer.from('hello world'), 5, 0)
    expect(String(await collect(spool.readAnswer(ID, 1)))).toBe('ello')
    await answer.write(Buffer.from(', you'), 5, 5)
    await answer.sync()
    await answer.close()
    await answer.close()
    expect(String(await collect(spool.readAnswer(ID, 0)))).toBe('hello, you')
    await (await spool.openAnswer(ID)).close()
    expect(await collect(spool.readAnswer(ID, 0))).toEqual(Buffer.alloc(0))
  })

  it('makes no file for an answer without a body, and keeps none of an earlier try', async () => {
    const directory = join(home, 'spool')
    const spool = spoolIn(directory)
    await keepAnswer(spool, '')
    expect(existsSync(directory)).toBe(false)
    await keepAnswer(spool, 'busy')
    await keepAnswer(spool, '')
    expect(await spool.list()).toEqual([])
  })

  it('has no answer of an earlier try again after a loss of power', async () => {
    const {disk, make} = onMemory()
    const spool = make()
    await keepAnswer(spool, 'busy')
    await keepAnswer(spool, '')
    disk.crash()
    expect(await make().list()).toEqual([])
  })

  it('says whose files it has, and removes them by kind or altogether', async () => {
    const directory = join(home, 'spool')
    const spool = spoolIn(directory)
    expect(await spool.list()).toEqual([])
    await spool.remove(ID)
    await spool.take(ID, piecesOf(Buffer.from('x'), 1))
    await keepAnswer(spool, 'x')
    await spool.take(operationId(2), piecesOf(Buffer.from('x'), 1))
    expect(await spool.list()).toHaveLength(3)
    await spool.remove(ID, 'body')
    await spool.remove(operationId(2))
    expect(await spool.list()).toEqual([{id: ID, kind: 'answer'}])
  })

  it('has told the truth after a loss of power', async () => {
    const {disk, make} = onMemory()
    const size = await make().take(ID, piecesOf(contentOf(1, 100_000), 9999))
    disk.crash()
    const name = spoolName(ID, 'body')
    const content = {pieces: [{kind: 'spool' as const, name, size}]}
    const source = createContentSource({spoolDirectory: '/spool', files: disk.fileSystem()})
    const body = source.body(content, await source.inspect(content))
    expect(sha256(await collect(body.chunks()))).toBe(sha256(contentOf(1, 100_000)))
  })
})
