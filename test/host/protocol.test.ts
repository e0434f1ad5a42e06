/** What the protocol’s page says of its calls and messages is what the protocol has. */

import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {controlAddress} from '../../src/adapters/control/control-address.ts'
import {CALLS} from '../../src/host/protocol.ts'
import {HOST_API_VERSION} from '../../src/ports/host-connection.ts'
import {sha256} from '../support/content.ts'

const page = readFileSync(new URL('../../docs/reference/host-api.md', import.meta.url), 'utf8')

/** The names in backquotes of a section. */
function namesIn(section: string): readonly string[] {
  const text = page.split(`## ${section}\n`)[1]?.split('\nWhat each takes')[0] ?? ''
  return [...text.matchAll(/`([A-Za-z]+)`/g)].map(([, name = '']) => name)
}

describe('the protocol', () => {
  it('names each of its calls on its page, and no other', () => {
    expect(namesIn('Calls').toSorted()).toEqual(Object.keys(CALLS).toSorted())
  })

  it('has another version when it has other calls: those of this one are these', () => {
    const calls = Object.keys(CALLS).toSorted().join(' ')
    expect([HOST_API_VERSION, sha256(Buffer.from(calls)).slice(0, 16)]).toEqual([6, '3cb7caa5e321f3ff'])
  })

  it('is said to have that version wherever its page names one', () => {
    const named = [...page.matchAll(/(?:socket of a store, version |&api=)(\d+)/g)].map(([, version]) =>
      Number(version),
    )
    expect(named).toEqual([HOST_API_VERSION, HOST_API_VERSION])
  })

  it('is spoken over a pipe on Windows, named after the store, and each store has its own', () => {
    const [one, same, other] = ['/stores/one', '/stores/../stores/one', '/stores/other'].map((directory) =>
      controlAddress(directory, 'win32'),
    )
    expect(one).toMatch(/^\\\\\.\\pipe\\background-transfer-[0-9a-f]{16}$/)
    expect([same === one, other === one]).toEqual([true, false])
  })
})
