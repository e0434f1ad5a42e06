/** The side file: torn and damaged lines cost only themselves, it stays small, and it can rebuild a lost store. */

import fc from 'fast-check'
import {beforeEach, describe, expect, test} from 'vitest'
import {partPaths} from '../../src/adapters/file/file-names.ts'
import {findSideFiles, readSideFacts} from '../../src/adapters/file/find-side-files.ts'
import {decodeSide, encodeCheckpoint, encodeHeader} from '../../src/adapters/file/side-format.ts'
import type {RangeSet} from '../../src/domain/range-set.ts'
import type {PartFile} from '../../src/ports/file-sink.ts'
import {contentOf} from '../support/content.ts'
import {MemorySink} from '../support/memory-sink.ts'
import {factsOf, nameIn, writePart} from './file-sink.contract.ts'

const NAME = nameIn('/d')
const PATHS = partPaths(NAME)
const STAMP = {boot: 'this boot', size: 10, modifiedMs: 1.5}

let memory: MemorySink

beforeEach(() => {
  memory = new MemorySink({durability: 'power', directories: ['/d']})
})

function side(): Buffer {
  return memory.disk.readFile(PATHS.side) ?? Buffer.alloc(0)
}

async function open(claimed: RangeSet): Promise<{part: PartFile; ranges: RangeSet}> {
  return memory.sink.openPart(NAME, claimed)
}

describe('the text of a side file', () => {
  const facts = factsOf(NAME, [[0, 1000]])
  const text = encodeHeader(facts) + encodeCheckpoint(facts.evidence, STAMP, [{start: 0, end: 1000, crc: 42}])

  test('gives back what was put into it', () => {
    expect(decodeSide(Buffer.from(text))).toEqual({
      facts,
      stamp: STAMP,
      digests: new Map([[0, [{start: 0, end: 1000, crc: 42}]]]),
      length: text.length,
    })
  })

  test('keeps every part of the evidence', () => {
    const evidence = {
      generation: 1,
      validator: {kind: 'lastModified', value: 'Tue, 15 Nov 1994 12:45:26 GMT'},
      total: 5000,
      url: 'http://127.0.0.1/moved',
      ranges: [
        [0, 10],
        [20, 30],
      ],
    } as const
    const bytes = Buffer.from(encodeHeader({...facts, evidence}) + encodeCheckpoint(evidence, STAMP, []))
    expect(decodeSide(bytes)?.facts.evidence).toEqual(evidence)
  })

  test('is read up to where it was cut, wherever that is', () => {
    const more = text + encodeCheckpoint({...facts.evidence, ranges: [[0, 2000]]}, STAMP, [])
    fc.assert(
      fc.property(fc.nat(more.length), (length) => {
        const content = decodeSide(Buffer.from(more).subarray(0, length))
        const expected = length < text.length ? undefined : length < more.length ? [[0, 1000]] : [[0, 2000]]
        expect(content?.facts.evidence.ranges).toEqual(expected)
      }),
    )
  })

  test('is not believed from a changed byte on', () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({min: 1, max: 255}), (at, change) => {
        const bytes = Buffer.from(text)
        bytes.writeUInt8(bytes.readUInt8(at) ^ change, at)
        expect(decodeSide(bytes)).toBeUndefined()
      }),
    )
  })

  test('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 300}), (bytes) => {
        expect(decodeSide(Buffer.from(bytes))).toBeUndefined()
      }),
    )
  })

  test('of another version is not understood', () => {
    const json = text.slice(9, text.indexOf('\n'))
    expect(json).toContain('"version":1')
    expect(decodeSide(Buffer.from(text.replace('"version":1', '"version":2')))).toBeUndefined()
  })
})

test('a torn last line is ignored and then written over', async () => {
  await writePart(memory.sink, NAME, contentOf(1, 1000), true)
  const whole = side()
  const first = await open([[0, 1000]])
  await first.part.write(contentOf(2, 500), 500, 1000)
  await first.part.sync()
  await first.part.checkpoint(factsOf(NAME, [[0, 1500]]))
  await first.part.close()
  memory.disk.writeFile(PATHS.side, side().subarray(0, whole.length + 20))

  const second = await open([[0, 1500]])
  expect(second.ranges).toEqual([[0, 1000]])
  await second.part.write(contentOf(2, 500), 500, 1000)
  await second.part.checkpoint(factsOf(NAME, [[0, 1500]]))
  await second.part.close()
  const third = await open([[0, 1500]])
  await third.part.close()
  expect(third.ranges).toEqual([[0, 1500]])
})

