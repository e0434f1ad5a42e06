/** How a host ends that is asked to while it transfers: in order, once only, and with nothing lost for whoever waits for it. */

import {existsSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {filter, firstValueFrom} from 'rxjs'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine, BackgroundTransferStatus} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {ReceivedRequest} from '../support/faulty-script.ts'
import {type BuiltCli, buildCli, CliWorld} from './harness.ts'

const CONTENT = contentOf(5, 400_000)
const DIGEST = sha256(CONTENT)
const WHOLE = {content: CONTENT, etag: '"1"'} as const
const BYTES_BEFORE = 100_000

let cli: BuiltCli

beforeAll(async () => {
  cli = await buildCli()
})

const HOST = ['host', '--conditions', 'good']

/** A disk that answers no sync once the file `stuck` is there. */
async function stuckDisk(world: CliWorld) {
  const [hook, marker] = [world.path('hook.mjs'), world.path('stuck')]
  await writeFile(
    hook,
    `import fs from 'node:fs'
    import {syncBuiltinESMExports} from 'node:module'
    for (const name of ['fdatasync', 'fsync']) {
      const sync = fs[name]
      fs[name] = (fd, done) => fs.existsSync(${JSON.stringify(marker)}) || sync(fd, done)
    }
    syncBuiltinESMExports()`,
  )
  return {env: {NODE_OPTIONS: `--import ${hook}`}, stick: () => writeFile(marker, '')}
}

async function begin(world: CliWorld, paths: readonly string[]) {
  const engine = await BackgroundTransferEngine.connect({directory: world.store})
  const downloader = engine.createDownloader()
  const all = await Promise.all(
    paths.map(async (path) => {
      const operation = downloader.createDownload(world.server.url(path), world.path(path.slice(1)))
      const running = operation.startAsync()
      let isSettled = false
      const settled = () => {
        isSettled = true
      }
      running.then(settled, settled)
      await running.accepted
      return {path, operation, running, isSettled: () => isSettled}
    }),
  )
  const receives = (path: string, bytes: number) => {
    const operation = all.find((each) => each.path === path)
    if (operation === undefined) throw new Error(`${path} was not begun`)
    const {running} = operation
    return firstValueFrom(running.progress$.pipe(filter(({progress}) => progress.bytesReceived >= bytes)))
  }
  return {engine, all, receives}
}

const firstByte = ({headers}: ReceivedRequest) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)

describe('bgt host that is asked to end', {timeout: 120_000}, () => {
  it('does by SIGTERM while it transfers: what it has is kept to the byte, and its clients wait for the next one', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/slow', {...WHOLE, pieceBytes: 2_000, pieceDelayMs: 20})
      world.server.route('/stalls', {...WHOLE, cutAfter: BYTES_BEFORE, cut: 'stall'})
      world.server.route('/hangs', {...WHOLE, beforeHead: 'stall'})
      const host = world.start(HOST)
      await host.shows('open for others')
      const {engine, all, receives} = await begin(world, ['/slow', '/stalls', '/hangs'])
      try {
        await Promise.all([receives('/slow', 10_000), receives('/stalls', BYTES_BEFORE)])
        const told = new Map(all.map(({path, operation}) => [path, operation.progress.bytesReceived]))
        host.kill('SIGTERM')
        const {code, stderr} = await host.ended
        expect([code, stderr]).toEqual([0, ''])
        expect(existsSync(join(world.store, 'control.sock'))).toBe(false)
        expect(all.map(({isSettled}) => isSettled())).toEqual([false, false, false])
        for (const {operation} of all) {
          expect(operation.progress.status).not.toBe(BackgroundTransferStatus.error)
        }
        const asked = world.server.requests.length
        for (const {path} of all) world.server.route(path, WHOLE)
        const next = world.start(HOST)
        await Promise.all(all.map(({running}) => running))
        for (const {path} of all) expect(await world.digestOf(path.slice(1))).toBe(DIGEST)
        // Nothing that was told is fetched again.
        const again = world.server.requests.slice(asked)
        expect(again.map(({path}) => path).toSorted()).toEqual(['/hangs', '/slow', '/stalls'])
        for (const request of again) expect(firstByte(request)).toBeGreaterThanOrEqual(told.get(request.path) ?? 0)
        next.kill('SIGTERM')
        expect((await next.ended).code).toBe(0)
      } finally {
        await engine.close()
      }
    })
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'does at once by a second %s, also while its disk answers nothing; its clients go on with the next one',
    async (signal, exit) => {
      await CliWorld.run(cli, async (world) => {
        world.server.route('/slow', {...WHOLE, pieceBytes: 2_000, pieceDelayMs: 20})
        const disk = await stuckDisk(world)
        const host = world.start(HOST, {env: disk.env})
        await host.shows('open for others')
        const {engine, all, receives} = await begin(world, ['/slow'])
        try {
          await receives('/slow', 10_000)
          await disk.stick()
          host.kill(signal)
          // The first one was heard: nobody is to come any more.
          await expect.poll(() => existsSync(join(world.store, 'control.sock'))).toBe(false)
          host.kill(signal)
          const {code, stderr} = await host.ended
          expect([code, stderr]).toEqual([exit, ''])
          expect(all.map(({isSettled}) => isSettled())).toEqual([false])
          world.server.route('/slow', WHOLE)
          const next = world.start(HOST)
          await all[0]?.running
          expect(await world.digestOf('slow')).toBe(DIGEST)
          next.kill('SIGTERM')
          expect((await next.ended).code).toBe(0)
        } finally {
          await engine.close()
        }
      })
    },
  )

  it('does by one signal while its disk answers nothing, behind the bound of its drain', async () => {
    await CliWorld.run(cli, async (world) => {
      world.server.route('/slow', {...WHOLE, pieceBytes: 2_000, pieceDelayMs: 20})
      const disk = await stuckDisk(world)
      const host = world.start(HOST, {env: disk.env})
      await host.shows('open for others')
      const {engine, all, receives} = await begin(world, ['/slow'])
      try {
        await receives('/slow', 10_000)
        await disk.stick()
        host.kill('SIGTERM')
        const {code, stderr} = await host.ended
        expect([code, stderr]).toEqual([0, ''])
        world.server.route('/slow', WHOLE)
        const next = world.start(HOST)
        await all[0]?.running
        expect(await world.digestOf('slow')).toBe(DIGEST)
        next.kill('SIGTERM')
        expect((await next.ended).code).toBe(0)
      } finally {
        await engine.close()
      }
    })
  })
})
