/** The answer to an upload, on a disk that does not take it: the server has what it was sent, and is not sent it again. */

import {mkdir, readdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {failure, makeDirectory, onCleanup, openEngine} from '../integration/harness.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'
import {SinkServer} from '../support/sink-server.ts'
import {mountSmallDisk, unmountDisk} from '../support/small-disk.ts'

const MIB = 1024 * 1024

describe('an answer that cannot be kept', () => {
  it('gives its room back, so that the end of its upload is on record', async ({skip}) => {
    const directory = await makeDirectory()
    const disk = join(directory, '.store')
    await mkdir(disk)
    if (!mountSmallDisk(disk, 8)) return skip('no file system can be mounted here')
    onCleanup(async () => unmountDisk(disk))
    const sink = await SinkServer.start()
    onCleanup(() => sink.close())
    sink.script = (request, response) => {
      request.resume().on('end', () => response.end(Buffer.alloc(12 * MIB, 1)))
      return 'takeOver'
    }
    const engine = await openEngine(directory)
    const uploader = engine.createUploader()
    uploader.method = 'PUT'
    const source = join(directory, 'source')
    await writeFile(source, 'once')
    const upload = uploader.createUpload(sink.url('/a'), source)
    const error = await failure(upload.startAsync())
    expect(error).toMatchObject({code: 'DISK_FULL', retry: 'never', message: expect.stringMatching(/^the server took/)})
    expect(await readdir(join(disk, 'spool'))).toEqual([])
    await engine.close()
    const again = await openEngine(directory)
    expect(await again.getCurrentUploadsAsync()).toEqual([])
    expect(sink.arrivals).toHaveLength(1)
  })

  it.each(['fdatasync', 'fsyncDirectory', 'write', 'open'])('on its %s ends its upload for good', async (call) => {
    const world = new SimulatedWorld()
    world.network.serve(urlOf(1), {seed: 1, size: 10_000})
    await world.open()
    const draft = world.draft(1)
    const body = {pieces: [{kind: 'text', text: 'once'}]} as const
    const request = {...draft.request, method: 'POST', body}
    world.failDisk([call], 'ENOSPC', Number.POSITIVE_INFINITY)
    const [entry] = await world.until(world.engine.start([{...draft, direction: 'upload', request}]))
    await world.until(() => entry?.isOver === true)
    expect(entry?.record).toMatchObject({state: 'failed', error: {code: 'DISK_FULL', retry: 'never'}})
    expect(world.network.uploads).toHaveLength(1)
    world.healDisk()
    await world.close()
  })
})
