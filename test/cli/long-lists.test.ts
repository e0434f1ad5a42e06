/** What `bgt get` keeps of a long list: the same as arrays, maps and sets of its lines would, in a tenth of the memory. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {FilePlaces} from '../../src/cli/file-places.ts'
import {OperationIds} from '../../src/cli/operation-ids.ts'
import type {ListEntry} from '../../src/cli/parse.ts'
import {type Wish, WishList} from '../../src/cli/wish-list.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'

const guids = fc.uuid() as fc.Arbitrary<OperationId>
/** Few enough that some come again. */
const names = fc.array(fc.constantFrom('a', 'b', 'c', 'd', '/x/ä', '/x/a', 'long '.repeat(50)), {maxLength: 200})

const wishOf = ({url, file}: ListEntry): Wish => ({
  url: url.href,
  plain: url.href,
  file: file ?? url.pathname,
  isUnnamed: file === undefined,
})

const nothingElse = () => undefined

describe('a long list', () => {
  it('its operations are a set in the order of their coming', () => {
    fc.assert(
      fc.property(fc.array(guids, {maxLength: 300}), guids, (ids, other) => {
        const [some, expected] = [new OperationIds(), new Set<OperationId>()]
        for (const id of [...ids, ...ids.slice(0, 20)]) {
          some.add(id)
          expected.add(id)
        }
        expect([...some]).toEqual([...expected])
        expect(some.size).toBe(expected.size)
        for (const id of [...ids, other]) expect(some.has(id)).toBe(expected.has(id))
      }),
    )
  })

  it('tells guids apart by any of their digits', () => {
    const ids = new OperationIds()
    const id = '01890000-0000-7000-8000-000000000000'
    ids.add(id as OperationId)
    for (let at = 0; at < id.length; at += 1) {
      if (id[at] === '-') continue
      const other = `${id.slice(0, at)}f${id.slice(at + 1)}` as OperationId
      expect([other, ids.has(other)]).toEqual([other, false])
    }
    expect(ids.has(id as OperationId)).toBe(true)
  })

  it('each file is known by the place where it stands first', () => {
    fc.assert(
      fc.property(names, (files) => {
        const places = new FilePlaces(files.length, (place) => files[place] ?? '')
        for (const [place, file] of files.entries()) expect(places.add(file, place)).toBe(files.indexOf(file))
        for (const file of [...files, 'another']) expect(places.has(file)).toBe(files.includes(file))
      }),
    )
  })

  it('ten thousand files have places of their own', () => {
    const files = Array.from({length: 10_000}, (_, n) => `/downloads/${n}.bin`)
    const places = new FilePlaces(files.length, (place) => files[place] ?? '')
    expect(files.every((file, place) => places.add(file, place) === place)).toBe(true)
    expect(files.every((file, place) => places.add(file, place + 1) === place)).toBe(true)
    expect(files.some((file) => places.has(`${file}.other`))).toBe(false)
  })

  const line = fc.oneof(
    fc.nat(99).map((n) => `https://example.com/${n}`),
    fc.tuple(fc.nat(99), fc.nat(9)).map(([n, file]) => `https://example.com/${n}\t name ${file} `),
    fc.constantFrom('', '  ', '# https://example.com/none', '\r'),
  )
  const end = fc.constantFrom('\n', '\r\n')

  it('each wish is read again as it was read first, with the file that it was given instead', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, end), {maxLength: 60}),
        fc.nat(3),
        fc.boolean(),
        (lines, given, endsAtOnce) => {
          const whole = lines.map(([text, mark]) => text + mark).join('')
          const text = endsAtOnce ? whole.replace(/\r?\n$/, '') : whole
          const entries = Array.from({length: given}, (_, n) => ({url: new URL(`https://example.com/given/${n}`)}))
          const seen: Wish[] = []
          const list = new WishList({entries, list: {text, name: 'list'}, wishOf}, (wish) => {
            const file = seen.length % 3 === 1 ? `${wish.file} (2)` : undefined
            seen.push(file === undefined ? wish : {...wish, file})
            return file
          })
          const expected = lines.map(([each]) => each.trim()).filter((each) => each.startsWith('https'))
          expect(seen.map(({url}) => url)).toEqual([
            ...entries.map(({url}) => url.href),
            ...expected.map((each) => each.split('\t')[0]),
          ])
          expect(Array.from({length: list.length}, (_, place) => list.at(place))).toEqual(seen)
        },
      ),
    )
  })

  it('a line that makes no sense is named with its number among all lines', () => {
    const text = '# of things\n\nhttps://example.com/a\nhttps://example.com/b\tone\ttwo\n'
    expect(() => new WishList({entries: [], list: {text, name: 'list'}, wishOf}, nothingElse)).toThrow(
      expect.objectContaining({where: 'list, line 4'}),
    )
  })
})
