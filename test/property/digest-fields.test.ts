/** Digests in fields of an answer: what is well formed is read, everything else says nothing. */

import {createHash} from 'node:crypto'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {contradicts, serverDigest} from '../../src/domain/digest-fields.ts'
import type {HeaderField} from '../../src/domain/header-fields.ts'

const BYTES = Buffer.from('Hello, world')
const digest = (algorithm: string) => createHash(algorithm).update(BYTES).digest()
const base64 = (algorithm: string) => digest(algorithm).toString('base64')
const SHA256 = {algorithm: 'sha256', hex: digest('sha256').toString('hex')}
const SHA512 = {algorithm: 'sha512', hex: digest('sha512').toString('hex')}

function read(isWhole: boolean, ...headers: readonly HeaderField[]) {
  return serverDigest({status: 200, url: 'https://example.com/f', headers}, isWhole)
}

describe('serverDigest', () => {
  it('reads Repr-Digest, sha-256 before sha-512, also over several lines and among others', () => {
    const both = `sha-512=:${base64('sha512')}:, sha-256=:${base64('sha256')}:`
    expect(read(false, ['Repr-Digest', both])).toEqual(SHA256)
    expect(read(false, ['Repr-Digest', `sha-512=:${base64('sha512')}:`])).toEqual(SHA512)
    expect(
      read(false, ['repr-digest', 'unixsum=1;x, md5=:AAAA:'], ['Repr-Digest', `sha-256=:${base64('sha256')}:;q=1`]),
    ).toEqual(SHA256)
  })

  it('reads Content-Digest only of an answer that brings the whole', () => {
    const field: HeaderField = ['Content-Digest', `sha-256=:${base64('sha256')}:`]
    expect(read(true, field)).toEqual(SHA256)
    expect(read(false, field)).toBeUndefined()
  })

  it('reads Digest, which came before them', () => {
    expect(read(false, ['Digest', `md5=${base64('md5')},SHA-256=${base64('sha256')}`])).toEqual(SHA256)
    expect(read(false, ['Digest', `sha-512=${base64('sha512')}`])).toEqual(SHA512)
    expect(read(false, ['Digest', `sha-256=${base64('md5')}`])).toBeUndefined()
  })

  it.each([
    'sha-256',
    'sha-256=abc',
    `sha-256="${base64('sha256')}"`,
    `sha-256=:${base64('md5')}:`,
    `SHA-256=:${base64('sha256')}:`,
    `sha-256=:${base64('sha256')}`,
    `sha-256=(:${base64('sha256')}:)`,
    'sha-256=:=:',
    '',
  ])('makes nothing of Repr-Digest: %s', (value) => {
    expect(read(true, ['Repr-Digest', value])).toBeUndefined()
  })

  it('takes any text without throwing, and gives a digest of the right length or nothing', () => {
    const fields = fc.constantFrom('Repr-Digest', 'Content-Digest', 'Digest')
    const value = fc.oneof(
      fc.string({unit: 'binary'}),
      fc.string({unit: fc.constantFrom('sha-256', '=', ':', ',', 'A', ' ', ';', '"', '(')}),
      fc.base64String().map((text) => `sha-256=:${text}:`),
      fc.base64String().map((text) => `sha-512=${text}`),
    )
    fc.assert(
      fc.property(fields, value, fc.boolean(), (field, text, isWhole) => {
        const found = read(isWhole, [field, text])
        if (found !== undefined)
          expect(found.hex).toMatch(found.algorithm === 'sha256' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{128}$/)
      }),
    )
  })
})

describe('contradicts', () => {
  it('compares what can be compared', () => {
    const a = {algorithm: 'sha256', hex: 'aa'} as const
    expect(contradicts(a, {...a, hex: 'bb'})).toBe(true)
    expect(contradicts(a, a)).toBe(false)
    expect(contradicts(a, {algorithm: 'sha512', hex: 'bb'})).toBe(false)
    expect(contradicts(a, undefined)).toBe(false)
    expect(contradicts(undefined, a)).toBe(false)
  })
})
