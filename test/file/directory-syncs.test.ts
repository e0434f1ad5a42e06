/** Shared syncs of directories: each name is covered by a sync that began after it, and a failure is everybody's. */

import {describe, expect, it} from 'vitest'
import {DirectorySyncs} from '../../src/adapters/file/directory-syncs.ts'

/** Syncs that end when they are told to. */
function held() {
  const begun: {readonly directory: string; readonly end: () => void; readonly fail: (error: Error) => void}[] = []
  const syncs = new DirectorySyncs(
    (directory) =>
      new Promise<void>((resolve, reject) => {
        begun.push({directory, end: resolve, fail: reject})
      }),
  )
  return {begun, syncs}
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('syncs of a directory', () => {
  it('one for all who ask together', async () => {
    const {begun, syncs} = held()
    const all = Promise.all(['a', 'b', 'c'].map(() => syncs.sync('/d')))
    await turn()
    begun[0]?.end()
    await all
    expect(begun).toHaveLength(1)
  })

  it('one for all who ask while another is under way, and it begins after them', async () => {
    const {begun, syncs} = held()
    const through: string[] = []
    const ask = (name: string) => void syncs.sync('/d').then(() => through.push(name))
    ask('first')
    await turn()
    for (const name of ['a', 'b', 'c']) ask(name)
    expect(begun).toHaveLength(1)
    begun[0]?.end()
    await turn()
    expect(through).toEqual(['first'])
    expect(begun).toHaveLength(2)
    // Its name may have come too late for the second.
    ask('late')
    begun[1]?.end()
    await turn()
    expect(through).toEqual(['first', 'a', 'b', 'c'])
    expect(begun).toHaveLength(3)
    begun[2]?.end()
    await turn()
    expect(through).toEqual(['first', 'a', 'b', 'c', 'late'])
    ask('anew')
    await turn()
    expect(begun).toHaveLength(4)
  })

  it('of another directory waits for nothing', async () => {
    const {begun, syncs} = held()
    void syncs.sync('/a')
    void syncs.sync('/b')
    await turn()
    expect(begun.map(({directory}) => directory)).toEqual(['/a', '/b'])
  })

  it('that fails fails those who wait for the next: the kernel tells of a lost name once', async () => {
    const {begun, syncs} = held()
    const first = syncs.sync('/d')
    await turn()
    const outcomes = Promise.allSettled([first, syncs.sync('/d'), syncs.sync('/d')])
    begun[0]?.fail(new Error('EIO'))
    expect((await outcomes).map(({status}) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(begun).toHaveLength(1)
    const again = syncs.sync('/d')
    await turn()
    begun[1]?.end()
    await again
  })
})
