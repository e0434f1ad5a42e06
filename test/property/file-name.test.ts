/** File names from servers and URLs: always safe, and right where they were harmless. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {fileNameFromResponse, safeFileName} from '../../src/domain/file-name.ts'
import type {ResponseFacts} from '../../src/domain/response-facts.ts'

const CONTROLS = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u

function expectSafe(name: string): void {
  expect(name).not.toBe('')
  expect(name).not.toMatch(/[/\\:]/)
  expect(name).not.toMatch(CONTROLS)
  expect(name).not.toMatch(/^[.\s]|[.\s]$/)
  expect(name).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)/i)
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200)
}

const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '/',
        '\\',
        '.',
        '..',
        ' ',
        '\0',
        '\r',
        'CON',
        'aux',
        'COM1',
        ':',
        '\u202e',
        '%2f',
        '\ud800',
        '~',
        '\u00a0',
      ),
      fc.string({unit: 'grapheme', maxLength: 3}),
      fc.constantFrom('é', '😀', 'x').map((char) => char.repeat(70)),
    ),
    {maxLength: 12},
  )
  .map((pieces) => pieces.join(''))

function withDisposition(value?: string): ResponseFacts {
  return {status: 200, url: 'https://x', headers: value === undefined ? [] : [['Content-Disposition', value]]}
}

describe('safeFileName', () => {
  it('gives a safe name for anything, whatever the fallback is', () => {
    fc.assert(
      fc.property(nasty, nasty, (candidate, fallback) => {
        expectSafe(safeFileName(candidate))
        expectSafe(safeFileName(candidate, fallback))
      }),
      {numRuns: 1000},
    )
  })

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(nasty, (candidate) => {
        const name = safeFileName(candidate)
        expect(safeFileName(name)).toBe(name)
      }),
      {numRuns: 1000},
    )
  })

  it('leaves ordinary names alone', () => {
    for (const name of ['a.txt', 'Ünïcode – file (1).tar.gz', '報告書.pdf', 'console.log', 'a'.repeat(200)]) {
      expect(safeFileName(name)).toBe(name)
    }
  })

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\evil.exe', 'evil.exe'],
    ['/etc/shadow', 'shadow'],
    ['C:\\x\\y.txt', 'y.txt'],
    ['C:evil', 'C_evil'],
    ['.bashrc', 'bashrc'],
    ['...', 'download'],
    ['', 'download'],
    ['a/', 'download'],
    ['CON', '_CON'],
    ['nul.txt', '_nul.txt'],
    ['name. . ', 'name'],
    ['a\0b\r\n.txt', 'ab.txt'],
    ['gpj\u202eexe.', 'gpjexe'],
    ['file.txt:stream', 'file.txt_stream'],
  ])('makes %j %j', (candidate, expected) => expect(safeFileName(candidate)).toBe(expected))

  it('cuts a long name at a whole character and keeps its extension', () => {
    const cut = safeFileName(`${'😀'.repeat(100)}.jpeg`)
    expect(cut).toMatch(/^(😀)+\.jpeg$/u)
    expect(Buffer.byteLength(cut)).toBeGreaterThan(195)
    expect(Buffer.byteLength(safeFileName(`a.${'b'.repeat(300)}`))).toBe(200)
    expect(safeFileName(`${'a'.repeat(199)} ${'b'.repeat(100)}`)).toBe('a'.repeat(199))
    expectSafe(safeFileName(`con.${'x'.repeat(196)}`))
  })

  it('takes time in proportion to a long name', () => {
    expectSafe(safeFileName(`${'. '.repeat(500_000)}x`))
    expectSafe(safeFileName(`x${' .'.repeat(500_000)}x`))
  })
})

describe('fileNameFromResponse', () => {
  it.each([
    ['attachment; filename="report.pdf"', 'report.pdf'],
    ['attachment; filename=report.pdf', 'report.pdf'],
    ['ATTACHMENT ; FILENAME = "report.pdf" ; size=3', 'report.pdf'],
    ['inline; filename="a \\"b\\" c.txt"', 'a _b_ c.txt'],
    ['attachment; filename="semi;colon.txt"; x=y', 'semi;colon.txt'],
    ['attachment; filename="plain.txt"; filename*=UTF-8\'\'%e2%82%ac%20rates.txt', '€ rates.txt'],
    ["attachment; filename*=iso-8859-1'en'%A3%20rates.txt", '£ rates.txt'],
    ['attachment; filename*=UTF-8\'\'%ff%fe; filename="good.txt"', 'good.txt'],
    ['attachment; filename*=utf-16\'\'%00x; filename="good.txt"', 'good.txt'],
    ["attachment; filename*=UTF-8''..%2F..%2Fevil.bin", 'evil.bin'],
    ['attachment; filename="../../evil.bin"', 'evil.bin'],
    [`attachment; filename="${Buffer.from('日本.txt').toString('latin1')}"`, '日本.txt'],
    ['attachment; filename="first.txt"; filename="second.txt"', 'first.txt'],
    ['attachment; x="filename=no.txt"; filename=yes.txt', 'yes.txt'],
    ['attachment', 'url.bin'],
    ['attachment; filename=""', 'url.bin'],
    ['attachment; filename=".."', 'url.bin'],
    ['filename=none.txt', 'url.bin'],
  ])('reads %s', (value, expected) => {
    expect(fileNameFromResponse(withDisposition(value), 'https://example.com/a/url.bin?x=1')).toBe(expected)
  })

  it.each([
    ['https://example.com/a/b%20c.txt?q=/evil', 'b c.txt'],
    ['https://example.com/', 'download'],
    ['https://example.com', 'download'],
    ['https://example.com/dir/', 'dir'],
    ['https://example.com/..%2f..%2fetc%2fpasswd', 'passwd'],
    ['https://example.com/%E0%A4%A', '%E0%A4%A'],
    ['no url', 'download'],
  ])('takes the name from %s', (url, expected) => expect(fileNameFromResponse(withDisposition(), url)).toBe(expected))

  it('gives a safe name for any header and URL', () => {
    const value = fc.oneof(
      nasty,
      nasty.map((name) => `attachment; filename="${name}"`),
      nasty.map((name) => `attachment; filename*=UTF-8''${name}`),
      fc.string().map((name) => `attachment; filename*=UTF-8''${encodeURIComponent(name)}`),
    )
    fc.assert(
      fc.property(
        value,
        fc.oneof(
          nasty.map((name) => `https://example.com/${name}`),
          nasty,
        ),
        (disposition, url) => {
          expectSafe(fileNameFromResponse(withDisposition(disposition), url))
        },
      ),
      {numRuns: 500},
    )
  })

  it('reads back every name that a server encodes by RFC 8187', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zà-ÿ一-龥]{1,30}$/), (name) => {
        expect(
          fileNameFromResponse(withDisposition(`attachment; filename*=UTF-8''${encodeURIComponent(name)}`), 'x'),
        ).toBe(safeFileName(name))
      }),
    )
  })
})
