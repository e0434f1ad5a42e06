/** What a group that is awake offers, with as many members as an engine may have. */

import {expect, it} from 'vitest'
import type {Member} from '../../src/domain/admission.ts'
import {BackgroundTransferBehavior} from '../../src/domain/behavior.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import {AwakeGroup, provideGroupMachine} from '../../src/engine/admission/awake-group.ts'
import {Rotation} from '../../src/engine/admission/rotation.ts'
import {WaitingLine} from '../../src/engine/admission/waiting-line.ts'
import {operationId} from '../support/records.ts'

const NOTHING = async () => []

function groupOf(members: readonly Member[]): AwakeGroup {
  const line = new WaitingLine(
    {
      group: 'g',
      store: {line: NOTHING, getMany: NOTHING},
      floor: 0,
      gateOf: () => undefined,
      isLive: () => false,
      onChange: () => {},
      onUnread: () => {},
      insist: (read) => read(),
    },
    [],
    true,
  )
  const group = new AwakeGroup({
    name: 'g',
    machine: provideGroupMachine({admit: () => {}, displace: () => {}, headsOf: () => []}),
    line,
    sleeping: {lastServed: 0, members, isStuck: false},
    rotation: new Rotation(),
    behavior: () => BackgroundTransferBehavior.parallel,
    closedOrigins: () => new Set(),
  })
  group.start()
  return group
}

it('looks at each member a few times, and not once for each that takes a slot, when all of them return at once', () => {
  const count = 1000
  let looks = 0
  class Watched implements Member {
    readonly priority = 0
    readonly phase = 'returning'
    readonly #id: OperationId
    constructor(n: number) {
      this.#id = operationId(n)
    }
    get id(): OperationId {
      looks += 1
      return this.#id
    }
  }
  const members = Array.from({length: count}, (_, n) => new Watched(n))
  const group = groupOf(members)
  looks = 0
  const takers = group.offerSlots(count)
  expect(looks).toBeLessThan(20 * count)
  expect(takers).toEqual(members)
  group.stop()
})
