/** The engine chart: open, recover, serve, drain, close, and every way out. */

import {describe, expect, it} from 'vitest'
import {type AnyEventObject, createActor, fromCallback, fromPromise} from 'xstate'
import {engineMachine} from '../../machines/engine.machine.ts'
import {type Conditions, GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

type Step = 'openStore' | 'recover' | 'drain' | 'closeStore'

/** An engine whose steps the test ends, one by one. */
function engineOf() {
  const clock = new SimulatedClock()
  const steps = new Map<Step, {readonly done: () => void; readonly fail: (error: unknown) => void}>()
  const begun: Step[] = []
  const services: string[] = []
  const spread: Conditions[] = []
  const broken: (readonly string[])[] = []
  let tellConditions: (conditions: Conditions) => void = () => {}
  const step = (name: Step) =>
    fromPromise<void>(() => {
      begun.push(name)
      return new Promise((resolve, reject) => steps.set(name, {done: resolve, fail: reject}))
    })
  const service = (name: string, onStart: (send: (event: AnyEventObject) => void) => void = () => {}) =>
    fromCallback<AnyEventObject>(({sendBack}) => {
      services.push(name)
      onStart(sendBack)
      return () => services.splice(services.indexOf(name), 1)
    })
  const actor = createActor(
    engineMachine().provide({
      actors: {
        openStore: step('openStore'),
        recover: step('recover'),
        drain: step('drain'),
        closeStore: step('closeStore'),
        watchConditions: service('conditions', (send) => {
          tellConditions = (conditions) => send({type: 'conditions.changed', conditions})
        }),
        keepAlarm: service('alarm'),
        tellProgress: service('ticker'),
      },
      actions: {
        spreadConditions: (_, {conditions}) => {
          spread.push(conditions)
        },
        breakConnections: (_, {addresses}) => {
          broken.push(addresses)
        },
      },
    }),
    {input: {conditions: GOOD_CONDITIONS, drainTimeoutMs: 10_000}, clock},
  )
  actor.start()
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    actor,
    clock,
    begun,
    services,
    spread,
    broken,
    tellConditions: (conditions: Conditions) => tellConditions(conditions),
    async end(name: Step) {
      steps.get(name)?.done()
      await settle()
    },
    async fail(name: Step, error: unknown) {
      steps.get(name)?.fail(error)
      await settle()
    },
    async serve() {
      await this.end('openStore')
      await this.end('recover')
    },
    close() {
      actor.send({type: 'engine.close'})
    },
    get state(): unknown {
      return actor.getSnapshot().value
    },
  }
}

describe('the engine chart', () => {
  it('opens, recovers, and only then serves', async () => {
    const engine = engineOf()
    expect(engine.state).toBe('opening')
    await engine.end('openStore')
    expect(engine.state).toBe('recovering')
    expect(engine.services).toEqual([])
    await engine.end('recover')
    expect(engine.state).toBe('serving')
    expect(engine.services.sort()).toEqual(['alarm', 'conditions', 'ticker'])
  })

  it('drains, closes the store, ends, with its services stopped first', async () => {
    const engine = engineOf()
    await engine.serve()
    engine.close()
    expect(engine.state).toBe('draining')
    expect(engine.services).toEqual([])
    await engine.end('drain')
    expect(engine.state).toBe('closing')
    await engine.end('closeStore')
    expect(engine.state).toBe('closed')
    expect(engine.actor.getSnapshot()).toMatchObject({status: 'done', output: {}})
    expect(engine.begun).toEqual(['openStore', 'recover', 'drain', 'closeStore'])
  })

  it.each([
    ['openStore', ['openStore', 'closeStore']],
    ['recover', ['openStore', 'recover', 'closeStore']],
  ] as const)('gives the store back and says why when %s fails', async (failing, begun) => {
    const engine = engineOf()
    if (failing === 'recover') await engine.end('openStore')
    await engine.fail(failing, 'damaged')
    expect(engine.state).toBe('closing')
    await engine.end('closeStore')
    expect(engine.actor.getSnapshot()).toMatchObject({status: 'done', output: {error: 'damaged'}})
    expect(engine.begun).toEqual(begun)
  })

  it.each(['opening', 'recovering'] as const)('can be closed while it is %s', async (state) => {
    const engine = engineOf()
    if (state === 'recovering') await engine.end('openStore')
    engine.close()
    expect(engine.state).toBe('closing')
    await engine.end('closeStore')
    expect(engine.actor.getSnapshot()).toMatchObject({status: 'done', output: {}})
  })

  it('drains for no longer than drainTimeout', async () => {
    const engine = engineOf()
    await engine.serve()
    engine.close()
    engine.clock.advanceBy(9_999)
    expect(engine.state).toBe('draining')
    engine.clock.advanceBy(1)
    expect(engine.state).toBe('closing')
  })

  it.each(['drain', 'closeStore'] as const)('ends although %s fails', async (failing) => {
    const engine = engineOf()
    await engine.serve()
    engine.close()
    if (failing === 'closeStore') await engine.end('drain')
    await engine.fail(failing, 'no')
    if (failing === 'drain') await engine.end('closeStore')
    expect(engine.state).toBe('closed')
  })

  it('closes once, however often it is asked', async () => {
    const engine = engineOf()
    await engine.serve()
    engine.close()
    engine.close()
    await engine.end('drain')
    engine.close()
    await engine.end('closeStore')
    expect(engine.begun.filter((name) => name === 'drain' || name === 'closeStore')).toEqual(['drain', 'closeStore'])
  })

  it('notes conditions and tells its operations', async () => {
    const engine = engineOf()
    await engine.serve()
    const offline: Conditions = {...GOOD_CONDITIONS, connectivity: 'none'}
    engine.tellConditions(offline)
    expect(engine.spread).toEqual([offline])
    expect(engine.actor.getSnapshot().context.conditions).toEqual(offline)
  })

  it('breaks what is connected from addresses that are gone, while it serves', async () => {
    const engine = engineOf()
    const gone = {type: 'addresses.gone', addresses: ['192.0.2.2']} as const
    engine.actor.send(gone)
    await engine.serve()
    engine.actor.send(gone)
    engine.close()
    engine.actor.send(gone)
    expect(engine.broken).toEqual([['192.0.2.2']])
    expect(engine.state).toBe('draining')
  })
})
