/** `bgt` on a machine whose network is metered: what NetworkManager says decides, and how the command ends. */

import {beforeAll, describe, expect, it} from 'vitest'
import {startBus, startNetworkManager} from '../conditions/fake-bus.ts'
import {contentOf, sha256} from '../support/content.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const CONTENT = contentOf(3, 100_000)
const WHOLE = {content: CONTENT, etag: '"1"'} as const
const STALLING = {...WHOLE, cutAfter: 40_000, cut: 'stall'} as const

/** Reaches this machine's servers, and is no address that conditions spare. */
function dear(url: string): string {
  return url.replace('127.0.0.1', '0.0.0.0')
}

async function metered() {
  const bus = await startBus()
  const manager = await startNetworkManager(bus, {Connectivity: 4, Metered: 1})
  return {manager, env: {DBUS_SYSTEM_BUS_ADDRESS: bus.address}}
}

describe('a metered network', () => {
  it('249. is not used against --cost: 7, nothing is sent, and --cost always goes on', async () => {
    const {env} = await metered()
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', WHOLE)
      const url = dear(world.server.url('/a'))
      const {code, lines} = await world.bgt(['get', url, '--cost', 'unrestricted-only'], {env})
      expect(code).toBe(7)
      expect(lines).toContain('a: paused because its cost policy forbids the present network')
      const error = lines.find((line) => line.startsWith('bgt:'))
      expect(error).toMatch(ERROR_LINE)
      expect(error).toContain('--cost always')
      expect(world.server.connections).toBe(0)
      expect((await world.bgt(['get', url, '--cost', 'always'], {env})).code).toBe(0)
      expect(await world.digestOf('a')).toBe(sha256(CONTENT))
    })
  })

  it('256. is waited for with --wait, and the transfer goes on from its bytes by itself', async () => {
    const {manager, env} = await metered()
    manager.set('Metered', 2)
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', [STALLING, WHOLE])
      const flags = ['--cost', 'unrestricted-only', '--wait', '60', '--json']
      const run = world.start(['get', dear(world.server.url('/a')), ...flags], {env})
      await run.shows('"bytesReceived":40000')
      manager.set('Metered', 1)
      await run.shows('"event":"paused"')
      manager.set('Metered', 2)
      const {code, stdout} = await run.ended
      expect(code).toBe(0)
      const paused = jsonLines(stdout).find(({event}) => event === 'paused')
      expect(paused).toMatchObject({status: 'pausedCostedNetwork', bytesReceived: 40_000})
      expect(world.server.requests.map(({headers}) => headers.range)).toEqual([undefined, 'bytes=40000-'])
    })
  })

  it('is taken no notice of with --conditions good', async () => {
    const {env} = await metered()
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', WHOLE)
      const flags = ['--cost', 'unrestricted-only', '--conditions', 'good']
      expect((await world.bgt(['get', dear(world.server.url('/a')), ...flags], {env})).code).toBe(0)
    })
  })

  it('does not concern this machine', async () => {
    const {env} = await metered()
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', WHOLE)
      expect((await world.bgt(['get', world.server.url('/a'), '--cost', 'unrestricted-only'], {env})).code).toBe(0)
    })
  })
})
