/** What every FileSink promises, as tests: run over the real sink and over the one in memory. */

import {createHash} from 'node:crypto'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type SerializedError, TransferError} from '../../src/domain/errors.ts'
import type {ExpectedFile} from '../../src/domain/expected-file.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {RangeSet} from '../../src/domain/range-set.ts'
import type {CollisionPolicy, PublishedFile} from '../../src/domain/record.ts'
import type {FileReader, FileSink, PartFile, PartName, SideFacts} from '../../src/ports/file-sink.ts'
import {contentOf, md5, sha256} from '../support/content.ts'

/** A sink with a directory of its own, and a look at that directory from outside. */
export interface SinkBench {
  readonly sink: FileSink
  readonly directory: string
  /** Names in the directory, sorted. */
  names(): readonly string[]
  read(name: string): Buffer | undefined
  /** As somebody else would. */
  write(name: string, bytes: Buffer): void
  remove(name: string): void
  mode(name: string): number | undefined
  dispose(): void
}

export type Durability = 'power' | 'process'

const MIB = 1024 * 1024
const ID = '0f8fad5b-d9cb-469f-a165-70867728950e' as OperationId
const OTHER_ID = '7c9e6679-7425-40de-944b-e07fc1f90ae7' as OperationId

export function nameIn(directory: string, file = 'film.mp4', generation = 1, id = ID): PartName {
  return {id, file: join(directory, file), generation}
}

export function factsOf(name: PartName, ranges: RangeSet, collision: CollisionPolicy = 'failIfExists'): SideFacts {
  return {
    id: name.id,
    request: {url: 'http://127.0.0.1/film.mp4', method: 'GET'},
    target: {file: name.file, collision},
    evidence: {generation: name.generation, validator: {kind: 'etag', value: '"1"'}, ranges},
  }
}

/** Opens, writes everything and closes; with a checkpoint when asked for. */
export async function writePart(sink: FileSink, name: PartName, bytes: Buffer, checkpoint = false): Promise<void> {
  const {part} = await sink.openPart(name, [])
  try {
    await part.write(bytes, bytes.length, 0)
    await part.sync()
    if (checkpoint) await part.checkpoint(factsOf(name, [[0, bytes.length]]))
  } finally {
    await part.close()
  }
}

async function refusalOf(file: Promise<PublishedFile>): Promise<SerializedError> {
  const refused: unknown = await file.catch((error: unknown) => error)
  if (refused instanceof TransferError) return refused.toSerialized()
  throw new Error('nothing was refused')
}

export async function finishPart(sink: FileSink, name: PartName, bytes: Buffer): Promise<PublishedFile> {
  await writePart(sink, name, bytes)
  return sink.verify(name, {size: bytes.length, digests: []}, new AbortController().signal)
}