test('a checkpoint that could not be written leaves the ones before, and the next one covers its blocks', async () => {
  const {part} = await open([])
  await part.write(contentOf(1, 1000), 1000, 0)
  await part.sync()
  await part.checkpoint(factsOf(NAME, [[0, 1000]]))
  await part.write(contentOf(2, 500), 500, 1000)
  await part.sync()
  memory.failNth(1, 'ENOSPC', 'write')
  await expect(part.checkpoint(factsOf(NAME, [[0, 1500]]))).rejects.toMatchObject({code: 'DISK_FULL'})
  expect((await readSideFacts(NAME, memory.disk.fileSystem()))?.evidence.ranges).toEqual([[0, 1000]])
  await part.checkpoint(factsOf(NAME, [[0, 1500]]))
  await part.close()
  const again = await open([[0, 1500]])
  await again.part.close()
  expect(again.ranges).toEqual([[0, 1500]])
})

test('many checkpoints do not make it grow without bound', async () => {
  const bytes = contentOf(1, 5 * 1024 * 1024)
  const {part} = await open([])
  const step = 8192
  let longest = 0
  for (let at = 0; at < bytes.length; at += step) {
    await part.write(bytes.subarray(at), step, at)
    await part.checkpoint(factsOf(NAME, [[0, at + step]]))
    longest = Math.max(longest, side().length)
  }
  await part.close()
  expect(longest).toBeLessThanOrEqual(64 * 1024)
  expect(memory.disk.names('/d')).toEqual(['.film.mp4.7728950e.1.part', '.film.mp4.7728950e.1.side'])
  const again = await open([[0, bytes.length]])
  await again.part.close()
  expect(again.ranges).toEqual([[0, bytes.length]])
})

test('a request that changed rewrites the header and keeps the digests', async () => {
  await writePart(memory.sink, NAME, contentOf(1, 1000), true)
  const {part} = await open([[0, 1000]])
  const facts = {...factsOf(NAME, [[0, 1000]]), request: {url: 'http://127.0.0.1/elsewhere', method: 'GET'}}
  await part.checkpoint(facts)
  await part.close()
  expect(await readSideFacts(NAME, memory.disk.fileSystem())).toEqual(facts)
  const again = await open([[0, 1000]])
  await again.part.close()
  expect(again.ranges).toEqual([[0, 1000]])
})

test('what the last checkpoint no longer names is not believed', async () => {
  const {part} = await open([])
  await part.write(contentOf(1, 1000), 1000, 0)
  await part.checkpoint(factsOf(NAME, [[0, 1000]]))
  await part.checkpoint(factsOf(NAME, [[0, 600]]))
  await part.close()
  const again = await open([[0, 1000]])
  await again.part.close()
  expect(again.ranges).toEqual([[0, 600]])
})

test('the side file of another operation is not believed', async () => {
  await writePart(memory.sink, NAME, contentOf(1, 1000), true)
  const other = encodeHeader({...factsOf(NAME, []), id: '0f8fad5b-0000-4000-8000-000000000000' as typeof NAME.id})
  memory.disk.writeFile(
    PATHS.side,
    Buffer.from(
      other +
        side()
          .toString()
          .slice(side().indexOf('\n') + 1),
    ),
  )
  const {part, ranges} = await open([[0, 1000]])
  await part.close()
  expect(ranges).toEqual([])
})

describe('looking for side files', () => {
  test('finds what a lost store needs, and how much of it is true', async () => {
    const other = nameIn('/d', 'song.ogg', 4)
    await writePart(memory.sink, NAME, contentOf(1, 3000), true)
    await writePart(memory.sink, other, contentOf(2, 2000), true)
    memory.disk.removeFile(partPaths(other).part)
    memory.disk.writeFile('/d/.notes.12345678.1.side', Buffer.from('mine'))
    memory.disk.writeFile('/d/beside.side', Buffer.from('not a side file'))
    expect(await findSideFiles('/d', memory.disk.fileSystem())).toEqual([
      {kind: 'readable', sideFile: PATHS.side, facts: factsOf(NAME, [[0, 3000]]), verified: [[0, 3000]]},
      {kind: 'damaged', sideFile: '/d/.notes.12345678.1.side'},
      {kind: 'readable', sideFile: partPaths(other).side, facts: factsOf(other, [[0, 2000]]), verified: []},
    ])
  })

  test('says when the directory is missing', async () => {
    await expect(findSideFiles('/none', memory.disk.fileSystem())).rejects.toMatchObject({code: 'DIRECTORY_MISSING'})
  })
})
