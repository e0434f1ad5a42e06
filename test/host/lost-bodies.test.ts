/** Bodies that a client has sent to hosts that die, one after another: the last of them has all of it, once. */

import {once} from 'node:events'
import {readdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {PassThrough} from 'node:stream'
import {beforeAll, describe, expect, it} from 'vitest'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {makeDirectory, onCleanup} from '../integration/harness.ts'
import {startChild} from '../support/child-program.ts'
import {contentOf, sha256} from '../support/content.ts'
import {compiledProgram} from '../support/shared-build.ts'
import {SinkServer} from '../support/sink-server.ts'
import type {DyingMoment} from './dying-host.ts'
import {compilePrograms, endHost, type Programs} from './processes.ts'

const BYTES = contentOf(4, 3_000_000)
const DIGEST = sha256(BYTES)

let programs: Programs
let dyingHost: string

beforeAll(async () => {
  programs = await compilePrograms()
  dyingHost = await compiledProgram(new URL('dying-host.ts', import.meta.url))
}, 300_000)

async function makeWorld() {
  const store = join(await makeDirectory(), 'store')
  const sink = await SinkServer.start()
  onCleanup(() => sink.close())
  const bodies = async () =>
    (await readdir(join(store, 'spool')).catch(() => [])).filter((name) => !/answer/.test(name))
  const startHost = async () => {
    const host = await programs.startHost(store)
    onCleanup(() => host.kill())
    return host
  }
  return {
    store,
    sink,
    bodies,
    startHost,
    /** `died` resolves when it has met its moment. */
    async startDying(moment: DyingMoment) {
      const host = startChild(dyingHost, [store, moment])
      onCleanup(() => host.kill())
      const died = once(host.process, 'exit')
      expect((await host.lines.next()).value).toBe('ready')
      return {died}
    },
    /** Which takes nobody's place. */
    async connect() {
      const engine = await BackgroundTransferEngine.connect({directory: store})
      onCleanup(() => engine.close())
      return engine
    },
  }
}

describe('a stream that is given to a host', {timeout: 180_000}, () => {
  it.each(['killed', 'ended'] as const)('is given to the next one when that is %s over it', async (how) => {
    const {sink, bodies, startHost, startDying, connect} = await makeWorld()
    const first = await startHost()
    const engine = await connect()
    const stream = new PassThrough()
    const made = engine.createUploader().createUploadFromStreamAsync(sink.url('/'), stream)
    stream.write(BYTES.subarray(0, 1_000_000))
    await expect.poll(bodies).toHaveLength(1)
    await (how === 'killed' ? first.kill() : endHost(first))
    const second = await startDying('taken')
    stream.end(BYTES.subarray(1_000_000))
    await second.died
    const third = await startHost()
    const upload = await made
    // Nobody asks for anything when this one goes.
    await third.kill()
    const fourth = await startDying('asked')
    const running = upload.startAsync()
    await fourth.died
    const fifth = await startDying('accepted')
    await fifth.died
    await startHost()
    await running
    expect(sink.arrivals.map(({digest}) => digest)).toEqual([DIGEST])
    await expect.poll(bodies).toEqual([])
  })

  it('is not waited for by a client that closes, or gives it up, while no host is there', async () => {
    const {sink, bodies, startHost, connect} = await makeWorld()
    const host = await startHost()
    const engine = await connect()
    const given = [new PassThrough(), new PassThrough()] as const
    const giving = new AbortController()
    const uploader = engine.createUploader()
    const [first, second] = [
      uploader.createUploadFromStreamAsync(sink.url('/'), given[0]),
      uploader.createUploadFromStreamAsync(sink.url('/'), given[1], {signal: giving.signal}),
    ]
    for (const stream of given) stream.write('the beginning')
    await expect.poll(bodies).toHaveLength(2)
    await host.kill()
    giving.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    const refused = expect(first).rejects.toMatchObject({code: 'CLOSED'})
    await engine.close()
    await refused
    // What comes next is nobody's.
    for (const stream of given) stream.write('more')
    await expect.poll(() => given.map(({destroyed}) => destroyed)).toEqual([true, true])
  })

  it('fails as that does, also where the host is gone', async () => {
    const {sink, bodies, startHost, connect} = await makeWorld()
    const host = await startHost()
    const engine = await connect()
    const stream = new PassThrough()
    const made = engine.createUploader().createUploadFromStreamAsync(sink.url('/'), stream)
    stream.write('the beginning')
    await expect.poll(bodies).toHaveLength(1)
    stream.destroy(new RangeError('it broke'))
    await expect(made).rejects.toThrow('it broke')
    await expect.poll(bodies).toEqual([])
    const other = new PassThrough()
    const lost = engine.createUploader().createUploadFromStreamAsync(sink.url('/'), other)
    other.write('the beginning')
    await expect.poll(bodies).toHaveLength(1)
    await host.kill()
    other.destroy(new RangeError('it broke, too'))
    await startHost()
    await expect(lost).rejects.toThrow('it broke, too')
  })
})

describe('a file that a host is asked to send', {timeout: 180_000}, () => {
  it.each<DyingMoment>(['asked', 'accepted'])('is sent once when that dies, and had: %s', async (moment) => {
    const {store, sink, startHost, startDying, connect} = await makeWorld()
    const dying = await startDying(moment)
    const engine = await connect()
    const file = join(store, '..', 'file')
    await writeFile(file, BYTES)
    const running = engine.createUploader().createUpload(sink.url('/'), file).startAsync()
    await dying.died
    await startHost()
    await running
    expect(sink.arrivals.map(({digest}) => digest)).toEqual([DIGEST])
  })
})
