/** Conditions and what they mean (spec 8): the guide's table whole, the order of the reasons, and that better is never worse. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {blockages, type Conditions, GOOD_CONDITIONS, isLoopbackUrl} from '../../src/domain/conditions.ts'
import {BackgroundTransferCostPolicy} from '../../src/domain/cost-policy.ts'

const {always, default: standard, unrestrictedOnly} = BackgroundTransferCostPolicy
const POLICIES = [unrestrictedOnly, standard, always] as const

const METERED = {...GOOD_CONDITIONS.cost, type: 'variable'} as const
const FIXED = {...METERED, type: 'fixed'} as const

const anyConditions: fc.Arbitrary<Conditions> = fc.record({
  connectivity: fc.constantFrom('none', 'local', 'constrained', 'internet'),
  cost: fc.record(
    {
      type: fc.constantFrom('unknown', 'unrestricted', 'fixed', 'variable'),
      roaming: fc.boolean(),
      approachingDataLimit: fc.boolean(),
      overDataLimit: fc.boolean(),
      backgroundDataUsageRestricted: fc.boolean(),
    },
    {requiredKeys: ['type', 'roaming', 'approachingDataLimit', 'overDataLimit']},
  ),
  batterySaver: fc.boolean(),
  foreground: fc.boolean(),
})

const anyTransfer = fc.record({
  costPolicy: fc.constantFrom(...POLICIES),
  loopback: fc.boolean(),
  unconstrained: fc.boolean(),
})

function allowed(cost: Conditions['cost']): readonly boolean[] {
  return POLICIES.map(
    (costPolicy) =>
      blockages({costPolicy, loopback: false, unconstrained: false}, {...GOOD_CONDITIONS, cost}).length === 0,
  )
}

describe('8.2 the table of cost policies (unrestrictedOnly, default, always)', () => {
  it.each<[string, Conditions['cost'], readonly boolean[]]>([
    ['255. not metered', GOOD_CONDITIONS.cost, [true, true, true]],
    ['O32. unknown', {...METERED, type: 'unknown'}, [true, true, true]],
    ['249, 250. metered at home, below the cap', METERED, [false, true, true]],
    ['249, 250. a capped plan at home, below the cap', FIXED, [false, true, true]],
    ['251. expected to exceed the cap', {...METERED, approachingDataLimit: true}, [false, false, true]],
    ['252, 253. roaming, below the cap', {...METERED, roaming: true}, [false, false, true]],
    ['254. over the cap', {...METERED, overDataLimit: true}, [false, false, false]],
    [
      '254. over the cap, with background data restricted',
      {...METERED, overDataLimit: true, backgroundDataUsageRestricted: true},
      [false, false, false],
    ],
    [
      'over the cap, with no restriction of background data',
      {...METERED, overDataLimit: true, backgroundDataUsageRestricted: false},
      [false, false, true],
    ],
  ])('%s', (_, cost, expected) => {
    expect(allowed(cost)).toEqual(expected)
  })

  it('a looser policy runs wherever a stricter one does', () => {
    fc.assert(
      fc.property(anyConditions, ({cost}) => {
        const [strict, middle, loose] = allowed(cost)
        return (!strict || middle) && (!middle || loose)
      }),
    )
  })
})

describe('8.1, 8.3, 8.4 the reasons', () => {
  it.each<[Conditions['connectivity'], boolean]>([
    ['none', true],
    ['local', true],
    ['constrained', false],
    ['internet', false],
  ])('8.1. %s is no network: %s', (connectivity, isBlocked) => {
    const reasons = blockages(
      {costPolicy: standard, loopback: false, unconstrained: false},
      {...GOOD_CONDITIONS, connectivity},
    )
    expect(reasons).toEqual(isBlocked ? ['noNetwork'] : [])
  })

  it('8.4. network before cost before system policy', () => {
    const order = ['noNetwork', 'costedNetwork', 'systemPolicy']
    fc.assert(
      fc.property(anyTransfer, anyConditions, (transfer, conditions) => {
        const places = blockages(transfer, conditions).map((reason) => order.indexOf(reason))
        return places.every((place, index) => index === 0 || place > (places[index - 1] ?? -1))
      }),
    )
  })

  it('O31, 261, 262. this machine needs no network, an exemption concerns power alone, and always cost alone', () => {
    fc.assert(
      fc.property(anyTransfer, anyConditions, (transfer, conditions) => {
        const reasons = blockages(transfer, conditions)
        if (transfer.loopback) expect(reasons.filter((reason) => reason !== 'systemPolicy')).toEqual([])
        if (transfer.unconstrained) expect(reasons).not.toContain('systemPolicy')
        const saving = conditions.batterySaver && !conditions.foreground && !transfer.unconstrained
        expect(reasons.includes('systemPolicy')).toBe(saving)
      }),
    )
  })

  it('O31. names and literals of this machine', () => {
    for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.9.9.9', '[::1]']) {
      expect(isLoopbackUrl(`http://${host}:8080/x`), host).toBe(true)
    }
    for (const host of ['example.com', '128.0.0.1', 'localhost.example.com', '[::2]', '127.0.0.1.example.com']) {
      expect(isLoopbackUrl(`http://${host}/x`), host).toBe(false)
    }
  })
})
