/** `bgt inspect`, `bgt show --history` and `bgt export`: what was, after the process that did it is gone. */

import {writeFile} from 'node:fs/promises'
import {beforeAll, describe, expect, it} from 'vitest'
import type {ExportBundle, InspectorState} from '../../src/inspector/protocol.ts'
import {ask, post, read} from '../inspector/harness.ts'
import {contentOf} from '../support/content.ts'
import {type BuiltCli, buildCli, CliWorld, ERROR_LINE, jsonLines} from './harness.ts'

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

async function downloaded(world: CliWorld): Promise<string> {
  world.server.route('/file.bin', [{status: 503}, {content: contentOf(4, 50_000), etag: '"1"'}])
  const got = await world.bgt(['get', world.server.url('/file.bin?key=s3cret'), '--retry-delay', '0.01', '--quiet'])
  expect(got.code).toBe(0)
  return String((await world.operations())[0]?.guid)
}

/** Starts `bgt inspect` and waits for its address. */
async function inspected(world: CliWorld, flags: readonly string[] = []) {
  const run = world.start(['inspect', '--json', ...flags])
  const line = await run.shows('"url"')
  const [address = {}] = jsonLines(line.slice(line.indexOf('{'), line.lastIndexOf('}') + 1))
  const url = new URL(String(address.url))
  return {run, address: {origin: url.origin, token: url.hash.slice('#token='.length)}}
}

describe('bgt show --history', () => {
  it('prints every transition of what another process did', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await downloaded(world)
      const {stdout} = await world.bgt(['show', guid, '--history'])
      const lines = stdout.split('\n').filter((line) => line.includes(' -> '))
      expect(lines.length).toBeGreaterThan(8)
      expect(lines[0]).toMatch(/^\d{4}-\S+Z {2}queued -> running\.\S+ {2}\(operation\.admit\) {2}try 1, 0 bytes$/)
      expect(lines.some((line) => line.includes('-> running.weighing') && line.includes('HTTP 503'))).toBe(true)
      expect(lines.at(-1)).toMatch(/-> completed .* try 2, 50000 bytes, HTTP 200$/)
      const [json] = jsonLines((await world.bgt(['show', guid, '--history', '--json'])).stdout)
      expect(json?.history).toHaveLength(lines.length)
      expect((await world.bgt(['show', guid])).stdout).not.toContain(' -> ')
    })
  })
})

describe('bgt export', () => {
  it('prints a masked bundle', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await downloaded(world)
      const {code, stdout} = await world.bgt(['export', guid.slice(0, 20)])
      expect(code).toBe(0)
      expect(stdout).not.toContain('s3cret')
      const bundle: ExportBundle = JSON.parse(stdout)
      expect(bundle).toMatchObject({format: 'background-transfer.bundle', v: 1, record: {id: guid, state: 'completed'}})
      expect(bundle.journal.at(-1)).toMatchObject({to: 'completed', seq: bundle.record.journalled})
    })
  })

  it('steers no terminal with what servers and lists said, and nor does --json', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/a', {content: Buffer.from('a'), headers: [['X-A', '\x9b31m\x85']]})
      await writeFile(world.path('list'), `${world.server.url('/a')}\tb\x9b31m\u202e\n`)
      const {stdout: told} = await world.bgt(['get', '-i', 'list', '--json'])
      const {stdout: listed} = await world.bgt(['list', '--json'])
      const [ended] = jsonLines(listed)
      expect(ended?.file).toBe(world.path('b\x9b31m\u202e'))
      const {stdout: exported} = await world.bgt(['export', String(ended?.guid)])
      expect(JSON.parse(exported).record.response.headers).toContainEqual(['X-A', '\x9b31m\x85'])
      for (const text of [told, listed, exported]) expect(text).not.toMatch(/[\x7f-\x9f\u202e]/)
    })
  })

  it('does not know what is not there', async () => {
    await CliWorld.run(cli, async (world) => {
      const {code, stderr} = await world.bgt(['export', '01a1fdc1-8920'])
      expect(code).toBe(3)
      expect(stderr.trimEnd()).toMatch(ERROR_LINE)
    })
  })
})

