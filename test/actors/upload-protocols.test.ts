/** What the protocols of resumable uploads make of an answer, by what the record says of the upload. */

import {describe, expect, it} from 'vitest'
import {httpbis} from '../../src/adapters/uploads/httpbis.ts'
import {tus} from '../../src/adapters/uploads/tus.ts'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import type {UploadView} from '../../src/domain/upload-steps.ts'

const URL = 'http://files.example/up'
const SIZE = 3_000_000
const LIMIT = 100_000

/** The server says how much it has, and that no request may carry more than LIMIT. */
function offsetOf(offset: number) {
  const headers: readonly HeaderField[] = [
    ['Upload-Offset', String(offset)],
    ['Upload-Limit', `max-append-size=${LIMIT}`],
  ]
  return {head: {status: 204, url: URL, headers}, text: '', now: 0}
}

describe.each([
  {protocol: tus, own: {extensions: '', checksums: ''}},
  {protocol: httpbis(9), own: {}},
])('an upload by $protocol.name', ({protocol, own}) => {
  it('of which an earlier version did not record what it sent goes on where its server has more of that later', () => {
    let view: UploadView = {
      id: 'upload',
      url: URL,
      method: 'PUT',
      total: SIZE,
      confirmed: 0,
      way: {protocol: protocol.name, ...(protocol === tus ? {partBytes: LIMIT} : {})},
      known: {url: URL, own},
    }
    for (const offset of [10_000, 2_000_000, SIZE - 1]) {
      const outcome = protocol.answered('ask', view, offsetOf(offset))
      expect(outcome).toMatchObject({kind: 'next', step: 'append', confirmed: offset})
      if (outcome.kind === 'next') view = {...view, known: outcome.known, confirmed: outcome.confirmed}
    }
  })

  it('has of the address that its server names no user information', () => {
    const view: UploadView = {
      id: 'upload',
      url: URL,
      method: 'POST',
      total: SIZE,
      confirmed: 0,
      way: {protocol: protocol.name},
      known: {own},
    }
    const headers: readonly HeaderField[] = [['Location', 'http://user:passw0rd@files.example/up/1?a=b#c']]
    const created = protocol.answered('create', view, {head: {status: 201, url: URL, headers}, text: '', now: 0})
    expect(created).toMatchObject({known: {url: 'http://files.example/up/1?a=b'}})
  })
})
