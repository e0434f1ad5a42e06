/** The Spool over a directory beside the store: one file for each kind of an operation, mode 0600. */

import {dirname, join} from 'node:path'
import {isOperationId, type OperationId} from '../../domain/operation-id.ts'
import {type Spool, type SpoolKind, spoolName} from '../../ports/spool.ts'
import {abortable} from './abortable.ts'
import {asFileWork} from './file-errors.ts'
import type {FileSystem} from './file-system.ts'
import {nodeFileSystem} from './node-file-system.ts'
import {Room} from './room.ts'
import {writeFully} from './transfer-bytes.ts'

/** Those that outlive whoever made them. */
const KINDS: readonly SpoolKind[] = ['body', 'answer']

/** One write to the disk; smaller chunks of a stream are gathered. */
const WRITE_BYTES = 1024 * 1024

const READ_BYTES = 256 * 1024

export interface FileSpoolOptions {
  /** Created, mode 0700, with the first file. */
  readonly directory: string
  readonly durability: 'power' | 'process'
  readonly makeDirectory: (path: string) => Promise<void>
  readonly files?: FileSystem
  /** Bytes of the disk that stay free, for the records beside it; as in the file sink by default. */
  readonly reserveBytes?: number
}

export function createFileSpool(options: FileSpoolOptions): Spool {
  const {directory, durability, makeDirectory, files = nodeFileSystem} = options
  const room = new Room(files, options.reserveBytes)
  const pathOf = (id: OperationId, kind: SpoolKind) => join(directory, spoolName(id, kind))

  /** The sync of the directory's own name, shared; undefined while none has begun, and after one that failed. */
  let named: Promise<void> | undefined

  /** Without that name no file is found after a loss of power. Whoever made the directory may have died before its sync. */
  const syncOwnName = async (): Promise<void> => {
    named ??= files.fsyncDirectory(dirname(directory))
    try {
      await named
    } catch (thrown) {
      named = undefined
      throw thrown
    }
  }

  const create = async (path: string): Promise<number> => {
    if ((await files.stat(directory)) === undefined) named = undefined
    await makeDirectory(directory)
    if (durability === 'power') await syncOwnName()
    await files.remove(path)
    return files.open(path, 'createNew')
  }

  const sync = async (fd: number, path: string): Promise<void> => {
    if (durability === 'power') await asFileWork(path, 'store', () => files.fdatasync(fd))
  }

  /** The file's name is durable too. */
  const syncNames = async (): Promise<void> => {
    if (durability === 'power') await asFileWork(directory, 'store', () => files.fsyncDirectory(directory))
  }

  return {
    async take(id, chunks, signal) {
      const path = pathOf(id, 'body')
      const fd = await asFileWork(path, 'store', () => create(path))
      try {
        const write = (buffer: Buffer, length: number, position: number) =>
          asFileWork(path, 'store', () =>
            room.spend(path, length, () => writeFully(files, fd, buffer.subarray(0, length), position)),
          )
        const size = await copy(chunks, write, signal)
        await sync(fd, path)
        await syncNames()
        return size
      } catch (thrown) {
        await files.remove(path).catch(() => undefined)
        throw thrown
      } finally {
        await files.close(fd)
      }
    },

    async openAnswer(id) {
      const path = pathOf(id, 'answer')
      const hadOther = await asFileWork(path, 'store', () => files.remove(path))
      // Most answers to an upload have no body: a file, and the syncs of it and its name, are for those that have.
      let opening: Promise<number> | undefined
      let isOpen = true
      return {
        async write(buffer, length, position) {
          opening ??= asFileWork(path, 'store', () => create(path))
          const fd = await opening
          // Also of the reserve: the server has the request, and would get it a second time.
          await asFileWork(path, 'store', () => writeFully(files, fd, buffer.subarray(0, length), position))
        },
        async sync() {
          if (opening !== undefined) await sync(await opening, path)
          if (opening !== undefined || hadOther) await syncNames()
        },
        async close() {
          if (!isOpen) return
          isOpen = false
          const fd = await opening?.catch(() => undefined)
          if (fd !== undefined) await files.close(fd)
        },
      }
    },

    async *readAnswer(id, position) {
      const path = pathOf(id, 'answer')
      if ((await files.lstat(path)) === undefined) return
      const fd = await asFileWork(path, 'part', () => files.open(path, 'read'))
      try {
        for (let at = position; ; ) {
          const buffer = Buffer.allocUnsafe(READ_BYTES)
          const count = await asFileWork(path, 'part', async () => files.read(fd, buffer, 0, buffer.length, at))
          if (count === 0) return
          at += count
          yield buffer.subarray(0, count)
        }
      } finally {
        await files.close(fd)
      }
    },

    async remove(id, kind) {
      for (const each of kind === undefined ? KINDS : [kind]) {
        const path = pathOf(id, each)
        await asFileWork(path, 'store', () => files.remove(path))
      }
    },

    async list() {
      if ((await files.stat(directory)) === undefined) return []
      const names = await asFileWork(directory, 'store', () => files.readdir(directory))
      return names.flatMap((name) => {
        const dot = name.lastIndexOf('.')
        const [id, ending] = [name.slice(0, dot), name.slice(dot + 1)]
        const kind = ending === 'copy' ? ending : KINDS.find((each) => each === ending)
        return kind !== undefined && isOperationId(id) ? [{id, kind}] : []
      })
    },
  }
}

async function copy(
  chunks: AsyncIterable<Uint8Array>,
  write: (buffer: Buffer, length: number, position: number) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const gathered = Buffer.allocUnsafeSlow(WRITE_BYTES)
  let filled = 0
  let size = 0
  const flush = async () => {
    const length = filled
    filled = 0
    if (length > 0) await write(gathered, length, size)
    size += length
  }
  for await (const chunk of abortable(chunks, signal)) {
    for (let at = 0; at < chunk.length; ) {
      const count = Math.min(chunk.length - at, gathered.length - filled)
      gathered.set(chunk.subarray(at, at + count), filled)
      filled += count
      at += count
      if (filled === gathered.length) await flush()
    }
  }
  await flush()
  return size
}
