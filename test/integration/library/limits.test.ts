/** The namespace's limits (1.4, 1.5, O24), which are off by default. Numbers are the checklist's. */

import {describe, expect, it} from 'vitest'
import type {DownloadOperation} from '../../../src/index.ts'
import {contentOf} from '../../support/content.ts'
import {failure, makeWorld, openEngine, type World} from '../harness.ts'

const REACHED = expect.objectContaining({code: 'LIMIT_REACHED', number: 0x80070057 | 0})
const STALLED = {content: contentOf(1, 1_000), etag: '"1"', cutAfter: 500, cut: 'stall'} as const

function create({engine, server, file}: World, name: string, path = '/a'): DownloadOperation {
  return engine.createDownloader().createDownload(server.url(path), file(name))
}

describe('17.A the limit of operations', () => {
  it('33. the 201st operation is refused, and those that are there go on', async () => {
    const world = await makeWorld({limits: {operations: 200}, maxConcurrentTransfers: 1})
    world.server.route('/a', {content: Buffer.from('a')})
    const operations = Array.from({length: 200}, (_, n) => create(world, `${n}`))
    expect(() => create(world, 'one more')).toThrow(REACHED)
    await operations[0]?.startAsync()
    create(world, 'in its place')
    expect(() => create(world, 'one more')).toThrow(REACHED)
    await operations[1]?.startAsync()
  })

  it('33. what has not ended counts, in whatever state and session; what ended or was refused does not', async () => {
    const options = {limits: {operations: 3}}
    const world = await makeWorld(options)
    world.server.route('/a', STALLED)
    const first = create(world, 'a')
    const running = first.startAsync()
    await running.accepted
    expect(() => world.engine.createDownloader().createDownload('nonsense', world.file('x'))).toThrow()
    await create(world, 'b').startAsync().accepted
    create(world, 'draft')
    expect(() => create(world, 'c')).toThrow(REACHED)
    await world.engine.close()
    const engine = await openEngine(world.directory, options)
    const again = {...world, engine}
    // The draft was nobody's any more.
    // A draft counts for as long as somebody has it.
    const draft = create(again, 'c')
    expect(() => create(again, 'd')).toThrow(REACHED)
    const found = (await engine.getDownloadAsync(first.guid)).attachAsync()
    found.cancel()
    await failure(found)
    create(again, 'd')
    expect(() => create(again, 'e')).toThrow(REACHED)
    expect(draft.progress.bytesReceived).toBe(0)
  })

  it('33. many at once are refused as a whole from the one too many on, and leave nothing counted', async () => {
    const world = await makeWorld({limits: {operations: 3}})
    world.server.route('/a', STALLED)
    const wishes = Array.from({length: 4}, (_, n) => [world.server.url('/a'), world.file(`${n}`)] as const)
    const error = await failure(world.engine.createDownloader().createDownloads(wishes))
    expect(error.code).toBe('LIMIT_REACHED')
    expect(await world.engine.createDownloader().createDownloads(wishes.slice(0, 3))).toBe(3)
  })

  it('there is none by default', async () => {
    const world = await makeWorld()
    for (let n = 0; n < 250; n++) create(world, `${n}`)
    for (let n = 0; n < 60; n++) world.engine.createGroup(`${n}`)
  })
})

describe('17.J the limit of groups', () => {
  it('210. fifty names work and the fifty-first is refused; those that are there go on working', async () => {
    const options = {limits: {groups: 50}}
    const world = await makeWorld(options)
    const groups = Array.from({length: 50}, (_, n) => world.engine.createGroup(`group ${n}`))
    expect(() => world.engine.createGroup('one more')).toThrow(REACHED)
    expect(world.engine.createGroup('group 7')).toBe(groups[7])
    for (const group of groups) group.transferBehavior = 1
    await world.engine.close()
    const engine = await openEngine(world.directory, options)
    expect(engine.createGroup('group 7').transferBehavior).toBe(1)
    expect(() => engine.createGroup('one more')).toThrow(REACHED)
  })

  it.each([{operations: 0}, {groups: 0}, {operations: Number.NaN}, {groups: 2e6}])('%j is refused', async (limits) => {
    expect((await failure(makeWorld({limits}))).code).toBe('INVALID_ARGUMENT')
  })
})
