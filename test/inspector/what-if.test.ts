/** What a chart would do, asked over the inspector: answered by the pure transition, and nothing happens. */

import {expect, it} from 'vitest'
import {read} from './harness.ts'
import {inspectedWorld} from './world.ts'

async function worldWithOne() {
  const world = await inspectedWorld()
  world.server.route('/stuck', {content: {seed: 1, size: 300_000}, etag: '"1"', cutAfter: 65_536, cut: 'stall'})
  const stream = await world.stream()
  const operation = await world.start(world.server.url('/stuck'), 'file.bin')
  await stream.until((reader) => reader.of('transition').some(({entry}) => entry.to.endsWith('transferring')))
  const ask = async (query: Record<string, string>) => {
    const path = `/api/v1/operations/${operation.guid}/what-if?${new URLSearchParams(query)}`
    const {status, text} = await read(world.inspector, path)
    return {status, body: JSON.parse(text)}
  }
  return {world, stream, operation, ask}
}

it('tells of a running transfer where it would go and what it would do, and sends nothing', async () => {
  const {world, stream, operation, ask} = await worldWithOne()
  const steps = () => world.engine.journalAsync(operation.guid)
  const before = (await steps()).length
  expect((await ask({event: 'operation.pause'})).body).toEqual({
    path: 'running.exchanging.yieldingToPause',
    state: 'running',
    actions: ['tell attempt: attempt.yield', 'count yieldTimeout'],
    isTaken: true,
  })
  expect((await ask({event: 'attempt.failed'})).body).toMatchObject({
    path: 'running.weighing',
    actions: ['stop attempt', 'start weighing'],
  })
  // Nobody needs a network for this machine.
  expect((await ask({event: 'conditions.offline'})).body).toMatchObject({
    path: 'running.exchanging.active.transferring',
    actions: [],
  })
  expect((await ask({event: 'operation.cancel'})).body).toMatchObject({state: 'canceling', isTaken: true})
  expect((await ask({event: 'retry.due'})).body).toMatchObject({isTaken: false, actions: []})
  expect(await steps()).toHaveLength(before)

  operation.pause()
  await stream.until((reader) => reader.of('transition').some((step) => step.operation.state === 'pausedByApplication'))
  expect((await ask({event: 'operation.resume'})).body).toMatchObject({path: 'queued', state: 'queued', isTaken: true})
  // And what it would have done where it stood before.
  const path = 'running.exchanging.active.transferring'
  expect((await ask({event: 'operation.pause', path})).body.actions).toContain('tell attempt: attempt.yield')
  const {availableEvents} = JSON.parse((await read(world.inspector, `/api/v1/operations/${operation.guid}`)).text)
  expect(availableEvents).toContain('operation.resume')
})

it('refuses what cannot be supposed', async () => {
  const {ask} = await worldWithOne()
  for (const query of [
    {event: ''},
    {event: 'attempt.finished'},
    {event: 'constructor'},
    {event: 'operation.pause', path: 'nowhere'},
    {event: 'operation.pause', path: ''},
    {event: 'operation.pause', path: '__proto__.x'},
    {event: 'operation.pause', path: '__proto__'},
    {event: 'operation.pause', path: 'constructor'},
    {event: 'operation.pause', path: 'running.toString'},
    {event: 'operation.pause', path: 'running.constructor.name'},
    {event: 'xstate.after.constructor', path: 'running.valueOf'},
  ]) {
    expect((await ask(query)).status, JSON.stringify(query)).toBe(400)
  }
})
