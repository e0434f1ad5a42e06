/** Whether there is a store, where a person may not look. */

import {chmod, mkdir, symlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {holdsStore} from '../../src/cli/store-directory.ts'
import {diagnoseStore} from '../../src/doctor.ts'
import {failure, makeDirectory} from '../integration/harness.ts'

describe('a store', () => {
  it.skipIf(process.getuid?.() === 0)(
    'that belongs to somebody else is said to, and is not said to be empty',
    async () => {
      const directory = await makeDirectory()
      await mkdir(join(directory, 'store'))
      expect(await holdsStore(directory)).toBe(true)
      expect(await holdsStore(join(directory, 'another'))).toBe(false)
      await chmod(directory, 0o000)
      try {
        const error = await failure(holdsStore(directory))
        expect([error.code, error.where]).toEqual(['FILE_ACCESS', directory])
      } finally {
        await chmod(directory, 0o700)
      }
    },
  )

  it('that is a file is said to be none, and not said to be empty', async () => {
    const file = join(await makeDirectory(), 'file')
    await writeFile(file, '')
    for (const directory of [file, join(file, 'within')]) {
      const error = await failure(holdsStore(directory))
      expect([error.code, error.where]).toEqual(['DIRECTORY_MISSING', directory])
    }
  })

  it.skipIf(process.platform === 'win32')('that cannot be is not said to be empty, either', async () => {
    const home = await makeDirectory()
    const loop = join(home, 'loop')
    await symlink('back', loop)
    await symlink('loop', join(home, 'back'))
    for (const directory of [loop, join(loop, 'within'), join(home, 'n'.repeat(300))]) {
      const error = await failure(holdsStore(directory))
      expect([error.code, error.where]).toEqual(['DIRECTORY_MISSING', directory])
    }
  })

  it('that is a file has nothing that a doctor could look at', async () => {
    const file = join(await makeDirectory(), 'file')
    await writeFile(file, '')
    const error = await failure(diagnoseStore(file))
    expect([error.code, error.where]).toEqual(['DIRECTORY_MISSING', file])
  })
})