describe('bgt inspect', () => {
  it('says that its port is in use, and what to do', async () => {
    await CliWorld.run(cli, async (world) => {
      await downloaded(world)
      const {port} = new URL(world.server.origin)
      const {code, lines} = await world.call(['inspect', '--port', port])
      expect(lines).toEqual([`bgt: port ${port} is in use (port): choose another one, or 0 for any that is free`])
      expect(code).toBe(2)
    })
  })

  it('serves the store read-only, and ends with 130 on Ctrl-C', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await downloaded(world)
      const {run, address} = await inspected(world)
      expect((await ask(address, '/api/v1/state')).status).toBe(401)
      const state = (await read(address, '/api/v1/state')).json<InspectorState>()
      expect(state).toMatchObject({readOnly: true, engine: 'serving'})
      expect(state.operations.map((each) => each.guid)).toEqual([guid])
      expect((await post(address, `/api/v1/operations/${guid}/commands`, {command: 'cancel'})).status).toBe(403)
      run.kill('SIGINT')
      expect((await run.ended).code).toBe(130)
      expect((await world.operations())[0]).toMatchObject({guid, status: 'completed'})
    })
  })

  it('takes commands with --control: nothing goes on by itself, and what is resumed does', async () => {
    await CliWorld.run(cli, async (world) => {
      const content = contentOf(4, 50_000)
      world.server.route('/file.bin', {content, etag: '"1"', cutAfter: 9_000, cut: 'stall'})
      const get = world.start(['get', world.server.url('/file.bin'), '--json'])
      await get.shows('"bytesReceived":9000')
      get.kill('SIGINT')
      await get.ended
      const guid = String((await world.operations())[0]?.guid)
      const {run, address} = await inspected(world, ['--control'])
      const command = async (name: string) =>
        (await post(address, `/api/v1/operations/${guid}/commands`, {command: name})).status
      expect(await command('pause')).toBe(202)
      expect(world.server.requests).toHaveLength(1)
      world.server.route('/file.bin', {content, etag: '"1"'})
      expect(await command('resume')).toBe(202)
      await expect.poll(async () => (await world.operations())[0]?.status).toBe('completed')
      run.kill('SIGTERM')
      expect((await run.ended).code).toBe(143)
    })
  })

  it('shares the store that it has: other commands work, and their transfers are shown', async () => {
    await CliWorld.run(cli, async (world) => {
      const guid = await downloaded(world)
      const {run, address} = await inspected(world)
      expect((await world.operations()).map((each) => each.guid)).toEqual([guid])
      world.server.route('/more.bin', {content: contentOf(4, 50_000), etag: '"2"'})
      const got = await world.bgt(['get', world.server.url('/more.bin')])
      expect([got.code, got.stderr.includes('in use')]).toEqual([0, false])
      const state = (await read(address, '/api/v1/state')).json<InspectorState>()
      expect(state.operations.map((each) => each.state)).toEqual(['completed', 'completed'])
      run.kill('SIGINT')
      expect((await run.ended).code).toBe(130)
    })
  })

  it('makes no store where none is', async () => {
    await CliWorld.run(cli, async (world) => {
      const {code, stderr} = await world.bgt(['inspect'])
      expect(code).toBe(2)
      expect(stderr.trimEnd()).toMatch(ERROR_LINE)
      expect((await world.bgt(['inspect', '--port', '70000'])).code).toBe(2)
    })
  })
})

describe('bgt demo --inspect', {timeout: 120_000}, () => {
  it('shows real transfers, over the crash of the process that does them, until Ctrl-C', async () => {
    await CliWorld.run(cli, async (world) => {
      const run = world.start(['demo', '--inspect'], {env: {TMPDIR: world.directory}})
      const [, origin = '', token = ''] =
        /(http:\/\/127\.0\.0\.1:\d+)\/#token=([\w-]+)/.exec(await run.shows(/#token=[\w-]+\s/)) ?? []
      const address = {origin, token}
      const before = (await read(address, '/api/v1/state')).json<InspectorState>()
      expect(before).toMatchObject({readOnly: true, engine: 'serving'})
      await run.shows('an open page goes on with the new process')
      await run.shows('stays open; Ctrl-C ends it')
      const after = (await read(address, '/api/v1/state')).json<InspectorState>()
      expect(after.operations.map(({state}) => state)).toEqual(['completed', 'completed', 'completed', 'completed'])
      run.kill('SIGINT')
      expect((await run.ended).code).toBe(0)
    })
  })
})
