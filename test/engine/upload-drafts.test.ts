/** What only downloads have is refused of an upload wherever it comes in: its chart would end without a word why. */

import {describe, expect, it} from 'vitest'
import type {OperationDraft} from '../../src/engine/engine-api.ts'
import {SimulatedWorld} from '../support/simulated-world.ts'

const INVALID = expect.objectContaining({code: 'INVALID_ARGUMENT'})
const RECOVERABLE = {recoverable: [404]} as const
const MIRRORS = {mirrors: ['http://files.example/copy']} as const

async function worldWithDraft() {
  const world = new SimulatedWorld()
  await world.open()
  const {request, ...draft} = world.draft(1)
  const body = {pieces: [{kind: 'text', text: 'content'}]} as const
  const upload: OperationDraft = {...draft, direction: 'upload', request: {...request, method: 'PUT', body}}
  return {engine: world.engine, world, upload}
}

describe('an upload', () => {
  it('is refused with statuses that pause a download, and with other addresses of a file', async () => {
    const {engine, world, upload} = await worldWithDraft()
    const {policy, request} = upload
    const refused = [
      {...upload, policy: {...policy, ...RECOVERABLE}},
      {...upload, request: {...request, ...MIRRORS}},
    ]
    for (const draft of refused) {
      await expect(engine.start([draft])).rejects.toThrow(INVALID)
      await expect(engine.startMany([draft])).rejects.toThrow(INVALID)
    }
    expect(await world.until(engine.query({}))).toEqual([])
  })

  it('is given none of them later', async () => {
    const {engine, world, upload} = await worldWithDraft()
    const [entry] = await world.until(engine.start([upload]))
    if (entry === undefined) throw new Error('it was not started')
    const {policy, request} = entry.facts
    expect(() => engine.changePolicy(entry, {...policy, ...RECOVERABLE})).toThrow(INVALID)
    expect(() => engine.changeRequest(entry, {...request, ...MIRRORS})).toThrow(INVALID)
    engine.release(entry)
  })
})
