/** kill -9 at any moment: nothing that was acknowledged is lost, torn, or in two indexes; and the lock tells who holds it. */

import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {diagnose} from '../../src/adapters/level/doctor.ts'
import {startChild} from '../support/child-program.ts'
import {operationId} from '../support/records.ts'
import {SeededRandom} from '../support/seeded-random.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {buildLevelHouse, type LevelHouse} from './store-house.ts'

const PROGRESS = ['queued', 'running', 'completed']

describe('a process that is killed', () => {
  let program: string
  let house: LevelHouse

  beforeAll(async () => {
    program = await compiledProgram(new URL('./crash-writer.ts', import.meta.url))
    house = await buildLevelHouse()
  })

  afterAll(async () => {
    await house.dispose()
  })

  it('leaves a store that holds all it acknowledged, ten times over', async () => {
    const random = new SeededRandom(20_251_121)
    /** The furthest state that each operation was acknowledged in. */
    const acknowledged = new Map<number, string>()
    for (let round = 0; round < 10; round += 1) {
      const durability = round % 2 === 0 ? 'power' : 'process'
      const first = round * 100_000 + 1
      const child = startChild(program, [house.directory, durability, String(first)])
      let left = 1 + Math.floor(random.next() * 400)
      for await (const line of child.lines) {
        const [n = '', state = ''] = line.split(' ')
        acknowledged.set(Number(n), state)
        left -= 1
        // Lines that were on their way are read on: they were acknowledged too.
        if (left === 0) child.process.kill('SIGKILL')
      }

      expect(await diagnose(house.directory)).toMatchObject({
        opens: true,
        damaged: 0,
        missing: 0,
        unindexed: 0,
        orphans: 0,
        lostWrites: false,
      })
      const store = house.next()
      await store.open()
      const records = await store.getMany([...acknowledged.keys()].map(operationId))
      let at = 0
      for (const [n, state] of acknowledged) {
        const found = records[at]?.state ?? 'none'
        at += 1
        expect(PROGRESS.indexOf(found), `${n} was acknowledged ${state} and is ${found}`).toBeGreaterThanOrEqual(
          PROGRESS.indexOf(state),
        )
      }
      for (const id of [...acknowledged.keys()].slice(-50).map(operationId)) {
        const state = (await store.get(id))?.state
        const expected = state === 'completed' ? [1, 2, 3] : state === 'running' ? [1, 2] : []
        expect((await store.journal(id)).map(({seq}) => seq)).toEqual(expected)
      }
      await store.close()
    }
    expect(acknowledged.size).toBeGreaterThan(100)
  })

  it('keeps the store to itself while it lives, and no longer', async () => {
    const child = startChild(program, [house.directory, 'power', '5000001'])
    await child.lines.next()
    const store = house.next()
    await expect(store.open()).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(`in use by process ${child.process.pid} \\(crash-writer.js\\), since \\d{4}-`),
      details: {pid: child.process.pid, command: 'crash-writer.js'},
    })
    await expect(diagnose(house.directory)).rejects.toMatchObject({code: 'STORE_LOCKED'})
    await child.kill()
    await store.open()
    expect(await store.get(operationId(5_000_001))).toMatchObject({sequence: 5_000_001})
    await store.close()
  })
})
