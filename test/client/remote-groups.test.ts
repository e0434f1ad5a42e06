/** What a client knows of groups: what the host told last, and nothing of those that have no setting any more. */

import {expect, it} from 'vitest'
import type {CallQueue} from '../../src/client/call-queue.ts'
import {RemoteGroups} from '../../src/client/remote-groups.ts'

const nobodyAsked = new Proxy({} as CallQueue, {
  get: () => {
    throw new Error('nothing is asked for')
  },
})

it('takes a group that the next host does not tell of for one without settings', () => {
  const groups = new RemoteGroups(nobodyAsked, {demandOpen: () => {}})
  groups.toldAll([
    {name: 'a', behavior: 1},
    {name: 'b', behavior: 1, maxBytesPerSecond: 1},
  ])
  expect([groups.get('a').behavior, groups.get('b').behavior]).toEqual([1, 1])
  groups.toldAll([{name: 'b', behavior: 1}])
  expect([groups.get('a'), groups.get('b')]).toEqual([
    {name: 'a', behavior: 0},
    {name: 'b', behavior: 1},
  ])
  groups.told({name: 'b', behavior: 0})
  expect(groups.get('b')).toEqual({name: 'b', behavior: 0})
})

it('keeps no group of which only the order of its line is left, which is the host’s', () => {
  const groups = new RemoteGroups(nobodyAsked, {demandOpen: () => {}})
  const front = [{priorityClass: 1, from: 3, to: 4}] as const
  groups.told({name: 'a', behavior: 0, front})
  groups.told({name: 'b', behavior: 1, front})
  expect([groups.get('a'), groups.get('b')]).toEqual([
    {name: 'a', behavior: 0},
    {name: 'b', behavior: 1},
  ])
})
