/** Sealing, and the key file: made once, whoever comes first, and readable by its owner only. */

import {execFileSync} from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import fc from 'fast-check'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {createFileSecrets} from '../../src/adapters/secrets/file-secrets.ts'
import {createKeySecrets} from '../../src/adapters/secrets/key-secrets.ts'

describe('secrets under a key', () => {
  const secrets = createKeySecrets(Buffer.alloc(32, 7))

  test('give back what was sealed, and never the same text twice', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme'}), (plain) => {
        const sealed = secrets.seal(plain)
        expect(secrets.unseal(sealed)).toBe(plain)
        expect(secrets.seal(plain)).not.toBe(sealed)
      }),
    )
  })

  test('hide what was sealed', () => {
    expect(secrets.seal('Bearer hunter2')).toMatch(/^v1\.[\w-]+$/)
    expect(Buffer.from(secrets.seal('Bearer hunter2').slice(3), 'base64url').includes('hunter2')).toBe(false)
  })

  test('refuse a text that was changed in any character', () => {
    const sealed = secrets.seal('hunter2')
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
      expect(() => secrets.unseal(changed), `character ${at}`).toThrow(
        expect.objectContaining({code: 'INVALID_ARGUMENT'}),
      )
    }
  })

  test.each(['', 'v1', 'v1.', 'v1.AAAA', 'v2.AAAA', 'hunter2', 'v1.a.b'])('refuse %j', (text) => {
    expect(() => secrets.unseal(text)).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })

  test('refuse a text that was cut', () => {
    const sealed = secrets.seal('hunter2')
    expect(() => secrets.unseal(sealed.slice(0, -4))).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })

  test('refuse what another key sealed', () => {
    const other = createKeySecrets(Buffer.alloc(32, 8))
    expect(() => other.unseal(secrets.seal('x'))).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })

  test('refuse a key of another length', () => {
    expect(() => createKeySecrets(Buffer.alloc(16))).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}))
  })
})

describe('secrets under a key file', () => {
  let directory: string
  let keyFile: string

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'secrets-'))
    keyFile = join(directory, 'secrets.key')
  })

  afterEach(() => rmSync(directory, {recursive: true}))

  test('last from one start to the next', async () => {
    const sealed = (await createFileSecrets(directory)).seal('hunter2')
    expect((await createFileSecrets(directory)).unseal(sealed)).toBe('hunter2')
  })

  test('leave one file, for its owner only', async () => {
    await createFileSecrets(directory)
    expect(readdirSync(directory)).toEqual(['secrets.key'])
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    expect(readFileSync(keyFile)).toHaveLength(32)
  })

  test('are the same for all who start at once', async () => {
    const all = await Promise.all(Array.from({length: 8}, () => createFileSecrets(directory)))
    const [first] = all
    const sealed = first?.seal('hunter2') ?? ''
    expect(all.map((secrets) => secrets.unseal(sealed))).toEqual(Array(8).fill('hunter2'))
    expect(readdirSync(directory)).toEqual(['secrets.key'])
  })

  test('close a key file that others could read', async () => {
    const sealed = (await createFileSecrets(directory)).seal('hunter2')
    chmodSync(keyFile, 0o644)
    expect((await createFileSecrets(directory)).unseal(sealed)).toBe('hunter2')
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
  })

  test.each([0, 31, 33])('refuse a key file of %i bytes and leave it as it is', async (length) => {
    writeFileSync(keyFile, Buffer.alloc(33))
    truncateSync(keyFile, length)
    await expect(createFileSecrets(directory)).rejects.toMatchObject({code: 'STORE_DAMAGED', where: keyFile})
    expect(readFileSync(keyFile)).toHaveLength(length)
  })

  test.skipIf(process.platform === 'win32')('refuse what is no file in its place, and do not wait for it', async () => {
    execFileSync('mkfifo', [keyFile])
    await expect(createFileSecrets(directory)).rejects.toMatchObject({code: 'STORE_DAMAGED', where: keyFile})
    rmSync(keyFile)
    mkdirSync(keyFile)
    await expect(createFileSecrets(directory)).rejects.toMatchObject({code: 'STORE_DAMAGED', where: keyFile})
  })

  test.skipIf(process.getuid?.() !== 0)('say whose the key file is that cannot be closed to others', async () => {
    await createFileSecrets(directory)
    chmodSync(keyFile, 0o644)
    chmodSync(directory, 0o755)
    process.seteuid?.(65_534)
    try {
      await expect(createFileSecrets(directory)).rejects.toMatchObject({
        code: 'FILE_ACCESS',
        message: expect.stringContaining('belongs to somebody else'),
        advice: expect.stringContaining('chown'),
        where: keyFile,
      })
    } finally {
      process.seteuid?.(0)
    }
  })

  test('do not follow a link', async () => {
    writeFileSync(join(directory, 'other'), Buffer.alloc(32))
    symlinkSync(join(directory, 'other'), keyFile)
    await expect(createFileSecrets(directory)).rejects.toMatchObject({code: 'FILE_ACCESS'})
  })

  test('need the directory', async () => {
    await expect(createFileSecrets(join(directory, 'none'))).rejects.toMatchObject({code: 'DIRECTORY_MISSING'})
  })
})
