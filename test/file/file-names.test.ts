/** The names of parts, side files and alternatives: recognisable, apart from one another, and never too long. */

import {basename, dirname, join} from 'node:path'
import fc from 'fast-check'
import {expect, test} from 'vitest'
import {
  alternative,
  directoryOf,
  isSideName,
  partPaths,
  shorten,
  siblingOf,
} from '../../src/adapters/file/file-names.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'

const ID = '0f8fad5b-d9cb-469f-a165-70867728950e' as OperationId

const fileName = fc.string({unit: 'grapheme', minLength: 1, maxLength: 200}).filter((name) => !/[/\0]/.test(name))

test('a part and its side file stand beside the destination and say whose they are', () => {
  expect(partPaths({id: ID, file: '/home/me/film.mp4', generation: 12})).toEqual({
    directory: '/home/me',
    part: '/home/me/.film.mp4.7728950e.12.part',
    side: '/home/me/.film.mp4.7728950e.12.side',
    nextSide: '/home/me/.film.mp4.7728950e.12.next',
  })
})

test('paths of any form are taken for what node:path takes them', () => {
  const segment = fc.constantFrom('', '.', '..', '...', '.a', 'a.', 'film.mp4', 'é')
  const path = fc.array(segment, {minLength: 1, maxLength: 6}).map((segments) => segments.join('/'))
  fc.assert(
    fc.property(
      fc.oneof(
        path,
        path.map((each) => `/${each}`),
      ),
      (file) => {
        const {directory, side} = partPaths({id: ID, file, generation: 1})
        expect(directory).toBe(dirname(file))
        expect(directoryOf(file)).toBe(dirname(file))
        expect(siblingOf(file, 'other')).toBe(join(dirname(file), 'other'))
        expect(side).toBe(join(dirname(file), `.${basename(file)}.7728950e.1.side`))
      },
    ),
    {numRuns: 2000},
  )
})

test('a name of 255 bytes is shortened to make room', () => {
  const {part} = partPaths({id: ID, file: `/d/${'x'.repeat(255)}`, generation: 1})
  expect(Buffer.byteLength(basename(part))).toBe(255)
})

test('no name is longer than 255 bytes or splits a character', () => {
  fc.assert(
    fc.property(
      fileName,
      fc.integer({min: 1, max: 10 ** 9}),
      fc.integer({min: 1, max: 10 ** 5}),
      (name, generation, n) => {
        const file = `/d/${name}`
        const {part, side, nextSide} = partPaths({id: ID, file, generation})
        for (const path of [part, side, nextSide, ...(Buffer.byteLength(name) <= 255 ? [alternative(file, n)] : [])]) {
          expect(Buffer.byteLength(basename(path))).toBeLessThanOrEqual(255)
          expect(path.includes('\ufffd')).toBe(name.includes('\ufffd') && path.includes('\ufffd'))
        }
        expect(isSideName(basename(side))).toBe(true)
        expect(isSideName(basename(part))).toBe(false)
      },
    ),
  )
})

test('alternatives keep the extension, and a leading dot is none', () => {
  expect(alternative('/d/film.mp4', 1)).toBe('/d/film.mp4')
  expect(alternative('/d/film.mp4', 2)).toBe('/d/film (2).mp4')
  expect(alternative('/d/.profile', 3)).toBe('/d/.profile (3)')
  expect(alternative('/d/README', 2)).toBe('/d/README (2)')
})

test('shortening stops before a character that does not fit as a whole', () => {
  expect(shorten('aé€😀', 10)).toBe('aé€😀')
  expect(shorten('aé€😀', 9)).toBe('aé€')
  expect(shorten('aé€😀', 5)).toBe('aé')
  expect(shorten('aé€😀', 2)).toBe('a')
})
