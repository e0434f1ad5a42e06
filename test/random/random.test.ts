/** What both sources of chance promise. */

import {describe, expect, test} from 'vitest'
import {createCryptoRandom} from '../../src/adapters/random/crypto-random.ts'
import {isOperationId} from '../../src/domain/operation-id.ts'
import {SeededRandom} from '../support/seeded-random.ts'

for (const [title, random] of [
  ['the crypto random', createCryptoRandom()],
  ['the seeded random', new SeededRandom(7)],
] as const) {
  describe(title, () => {
    test('gives numbers from 0 to 1, spread over all tenths', () => {
      const tenths = new Set<number>()
      for (let count = 0; count < 1000; count++) {
        const value = random.next()
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThan(1)
        tenths.add(Math.floor(value * 10))
      }
      expect(tenths.size).toBe(10)
    })

    test('gives version-4 GUIDs that differ', () => {
      const guids = new Set(Array.from({length: 100}, () => random.guid()))
      expect(guids.size).toBe(100)
      for (const guid of guids) {
        expect(isOperationId(guid)).toBe(true)
        expect(guid).toMatch(/^.{14}4.{4}[89ab]/)
      }
    })
  })
}

test('one seed gives one sequence, another seed another', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed)
    return [random.next(), random.guid(), random.next()]
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
})
