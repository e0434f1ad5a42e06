/** What many clients of a host are told alike is put into words once. */

import {describe, expect, it, vi} from 'vitest'
import {Frames} from '../../src/host/frames.ts'

describe('a message', () => {
  it('is put into words once for all that are told the same, and again in another variant', () => {
    const frames = new Frames()
    const at = 1
    const told = {type: 'prefetch.changed', at} as const
    const word = vi.fn(() => ({type: 'event', event: told}) as const)
    const said = Array.from({length: 100}, () => frames.shared(told, 0, word))
    expect(new Set(said)).toEqual(new Set(['data: {"type":"event","event":{"type":"prefetch.changed","at":1}}\n\n']))
    expect(word).toHaveBeenCalledTimes(1)
    frames.shared(told, 1, word)
    frames.shared({...told}, 1, word)
    expect(word).toHaveBeenCalledTimes(3)
  })
})