export function describeFileSink(title: string, create: (durability: Durability) => SinkBench): void {
  for (const durability of ['power', 'process'] as const) {
    describe(`${title}, durability ${durability}`, () => {
      let bench: SinkBench
      let sink: FileSink
      let name: PartName
      const {signal} = new AbortController()

      beforeEach(() => {
        bench = create(durability)
        sink = bench.sink
        name = nameIn(bench.directory)
      })

      afterEach(() => bench.dispose())

      describe('checkTarget', () => {
        test('allows a free name in a directory', async () => {
          await expect(sink.checkTarget({file: name.file, collision: 'failIfExists'})).resolves.toBeUndefined()
        })

        test('rejects when the directory is missing', async () => {
          const file = join(bench.directory, 'none', 'a')
          await expect(sink.checkTarget({file, collision: 'replaceExisting'})).rejects.toMatchObject({
            code: 'DIRECTORY_MISSING',
            where: join(bench.directory, 'none'),
          })
        })

        test('rejects when something else stands in the place of the directory', async () => {
          bench.write('film.mp4', Buffer.from('old'))
          const file = join(bench.directory, 'film.mp4', 'a')
          await expect(sink.checkTarget({file, collision: 'replaceExisting'})).rejects.toMatchObject({
            code: 'DIRECTORY_MISSING',
            message: 'this is not a directory',
            where: join(bench.directory, 'film.mp4'),
          })
        })

        test('rejects a taken name under failIfExists only', async () => {
          bench.write('film.mp4', Buffer.from('old'))
          const {file} = name
          await expect(sink.checkTarget({file, collision: 'failIfExists'})).rejects.toMatchObject({
            code: 'FILE_EXISTS',
            where: file,
          })
          await sink.checkTarget({file, collision: 'replaceExisting'})
          await sink.checkTarget({file, collision: 'generateUniqueName'})
        })

        test('rejects a directory as destination', async () => {
          for (const collision of ['failIfExists', 'replaceExisting', 'generateUniqueName'] as const) {
            await expect(sink.checkTarget({file: bench.directory, collision})).rejects.toMatchObject({
              code: 'FILE_EXISTS',
              message: 'this is a directory',
            })
          }
        })
      })

      describe('writeWhole', () => {
        test('makes a part as verify leaves one, which publish gives its name', async () => {
          const bytes = [Buffer.from('one and '), Buffer.from('two')]
          const file = await sink.writeWhole(name, bytes)
          expect(bench.mode('.film.mp4.7728950e.1.part')).toBe(0o644)
          await expect(sink.verify(name, {size: 11, digests: []}, signal)).resolves.toEqual(file)
          await expect(sink.publish(name, file, 'failIfExists')).resolves.toBe(name.file)
          expect(bench.read('film.mp4')?.toString()).toBe('one and two')
          expect(bench.names()).toEqual(['film.mp4'])
        })

        test('makes none of what is not what it has to be, and says why as verify does', async () => {
          const bytes = [Buffer.from('one and '), Buffer.from('two')]
          const whole = Buffer.concat(bytes)
          const wrong = {algorithm: 'sha256', hex: '0'.repeat(64)} as const
          const expectations: readonly ExpectedFile[] = [
            {size: 12, digests: []},
            {
              size: 11,
              digests: [
                {algorithm: 'md5', hex: md5(whole), from: 'application'},
                {...wrong, from: 'server'},
              ],
            },
            {size: 11, digests: [{...wrong, from: 'application'}]},
            {size: 11, digests: [], content: {minBytes: 12}},
            {size: 11, digests: [], content: {magic: '6f6e6520616e642074776f2e'}},
          ]
          for (const expected of expectations) {
            const refused = await refusalOf(sink.writeWhole(name, bytes, expected))
            expect(bench.names()).toEqual([])
            await writePart(sink, name, whole, true)
            expect(refused).toEqual(await refusalOf(sink.verify(name, expected, signal)))
            await sink.discard(name)
          }
        })

        test('makes one of what is what it has to be', async () => {
          const bytes = [Buffer.from('one and '), Buffer.from('two')]
          const whole = Buffer.concat(bytes)
          const file = await sink.writeWhole(name, bytes, {
            size: 11,
            digests: [
              {algorithm: 'sha256', hex: sha256(whole), from: 'application'},
              {algorithm: 'md5', hex: md5(whole).toUpperCase(), from: 'server'},
            ],
            content: {minBytes: 11, maxBytes: 11, magic: '6f6e6520616e64207477'},
          })
          expect(file.size).toBe(11)
        })

        test('makes an empty part of nothing', async () => {
          const file = await sink.writeWhole(name, [])
          expect(file.size).toBe(0)
          await sink.publish(name, file, 'failIfExists')
          expect(bench.read('film.mp4')).toHaveLength(0)
        })

        test('takes the place of a part that is there, and what stands beside that is removed in the end', async () => {
          await writePart(sink, name, Buffer.from('there, and longer'), true)
          const file = await sink.writeWhole(name, [Buffer.from('other')])
          expect(bench.read('.film.mp4.7728950e.1.part')?.toString()).toBe('other')
          await sink.publish(name, file, 'failIfExists')
          expect(bench.read('film.mp4')?.toString()).toBe('other')
          expect(bench.names()).toEqual(['film.mp4'])
        })

        test('waits while the part is open', async () => {
          const {part} = await sink.openPart(name, [])
          let isOpen = true
          const written = sink.writeWhole(name, [Buffer.from('late')]).then((file) => {
            expect(isOpen).toBe(false)
            return file
          })
          await Promise.resolve()
          isOpen = false
          await part.close()
          expect((await written).size).toBe(4)
        })
      })

      describe('openPart', () => {
        test('creates a hidden part beside the destination that only its owner may read', async () => {
          const {part, ranges} = await sink.openPart(name, [])
          await part.close()
          expect(ranges).toEqual([])
          expect(bench.names()).toEqual(['.film.mp4.7728950e.1.part'])
          expect(bench.mode('.film.mp4.7728950e.1.part')).toBe(0o600)
        })

        test('empties an existing part and forgets its side file when nothing is claimed', async () => {
          await writePart(sink, name, contentOf(1, 1000), true)
          const {part, ranges} = await sink.openPart(name, [])
          await part.close()
          expect(ranges).toEqual([])
          expect(bench.names()).toEqual(['.film.mp4.7728950e.1.part'])
          expect(bench.read('.film.mp4.7728950e.1.part')).toEqual(Buffer.alloc(0))
        })

        test('gives back what the last checkpoint covers and the claim names', async () => {
          await writePart(sink, name, contentOf(1, 2 * MIB + 500), true)
          const {part, ranges} = await sink.openPart(name, [[100, 2 * MIB + 400]])
          await part.close()
          expect(ranges).toEqual([[100, 2 * MIB + 400]])
        })

        test('does not trust bytes beyond the last checkpoint, and cuts them off', async () => {
          const bytes = contentOf(1, 3000)
          const {part} = await sink.openPart(name, [])
          await part.write(bytes, 1000, 0)
          await part.sync()
          await part.checkpoint(factsOf(name, [[0, 1000]]))
          await part.write(bytes.subarray(1000), 2000, 1000)
          await part.close()
          const again = await sink.openPart(name, [[0, 3000]])
          await again.part.close()
          expect(again.ranges).toEqual([[0, 1000]])
          expect(bench.read('.film.mp4.7728950e.1.part')).toEqual(bytes.subarray(0, 1000))
        })

        test('drops every claim when the part is missing', async () => {
          await writePart(sink, name, contentOf(1, 1000), true)
          bench.remove('.film.mp4.7728950e.1.part')
          const {part, ranges} = await sink.openPart(name, [[0, 1000]])
          await part.close()
          expect(ranges).toEqual([])
        })

        test('drops every claim when the side file is missing', async () => {
          await writePart(sink, name, contentOf(1, 1000), true)
          bench.remove('.film.mp4.7728950e.1.side')
          const {part, ranges} = await sink.openPart(name, [[0, 1000]])
          await part.close()
          expect(ranges).toEqual([])
        })

        test('keeps the whole blocks of a part that became shorter', async () => {
          const bytes = contentOf(1, 2 * MIB)
          await writePart(sink, name, bytes, true)
          bench.write('.film.mp4.7728950e.1.part', bytes.subarray(0, MIB + 10))
          const {part, ranges} = await sink.openPart(name, [[0, 2 * MIB]])
          await part.close()
          expect(ranges).toEqual([[0, MIB]])
        })

        test('goes on where it stopped, through several lives', async () => {
          const bytes = contentOf(1, 2 * MIB + 700)
          let claimed: RangeSet = []
          for (const end of [300, 5000, MIB - 1, MIB + 1, 2 * MIB, bytes.length]) {
            const {part, ranges} = await sink.openPart(name, claimed)
            expect(ranges).toEqual(claimed)
            const start = claimed[0]?.[1] ?? 0
            await part.write(bytes.subarray(start), end - start, start)
            await part.sync()
            claimed = [[0, end]]
            await part.checkpoint(factsOf(name, claimed))
            await part.close()
          }
          const hex = createHash('sha256').update(bytes).digest('hex')
          await sink.verify(
            name,
            {size: bytes.length, digests: [{algorithm: 'sha256', hex, from: 'application'}]},
            signal,
          )
        })

        test('waits until the part is closed that was opened before: no late byte lands in a newer one', async () => {
          const name = nameIn(bench.directory)
          const {part} = await sink.openPart(name, [])
          const late = contentOf(1, 1000)
          const opening = sink.openPart(name, [])
          await part.write(late, late.length, 5_000)
          await part.checkpoint(factsOf(name, [[5_000, 6_000]]))
          await part.close()
          const newer = (await opening).part
          await newer.write(contentOf(2, 10), 10, 0)
          await newer.close()
          expect((await sink.verify(name, {size: 10, digests: []}, new AbortController().signal)).size).toBe(10)
        })

        test('keeps other operations and generations apart', async () => {
          await writePart(sink, name, contentOf(1, 10))
          await writePart(sink, {...name, generation: 2}, contentOf(1, 20))
          await writePart(sink, {...name, id: OTHER_ID}, contentOf(1, 30))
          expect(bench.names().map((each) => bench.read(each)?.length)).toEqual([10, 20, 30])
        })
      })

      describe('an open part', () => {
        let part: PartFile

        beforeEach(async () => {
          part = (await sink.openPart(name, [])).part
        })

        afterEach(() => part.close())

        test('holds writes at their positions, in any order, large and small', async () => {
          const bytes = contentOf(1, 400_000)
          await part.write(bytes.subarray(200_000), 200_000, 200_000)
          await part.write(bytes, 200_000, 0)
          const back = Buffer.alloc(400_100)
          expect(await part.read(back, 0)).toBe(400_000)
          expect(back.subarray(0, 400_000).equals(bytes)).toBe(true)
        })

        test('writes no more of a buffer than it is told', async () => {
          await part.write(Buffer.from('abcdef'), 3, 0)
          const back = Buffer.alloc(10)
          expect(await part.read(back, 1)).toBe(2)
          expect(back.toString('utf8', 0, 2)).toBe('bc')
        })

        test('is cut by truncate, and the cut bytes are gone from the next checkpoint', async () => {
          await part.write(contentOf(1, 1000), 1000, 0)
          await part.checkpoint(factsOf(name, [[0, 1000]]))
          await part.truncate(400)
          await part.checkpoint(factsOf(name, [[0, 400]]))
          await part.close()
          const again = await sink.openPart(name, [[0, 1000]])
          await again.part.close()
          expect(again.ranges).toEqual([[0, 400]])
        })

        test('makes no side file before the first checkpoint', async () => {
          await part.write(contentOf(1, 10), 10, 0)
          await part.sync()
          expect(bench.names()).toEqual(['.film.mp4.7728950e.1.part'])
          await part.checkpoint(factsOf(name, [[0, 10]]))
          expect(bench.names()).toEqual(['.film.mp4.7728950e.1.part', '.film.mp4.7728950e.1.side'])
        })

        test('records ranges of parallel writers that meet within a block', async () => {
          const bytes = contentOf(1, 3 * MIB)
          const half = MIB + 777
          const step = 100_003
          for (let at = 0; at < half; at += step) {
            const left = Math.min(step, half - at)
            await part.write(bytes.subarray(at), left, at)
            const right = Math.min(step, bytes.length - (half + at))
            if (right > 0) await part.write(bytes.subarray(half + at), right, half + at)
            await part.checkpoint(factsOf(name, [[0, at + left]]))
          }
          for (let at = 2 * half; at < bytes.length; at += step) {
            await part.write(bytes.subarray(at), Math.min(step, bytes.length - at), at)
          }
          await part.checkpoint(factsOf(name, [[0, bytes.length]]))
          await part.close()
          const again = await sink.openPart(name, [[0, bytes.length]])
          await again.part.close()
          expect(again.ranges).toEqual([[0, bytes.length]])
          expect(bench.read('.film.mp4.7728950e.1.part')?.equals(bytes)).toBe(true)
        })

        test('closes twice, after the writes under way, and then takes no more', async () => {
          const bytes = contentOf(1, 300_000)
          const writing = part.write(bytes, bytes.length, 0)
          await Promise.all([part.close(), part.close(), writing])
          await part.close()
          await expect(part.write(bytes, 1, 0)).rejects.toMatchObject({code: 'CLOSED'})
          expect(bench.read('.film.mp4.7728950e.1.part')?.equals(bytes)).toBe(true)
        })
      })

      describe('verify', () => {
        test('tells identity and size', async () => {
          const first = await finishPart(sink, name, contentOf(1, 1000))
          const second = await finishPart(sink, nameIn(bench.directory, 'other'), contentOf(1, 1000))
          expect(first.size).toBe(1000)
          expect(first.device).toBe(second.device)
          expect(first.inode).not.toBe(second.inode)
        })

        test('accepts an empty file and an unknown size', async () => {
          await writePart(sink, name, Buffer.alloc(0))
          expect(await sink.verify(name, {size: undefined, digests: []}, signal)).toMatchObject({size: 0})
        })

        test('rejects another size', async () => {
          await writePart(sink, name, contentOf(1, 1000))
          for (const size of [999, 1001]) {
            await expect(sink.verify(name, {size: size, digests: []}, signal)).rejects.toMatchObject({
              code: 'LENGTH_MISMATCH',
            })
          }
        })

        test('compares each kind of digest over several reads', async () => {
          const bytes = contentOf(1, 2 * MIB + 5)
          await writePart(sink, name, bytes)
          for (const algorithm of ['sha256', 'sha512', 'sha1', 'md5'] as const) {
            const hex = createHash(algorithm).update(bytes).digest('hex')
            await sink.verify(name, {size: bytes.length, digests: [{algorithm, hex, from: 'application'}]}, signal)
            const wrong = hex.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
            await expect(
              sink.verify(name, {size: bytes.length, digests: [{algorithm, hex: wrong, from: 'application'}]}, signal),
            ).rejects.toMatchObject({
              code: 'CHECKSUM_MISMATCH',
              details: {algorithm, actual: hex},
            })
          }
        })

        test('stops when it is aborted', async () => {
          const bytes = contentOf(1, 2 * MIB)
          await writePart(sink, name, bytes)
          const controller = new AbortController()
          const hex = createHash('md5').update(bytes).digest('hex')
          const verifying = sink.verify(
            name,
            {size: bytes.length, digests: [{algorithm: 'md5', hex, from: 'application'}]},
            controller.signal,
          )
          controller.abort()
          await expect(verifying).rejects.toMatchObject({code: 'CANCELED'})
        })

        test('rejects when the part is gone', async () => {
          await expect(sink.verify(name, {size: 1, digests: []}, signal)).rejects.toMatchObject({code: 'PART_LOST'})
        })
      })

      describe('publish', () => {
        test('gives the part its name and mode, and leaves nothing else behind', async () => {
          const bytes = contentOf(1, 1500)
          await writePart(sink, {...name, generation: 1}, contentOf(1, 7), true)
          await writePart(sink, {...name, generation: 3}, bytes, true)
          const last = {...name, generation: 3}
          const file = await sink.verify(last, {size: bytes.length, digests: []}, signal)
          expect(await sink.publish(last, file, 'failIfExists')).toBe(name.file)
          expect(bench.names()).toEqual(['film.mp4'])
          expect(bench.read('film.mp4')?.equals(bytes)).toBe(true)
          expect(bench.mode('film.mp4')).toBe(0o644)
        })

        for (const collision of ['failIfExists', 'generateUniqueName', 'replaceExisting'] as const) {
          test(`under ${collision} answers the same when it is asked again`, async () => {
            const file = await finishPart(sink, name, contentOf(1, 1500))
            const path = await sink.publish(name, file, collision)
            expect(await sink.publish(name, file, collision)).toBe(path)
            expect(bench.names()).toEqual(['film.mp4'])
          })

          test(`under ${collision} rejects when the part is gone and was not published`, async () => {
            const file = await finishPart(sink, name, contentOf(1, 1500))
            bench.remove('.film.mp4.7728950e.1.part')
            await expect(sink.publish(name, file, collision)).rejects.toMatchObject({code: 'PART_LOST'})
            expect(bench.names()).toEqual([])
          })
        }

        test('under failIfExists leaves an existing file, and the part, as they are', async () => {
          const file = await finishPart(sink, name, contentOf(1, 1500))
          bench.write('film.mp4', Buffer.from('old'))
          await expect(sink.publish(name, file, 'failIfExists')).rejects.toMatchObject({code: 'FILE_EXISTS'})
          expect(bench.read('film.mp4')?.toString()).toBe('old')
          expect(bench.read('.film.mp4.7728950e.1.part')?.length).toBe(1500)
        })

        test('under replaceExisting takes the place of an existing file', async () => {
          const file = await finishPart(sink, name, contentOf(1, 1500))
          bench.write('film.mp4', Buffer.from('old'))
          expect(await sink.publish(name, file, 'replaceExisting')).toBe(name.file)
          expect(bench.names()).toEqual(['film.mp4'])
          expect(bench.read('film.mp4')?.length).toBe(1500)
        })

        test('under generateUniqueName counts up, also when asked again', async () => {
          bench.write('film.mp4', Buffer.from('old'))
          bench.write('film (2).mp4', Buffer.from('old too'))
          const file = await finishPart(sink, name, contentOf(1, 1500))
          const path = join(bench.directory, 'film (3).mp4')
          expect(await sink.publish(name, file, 'generateUniqueName')).toBe(path)
          bench.remove('film (2).mp4')
          expect(await sink.publish(name, file, 'generateUniqueName')).toBe(path)
          expect(bench.names()).toEqual(['film (3).mp4', 'film.mp4'])
        })

        test('lets one of two win a name, and the other fail or count up', async () => {
          const other = {...name, id: OTHER_ID}
          for (const [collision, loser] of [
            ['failIfExists', 'FILE_EXISTS'],
            ['generateUniqueName', join(bench.directory, 'film (2).mp4')],
          ] as const) {
            const files = [
              await finishPart(sink, name, contentOf(1, 10)),
              await finishPart(sink, other, contentOf(1, 20)),
            ]
            const results = await Promise.all(
              [name, other].map((each, at) =>
                sink
                  .publish(each, files[at] ?? {device: 0, inode: 0, size: 0}, collision)
                  .catch((error: {code: string}) => error.code),
              ),
            )
            expect([...results].sort()).toEqual([name.file, loser].sort())
            for (const each of bench.names()) bench.remove(each)
          }
        })

        test('finds room for a number in a name of 255 bytes', async () => {
          const long = `${'é'.repeat(125)}x.mp4`
          bench.write(long, Buffer.from('old'))
          const longName = nameIn(bench.directory, long)
          const file = await finishPart(sink, longName, contentOf(1, 15))
          const path = await sink.publish(longName, file, 'generateUniqueName')
          expect(path).toBe(join(bench.directory, `${'é'.repeat(123)} (2).mp4`))
        })
      })

      describe('a reader', () => {
        const read = async (reader: FileReader, position: number, length = 100) => {
          const into = new Uint8Array(length)
          return Buffer.from(into.subarray(0, await reader.read(into, position)))
        }

        test('sees what is written beside it, and keeps its file over publishing and removal', async () => {
          const bytes = contentOf(4, 1000)
          const {part} = await sink.openPart(name, [])
          const reader = await sink.openReader(name, undefined)
          await expect(read(reader, 0)).resolves.toHaveLength(0)
          await part.write(bytes, bytes.length, 0)
          expect((await read(reader, 950)).equals(bytes.subarray(950))).toBe(true)
          await part.close()
          const file = await sink.verify(name, {size: bytes.length, digests: []}, signal)
          const path = await sink.publish(name, file, 'failIfExists')
          expect((await read(reader, 7)).equals(bytes.subarray(7, 107))).toBe(true)
          const published = await sink.openReader(name, path)
          bench.remove('film.mp4')
          expect((await read(published, 0)).equals(bytes.subarray(0, 100))).toBe(true)
          await Promise.all([reader.close(), reader.close(), published.close()])
          await expect(read(reader, 0)).rejects.toMatchObject({code: 'CLOSED'})
        })

        test('is refused where there is no file, and makes none', async () => {
          await expect(sink.openReader(name, undefined)).rejects.toMatchObject({code: 'PART_LOST'})
          await expect(sink.openReader(name, name.file)).rejects.toMatchObject({code: 'PART_LOST'})
          expect(bench.names()).toEqual([])
        })
      })

      describe('discard', () => {
        test('removes every generation but the one to keep, and nothing of others', async () => {
          for (const generation of [1, 2, 3]) await writePart(sink, {...name, generation}, contentOf(1, 10), true)
          await writePart(sink, {...name, id: OTHER_ID}, contentOf(1, 10))
          bench.write('film.mp4', Buffer.from('old'))
          await sink.discard({...name, generation: 3}, 2)
          expect(bench.names()).toEqual([
            '.film.mp4.7728950e.2.part',
            '.film.mp4.7728950e.2.side',
            '.film.mp4.c1f90ae7.1.part',
            'film.mp4',
          ])
          await sink.discard({...name, generation: 1})
          await sink.discard({...name, generation: 1})
          expect(bench.names()).toEqual(['.film.mp4.c1f90ae7.1.part', 'film.mp4'])
        })

        test('waits for a part that is open still, so that nothing is made behind it', async () => {
          const name = nameIn(bench.directory)
          const {part} = await sink.openPart(name, [])
          const bytes = contentOf(1, 1000)
          await part.write(bytes, bytes.length, 0)
          const discarded = sink.discard(name)
          await part.checkpoint(factsOf(name, [[0, 1000]]))
          await part.close()
          await discarded
          expect(bench.names()).toEqual([])
        })

        test('has nothing to do in a directory that is gone', async () => {
          await sink.discard(nameIn(join(bench.directory, 'none')))
        })
      })
    })
  }
}
