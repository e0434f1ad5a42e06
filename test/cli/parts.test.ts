/** The command's own small functions, without a process. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {exitCodeOf, gravest} from '../../src/cli/exit-code.ts'
import {RateWindow} from '../../src/cli/rate.ts'
import {lineOf} from '../../src/cli/reporters/bars.ts'
import {cutToWidth, widthOf} from '../../src/cli/reporters/width.ts'
import {storeDirectory} from '../../src/cli/store-directory.ts'
import {bytesText, durationText, percentText} from '../../src/cli/text.ts'
import {Transfer} from '../../src/cli/transfer.ts'
import {ERROR_CODES, type ErrorCode} from '../../src/domain/error-codes.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {printable, printableJson} from '../../src/domain/printable.ts'

describe('exit codes', () => {
  it('every error has one of the documented ones, never 0', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect([1, 2, 3, 4, 5, 6, 8, 10], code).toContain(exitCodeOf({code}))
    }
  })

  it.each([
    ['FILE_EXISTS', 8],
    ['DISK_FULL', 8],
    ['CHECKSUM_MISMATCH', 6],
    ['CERTIFICATE_EXPIRED', 6],
    ['CONNECTION_RESET', 5],
    ['STORE_TOO_NEW', 10],
    ['INTERNAL', 1],
  ] as const)('%s: %i', (code, exitCode) => {
    expect(exitCodeOf({code})).toBe(exitCode)
  })

  it('the gravest of several: 1, 8, 6, 4, 5, 7', () => {
    const order = [1, 8, 6, 4, 5, 7]
    fc.assert(
      fc.property(fc.subarray(order, {minLength: 1}), (some) => {
        expect(gravest([...some].reverse())).toBe(some[0])
      }),
    )
    expect(gravest([])).toBe(0)
  })
})

describe('the rate', () => {
  it('is that of the last five seconds', () => {
    const rate = new RateWindow()
    for (let at = 0; at <= 10_000; at += 100) rate.add(at, at <= 5_000 ? 1_000_000 : 100)
    expect(rate.at(10_000)).toBeCloseTo(1000, 6)
  })

  it('falls while nothing comes', () => {
    const rate = new RateWindow()
    rate.add(0, 0)
    rate.add(1_000, 1000)
    expect([rate.at(1_000), rate.at(2_000)]).toEqual([1000, 500])
  })

  it('gives no estimate before three seconds', () => {
    const rate = new RateWindow()
    rate.add(0, 0)
    rate.add(1_000, 1000)
    expect(rate.etaMs(1000, 2_900)).toBeUndefined()
    rate.add(4_000, 3000)
    expect(rate.etaMs(2000, 4_000)).toBe(2000)
  })

  it('begins anew where the clock was set back', () => {
    const rate = new RateWindow()
    const hour = 3_600_000
    rate.add(hour, 0)
    rate.add(hour + 1_000, 5000)
    for (let at = 0; at <= 4_000; at += 1_000) rate.add(at, 1000)
    expect(rate.at(4_000)).toBe(1000)
    expect(rate.etaMs(2000, 4_000)).toBe(2000)
  })
})

describe('texts', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [27 * 1024 ** 2, '27.0 MiB'],
    [5 * 1024 ** 4, '5.0 TiB'],
  ])('%i bytes: %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text)
  })

  it.each([
    [400, '0.4 s'],
    [59_700, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [11_220_000, '3 h 07 min'],
  ])('%i ms: %s', (ms, text) => {
    expect(durationText(ms)).toBe(text)
  })

  it('100% means all of it', () => {
    expect([percentText(999, 1000), percentText(1000, 1000), percentText(5, 0)]).toEqual(['99%', '100%', ''])
  })

  it('are one line that steers nothing', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary'}), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
      }),
    )
  })

  it('steer nothing as JSON either, and say the same', () => {
    const steering = fc.constantFrom('\x1b[31m', '\x7f', '\x9b31m', '\u2028', '\u202e', '\u2066')
    const text = fc.array(fc.oneof(steering, fc.string({unit: 'binary'})))
    fc.assert(
      fc.property(fc.dictionary(fc.string(), text), fc.constantFrom(undefined, 2), (value, indent) => {
        const json = printableJson(value, indent)
        expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u)
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('fit their columns', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme'}), fc.integer({min: 0, max: 40}), (text, columns) => {
        expect(widthOf(cutToWidth(text, columns))).toBeLessThanOrEqual(columns)
      }),
    )
    expect(cutToWidth('日本語.bin', 6)).toBe('日本…')
  })
})

describe('a line on a terminal', () => {
  function moving(): Transfer {
    const transfer = new Transfer({
      guid: '01a1fdc1-a12c-7000-b007-ed24c2394652' as OperationId,
      direction: 'download',
      url: 'http://127.0.0.1/x',
      file: '/downloads/a rather long name of a file.iso',
      state: 'running',
      bytesReceived: 0,
      totalBytesToReceive: 100 * 1024 ** 2,
    })
    for (let at = 0; at <= 4000; at += 100) transfer.count(at * 2500, at)
    return transfer
  }

  it('has room for bytes, rate and ETA in 80 columns', () => {
    expect(lineOf(moving(), 4000, 79)).toBe(
      'a rather long na… [=             ]   9% 9.5 MiB of 100 MiB  2.4 MiB/s  ETA 38 s',
    )
  })

  it('never grows beyond the terminal', () => {
    fc.assert(
      fc.property(fc.integer({min: 1, max: 300}), (columns) => {
        expect(widthOf(lineOf(moving(), 4000, columns))).toBeLessThanOrEqual(columns)
      }),
    )
  })

  it('says why it waits, and for how long', () => {
    const transfer = moving()
    transfer.state = 'waitingToRetry'
    transfer.retryAt = 6500
    transfer.error = {code: 'CONNECTION_RESET', message: 'the connection was broken'}
    expect(lineOf(transfer, 4000, 120)).toContain('retrying in 3 s: the connection was broken')
  })
})

describe('the store’s place', () => {
  it.each([
    ['/given', {BGT_STORE: '/env'}, 'linux', '/given'],
    [undefined, {BGT_STORE: '/env'}, 'linux', '/env'],
    [undefined, {XDG_DATA_HOME: '/data'}, 'linux', '/data/background-transfer'],
    [undefined, {LOCALAPPDATA: '/local'}, 'win32', '/local/background-transfer'],
  ] as const)('%s %j on %s: %s', (given, env, platform, place) => {
    expect(storeDirectory(given, env, platform)).toBe(place)
  })

  it('is in the home directory otherwise', () => {
    expect(storeDirectory(undefined, {XDG_DATA_HOME: 'relative'}, 'linux')).toMatch(
      /\.local\/share\/background-transfer$/,
    )
    expect(storeDirectory(undefined, {}, 'darwin')).toMatch(/Library\/Application Support\/background-transfer$/)
  })
})
