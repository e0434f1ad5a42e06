/** The rates that the inspector shows, also where somebody sets the clock. */

import {describe, expect, it} from 'vitest'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {RateMeter} from '../../src/inspector/rate-meter.ts'

const ID = '01a22dca-0f7b-7000-9319-09fbd1bf29be' as OperationId
const HOUR_MS = 3_600_000

describe('a rate', () => {
  it('is that of the last three seconds', () => {
    const meter = new RateMeter()
    for (let at = 0; at <= 10_000; at += 500) meter.note(ID, at, at)
    expect(meter.of(ID, 10_000)).toBe(1000)
  })

  it('is measured anew where the clock was set back', () => {
    const meter = new RateMeter()
    meter.note(ID, 0, HOUR_MS)
    meter.note(ID, 5_000_000, HOUR_MS + 1_000)
    meter.note(ID, 5_000_500, 1_000)
    meter.note(ID, 5_001_500, 2_000)
    expect(meter.of(ID, 2_000)).toBe(1000)
  })

  it('is none, and forgotten, for one of which nothing came since the clock was set back', () => {
    const meter = new RateMeter()
    meter.note(ID, 0, HOUR_MS)
    meter.note(ID, 5_000_000, HOUR_MS + 1_000)
    expect(meter.of(ID, 1_000)).toBe(0)
    expect(meter.takeStill(1_000)).toEqual([ID])
    expect(meter.takeStill(HOUR_MS + 9_000)).toEqual([])
  })
})
